"""The host names in the package are those of the botocore in the package."""

import pytest
from botocore.loaders import Loader

from deployment import endpoints
from tests.support.stock import CALLS

# botocore has the addresses of these services in its endpoint rules, not in endpoints.json.
BY_RULES = {"signin"}


def test_endpoints_are_current():
    """The file is what the installed botocore gives."""
    assert endpoints.FILE.read_text() == endpoints.text(), "run: python -m deployment.endpoints"


def test_partitions():
    """The file has every partition and every region."""
    complete = Loader().load_data("endpoints")

    def places(data):
        return {p["partition"]: set(p["regions"]) for p in data["partitions"]}

    assert places(endpoints.endpoints()) == places(complete)


@pytest.mark.parametrize("service", sorted(CALLS.keys() - BY_RULES))
def test_services(service):
    """The file has every service that the gateway calls, or botocore for credentials."""
    prefix = Loader().load_service_model(service, "service-2")["metadata"]["endpointPrefix"]

    assert prefix in endpoints.SERVICES


@pytest.mark.parametrize("service", sorted(BY_RULES))
def test_services_by_rules(service):
    """The exceptions are still missing in botocore's file."""
    prefix = Loader().load_service_model(service, "service-2")["metadata"]["endpointPrefix"]

    partitions = Loader().load_data("endpoints")["partitions"]
    assert not any(prefix in partition["services"] for partition in partitions)
