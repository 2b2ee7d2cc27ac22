"""The host names that ship are those of the botocore that ships."""

import pytest
from botocore.loaders import Loader

from deployment import endpoints
from tests.support.stock import CALLS

# The one service whose addresses botocore has never had in this file, but in its rules alone.
BY_RULES = {"signin"}


def test_endpoints_are_current():
    """A new botocore, a new file."""
    assert endpoints.FILE.read_text() == endpoints.text(), "run: python -m deployment.endpoints"


def test_partitions():
    """No partition is lost, nor a region of one."""
    whole = Loader().load_data("endpoints")

    def places(data):
        return {p["partition"]: set(p["regions"]) for p in data["partitions"]}

    assert places(endpoints.endpoints()) == places(whole)


@pytest.mark.parametrize("service", sorted(CALLS.keys() - BY_RULES))
def test_services(service):
    """What is called is in it, for the gateway and for botocore to come by credentials."""
    prefix = Loader().load_service_model(service, "service-2")["metadata"]["endpointPrefix"]

    assert prefix in endpoints.SERVICES


@pytest.mark.parametrize("service", sorted(BY_RULES))
def test_services_by_rules(service):
    """Once botocore has it, it belongs there too."""
    prefix = Loader().load_service_model(service, "service-2")["metadata"]["endpointPrefix"]

    partitions = Loader().load_data("endpoints")["partitions"]
    assert not any(prefix in partition["services"] for partition in partitions)
