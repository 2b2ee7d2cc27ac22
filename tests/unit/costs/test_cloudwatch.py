"""What CloudWatch says of endpoints: moto holds the metrics, as SageMaker would have sent them."""

from datetime import UTC, datetime, timedelta
from functools import partial

import boto3
import pytest

from gatewayctl.account.calls import Pace
from gatewayctl.costs.cloudwatch import CloudWatch, VariantMetrics
from gatewayctl.costs.usage import Period
from tests.support.job_desk import moto
from tests.support.made_up_costs import endpoint, hosting, serverless

STEP = 300
START = datetime(2026, 5, 4, 10, tzinfo=UTC)
AWS = {"region_name": "eu-north-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}


@pytest.fixture(scope="module", name="url")
def _url():
    with moto() as url:
        yield url


class Metrics:
    """The metrics of one account."""

    def __init__(self, url):
        self.client = boto3.client("cloudwatch", endpoint_url=url, **AWS)
        self.said = []

    def put(self, name, minute, *values, endpoint_name, namespace="AWS/SageMaker"):
        """Put values of one metric of the variant AllTraffic at a minute after START."""
        dimensions = {"EndpointName": endpoint_name, "VariantName": "AllTraffic"}
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Timestamp": START + timedelta(minutes=minute),
                "Value": value,
            }
            for value in values
        ]
        self.client.put_metric_data(Namespace=namespace, MetricData=data)

    def alive(self, endpoint_name, *minutes):
        for minute in minutes:
            self.put(
                "CPUUtilization",
                minute,
                3.0,
                endpoint_name=endpoint_name,
                namespace="/aws/sagemaker/Endpoints",
            )

    def read(self, *endpoints, hours=1):
        period = Period(START.timestamp(), (START + timedelta(hours=hours)).timestamp())
        pace = Pace(10, clock=lambda: 0.0, sleep=lambda seconds: None)
        return CloudWatch(self.client, self.said.append, pace).metrics(
            hosting(*endpoints).endpoints, period
        )


@pytest.fixture(name="metrics")
def _metrics(url):
    return Metrics(url)


def test_calls(metrics):
    """Calls and their time are added up; the number of instances follows from both counts."""
    put = partial(metrics.put, endpoint_name="calls")
    metrics.alive("calls", 1, 6, 11, 16)
    put("Invocations", 6, 1, 1, 1, 1)
    put("InvocationsPerInstance", 6, 0.25, 0.25, 0.25, 0.25)
    put("Invocations", 16, 1)
    put("InvocationsPerInstance", 16, 0.5)
    put("ModelLatency", 6, 250_000, 250_000)
    put("ModelLatency", 16, 1_000_000)

    found = metrics.read(endpoint("calls", instances=7))["calls"]["AllTraffic"]
    assert (found.invocations, found.latency_seconds) == (5, 1.5)
    # 4 instances from the first call on, and 2 at the last one; before the first call also 4.
    assert found.instance_seconds == STEP * (4 + 4 + 4 + 2)
    assert not found.is_count_assumed


def test_scale_to_zero(metrics):
    """While no instance sends a metric there is none, so that such a time costs nothing."""
    metrics.alive("reports", 10, 15)
    found = metrics.read(endpoint("reports", "async", instances=0))["reports"]["AllTraffic"]
    assert found.instance_seconds == 2 * STEP
    assert found.is_count_assumed
    assert found.invocations == 0


def test_nothing(metrics):
    """An endpoint of which CloudWatch has nothing is not one without calls."""
    found = metrics.read(endpoint("unheard"), serverless("ocr"))
    assert found == {
        "ocr": {"AllTraffic": VariantMetrics()},
        "unheard": {"AllTraffic": VariantMetrics()},
    }


def test_many(metrics):
    """Requests keep to the most data points of a response, and there is progress."""
    metrics.alive("e-07", 1)
    found = metrics.read(*(endpoint(f"e-{number:02}") for number in range(9)), hours=24 * 14)
    assert len(found) == 9
    assert found["e-07"]["AllTraffic"].instance_seconds == STEP
    assert metrics.said == [f"metrics of {n} of 9 variants read" for n in (6, 9)]
