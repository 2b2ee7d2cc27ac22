"""`gatewayctl logs` joins the lines that a gateway and its authorizer really write."""

import pytest

from tests.support.clients import TOKEN, LambdaClient
from tests.support.command_line import gatewayctl
from tests.support.gateway import build_gateway


@pytest.mark.parametrize(
    ("path", "summary"),
    [
        ("churn", "200: POST /api/predict/churn"),
        ("chrun", "404 unknown-model (no-such-model): POST /api/predict/chrun"),
    ],
)
def test_log(tmp_path, path, summary):
    """From the id that the caller has to the credential's line, in one log with many requests."""
    gateway = build_gateway(LambdaClient)
    answers = [
        gateway.predict(model, authorization=f"Bearer {TOKEN}") for model in ("iris", path, "iris")
    ]
    log = tmp_path / "gateway.log"
    log.write_text(gateway.log.text)
    some_id = answers[1].headers["x-request-id"]

    outcome = gatewayctl("logs", some_id, "--log", str(log), project=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"request {some_id}: 2 lines in {log}: 6 lines\n" in outcome.out
    assert f"\n  {summary}\n" in outcome.out
    data = gatewayctl("logs", some_id, "--log", str(log), "--format", "json", project=tmp_path).data
    credential, request = data["lines"]
    assert credential["line"]["request_id"] == request["line"]["credential_request_id"]
