"""Creates an endpoint with the container of this folder.

The program is the same for `make run` and for AWS. What exists is not changed, so that it can run
at every start. On AWS, set ROLE and IMAGE in the environment.
"""

import os
import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

NAME = "friendliness"  # of the model, of the endpoint configuration and of the endpoint
ROLE = os.environ.get("ROLE", "arn:aws:iam::000000000000:role/local")
IMAGE = os.environ.get("IMAGE", "http://127.0.0.1:9301")  # on AWS, an image in Amazon ECR

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


create("model", ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InitialInstanceCount": 1}
variant["InstanceType"] = os.environ.get("INSTANCE_TYPE", "ml.t2.medium")
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
    sys.exit(f"error: endpoint {NAME}: {reason} Does {IMAGE}/ping answer?")
print(f"the endpoint {NAME} is in service")
