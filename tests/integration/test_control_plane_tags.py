"""Tags of models, endpoint configurations, endpoints and inference components."""

import pytest

from tests.containers.account import INSTANCES, ROLE, VARIANT, image
from tests.support.stand_in import error_of

TAGS = [{"Key": "team", "Value": "blue"}, {"Key": "cost center", "Value": ""}]


def create_model(account, _):
    arn = account.sagemaker.create_model(
        ModelName="tagged",
        PrimaryContainer={"Image": "local/sklearn"},
        ExecutionRoleArn=ROLE,
        Tags=TAGS,
    )["ModelArn"]
    return arn, lambda: account.sagemaker.delete_model(ModelName="tagged")


def create_config(account, _):
    arn = account.sagemaker.create_endpoint_config(
        EndpointConfigName="tagged",
        ProductionVariants=[{"VariantName": VARIANT, **INSTANCES}],
        Tags=TAGS,
    )["EndpointConfigArn"]
    return arn, lambda: account.sagemaker.delete_endpoint_config(EndpointConfigName="tagged")


def create_endpoint(account, _):
    config = account.create_config({"VariantName": VARIANT, **INSTANCES})
    arn = account.sagemaker.create_endpoint(
        EndpointName="Tagged", EndpointConfigName=config, Tags=TAGS
    )["EndpointArn"]
    account.wait_for("Tagged", "endpoint_in_service")
    return arn, lambda: account.delete_endpoint("Tagged")


def create_component(account, container):
    endpoint = account.deploy_for_components()
    name = account.create_component(endpoint, {"Container": image(container)}, Tags=TAGS)
    described = account.sagemaker.describe_inference_component(InferenceComponentName=name)
    return described["InferenceComponentArn"], lambda: account.delete_component(name)


@pytest.fixture(params=[create_model, create_config, create_endpoint, create_component])
def tagged(request, account, container):
    """The ARN of a resource with tags, and a function that deletes the resource."""
    return request.param(account, container)


def listed(account, arn):
    pages = account.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    return [tag for page in pages for tag in page["Tags"]]


def test_from_creation_to_deletion(account, tagged):
    """Tags come from the creation, are added, replaced and deleted, and end with the resource."""
    sagemaker, (arn, delete) = account.sagemaker, tagged
    assert listed(account, arn) == TAGS

    added = [{"Key": "team", "Value": "red"}, {"Key": "new", "Value": "1"}]
    answer = sagemaker.add_tags(ResourceArn=arn, Tags=added)["Tags"]
    assert answer == listed(account, arn) == [added[0], TAGS[1], added[1]]

    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team", "absent"])
    assert listed(account, arn) == [TAGS[1], added[1]]

    delete()
    error = error_of(sagemaker.list_tags, ResourceArn=arn)
    assert error["Error"]["Code"] == "ValidationException"
    assert error["Error"]["Message"].startswith("Could not find ")
    assert f'"{arn}"' in error["Error"]["Message"]


def test_limit(account):
    """A resource has at most 50 tags."""
    arn, delete = create_model(account, None)
    more = [{"Key": str(number), "Value": ""} for number in range(49)]

    error = error_of(account.sagemaker.add_tags, ResourceArn=arn, Tags=more)
    account.sagemaker.add_tags(ResourceArn=arn, Tags=more[1:])

    assert "at most 50 tags" in error["Error"]["Message"]
    assert len(listed(account, arn)) == 50
    delete()


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sagemaker:us-east-1:999999999999:model/tagged",
        "arn:aws:sagemaker:eu-west-1:123456789012:model/tagged",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/tagged",
        "arn:aws:sagemaker:us-east-1:123456789012:model/tagged/more",
    ],
)
def test_another_resource(account, arn):
    """The ARN has to name the resource in all its parts."""
    _, delete = create_model(account, None)

    error = error_of(account.sagemaker.list_tags, ResourceArn=arn)
    delete()

    assert error["Error"]["Code"] == "ValidationException"


def test_resources_of_moto(account):
    """moto keeps the tags of resources that it hosts."""
    arn = account.sagemaker.create_model_package_group(
        ModelPackageGroupName="group", Tags=TAGS[:1]
    )["ModelPackageGroupArn"]

    assert listed(account, arn) == TAGS[:1]
