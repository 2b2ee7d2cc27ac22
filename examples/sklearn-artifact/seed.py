"""Puts every artifact of this folder on one multi-model endpoint.

The program is the same for `make run` and for AWS. What exists is not changed, so that it can run
at every start. On AWS, set BUCKET, ROLE and IMAGE in the environment.
"""

import io
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

NAME = "flowers"  # of the model, of the endpoint configuration and of the endpoint
BUCKET = os.environ.get("BUCKET", "flowers-artifacts")
ROLE = os.environ.get("ROLE", "arn:aws:iam::000000000000:role/local")
IMAGE = os.environ.get("IMAGE", "local/sklearn")
FOLDER = Path(__file__).parent

s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")


def create(resource: str, **arguments: Any) -> None:
    """Create a model, an endpoint configuration or an endpoint, unless it exists."""
    try:
        getattr(sagemaker, f"create_{resource}")(**arguments)
        print(f"created the {resource} {NAME}")
    except ClientError as error:
        if "Cannot create already existing" not in str(error):
            raise
        print(f"the {resource} {NAME} exists")


artifacts = sorted(FOLDER.glob("*.tar.gz"))
if not artifacts:
    sys.exit(f"error: {FOLDER} has no artifact; run train.py first")
if "BUCKET" not in os.environ:  # on AWS you have a bucket
    s3.create_bucket(Bucket=BUCKET)
for artifact in artifacts:
    s3.upload_file(str(artifact), BUCKET, f"models/{artifact.name}")
    print(f"uploaded {artifact.name}")

# AWS's container runs this script; `local/sklearn` does not need it.
code = io.BytesIO()
with tarfile.open(fileobj=code, mode="w:gz") as tar:
    tar.add(FOLDER / "inference.py", "inference.py")
s3.put_object(Bucket=BUCKET, Key="code/inference.tar.gz", Body=code.getvalue())

create(
    "model",
    ModelName=NAME,
    ExecutionRoleArn=ROLE,
    PrimaryContainer={
        "Image": IMAGE,
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{BUCKET}/models/",  # SageMaker adds target_model to it
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{BUCKET}/code/inference.tar.gz",
        },
    },
)
variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InitialInstanceCount": 1}
variant["InstanceType"] = os.environ.get("INSTANCE_TYPE", "ml.m5.large")
create("endpoint_config", EndpointConfigName=NAME, ProductionVariants=[variant])
create("endpoint", EndpointName=NAME, EndpointConfigName=NAME)
try:
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 1200})
except WaiterError as error:
    reason = error.last_response.get("FailureReason", error)
    sagemaker.delete_endpoint(EndpointName=NAME)  # so that the next run can create all again
    sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
    sagemaker.delete_model(ModelName=NAME)
    sys.exit(f"error: endpoint {NAME}: {reason}")
print(f"the endpoint {NAME} is in service")
