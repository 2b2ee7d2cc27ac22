"""From what a function says, or a mock, to what the client gets."""

import base64

import pytest

from tests.api_gateway.hand_made import OK, method, raising, small
from tests.api_gateway.unverified import Unverified

MIB = 1024 * 1024


def encoded(body):
    """A result with this body as base64."""
    return {"statusCode": 200, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


@pytest.mark.parametrize(
    ("binary_types", "accept", "decoded"),
    [
        pytest.param((), "image/png", False, id="none"),
        pytest.param(("image/png",), "image/png", True, id="listed"),
        pytest.param(("image/png",), "image/png;q=0.5, */*", True, id="first"),
        pytest.param(("image/png",), "text/html, image/png", False, id="not-first"),
        pytest.param(("image/png",), "*/*", False, id="anything-is-not-listed"),
        pytest.param(("image/png",), None, False, id="no-accept"),
        pytest.param(("*/*",), "text/html, image/png", True, id="everything"),
        pytest.param(("*/*",), None, True, id="everything-without-accept"),
    ],
)
def test_base64_of_an_answer(binary_types, accept, decoded):
    """Decoded where the first type of Accept is binary; else the client gets base64."""
    api = small(encoded(b"\x89PNG"), binary_types=binary_types)

    reply = api.post(*([] if accept is None else [("Accept", accept)]))

    assert reply.body == (b"\x89PNG" if decoded else b"iVBORw==")


def test_text_of_an_answer():
    """What is not marked as base64 stays text, also where everything is binary."""
    assert small({**OK, "body": "é"}).post().body == "é".encode()


@pytest.mark.parametrize("body", ["%", "abc", "iVBORw", "aé=="])
def test_answer_that_is_not_base64(body):
    """500, if it says that it is."""
    assert small({"body": body, "isBase64Encoded": True}).post().status == 500


@pytest.mark.parametrize(
    ("result", "headers"),
    [
        pytest.param({"headers": {"X-A": "1"}}, [("X-A", "1")], id="single"),
        pytest.param({"headers": {"X-A": True}}, [("X-A", "true")], id="boolean"),
        pytest.param(
            {"multiValueHeaders": {"X-A": ["1", "2"]}}, [("X-A", "1"), ("X-A", "2")], id="many"
        ),
        pytest.param(
            {"headers": {"X-A": "1", "X-B": "3"}, "multiValueHeaders": {"X-A": ["1", "2"]}},
            [("X-A", "1"), ("X-A", "2"), ("X-B", "3")],
            id="both",
        ),
        pytest.param(
            {"headers": {"Server": "s", "WWW-Authenticate": "w", "Transfer-Encoding": "chunked"}},
            [("x-amzn-Remapped-Server", "s"), ("x-amzn-Remapped-WWW-Authenticate", "w")],
            id="remapped-or-dropped",
        ),
        pytest.param({"headers": None, "multiValueHeaders": None}, [], id="null"),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_headers_of_an_answer(result, headers):
    """Both forms in one, JSON where no type is given, and some under another name."""
    reply = small(result).post()

    assert reply.status == 200
    *given, content_type, request_id = reply.headers
    assert given == headers
    assert content_type == ("Content-Type", "application/json")
    assert request_id[0] == "x-amzn-RequestId"


@pytest.mark.parametrize(
    ("remapped", "names"),
    [
        (True, ["x-amzn-Remapped-Date", "x-amzn-Remapped-WWW-Authenticate"]),
        (False, ["x-amzn-Remapped-Date", "WWW-Authenticate"]),
    ],
)
def test_which_headers_are_remapped_is_not_certain(remapped, names):
    """Of some it is, of others the reports differ."""
    unverified = Unverified(more_headers_are_remapped=remapped)
    headers = {"Date": "d", "WWW-Authenticate": "w"}

    reply = small({"headers": headers}, more={"unverified": unverified}).post()

    assert [name for name, _ in reply.headers[:2]] == names


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(None, id="null"),
        pytest.param("ok", id="text"),
        pytest.param([], id="list"),
        pytest.param({**OK, "cookies": []}, id="unknown-member"),
        pytest.param({**OK, "statusCode": "fine"}, id="status"),
        pytest.param({**OK, "statusCode": 99}, id="status-out-of-range"),
        pytest.param({**OK, "headers": []}, id="headers"),
        pytest.param({**OK, "headers": {"X-A": 1}}, id="number-as-header"),
        pytest.param({**OK, "headers": {"X-A": ["1"]}}, id="list-as-header"),
        pytest.param({**OK, "multiValueHeaders": {"X-A": "1"}}, id="text-as-many"),
        pytest.param({**OK, "body": {}}, id="body"),
        pytest.param({**OK, "isBase64Encoded": "true"}, id="base64-as-text"),
        pytest.param({**OK, "body": b"ok"}, id="bytes"),
        pytest.param({**OK, "body": "a" * 6 * MIB}, id="too-large"),
        pytest.param(raising(ValueError("a secret")), id="raises"),
    ],
)
def test_function_without_a_usable_result(result):
    """502, which says nothing; the log says why."""
    api = small(lambda _: result) if not callable(result) else small(result)

    reply = api.post()

    assert (reply.status, reply.json()) == (502, {"message": "Internal server error"})
    assert len(api.api.log) == 1
    assert api.api.log[0].startswith("POST /a/b: INTEGRATION_FAILURE: ")


def test_failed_assertion_is_a_tests_own():
    """It is not hidden in a 502."""
    with pytest.raises(AssertionError):
        small(raising(AssertionError("a test's"))).post()


@pytest.mark.parametrize(
    ("integration", "timeout", "took", "status"),
    [
        pytest.param({}, 60, 28.9, 200, id="in-time"),
        pytest.param({}, 60, 29, 504, id="29-seconds"),
        pytest.param({}, 29, 29, 504, id="before-lambda-ends-it"),
        pytest.param({}, 10, 10, 502, id="ended-by-lambda"),
        pytest.param({"timeoutInMillis": 5_000}, 29, 5, 504, id="timeout-of-the-integration"),
    ],
)
def test_slow_function(clock, integration, timeout, took, status):
    """After 29 seconds, or what the integration has, 504; after the function's own time 502."""
    api = small(
        lambda _: clock.passes(took) or OK,
        paths={"/a/{b}": {"post": method(**integration)}},
        seconds={"APIHandler": timeout},
        more={"clock": clock},
    )

    assert api.post().status == status


def test_time_that_is_left(clock):
    """The function can ask for it."""
    api = small(seconds={"APIHandler": 29}, more={"clock": clock})
    api.post()
    (context,) = api.function.contexts

    clock.passes(4.5)

    assert context.get_remaining_time_in_millis() == 24_500
