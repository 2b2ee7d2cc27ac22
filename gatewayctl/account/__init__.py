"""What an AWS account holds, as the commands see it.

reader ─► calls (one at a time, paced, tried again) ─► SageMaker and S3
       ─► parsing ─► values
"""
