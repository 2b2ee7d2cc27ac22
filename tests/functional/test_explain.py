"""`gatewayctl explain` predicts what the gateway does with a request."""

import json

import pytest

from chalicelib.auth.credentials import Identity
from tests.support.clients import TOKEN
from tests.support.command_line import gatewayctl
from tests.support.gateway import TABLE, FakeScheme

CALLS = [
    pytest.param("churn", "*", {}, id="single"),
    pytest.param("churn-green", "churn-green", {}, id="variant"),
    pytest.param("iris", "iris", {"accept": "text/html, text/*;q=0.1"}, id="accept"),
    pytest.param("iris", "iris", {"content_type": "text/csv; header=absent"}, id="content-type"),
    pytest.param("house-price/houston", "house-price/*", {}, id="parameter"),
    pytest.param("translate/de/en", "translate/de/*", {}, id="two-parameters"),
    pytest.param("sentiment", "*", {"timeout_ms": "2500"}, id="container"),
    pytest.param("wine-grade", "*", {"accept": "*/*"}, id="pipeline"),
    pytest.param("summary", "* summary", {}, id="component"),
    pytest.param("hasty", "*", {}, id="timeout"),
    pytest.param("irris", "*", {}, id="no-such-model"),
    pytest.param("house-price", "*", {}, id="no-parameter"),
    pytest.param("house-price/paris", "*", {}, id="no-such-value"),
    pytest.param("house-price/austin", "house-price/houston", {}, id="no-grant"),
    pytest.param("house-price/paris", "iris", {}, id="no-grant-and-no-such-value"),
    pytest.param("picture", "*", {"accept": "audio/mpeg"}, id="not-acceptable"),
    pytest.param("picture", "*", {"content_type": "audio/mpeg"}, id="not-supported"),
    pytest.param("picture", "*", {"accept": "audio/x", "content_type": "audio/x"}, id="both"),
    pytest.param("iris", "*", {"timeout_ms": "soon"}, id="no-time"),
]
HEADERS = {
    "accept": "Accept",
    "content_type": "Content-Type",
    "timeout_ms": "X-Request-Timeout-Ms",
}


@pytest.mark.parametrize(("path", "grants", "sent"), CALLS)
def test_same(build, tmp_path, path, grants, sent):
    """The refusal, or the arguments and the time of the call, are those of the gateway."""
    explained = explain(tmp_path, path, grants, sent)
    scheme = FakeScheme({TOKEN: Identity("tests", tuple(grants.split()), None)})
    house = build(scheme=scheme)
    headers = {"Content-Type": content_type(path), "Authorization": f"Bearer {TOKEN}"}
    answer = house.post(
        f"/predict/{path}",
        headers={**headers, **{HEADERS[name]: text for name, text in sent.items()}},
    )

    if explained["refusal"] is None:
        assert answer.status == 200
        call = house.call
        made = {**call.target, **call.request.invoke_args()}
        del made["Body"]
        assert explained["call"] == made
        assert call.seconds == pytest.approx(explained["deadline"]["seconds"], abs=1)
    else:
        problem = answer.json()
        assert house.runtime.calls == []
        assert explained["refusal"]["status"] == answer.status
        assert problem["type"].endswith(f":{explained['refusal']['slug']}")
        assert explained["refusal"]["detail"] == problem["detail"]


def content_type(path):
    """Return the type that explain assumes."""
    return "image/png" if path == "picture" else "application/json"


def explain(folder, path, grants, sent):
    (folder / "routing.yaml").write_text(TABLE)
    options = [f"--{name.replace('_', '-')}={text}" for name, text in sent.items()]
    arguments = ["explain", path, "--grants", grants, *options, "--format", "json"]
    code, out, _ = gatewayctl(*arguments, f"--table={folder / 'routing.yaml'}", project=folder)
    explained = json.loads(out)
    assert code == (explained["refusal"] is not None)
    return explained
