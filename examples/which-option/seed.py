"""Creates an endpoint for each model, as most accounts begin: 14 endpoints with an instance each.

The models are the demo's: their artifacts are in the demo's bucket. What exists is not changed.
"""

from typing import Any

import boto3
from botocore.exceptions import ClientError

BUCKET = "inference-gateway-demo"
INSTANCE_TYPE = "ml.c5.large"
TEAMS = "arn:aws:iam::000000000000:role"  # a role for each team: it reads the team's artifacts

# The endpoint, its image, its artifact and the team's role
ENDPOINTS = [
    *((f"shows-{digit}", "sklearn", f"digits/is-{digit}-v1", "digits") for digit in range(10)),
    ("progress-linear", "sklearn", "diabetes/sklearn/model", "medicine"),
    ("progress-boosted", "lightgbm", "diabetes/lightgbm/model", "medicine"),
    ("wine-scale", "sklearn", "wine-pipeline/preprocess/model", "cellar"),
    ("wine-class", "lightgbm", "wine-pipeline/grade/model", "cellar"),
]

sagemaker = boto3.client("sagemaker")


def create(resource: str, **arguments: Any) -> None:
    """Create a model, an endpoint configuration or an endpoint, unless it exists."""
    try:
        getattr(sagemaker, f"create_{resource}")(**arguments)
    except ClientError as error:
        if "Cannot create already existing" not in str(error):
            raise


for name, framework, artifact, team in ENDPOINTS:
    container = {
        "Image": f"local/{framework}",
        "ModelDataUrl": f"s3://{BUCKET}/{artifact}.tar.gz",
    }
    role = f"{TEAMS}/{team}"
    create("model", ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1}
    variant["InstanceType"] = INSTANCE_TYPE
    create("endpoint_config", EndpointConfigName=name, ProductionVariants=[variant])
    create("endpoint", EndpointName=name, EndpointConfigName=name)
    # On one machine, 14 containers start sooner one after the other than at once.
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
print(f"{len(ENDPOINTS)} endpoints are in service")
