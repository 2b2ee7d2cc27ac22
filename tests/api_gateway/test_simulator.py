"""The rules of API Gateway on which the other tests rely, as the simulator has them."""

import base64
import gzip
import random
import zlib

import pytest

from tests.api_gateway.definition import NotModelled
from tests.api_gateway.simulator import ApiGateway
from tests.api_gateway.small_api import (
    ALLOW,
    OK,
    FakeFunction,
    SmallApi,
    decision,
    method,
    preflight,
    raising,
    scheme,
    statement,
    template,
)
from tests.api_gateway.unverified import Unverified
from tests.support.events import STAGE_ARN

MIB = 1024 * 1024
TEXT = b"0123456789abcdef" * 64
DENY_C = statement("Deny", f"{STAGE_ARN}/*/c")


def test_path_finds_its_resource():
    """Segments are compared undecoded; a literal segment is preferred to a parameter."""
    paths = ["/models", "/models/{name}", "/models/all", "/models/{name}/{part}"]
    for path, resource, parameters in [
        ("/models/", "/models", None),
        ("//models", "/models", None),
        ("/models/all", "/models/all", None),
        ("/models/a%2Fb", "/models/{name}", {"name": "a%2Fb"}),
        ("/models/a;v=1", "/models/{name}", {"name": "a;v=1"}),
        ("/models/a/b", "/models/{name}/{part}", {"name": "a", "part": "b"}),
    ]:
        api = SmallApi(paths={path: {"post": method()} for path in paths})

        assert api.post(path=path).status == 200
        found = api.function.event["resource"], api.function.event["pathParameters"]
        assert found == (resource, parameters), path


def test_head():
    """A function may answer HEAD with a body, which the client does not get."""
    api = SmallApi(paths={"/a/b": {"head": method()}})

    reply = api.gateway.handle("HEAD", "/a/b")

    assert (reply.status, reply.body) == (200, b"")
    assert api.gateway.handle("HEAD", "/unknown").body == b""


def test_unknown_path_or_method():
    """Both are the same 403, and the function is not called."""
    api = SmallApi()

    for line in ("POST /", "POST /a", "POST /a/b/c", "POST /%61/b", "GET /a/b", "OPTIONS /a/b"):
        reply = api.gateway.handle(*line.split())
        assert (reply.status, reply.json()) == (403, {"message": "Missing Authentication Token"})
    assert api.function.events == []


def test_event():
    """Query values are decoded; both forms have the headers in the client's spelling."""
    api = SmallApi()

    api.post(
        *[("Accept", "text/csv"), ("Accept", "*/*"), ("accept", "image/png")],
        *[("authorization", "Bearer t"), ("Connection", "close"), ("user-agent", "tests")],
        ("X-Forwarded-For", "198.51.100.1"),
        path="/a/b?a=x%2By+z&a=2;b=",
    )

    event = api.function.event
    assert event["multiValueQueryStringParameters"] == {"a": ["x+y z", "2"], "b": [""]}
    assert event["queryStringParameters"] == {"a": "2", "b": ""}
    assert event["multiValueHeaders"]["Accept"] == ["text/csv", "*/*"]
    assert (event["headers"]["Accept"], event["headers"]["accept"]) == ("*/*", "image/png")
    assert event["headers"]["Authorization"] == "Bearer t"
    assert event["headers"]["X-Forwarded-For"] == "198.51.100.1, 192.0.2.7"
    assert "Connection" not in event["headers"]
    assert event["requestContext"]["identity"]["userAgent"] == "tests"
    assert "authorizer" not in event["requestContext"]


@pytest.mark.parametrize(
    ("path", "headers", "size", "status"),
    [
        ("/a/b", (), 4 * MIB, 200),
        ("/a/b", (), 5 * MIB, 413),
        ("/a/b", (), 10 * MIB + 1, 413),
        ("/a/b", (("X-A", "a" * 10_240),), 0, 200),
        ("/a/b", (("X-A", "a" * 10_000), ("X-B", "b" * 241)), 0, 431),
        ("/a/" + "b" * 10_237, (), 0, 200),
        ("/a/" + "b" * 10_238, (), 0, 414),
    ],
)
def test_limits_of_a_request(path, headers, size, status):
    """A request above a limit does not reach the function."""
    api = SmallApi()

    assert api.post(*headers, body=bytes(size), path=path).status == status
    assert len(api.function.events) == (status == 200)


