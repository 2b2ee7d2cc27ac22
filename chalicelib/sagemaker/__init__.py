"""Calling SageMaker: the client, attempts within a deadline, and our errors for its errors."""
