"""What describes an endpoint: the operations of SageMaker's own API that concern hosting.

One module for each resource; each has a table OPERATIONS from the operation's name to a function
of region and request. `protocol` reads, validates and dispatches.
"""
