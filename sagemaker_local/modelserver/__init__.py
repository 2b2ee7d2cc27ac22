"""Model servers: processes that speak SageMaker's container contract over HTTP."""
