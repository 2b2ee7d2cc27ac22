"""Jobs: predictions that are too long or too large for a request, in S3 and SQS."""
