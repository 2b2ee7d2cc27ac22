"""Events that are not well-formed requests of this REST API."""

import base64
import json
from copy import deepcopy

import pytest

from chalicelib.api.events import EventRefused
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.clients import Response
from tests.support.events import LambdaContext, token_event
from tests.support.gateway import JSON
from tests.support.problems import assert_problem

MISSING = object()
NO_TEXT = [7, True, [CANARY], {CANARY: CANARY}]
NO_OBJECT = [7, True, CANARY, [CANARY]]
NO_TEXTS = [*NO_OBJECT, {"a": 7}, {"a": None}, {"a": [CANARY]}]
NO_LISTS = [*NO_OBJECT, {"a": CANARY}, {"a": []}, {"a": [7]}, {"a": [CANARY, None]}]
GRANTED = {"principal": "tests", "grants": "*"}
NOT_OF_THE_AUTHORIZER = [
    *({}, {"principal": CANARY}, {"grants": "*"}, {**GRANTED, "principal": None}),
    *({**GRANTED, "principal": 7}, {**GRANTED, "grants": ["*"]}, {**GRANTED, "key_id": 7}),
    *({**GRANTED, "expires": text} for text in (CANARY, 7, "1.5", "-1", "\u0665", "9" * 5000)),
]
# Members of an event, and values that API Gateway never gives them.
MALFORMED = {
    "requestContext": [MISSING, None, *NO_OBJECT],
    "requestContext.resourcePath": [MISSING, None, *NO_TEXT],
    "requestContext.httpMethod": [MISSING, None, *NO_TEXT],
    "requestContext.path": NO_TEXT,
    "requestContext.requestId": [*NO_TEXT, "", "a\r\nX-Own: b", "\ud800", "x" * 129],
    "requestContext.authorizer": [
        *NO_OBJECT,
        *({"outcome": "ok", **members} for members in NOT_OF_THE_AUTHORIZER),
    ],
    "requestContext.requestTimeEpoch": [
        *(CANARY, True, [], {}, -1),
        *(float("nan"), float("inf"), 1e300, 10**400),
    ],
    "headers": NO_TEXTS,
    "multiValueHeaders": NO_LISTS,
    "multiValueQueryStringParameters": NO_LISTS,
    "pathParameters": [MISSING, None, *NO_TEXTS, {"other": "iris"}],
    "isBase64Encoded": [0, 1, "true", "false", [], {}],
    "body": [
        *NO_TEXT,
        *("e30", "e30=e30=", "e3 0=", "e30=\n", "e30$", "=e30", "é", "\ud800", f"{CANARY}!"),
    ],
}
CASES = [(member, value) for member, values in MALFORMED.items() for value in values]

