"""Several targets in front of the demo's endpoints, with STS as moto answers for it."""

import pytest

from chalicelib.routing.reading import file
from chalicelib.sagemaker.runtime import SageMakerRuntime
from tests.support.gateway import FixedTable, build_gateway, runtime_at, table
from tests.support.paths import ROOT

DEMO = file.load(ROOT / "routing.yaml")
ROLE = "arn:aws:iam::222233334444:role/inference-gateway"
ELSEWHERE = f"""\
version: 1
models:
  iris:
    kind: mme
    endpoint: tabular
    target_model: iris-v1.tar.gz
    role_arn: "{ROLE}"
"""
FLOWER = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'
WINE = b"14.23,1.71,2.43,15.6,127,2.8,3.06,0.28,2.29,5.64,1.04,3.92,1065\n"
CSV = {"content_type": "text/csv", "accept": "text/csv"}
CALLERS = 40


def test_release(demo):
    """Callers keep their version of the demo's release, and both versions answer."""
    gateway = build_gateway(source=FixedTable(DEMO), runtime=runtime_at(demo.url))

    first, again = (
        [
            gateway.predict("wine-release", WINE, x_routing_key=f"of-{n}", **CSV)
            for n in range(CALLERS)
        ]
        for _ in range(2)
    )

    assert {answer.body for answer in [*first, *again]} == {b"0\n"}
    chosen = [answer.headers["x-target"] for answer in first]
    assert set(chosen) == {"v1", "v2"}
    assert [answer.headers["x-target"] for answer in again] == chosen


@pytest.fixture(name="at_the_stand_in")
def _at_the_stand_in(demo, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": demo.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("at_the_stand_in")
def test_role():
    """A target of another account is called with the credentials that STS gives for its role."""
    gateway = build_gateway(source=FixedTable(table(ELSEWHERE)), runtime=SageMakerRuntime())

    assert gateway.predict("iris", FLOWER).json() == {"predictions": [0]}
