"""The handler of AWS's blog posts: a client, a call, and a response."""

import boto3

runtime = boto3.client("sagemaker-runtime")


def handler(event, context):
    response = runtime.invoke_endpoint(
        EndpointName="tabular", ContentType="application/json", Body=event["body"]
    )
    return {"statusCode": 200, "body": response["Body"].read().decode()}
