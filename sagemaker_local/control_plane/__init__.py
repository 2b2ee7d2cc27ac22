"""The control plane: SageMaker's operations that create, describe, list, update and delete.

`protocol` parses, validates and dispatches requests. `endpoints`, `inference_components`,
`models_and_configs` and `tags` each have a table OPERATIONS of functions that take the resources
and the parsed request, and return the response or raise InvalidInput.
"""
