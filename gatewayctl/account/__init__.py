"""Reads an AWS account, and compares routing tables with it.

reader ─► calls       calls that only read, at a limited rate ─► SageMaker, S3
       ─► values      endpoints, models, components and artifacts
comparison ─► reader  what an entry of the table lacks in the account
           ─► target_models   the artifacts that an entry may name
offers     ─► reader  what a table could name on an endpoint, and what of it no entry names
artifacts             the rule of what an artifact is
"""
