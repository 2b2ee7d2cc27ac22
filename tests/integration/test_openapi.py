"""The gateway conforms to the document of `gatewayctl openapi`; schemathesis looks for exceptions.

schemathesis calls the gateway as `chalice local` serves it, with valid and with invalid requests,
which are the same on every run. Two of its checks are off: that valid data is accepted, which the
document does not promise, and that a model refuses invalid data, because the gateway does not look
into bodies.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import strategies as st

from chalicelib.api.openapi.document import document
from chalicelib.routing.headers import TIMEOUT
from chalicelib.routing.reading import file
from chalicelib.sagemaker.answers import InferenceResponse
from tests.support.chalice_server import served
from tests.support.clients import TOKEN, LocalClient
from tests.support.gateway import FakeRuntime, FixedTable, build_gateway, runtime_at, table
from tests.support.job_desk import job_desk, moto
from tests.support.paths import ROOT
from tests.support.problems import TITLES
from tests.support.profile import LONG

if TYPE_CHECKING:
    from chalicelib.routing.table import RoutingTable

CONFIG = {
    "seed": 4,
    "generation": {
        "deterministic": True,
        "max-examples": 100 if LONG else 10,
        "with-security-parameters": False,
    },
    # What has no handler never gets to the gateway: TRACE is answered by Python's server here, and
    # every wrong method by API Gateway, with 403, where the gateway is deployed.
    "phases": {"coverage": {"unexpected-methods": ["get", "put", "post", "delete", "patch"]}},
    "checks": {
        # 503 and 504 are answers that the document knows; `conforms` says when they are right.
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503", "504"]},
        "positive_data_acceptance": {"enabled": False},
    },
    "operations": [
        {"include-method": "POST", "checks": {"negative_data_rejection": {"enabled": False}}}
    ],
}
NOBODYS = "gw_nobody00"
# What is not JSON is bytes to the gateway, and schemathesis is not to know more.
for media_type in ("application/x-npy", "image/png", "text/csv"):
    schemathesis.openapi.media_type(media_type, st.binary(max_size=100))


def api_of(routes: RoutingTable, *, has_jobs: bool = False) -> Any:
    config = schemathesis.Config.from_dict(CONFIG)
    described = document(list(routes.models()), routes.digest, server=None, has_jobs=has_jobs)
    return schemathesis.openapi.from_dict(described, config=config)


DEMO_TABLE = file.load(ROOT / "routing.yaml")
# Without jobs, each call of an asynchronous endpoint is a 500.
DEMO = api_of(DEMO_TABLE).exclude(path="/predict/digit-async")
EVERY_KIND = api_of(table())
JOBS_TABLE = table(
    """\
version: 1
models:
  iris: {kind: mme, endpoint: tabular, target_model: iris.tar.gz}
  film: {kind: async, endpoint: films}
"""
)
JOBS = api_of(JOBS_TABLE, has_jobs=True)


@pytest.fixture(scope="module")
def demo_url(demo):
    gateway = build_gateway(
        LocalClient, source=FixedTable(DEMO_TABLE), runtime=runtime_at(demo.url)
    )
    with served(gateway.app) as url:
        yield url


def everything(*_: object) -> InferenceResponse:
    """Return a response with every header that SageMaker can send."""
    return InferenceResponse(
        b"[]",
        "application/json",
        invoked_variant="green",
        custom_attributes="a=1",
        new_session_id="s1; Expires=2027-01-01T00:00:00Z",
        closed_session_id="s0",
    )


@pytest.fixture(scope="module")
def every_kind_url():
    with served(build_gateway(LocalClient, runtime=FakeRuntime(everything)).app) as url:
        yield url


@pytest.fixture(scope="module")
def jobs_url():
    with moto() as aws:
        desk = job_desk(aws, source=FixedTable(JOBS_TABLE), runtime=FakeRuntime(everything))
        with served(desk.gateway.app) as url:
            yield url


@pytest.fixture(
    scope="module",
    params=[pytest.param(TOKEN, id="with-a-key"), pytest.param(NOBODYS, id="without")],
)
def token(request):
    return request.param


@DEMO.parametrize()
def test_real_models(case, demo_url, token):
    """The demo table with its models conforms to its document."""
    conforms(case, demo_url, token)


@EVERY_KIND.parametrize()
def test_every_kind_of_target(case, every_kind_url, token):
    """A table with every option, and a SageMaker that sends every header, conform."""
    conforms(case, every_kind_url, token)


@JOBS.parametrize()
def test_jobs(case, jobs_url, token):
    """A gateway with jobs conforms."""
    conforms(case, jobs_url, token)


def conforms(case, url, token):
    """Check a response: documented, refused without a key, and 5xx only with a time limit."""
    answer = case.call_and_validate(url, headers={"Authorization": f"Bearer {token}"})

    if answer.status_code >= 400:
        slug = answer.json()["type"].removeprefix("urn:inference-gateway:")
        assert answer.json()["title"] == TITLES[slug]
        assert answer.json()["status"] == answer.status_code
        assert answer.status_code == 405 or slug in described_problems(case, answer.status_code)
    # A wrong method is answered before the authorizer is called.
    assert token != NOBODYS or case.path == "/health" or answer.status_code in {401, 405}
    assert answer.status_code < 500 or TIMEOUT in case.headers


def described_problems(case, status):
    """Return the slugs of the problems that the document has for a status of an operation."""
    *_, name = case.operation.definition.raw["responses"][str(status)]["$ref"].split("/")
    response = case.operation.schema.raw_schema["components"]["responses"][name]
    return re.findall("^- `(.+?)`: ", response["description"], re.MULTILINE)
