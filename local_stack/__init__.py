"""`make run`: the local SageMaker and the gateway in front of it, on one machine."""
