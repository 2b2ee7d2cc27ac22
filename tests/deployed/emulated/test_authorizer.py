"""The authorizer behind the emulated API Gateway: its cache, and the roles of both functions."""

import pytest

from tests.deployed.emulated.conftest import SECRET
from tests.faults.rows import row
from tests.support.key_documents import api_key
from tests.support.problems import assert_problem
from tests.support.stand_in import wait_until

JSON = ("Content-Type", "application/json")
SOON_SECONDS = 30.0

READ_SECRET, INVOKE = "secretsmanager:GetSecretValue", "sagemaker:InvokeEndpoint"
WRITE_LOG, NEW_LOG = "logs:PutLogEvents", "logs:CreateLogGroup"
KEYS = f"secret:{SECRET}-AbCdEf"
KEYS_OF_PROD = "secret:inference-gateway/prod/keys-AbCdEf"
HANDLER_LOG, AUTHORIZER_LOG, LOG_OF_PROD = (
    f"log-group:/aws/lambda/inference-gateway-{name}:log-stream:s"
    for name in ("gateway", "gateway-authorize", "prod")
)


def status_of(stack, key, request_line="GET /models"):
    headers = [JSON, ("Authorization", f"Bearer {key}")]
    return stack.send(*request_line.split(), headers, b"{}").status


def key_id_of(key):
    return key.split("_")[1]


def times_asked(stack, key):
    """Return how often the authorizer was asked about this key."""
    lines = stack.logged("Authorize", "credential")
    return sum(line.get("key_id") == key_id_of(key) for line in lines)


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(api_key("n0tth3re"), id="unknown-key"),
        pytest.param("gw_short", id="malformed-key"),
        pytest.param("eyJ.eyJ.x", id="jwt-without-an-issuer"),
    ],
)
def test_a_bad_credential(deployed, credential):
    """A bad credential gets the gateway's own problem, with CORS and WWW-Authenticate."""
    response = deployed.send("GET", "/models", [("Authorization", f"Bearer {credential}")])

    assert_problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["access-control-allow-origin"] == "*"


def test_a_key_reaches_no_further_than_its_grants(deployed, keys):
    """A model or a value that is not granted is unknown."""
    example = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'
    headers = [JSON, ("Authorization", f"Bearer {keys.iris_and_seven}")]

    assert deployed.send("POST", "/predict/iris", headers, example).status == 200
    for path in ("wine", "is-digit/8"):
        response = deployed.send("POST", f"/predict/{path}", headers, example)
        assert_problem(response, 404, "unknown-model")


def test_a_revoked_key_works_until_the_answer_about_it_is_too_old(deployed, desk, keys):
    """A revoked key works until the cached decision expires; one decision counts for all routes."""
    assert status_of(deployed, keys.leaver) == 200
    assert desk.run("disable", key_id_of(keys.leaver)).code == 0

    assert status_of(deployed, keys.leaver, "GET /models/iris") == 200
    assert status_of(deployed, keys.leaver, "POST /predict/nothing") == 404
    wait_until(lambda: times_asked(deployed, keys.leaver) > 0)
    assert times_asked(deployed, keys.leaver) == 1


def test_a_key_from_its_issue_to_its_end(recorded, desk):
    """A running gateway learns of a new and of a disabled key by itself."""
    stack, server = recorded
    key = desk.issue(grants="iris").key

    wait_until(lambda: status_of(stack, key, "POST /predict/iris") == 200, SOON_SECONDS)
    assert desk.run("disable", key_id_of(key)).code == 0
    wait_until(lambda: status_of(stack, key, "POST /predict/iris") == 401, SOON_SECONDS)

    server.reset()
    assert status_of(stack, key, "POST /predict/iris") == 401
    assert server.requests == []


def decision(aws, stack, role, action, resource):
    """Ask IAM about a role of the stack."""
    service = action.partition(":")[0]
    simulated = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::000000000000:role/{stack.physical(role)}",
        ActionNames=[action],
        ResourceArns=[f"arn:aws:{service}:us-east-1:000000000000:{resource}"],
    )
    (result,) = simulated["EvaluationResults"]
    return result["EvalDecision"]


@row("K6", "L11")
def test_what_a_role_may_do(aws, deployed):
    """A role may do what its function needs, and nothing that only the other function needs."""
    allowed = [
        ("AuthorizeRole", READ_SECRET, KEYS),
        ("AuthorizeRole", WRITE_LOG, AUTHORIZER_LOG),
        ("ApiHandlerRole", INVOKE, "endpoint/digit-reader"),
        ("ApiHandlerRole", WRITE_LOG, HANDLER_LOG),
    ]
    denied = [
        ("AuthorizeRole", READ_SECRET, "secret:somebody-elses-AbCdEf"),
        ("AuthorizeRole", READ_SECRET, KEYS_OF_PROD),
        ("AuthorizeRole", WRITE_LOG, HANDLER_LOG),
        ("AuthorizeRole", NEW_LOG, AUTHORIZER_LOG),
        ("AuthorizeRole", "secretsmanager:PutSecretValue", KEYS),
        ("AuthorizeRole", INVOKE, "endpoint/digit-reader"),
        ("ApiHandlerRole", INVOKE, "endpoint/somebody-elses"),
        ("ApiHandlerRole", READ_SECRET, KEYS),
        ("ApiHandlerRole", WRITE_LOG, AUTHORIZER_LOG),
        ("ApiHandlerRole", WRITE_LOG, LOG_OF_PROD),
        ("ApiHandlerRole", NEW_LOG, HANDLER_LOG),
    ]

    assert {decision(aws, deployed, *one) for one in allowed} == {"allowed"}
    assert {decision(aws, deployed, *one) for one in denied} == {"implicitDeny"}
