"""From a request to what the function gets, and what is refused on the way."""

import json

import pytest

from tests.api_gateway.definition import NotModelled
from tests.api_gateway.hand_made import Told, method, scheme, small, template
from tests.api_gateway.simulator import ApiGateway
from tests.api_gateway.unverified import Unverified

MIB = 1024 * 1024
PNG = ("Content-Type", "image/png")
TEXT = ("Content-Type", "text/plain")


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        pytest.param("/models", "/models", None, id="literal"),
        pytest.param("/models/", "/models", None, id="slash-at-the-end"),
        pytest.param("//models", "/models", None, id="slashes-at-the-start"),
        pytest.param("/models/iris", "/models/{name}", {"name": "iris"}, id="parameter"),
        pytest.param("/models/all", "/models/all", None, id="literal-before-parameter"),
        pytest.param("/models/a%2Fb", "/models/{name}", {"name": "a%2Fb"}, id="undecoded"),
        pytest.param("/models/%zz", "/models/{name}", {"name": "%zz"}, id="no-encoding-at-all"),
        pytest.param("/models/a;v=1", "/models/{name}", {"name": "a;v=1"}, id="semicolon"),
        pytest.param(
            "/models/a/b", "/models/{name}/{part}", {"name": "a", "part": "b"}, id="two-parameters"
        ),
    ],
)
def test_path_finds_its_resource(path, resource, parameters):
    """By its segments as they came; a literal one goes before a parameter."""
    paths = ["/models", "/models/{name}", "/models/all", "/models/{name}/{part}"]
    api = small(paths={path: {"post": method()} for path in paths})

    assert api.post(path=path).status == 200
    assert api.function.event["resource"] == resource
    assert api.function.event["pathParameters"] == parameters


@pytest.mark.parametrize(
    "request_line",
    ["POST /", "POST /a", "POST /a/b/c", "POST /a//", "POST /%61/b", "GET /a/b", "OPTIONS /a/b"],
)
def test_unknown_path_or_method(request_line):
    """The same 403 for both, and the function is not called."""
    api = small()

    reply = api.api.handle(*request_line.split())

    assert (reply.status, reply.json()) == (403, {"message": "Missing Authentication Token"})
    assert reply.header("x-amzn-ErrorType") == "MissingAuthenticationTokenException"
    assert api.function.events == []


def test_event(clock):
    """What a function learns of a request; of what is not there it gets null."""
    api = small(more={"clock": clock})

    reply = api.post(("user-agent", "tests"), path="/a/b")

    event = api.function.event
    context = event.pop("requestContext")
    headers = event.pop("headers")
    assert event == {
        "resource": "/a/{b}",
        "path": "/a/b",
        "httpMethod": "POST",
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"b": "b"},
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    assert (context["resourcePath"], context["httpMethod"]) == ("/a/{b}", "POST")
    assert (context["stage"], context["path"]) == ("api", "/api/a/b")
    assert context["requestTimeEpoch"] == round(clock() * 1000)
    assert context["requestId"] == reply.header("x-amzn-RequestId")
    assert context["identity"]["userAgent"] == headers["User-Agent"] == "tests"
    assert (
        headers["Host"]
        == context["domainName"]
        == f"{context['apiId']}.execute-api.us-east-1.amazonaws.com"
    )
    assert "authorizer" not in context


@pytest.mark.parametrize(
    ("query", "values"),
    [
        pytest.param("a=1&a=2&b=3", {"a": ["1", "2"], "b": ["3"]}, id="twice"),
        pytest.param("a=x%2By+z%2Fw", {"a": ["x+y z/w"]}, id="decoded"),
        pytest.param("a&b=", {"a": [""], "b": [""]}, id="without-value"),
        pytest.param("a=1;b=2", {"a": ["1"], "b": ["2"]}, id="semicolon"),
        pytest.param("a=?/&b=x=y", {"a": ["?/"], "b": ["x=y"]}, id="marks"),
    ],
)
def test_query(query, values):
    """Decoded, all values in one member and the last ones in another."""
    api = small()

    api.post(path=f"/a/b?{query}")

    event = api.function.event
    assert event["multiValueQueryStringParameters"] == values
    assert event["queryStringParameters"] == {name: many[-1] for name, many in values.items()}
    assert event["path"] == "/a/b"
    assert event["requestContext"]["path"] == "/api/a/b"


