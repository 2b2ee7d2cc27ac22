"""What an AWS account holds, and how a routing table compares with it.

reader ─► calls, pace    one call at a time, paced, tried again ─► SageMaker, S3
       ─► parsing        their descriptions ─► values
comparison ─► addressed  an entry of the table beside its endpoint ─► remarks
unnamed                  what the account offers and no entry names
"""