@pytest.mark.parametrize(
    ("binary_types", "content_type", "binary"),
    [
        ((), "image/png", False),
        (("image/*",), "IMAGE/PNG; a=b", True),
        (("image/png",), "text/plain", False),
        (("application/json",), None, True),
        (("*/*",), "text/plain", True),
    ],
)
def test_binary_bodies(binary_types, content_type, binary):
    """The binary types decide by Content-Type for the event, and by Accept for the response."""
    result = {"statusCode": 200, "body": base64.b64encode(b"\x89PNG").decode()}
    api = SmallApi({**result, "isBase64Encoded": True}, binary_types=binary_types)
    kind = [] if content_type is None else [("Content-Type", content_type)]
    accept = [] if content_type is None else [("Accept", content_type)]

    reply = api.post(*kind, *accept, body=b"\x89PNG \xc3\xa9")

    assert api.function.event["isBase64Encoded"] is binary
    assert api.function.event["body"] == ("iVBORyDDqQ==" if binary else "�PNG é")
    assert reply.body == (b"\x89PNG" if binary else b"iVBORw==")


def test_headers_of_a_result():
    """Both forms are merged; some headers get another name; JSON is the default type."""
    single = {"X-A": "1", "X-B": True, "Server": "s", "WWW-Authenticate": "w"}
    for remapped, name in ((True, "x-amzn-Remapped-WWW-Authenticate"), (False, "WWW-Authenticate")):
        api = SmallApi(
            {"headers": single, "multiValueHeaders": {"X-A": ["1", "2"]}},
            simulator={"unverified": Unverified(more_headers_are_remapped=remapped)},
        )
        *given, content_type, _ = api.post().headers
        expected = [("X-A", "1"), ("X-A", "2"), ("X-B", "true"), ("x-amzn-Remapped-Server", "s")]
        assert given == [*expected, (name, "w")]
        assert content_type == ("Content-Type", "application/json")


@pytest.mark.parametrize(
    "result",
    [
        lambda _: None,
        lambda _: [],
        {**OK, "cookies": []},
        {**OK, "statusCode": "fine"},
        {**OK, "headers": {"X-A": 1}},
        {**OK, "multiValueHeaders": {"X-A": "1"}},
        {**OK, "body": {}},
        {**OK, "isBase64Encoded": "true"},
        {**OK, "body": "a" * 6 * MIB},
        raising(ValueError("a secret")),
    ],
)
def test_unusable_result(result):
    """A malformed or too large result, and an exception, are a 502 without details."""
    api = SmallApi(result)

    reply = api.post()

    assert (reply.status, reply.json()) == (502, {"message": "Internal server error"})
    assert api.gateway.log[0].startswith("POST /a/b: INTEGRATION_FAILURE: ")


def test_failed_assertion():
    """An assertion of a test inside a function is not hidden in a 502."""
    with pytest.raises(AssertionError):
        SmallApi(raising(AssertionError("a test's"))).post()


@pytest.mark.parametrize(
    ("integration", "timeout", "seconds", "status"),
    [
        ({}, 60, 28.9, 200),
        ({}, 60, 29, 504),
        ({}, 10, 10, 502),
        ({"timeoutInMillis": 5000}, 29, 5, 504),
    ],
)
def test_slow_function(clock, integration, timeout, seconds, status):
    """API Gateway ends a call after 29 s or the integration's timeout; Lambda may be earlier."""
    api = SmallApi(
        lambda _: clock.passes(seconds) or OK,
        paths={"/a/{b}": {"post": method(**integration)}},
        timeout=timeout,
        simulator={"clock": clock},
    )

    assert api.post().status == status


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzip.compress(random.Random(1).randbytes(2_000)), 200),
        ("br", TEXT, 415),
        ("gzip", TEXT, 415),
        ("gzip", TEXT[:999], 200),
        ("deflate", zlib.compress(bytes(10 * MIB + 1)), 413),
    ],
)
def test_compressed_request(coding, body, status):
    """A compressed body that is large enough is decompressed, up to 10 MB."""
    api = SmallApi(MinimumCompressionSize=1000)

    assert api.post(("Content-Encoding", coding), body=body).status == status


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("br, gzip;q=0.9", None),
        ("", None),
    ],
)
def test_compressed_reply(accept, coding):
    """A reply is compressed if API Gateway knows the coding that the client likes best."""
    api = SmallApi({"body": TEXT.decode()}, MinimumCompressionSize=1024)

    reply = api.post(("Accept-Encoding", accept))

    assert reply.header("Content-Encoding") == coding
    undo = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding]
    assert undo(reply.body) == TEXT


def test_preflight():
    """A mock replies from the template; with `*/*` it must convert to text, and needs a status."""
    for changes, status in [
        ({}, 200),
        ({"contentHandling": None}, 500),
        ({"requestTemplates": {}}, 500),
        ({"requestTemplates": {"application/json": "{}"}}, 500),
    ]:
        api = SmallApi(paths={"/a/{b}": {"options": preflight(**changes)}}).gateway
        reply = api.handle("OPTIONS", "/a/b", [("Origin", "https://shop.example.com")])
        assert reply.status == status
        assert (reply.header("Access-Control-Allow-Origin") == "*") == (status == 200)


