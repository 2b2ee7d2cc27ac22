"""What `make run` starts: the local SageMaker, and the gateway in front of it."""
