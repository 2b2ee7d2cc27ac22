"""The demo endpoints: small real models on every kind of endpoint that SageMaker offers.

    __main__ ─► artifacts ─► training              model.tar.gz files, trained once, then cached
          └───► creation ─► calls ─► endpoints     the boto3 steps that put them on endpoints

Nothing here knows about the local SageMaker: against AWS the same steps take ECR images and a
role, and boto3 finds the way there by itself.
"""
