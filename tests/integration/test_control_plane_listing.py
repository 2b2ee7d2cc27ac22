"""List operations of each kind of resource: pages, orders and filters."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from tests.containers.account import INSTANCES, RESOURCES, ROLE
from tests.support.stand_in import wait_until

REGION = "eu-north-1"  # No other test creates resources in this region.
CONTAINER = {"Image": "http://127.0.0.1:9"}
NAMES = ["Zulu-01", *(f"alpha-{number:02}" for number in range(2, 24))]
NOW = datetime.now(UTC)
LONG_AGO, SOON = NOW - timedelta(days=1), NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def sagemaker(sagemaker_local):
    """Create 23 resources of each kind; three endpoints have failed."""
    session = boto3.Session("test", "test", region_name=REGION)
    client = session.client("sagemaker", endpoint_url=sagemaker_local.url)
    client.create_model(
        ModelName="failing", PrimaryContainer={"Image": "nobodys:1"}, ExecutionRoleArn=ROLE
    )
    for name in NAMES:
        client.create_model(ModelName=name, PrimaryContainer=CONTAINER, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "v", **INSTANCES}
        if name.endswith("3"):
            variant["ModelName"] = "failing"
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    client.delete_model(ModelName="failing")
    wait_until(lambda: not listed(client, "endpoints", StatusEquals="Creating"))
    for name in NAMES:
        client.create_inference_component(
            InferenceComponentName=name,
            EndpointName="alpha-02" if name != "Zulu-01" else name,
            VariantName="v",
            Specification={"Container": CONTAINER, "ComputeResourceRequirements": RESOURCES},
            RuntimeConfig={"CopyCount": 0},
        )
    wait_until(lambda: not listed(client, "inference_components", StatusEquals="Creating"))
    yield client
    for name in NAMES:
        client.delete_inference_component(InferenceComponentName=name)
    wait_until(lambda: not listed(client, "inference_components"))
    for name in NAMES:
        client.delete_endpoint(EndpointName=name)
    wait_until(lambda: not listed(client, "endpoints"))
    client.close()


KINDS = {
    "models": "Model",
    "endpoint_configs": "EndpointConfig",
    "endpoints": "Endpoint",
    "inference_components": "InferenceComponent",
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def listed(client, kind, **request):
    """Return the names of all pages, in order."""
    pages = client.get_paginator(f"list_{kind}").paginate(**request)
    noun = KINDS[kind]
    return [summary[f"{noun}Name"] for page in pages for summary in page[f"{noun}s"]]


@every_kind
@pytest.mark.parametrize("length", [1, 10, 100])
def test_pages(sagemaker, kind, length):
    """A paginator finds every resource once, for any length of a page; the newest is first."""
    names = listed(sagemaker, kind, PaginationConfig={"PageSize": length})

    assert names == list(reversed(NAMES))


@every_kind
def test_default_length_of_a_page(sagemaker, kind):
    """A page has ten resources unless the request has MaxResults."""
    answer = getattr(sagemaker, f"list_{kind}")()

    assert len(answer[f"{KINDS[kind]}s"]) == 10
    assert answer["NextToken"]


@every_kind
@pytest.mark.parametrize(
    ("request_", "first"),
    [
        ({"SortOrder": "Ascending"}, "Zulu-01"),
        ({"SortOrder": "Descending"}, "alpha-23"),
        ({"SortBy": "CreationTime", "SortOrder": "Ascending"}, "Zulu-01"),
        ({"SortBy": "Name", "SortOrder": "Ascending"}, "Zulu-01"),
        ({"SortBy": "Name", "SortOrder": "Descending"}, "alpha-23"),
    ],
)
def test_orders(sagemaker, kind, request_, first):
    """Lists can be sorted by name or creation time, in both directions."""
    names = listed(sagemaker, kind, **request_)

    assert names[0] == first
    assert len(names) == len(NAMES)


@every_kind
@pytest.mark.parametrize(
    ("request_", "count"),
    [
        ({"NameContains": "ALPHA"}, 22),
        ({"NameContains": "a-0"}, 8),
        ({"NameContains": "omega"}, 0),
        ({"CreationTimeAfter": LONG_AGO}, 23),
        ({"CreationTimeAfter": SOON}, 0),
        ({"CreationTimeBefore": SOON, "NameContains": "Zulu"}, 1),
        ({"CreationTimeBefore": LONG_AGO}, 0),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_filters(sagemaker, kind, request_, count):
    """Lists can be filtered by name and creation time; all filters have to match."""
    assert len(listed(sagemaker, kind, **request_)) == count


@pytest.mark.parametrize("kind", ["endpoints", "inference_components"])
def test_filter_by_time_of_change(sagemaker, kind):
    """Endpoints and components can be filtered by the time of their last change."""
    assert len(listed(sagemaker, kind, LastModifiedTimeAfter=LONG_AGO)) == len(NAMES)
    assert listed(sagemaker, kind, LastModifiedTimeBefore=LONG_AGO) == []


def test_endpoints_by_status(sagemaker):
    """Endpoints can be filtered and sorted by status."""
    failed = listed(sagemaker, "endpoints", StatusEquals="Failed")
    ordered = listed(sagemaker, "endpoints", SortBy="Status", SortOrder="Ascending")

    assert failed == ["alpha-23", "alpha-13", "alpha-03"]
    assert ordered[:3] == ["alpha-03", "alpha-13", "alpha-23"]


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        ({"EndpointNameEquals": "alpha-02"}, 22),
        ({"EndpointNameEquals": "Zulu-01"}, 1),
        ({"EndpointNameEquals": "alpha-04"}, 0),
        ({"VariantNameEquals": "v"}, 23),
        ({"VariantNameEquals": "w"}, 0),
        ({"StatusEquals": "InService", "EndpointNameEquals": "Zulu-01"}, 1),
        ({"StatusEquals": "Failed"}, 0),
    ],
)
def test_components_of_an_endpoint(sagemaker, request_, count):
    """Components can be filtered by endpoint, variant and status."""
    assert len(listed(sagemaker, "inference_components", **request_)) == count


def test_members_of_a_summary(sagemaker):
    """The members of a summary have the values that Describe returns."""
    (summary,) = sagemaker.list_endpoints(NameContains="Zulu")["Endpoints"]
    described = sagemaker.describe_endpoint(EndpointName="Zulu-01")

    assert summary == {name: described[name] for name in summary}
    assert summary["EndpointArn"].endswith(":endpoint/zulu-01")


def test_token_beyond_the_end(sagemaker):
    """A token is valid even if the resources after it do not exist any more."""
    token = sagemaker.list_models()["NextToken"]

    answer = sagemaker.list_models(NextToken=token, NameContains="Zulu")

    assert answer["Models"] == []
