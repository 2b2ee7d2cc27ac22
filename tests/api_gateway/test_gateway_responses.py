"""The gateway responses of the packaged deployment: API Gateway's own refusals as problems."""

import json
import subprocess
import sys
from pathlib import Path

import boto3
import botocore.session
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from chalicelib.api import cors
from deployment.fragment import API_GATEWAY_ERRORS, RESPONSES, environment_of, fragment
from gatewayctl.policy.functions import functions_of as configured_functions
from tests.api_gateway.definition import functions_of, packaged_template_of
from tests.api_gateway.simulator import ApiGateway, PackagedClient
from tests.support.gateway import build_gateway
from tests.support.paths import ROOT
from tests.support.problems import MEMBERS

FUNCTIONS = configured_functions("dev", ROOT)
STAGING = ("AWS::ApiGateway::Stage", "AWS::ApiGateway::Deployment")
ORIGIN = "https://shop.example.com"


@pytest.fixture(name="api")
def _api():
    return build_gateway(PackagedClient, cors_origin="*").client.api


def assert_ours(response, status, slug):
    """A problem as the gateway makes it, with API Gateway's request id."""
    problem = response.json()
    assert (response.status, problem["type"]) == (status, f"urn:inference-gateway:{slug}")
    assert problem.keys() == MEMBERS
    assert problem["status"] == status
    assert problem["instance"] == response.headers["x-amzn-requestid"]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["access-control-allow-origin"] == "*"
    assert "Retry-After" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        pytest.param("GET", "/unknown", 404, "no-such-path", id="path"),
        pytest.param("DELETE", "/models", 404, "no-such-path", id="method"),
        pytest.param("GET", "/models", 401, "unauthorized", id="no-credential"),
    ],
)
def test_refusals(api, method, path, status, slug):
    """A refusal of API Gateway's has the form and the CORS headers of the gateway's."""
    assert_ours(api.handle(method, path).response, status, slug)


def test_no_credential(api):
    """A missing credential gets the same response as a bad one."""
    missing = api.handle("GET", "/models").response
    bad = api.handle("GET", "/models", [("Authorization", "Bearer nobody's")]).response

    assert missing.headers["www-authenticate"] == "Bearer"
    members = MEMBERS - {"instance"}
    assert {m: missing.json()[m] for m in members} == {m: bad.json()[m] for m in members}


def test_too_large(api):
    """API Gateway's 413 names the gateway's limit."""
    response = api.handle(
        "POST", "/predict/churn", [("Authorization", "Bearer t")], bytes(11 * 1024 * 1024)
    ).response

    assert_ours(response, 413, "payload-too-large")
    assert "4,600,000" in response.json()["detail"]


def fails(event, context):
    raise ZeroDivisionError("canary")


@pytest.mark.parametrize(
    ("function", "status", "slug"),
    [
        pytest.param("APIHandler", 500, "internal", id="handler"),
        pytest.param("Authorize", 503, "auth-unavailable", id="authorizer"),
    ],
)
def test_function_that_fails(function, status, slug):
    """A crash of the handler is `internal`; one of the authorizer is `auth-unavailable`."""
    app = build_gateway(PackagedClient, cors_origin="*").app
    functions = {**functions_of(app), function: fails}
    api = ApiGateway(packaged_template_of(app), functions)

    response = api.handle("POST", "/predict/churn", [("Authorization", "Bearer t")], b"{}").response

    assert_ours(response, status, slug)
    assert ("retry-after" in response.headers) == (status == 503)
    assert "canary" not in response.body.decode()


def test_every_type():
    """Every type that AWS knows has a response, its own or that of its kind."""
    model = botocore.session.get_session().get_service_model("apigateway")
    known = set(model.shape_for("GatewayResponseType").enum)

    assert set(RESPONSES) <= known
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(RESPONSES)
    # Their status is their own, and DEFAULT_4XX would say 400. QUOTA_EXCEEDED is for a usage plan,
    # which this API does not have.
    assert known - set(RESPONSES) == {
        "BAD_REQUEST_BODY",
        "BAD_REQUEST_PARAMETERS",
        "EXPIRED_TOKEN",
        "INVALID_API_KEY",
        "QUOTA_EXCEEDED",
        "UNSUPPORTED_MEDIA_TYPE",
    }


