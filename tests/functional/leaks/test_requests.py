"""Nothing of a request is in a log, a metric or a refusal."""

import traceback

import pytest

from chalicelib.api.authorizers import AuthorizerFailed
from tests.functional.leaks.scene import BODY, KEY
from tests.support.canary import CANARY
from tests.support.gateway import FakeRuntime, FakeScheme
from tests.support.problems import assert_problem


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        pytest.param("churn", BODY[1:], {}, 400, id="invalid-json"),
        pytest.param("churn", b"\xff" + BODY, {}, 400, id="bad-utf-8"),
        pytest.param("churn", BODY.replace(b'"name"', CANARY.encode()), {}, 400, id="bare-word"),
        pytest.param("churn", BODY, {"Accept": f"{CANARY}/x"}, 406, id="not-acceptable"),
        pytest.param("churn", BODY, {"Content-Type": CANARY}, 415, id="media-type"),
        pytest.param("churn", BODY, {"Content-Encoding": CANARY}, 415, id="content-encoding"),
        pytest.param("churn", BODY, {"X-Request-Timeout-Ms": CANARY}, 400, id="timeout"),
        pytest.param(
            "attributes",
            BODY,
            {"X-Amzn-SageMaker-Custom-Attributes": f"{CANARY}\t"},
            400,
            id="invalid-header",
        ),
        pytest.param("attributes", BODY * 300_000, {}, 413, id="too-large"),
        pytest.param("nothing", BODY, {}, 404, id="unknown-model"),
        pytest.param("house-price/paris", BODY, {}, 400, id="invalid-parameter"),
    ],
)
def test_refused(scene, assert_nothing_leaks, path, body, *, headers, status):
    """A refusal repeats nothing of a header or a body."""
    assert scene.post(path, body=body, **headers) == status
    assert_nothing_leaks()


def test_method_not_allowed(scene, assert_nothing_leaks):
    """A 405 repeats nothing of the request."""
    assert scene.send("PUT", "/predict/iris", body=BODY) == 405
    assert_nothing_leaks()


class NoTable:
    """A source that raises an unexpected exception."""

    def table(self):
        raise LookupError(CANARY)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"runtime": FakeRuntime(error=LookupError(CANARY))}, id="runtime"),
        pytest.param({"source": NoTable()}, id="source"),
    ],
)
def test_bug(scene, assert_nothing_leaks, parts):
    """The log has the class and the place of an unexpected exception, not its text."""
    scene.with_parts(**parts)

    assert scene.post() == 500
    assert '"exception":"LookupError"' in scene.log.text
    assert_nothing_leaks()


def test_bug_in_the_authorizer(scene, assert_nothing_leaks):
    """The exception that Lambda logs has no text of the request."""
    scene.with_parts(schemes=[FakeScheme({KEY: LookupError(KEY)})])

    with pytest.raises(AuthorizerFailed) as failed:
        scene.post()

    assert CANARY not in "".join(traceback.format_exception(failed.value))
    assert_nothing_leaks()


def test_bug_in_front_of_a_view(build_deployed, library_log, capfd):
    """An exception in a middleware is not logged with its text, as Chalice would."""

    def broken_clock():
        raise ValueError(CANARY)

    deployed = build_deployed(clock=broken_clock)

    assert_problem(deployed.get("/models"), 500, "internal")
    assert [line.get("exception") for line in deployed.log.lines] == ["ValueError", None]
    assert CANARY not in deployed.log.text + library_log.getvalue() + "".join(capfd.readouterr())


def test_no_table(scene, assert_nothing_leaks, tmp_path):
    """Without a table nothing leaks either."""
    scene.with_parts({"GATEWAY_ROUTING": f"file:{tmp_path}/nothing.yaml"})

    assert scene.post() == 503
    assert '"message":"routing table refused"' in scene.log.text
    assert_nothing_leaks()