@pytest.mark.parametrize(
    ("statements", "path", "status"),
    [
        ([ALLOW], "/c", 200),
        ([ALLOW, DENY_C], "/a/b", 200),
        ([DENY_C, ALLOW], "/c", 403),
        ([DENY_C], "/a/b", 403),
        ([statement("Allow")], "/c", 403),
    ],
)
def test_policy_decides(statements, path, status):
    """A Deny goes before every Allow, and what no statement allows is denied."""
    assert SmallApi(decides=decision(*statements)).get(path).status == status


def test_empty_allow_is_a_switch():
    """An Allow without a resource was once seen to let everyone in."""
    switches = {"unverified": Unverified(empty_allow_lets_in=True)}

    assert SmallApi(decides=decision(statement("Allow")), simulator=switches).get().status == 200


def test_authorizer_is_asked(clock):
    """The authorizer gets the token and the method; the function gets the context as text."""
    context = {"outcome": "ok", "expires": 1767225600, "yes": True}
    api = SmallApi(decides=decision(ALLOW, context=context), simulator={"clock": clock})

    assert api.get("/a/x%2Fy?z=1", "Bearer t").status == 200
    assert api.authorizer.event == {
        "type": "TOKEN",
        "authorizationToken": "Bearer t",
        "methodArn": f"{STAGE_ARN}/GET/a/x%2Fy",
    }
    assert api.function.event["requestContext"]["authorizer"] == {
        "outcome": "ok",
        "expires": "1767225600",
        "yes": "true",
        "principalId": "web-shop",
        "integrationLatency": 0,
    }


def test_authorizer_is_not_asked():
    """Without a token, and for methods without an authorizer, nobody asks it."""
    api = SmallApi(decides=decision(ALLOW))

    assert [api.get(token=None).status, api.get(token="").status] == [401, 401]
    assert [api.get("/open").status, api.get("/").status] == [200, 403]
    assert api.get(verb="OPTIONS").status == 200
    assert api.authorizer.events == []


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (raising(Exception("Unauthorized")), 401),
        (raising(Exception("unauthorized")), 500),
        (lambda _: None, 500),
        ({**decision(ALLOW), "principalId": ""}, 500),
        ({"principalId": "p"}, 500),
        (decision(), 500),
        (decision({**ALLOW, "Effect": "allow"}), 500),
        (decision({**ALLOW, "Extra": 1}), 500),
        (decision({**ALLOW, "Resource": "a" * 513}), 500),
        (decision(ALLOW, context={"a": ["b"]}), 500),
        (decision(ALLOW, context={"a": None}), 500),
    ],
)
def test_unusable_decision(result, status):
    """An exception `Unauthorized` is a 401; everything else is a 500. Neither is cached."""
    api = SmallApi(decides=result)

    assert api.get().status == status
    assert api.function.events == []
    api.authorizer.result = decision(ALLOW)
    assert api.get().status == 200


@pytest.mark.parametrize(
    ("ttl_seconds", "later", "asked"),
    [(60, 59.9, 1), (60, 60, 2), (None, 299.9, 1), (None, 300, 2), (0, 0, 2)],
)
def test_cache(clock, ttl_seconds, later, asked):
    """A decision is cached for the authorizer's time, 300 s by default."""
    api = SmallApi(decides=decision(ALLOW), ttl_seconds=ttl_seconds, simulator={"clock": clock})
    api.get()
    clock.passes(later)
    api.get()

    assert len(api.authorizer.events) == asked


def test_cache_is_by_token():
    """The policy of a token's first request decides about all methods; denials are cached, too."""
    first = statement("Allow", f"{STAGE_ARN}/GET/a/b")
    policies = {"t": decision(first), "u": decision(statement("Deny", "*"))}
    api = SmallApi(decides=lambda event: policies[event["authorizationToken"]])

    assert [api.get(token=token).status for token in ("t", "u", "t", "u")] == [200, 403, 200, 403]
    assert api.get("/c").status == api.get(verb="POST").status == 403
    assert len(api.authorizer.events) == 2


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({"Auth": {}}, "Auth"),
        ({"paths": {"/{all+}": {"get": method()}}}, r"/\{all\+}"),
        ({"paths": {"/": {"get": method(type="http_proxy")}}}, "http_proxy"),
        ({"schemes": {"a": scheme(type="request")}}, "token"),
        ({"schemes": {"a": scheme(identityValidationExpression=".*")}}, "identityValidation"),
    ],
)
def test_unknown_parts_of_a_template(parts, names):
    """The simulator refuses what it does not model, by name."""
    written = template(**{"paths": {"/": {"get": method()}}, **parts})

    with pytest.raises(NotModelled, match=names):
        ApiGateway(written, {"APIHandler": FakeFunction(), "Authorize": FakeFunction()})