def test_nothing_of_the_request():
    """The templates repeat nothing that a caller has sent."""
    written = json.dumps(fragment(environment_of("dev"), FUNCTIONS)["Resources"]["RestAPI"])

    assert "$context.error.message" not in written
    assert "$input" not in written
    assert "authorization" not in written.replace("Authorization", "").lower()


JOBS = {"GATEWAY_JOBS": "s3://bucket/jobs", "GATEWAY_JOBS_QUEUE": "queue"}


@pytest.mark.parametrize(("environment", "names_uploads"), [({}, False), (JOBS, True)])
def test_too_large_with_jobs(environment, names_uploads):
    """The 413 names the uploads where the stage has jobs."""
    api = fragment(environment, FUNCTIONS)["Resources"]["RestAPI"]["Properties"]
    templates = api["GatewayResponses"]["REQUEST_TOO_LARGE"]["ResponseTemplates"]
    detail = json.loads(templates["application/json"])["detail"]

    assert ("POST /uploads takes one of up to 25,000,000 bytes" in detail) == names_uploads


@pytest.mark.parametrize(("origin", "allowed"), [("", None), ("*", "*"), (ORIGIN, ORIGIN)])
def test_cors(origin, allowed):
    """The CORS headers are those of the gateway's own responses."""
    made = fragment({"GATEWAY_CORS_ORIGIN": origin}, FUNCTIONS)
    api = made["Resources"]["RestAPI"]["Properties"]
    for response in api["GatewayResponses"].values():
        headers = response["ResponseParameters"]["Headers"]
        expected = {} if allowed is None else cors.headers(allowed)
        assert {name: headers.get(name) for name in expected} == {
            name: f"'{value}'" for name, value in expected.items()
        }
        assert ("Access-Control-Allow-Origin" in headers) is (allowed is not None)
        assert ("Access-Control-Allow-Credentials" in headers) is (allowed == ORIGIN)


@pytest.mark.parametrize("problem", API_GATEWAY_ERRORS)
def test_documented(problem):
    """docs/errors.md lists the problems that only API Gateway sends."""
    assert f"| {problem.status} | `{problem.slug}` |" in (ROOT / "docs/errors.md").read_text()


def test_lint(package):
    """cfn-lint finds nothing wrong with the template."""
    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), package.project / "build/sam.json"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (linted.returncode, linted.stdout) == (0, "")


def translated(package, text="", replacement=""):
    """Return the resources that SAM makes of the template, with a text in it replaced."""
    session = boto3.Session(region_name="us-east-1")
    written = json.loads(
        (package.project / "build/sam.json").read_text().replace(text, replacement)
    )
    written["Resources"] = {
        name: resource
        for name, resource in written["Resources"].items()
        if resource["Type"] != "AWS::Serverless::Function"
    }
    return Translator({}, Parser(), boto_session=session).translate(written, {})["Resources"]


def test_functions_of_other_names(package):
    """The API is deployed again when its functions get other names; else it calls the old ones."""
    old, new = (
        {name for name, one in made.items() if one["Type"] == "AWS::ApiGateway::Deployment"}
        for made in (translated(package), translated(package, "inference-gateway-dev", "other"))
    )

    assert old.isdisjoint(new)


def test_one_stage(package):
    """SAM makes no second stage, which would have neither throttling nor an access log."""
    made = translated(package)
    of = {kind: [r["Properties"] for r in made.values() if r["Type"] == kind] for kind in STAGING}
    (stage,), (deployment,) = of["AWS::ApiGateway::Stage"], of["AWS::ApiGateway::Deployment"]

    assert stage["StageName"] == "api"
    assert {"MethodSettings", "AccessLogSetting"} <= stage.keys()
    assert "StageName" not in deployment