def test_headers_of_a_request():
    """All values in one member and the last ones in another, by names in the client's spelling."""
    api = small()

    api.post(
        *[("Accept", "text/csv"), ("Accept", "*/*"), ("accept", "image/png")],
        *[("authorization", "Bearer t"), ("Connection", "close"), ("Content-Length", "0")],
        ("X-Forwarded-For", "198.51.100.1"),
    )

    event = api.function.event
    many = event["multiValueHeaders"]
    assert many["Accept"] == ["text/csv", "*/*"]
    assert event["headers"]["Accept"] == "*/*"
    assert event["headers"]["accept"] == "image/png"
    assert event["headers"]["Authorization"] == "Bearer t"
    assert event["headers"]["X-Forwarded-For"] == "198.51.100.1, 192.0.2.7"
    assert not {"authorization", "Connection", "Content-Length"} & event["headers"].keys()


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        pytest.param("/a/b", (), bytes(4 * MIB), 200, id="body"),
        pytest.param("/a/b", (), bytes(5 * MIB), 413, id="body-too-large-for-lambda"),
        pytest.param("/a/b", (("X-A", "a" * 10_240),), b"", 200, id="headers"),
        pytest.param(
            "/a/b", (("X-A", "a" * 10_000), ("X-B", "b" * 241)), b"", 431, id="headers-too-large"
        ),
        pytest.param("/a/" + "b" * 10_237, (), b"", 200, id="path"),
        pytest.param("/a/" + "b" * 10_238, (), b"", 414, id="path-too-long"),
    ],
)
def test_limits_of_a_request(path, headers, body, status):
    """Up to the limit it passes; above it the function is not called."""
    api = small()

    assert api.post(*headers, body=body, path=path).status == status
    assert len(api.function.events) == (status == 200)


@pytest.mark.parametrize(("size", "status"), [(10 * MIB, 502), (10 * MIB + 1, 413)])
def test_largest_body(size, status):
    """Above 10 MB it is API Gateway's affair; what Lambda's smaller limit does is a switch."""
    api = small(more={"unverified": Unverified(too_large_event="INTEGRATION_FAILURE")})

    assert api.post(body=bytes(size)).status == status
    assert api.function.events == []


@pytest.mark.parametrize(
    ("binary_types", "headers", "binary"),
    [
        pytest.param((), [PNG], False, id="none"),
        pytest.param(("image/png",), [PNG], True, id="listed"),
        pytest.param(("image/*",), [PNG], True, id="family"),
        pytest.param(("image/png",), [("Content-Type", "IMAGE/PNG; a=b")], True, id="parameters"),
        pytest.param(("image/png",), [TEXT], False, id="not-listed"),
        pytest.param(("image/png",), [], False, id="no-type"),
        pytest.param(("application/json",), [], True, id="no-type-is-json"),
        pytest.param(("*/*",), [TEXT], True, id="everything"),
        pytest.param(("*/*",), [], True, id="everything-without-type"),
    ],
)
def test_body_of_a_request(binary_types, headers, binary):
    """Base64 where its Content-Type is one of the API's binary types; else text."""
    api = small(binary_types=binary_types)

    api.post(*headers, body=b"\x89PNG \xc3\xa9")

    event = api.function.event
    assert event["isBase64Encoded"] is binary
    assert event["body"] == ("iVBORyDDqQ==" if binary else "�PNG é")


@pytest.mark.parametrize(
    ("unverified", "member", "value"),
    [
        pytest.param({}, "pathParameters", {"b": "%2F"}, id="parameters-stay"),
        pytest.param(
            {"path_parameters_are_decoded": True}, "pathParameters", {"b": "/"}, id="parameters"
        ),
        pytest.param({}, "headers", {"X-A": "2"}, id="last-header"),
        pytest.param({"first_header_wins": True}, "headers", {"X-A": "1"}, id="first-header"),
    ],
)
def test_what_is_not_verified_is_a_switch(unverified, member, value):
    """So that the gateway can be tried both ways."""
    api = small(more={"unverified": Unverified(**unverified)})

    api.post(("X-A", "1"), ("X-A", "2"), path="/a/%2F")

    assert api.function.event[member].items() >= value.items()


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        pytest.param({"Auth": {}}, "Auth", id="api"),
        pytest.param(
            {"swagger": {"x-amazon-apigateway-gateway-responses": {}}},
            "x-amazon-apigateway-gateway-responses",
            id="swagger",
        ),
        pytest.param(
            {"paths": {"/{all+}": {"get": method()}}}, r"/\{all\+}", id="greedy-parameter"
        ),
        pytest.param(
            {"paths": {"/": {"x-amazon-apigateway-any-method": method()}}}, "ANY", id="any-method"
        ),
        pytest.param(
            {"paths": {"/": {"get": {**method(), "x-amazon-apigateway-auth": {}}}}},
            "x-amazon-apigateway-auth",
            id="method",
        ),
        pytest.param({"paths": {"/": {"get": method(type="http_proxy")}}}, "http_proxy", id="type"),
        pytest.param({"schemes": {"a": scheme(type="request")}}, "token", id="authorizer"),
        pytest.param(
            {"schemes": {"a": scheme(identityValidationExpression=".*")}},
            "identityValidationExpression",
            id="part-of-an-authorizer",
        ),
        pytest.param({"schemes": {"a": {"type": "apiKey"}}}, "token", id="api-key"),
    ],
)
def test_template_that_says_more_than_is_modelled(parts, names):
    """Is refused by name: skipped, it would make the tests say what is not so."""
    written = template(**{"paths": {"/": {"get": method()}}, **parts})

    with pytest.raises(NotModelled, match=names):
        ApiGateway(json.loads(json.dumps(written)), {"APIHandler": Told()})