REFUSED = {
    "null": None,
    "text": CANARY,
    "number": 7,
    "boolean": False,
    "list": [{"Records": []}],
    "unknown object": {CANARY: CANARY},
    "test event of the console": {"key1": "value1", "key2": "value2", "key3": "value3"},
    "schedule": {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
}
BEHIND_ANOTHER_SERVICE = {
    "HTTP API": {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/predict/iris",
        "requestContext": {"http": {"method": "POST"}, "domainName": "x.execute-api.example"},
    },
    "function URL": {
        "version": "2.0",
        "rawPath": "/predict/iris",
        "requestContext": {
            "http": {"method": "POST", "path": "/predict/iris"},
            "domainName": "abc.lambda-url.us-east-1.on.aws",
        },
    },
    "Application Load Balancer": {
        "requestContext": {"elb": {"targetGroupArn": CANARY}},
        "httpMethod": "POST",
        "path": "/predict/iris",
        "headers": {"authorization": CANARY},
    },
    "WebSocket API": {"requestContext": {"connectionId": "c", "eventType": "MESSAGE"}},
    "HTTP request": {"httpMethod": "GET", "path": "/health"},
}
KEPT = {
    "SQS": {"Records": [{"messageId": "1", "body": CANARY, "eventSource": "aws:sqs"}]},
    "SNS": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": CANARY}}]},
    "S3": {"Records": [{"eventSource": "aws:s3"}]},
    "Kafka": {"eventSource": "aws:kafka", "records": {}},
    "Kinesis": [{"eventSource": "aws:kinesis", "data": CANARY}],  # as a pipe sends it
    "queue or stream": {"Records": [{"eventSource": "aws:new"}]},
    "EventBridge": {"source": "orders", "detail-type": "Order", "detail": {"card": CANARY}},
}


def changed(event, member, value):
    """Return a copy of the event in which one member has another value, or is missing."""
    event = deepcopy(event)
    *parents, name = member.split(".")
    parent = event[parents[0]] if parents else event
    if value is MISSING:
        del parent[name]
    else:
        parent[name] = value
    return event


def response_of(result):
    """Return what a caller gets from a result whose body is text."""
    headers = {name.lower(): value for name, value in result["headers"].items()}
    assert result["isBase64Encoded"] is False
    return Response(result["statusCode"], headers, result["body"].encode())


@row("L7")
@pytest.mark.parametrize(("member", "value"), CASES)
def test_malformed(deployed, seen, capfd, member, value):
    """A malformed event is refused with a problem and a line that says which member is wrong."""
    event = deployed.client.event("POST", "/predict/iris", JSON, b"{}")

    response = deployed.client.deliver(changed(event, member, value), LambdaContext())

    assert_problem(response, 400, "bad-request")
    assert deployed.runtime.calls == []
    (line,) = deployed.log.lines
    assert (line["status"], line["slug"]) == (400, "bad-request")
    assert member.rsplit(".", maxsplit=1)[-1] in line["reason"]
    assert CANARY not in deployed.log.text
    assert capfd.readouterr().err == ""
    seen("400 bad-request")


@row("L7")
@pytest.mark.parametrize("value", [MISSING, None])
@pytest.mark.parametrize(
    "member",
    [
        *("resource", "path", "httpMethod", "stageVariables", "headers", "multiValueHeaders"),
        *("queryStringParameters", "multiValueQueryStringParameters", "pathParameters"),
        *("body", "isBase64Encoded", "requestContext.requestTimeEpoch", "requestContext.identity"),
        "requestContext.path",
    ],
)
def test_member_that_may_be_missing(deployed, member, value):
    """A member without which a request can be answered may be missing."""
    event = deployed.client.event("GET", "/models?limit=5")

    assert deployed.client.deliver(changed(event, member, value)).status == 200


@row("L7")
def test_later_requests(deployed):
    """After malformed events the gateway works as before."""
    event = deployed.client.event("POST", "/predict/iris", JSON, b"{}")
    for member, value in CASES:
        deployed.client.deliver(changed(event, member, value))

    assert deployed.client.deliver(event).status == 200


@row("L8")
@pytest.mark.parametrize(
    "resource", ["/{proxy+}", "/x", "", "$default", "/predict", "/PREDICT/{model}", "\x1b[2J\n"]
)
def test_resource_that_is_not_ours(deployed, seen, resource):
    """A resource of another application is no path of this one; the log names it."""
    event = deployed.client.event("POST", "/predict/iris", JSON, b"{}")
    other = changed(event, "requestContext.resourcePath", resource)

    known = set(deployed.app.routes)
    for _ in range(2):  # the first request does not make the resource known
        problem = assert_problem(deployed.client.deliver(other), 404, "no-such-path")
        assert "POST /predict/<model>" in problem["detail"]

    first, second = deployed.log.lines
    assert first["reason"] == second["reason"]
    assert "\x1b" not in first["reason"] and first["reason"].isprintable()
    assert set(deployed.app.routes) == known
    seen("404 no-such-path")


@row("L8")
@pytest.mark.parametrize("kind", REFUSED)
def test_other_kind(deployed, seen, capfd, kind):
    """An event that is no request gets one line that names its kind."""
    response = response_of(deployed.app(REFUSED[kind], LambdaContext("the-id")))

    assert_problem(response, 400, "bad-request")
    (line,) = deployed.log.lines
    assert (line["level"], line["message"], line["event"]) == ("ERROR", "event refused", kind)
    assert line["request_id"] == "the-id"
    assert CANARY not in deployed.log.text
    assert capfd.readouterr().err == ""
    seen("one line")


@row("L8")
@pytest.mark.parametrize("kind", BEHIND_ANOTHER_SERVICE)
def test_behind_another_service(build_deployed, seen, kind):
    """A service that waits for an HTTP response gets a problem that an operator understands."""
    gateway = build_deployed(cors_origin="*")

    response = response_of(gateway.app(BEHIND_ANOTHER_SERVICE[kind], LambdaContext()))

    problem = assert_problem(response, 500, "internal")
    assert "a REST API" in problem["detail"]
    assert response.headers["access-control-allow-origin"] == "*"
    (line,) = gateway.log.lines
    assert (line["message"], line["event"]) == ("event refused", kind)
    assert CANARY not in gateway.log.text
    seen("500 internal")


@row("L8")
def test_load_balancer(deployed):
    """A load balancer needs a description of the status, and lists of headers if it sends them."""
    event = BEHIND_ANOTHER_SERVICE["Application Load Balancer"]
    result = deployed.app(event, None)
    lists = deployed.app({**event, "multiValueHeaders": {}}, None)

    assert result["statusDescription"] == "500 Internal Server Error"
    assert "headers" not in lists
    assert lists["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]


@row("L8")
@pytest.mark.parametrize("function", ["app", "authorize"])
@pytest.mark.parametrize("kind", KEPT)
def test_event_that_its_sender_keeps(deployed, seen, function, kind):
    """A queue would delete its messages after a success, so the function fails."""
    handler = {"app": deployed.app, **deployed.app.handler_map}[function]

    with pytest.raises(EventRefused) as refused:
        handler(KEPT[kind], LambdaContext())

    assert str(refused.value) == f"the gateway handles no event of this kind: {kind}"
    (line,) = deployed.log.lines
    assert (line["message"], line["event"]) == ("event refused", kind)
    assert CANARY not in deployed.log.text
    seen("one line, and a failure")


@row("L8")
@pytest.mark.parametrize("function", ["app", "authorize"])
@pytest.mark.parametrize(
    "event",
    [
        {"source": "serverless-plugin-warmup"},
        {"warmer": True, "concurrency": 3},
        {"warmup": True},
    ],
)
def test_warm_up(deployed, seen, function, event):
    """An event that only keeps the process warm is a success without a line."""
    handler = {"app": deployed.app, **deployed.app.handler_map}[function]

    assert handler(event, LambdaContext()) is None
    assert deployed.log.text == ""
    seen("nothing")


@row("L8")
def test_nearly_a_warm_up(deployed):
    """Only the exact mark of a tool keeps an event out of the log."""
    for event in ({"warmer": 1}, {"warmer": "true"}, {"source": "warmup"}, {"warmup": False}):
        assert deployed.app(event, None)["statusCode"] == 400

    assert [line["event"] for line in deployed.log.lines] == ["unknown object"] * 4


@row("L7")
@pytest.mark.parametrize(
    "changes",
    [
        {"authorizationToken": MISSING},
        {"authorizationToken": None},
        {"authorizationToken": 7},
        {"authorizationToken": [CANARY]},
        {"methodArn": MISSING},
        {"methodArn": None},
        {"methodArn": 7},
        {"methodArn": {}},
        {"methodArn": ""},
        {"methodArn": "*"},
        {"methodArn": "/"},
        {"methodArn": "arn:aws:execute-api:us-east-1:1:*/*/GET/models"},
        {"methodArn": "arn:aws:execute-api:us-east-1:1:api"},
        {"methodArn": f"arn:aws:s3:::{CANARY}/api/GET/x"},
    ],
)
def test_malformed_question_to_the_authorizer(deployed, seen, changes):
    """A question that API Gateway does not ask gets a policy that denies, and a line."""
    event = {**token_event(f"Bearer {CANARY}"), **changes}
    event = {name: value for name, value in event.items() if value is not MISSING}

    result = json.loads(json.dumps(deployed.app.handler_map["authorize"](event, None)))

    (statement,) = result["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", ["*"])
    assert result["context"] == {"outcome": "unauthorized"}
    (line,) = deployed.log.lines
    assert line["event"] == "malformed question to the authorizer"
    assert CANARY not in deployed.log.text
    seen("a policy that denies")


@row("L8")
@pytest.mark.parametrize("kind", [*REFUSED, *BEHIND_ANOTHER_SERVICE])
def test_other_kind_for_the_authorizer(deployed, kind):
    """The authorizer allows nothing for an event that is no question to it."""
    event = {**REFUSED, **BEHIND_ANOTHER_SERVICE}[kind]

    result = deployed.app.handler_map["authorize"](event, None)

    assert "policyDocument" not in result
    assert [line["event"] for line in deployed.log.lines] == [kind]


def test_base64_is_decoded_strictly(deployed):
    """What is base64 arrives as the bytes that it stands for."""
    body = bytes(range(256)) * 3
    event = deployed.client.event("POST", "/predict/picture", {"Content-Type": "image/png"}, body)

    assert base64.b64decode(event["body"]) == body
    assert deployed.client.deliver(event).status == 200
    assert deployed.call.request.body == body
