"""The control plane: SageMaker's operations that create, describe, list, update and delete.

`protocol` parses, validates and dispatches requests. Each other module but `resources` has a table
OPERATIONS of functions that take the resources and the parsed request, and return the response or
raise InvalidInput.
"""
