"""What a debugger, a traceback or a careless log line would show of a request: no secrets."""

import pytest

from chalicelib.api.wire import RequestContext
from chalicelib.auth.key_document import ApiKey
from chalicelib.auth.principal import Principal
from chalicelib.errors import ConfigurationError
from chalicelib.payload.admission import ClientRequest, InferenceRequest
from chalicelib.sagemaker.runtime import InferenceResponse
from chalicelib.settings import Settings
from chalicelib.telemetry.log import RequestRecord
from tests.support.canary import CANARY

KEY = f"gw_k3yoft3s_{CANARY}{'x' * 32}"
CALL = ClientRequest({"authorization": f"Bearer {KEY}", "cookie": CANARY}, CANARY.encode(), 11)
CONTEXT = {"outcome": "ok", "principal": "p", "grants": CANARY, "expires": "", "key_id": ""}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(CALL, id="call"),
        pytest.param(
            RequestContext(CALL, {"token": CANARY}, 28.0, RequestRecord("id-1")), id="exchange"
        ),
        pytest.param(
            InferenceRequest(
                CANARY.encode(),
                "text/csv",
                passed={"CustomAttributes": CANARY, "SessionId": CANARY},
            ),
            id="inference-request",
        ),
        pytest.param(
            InferenceResponse(
                CANARY.encode(),
                "text/csv",
                custom_attributes=CANARY,
                new_session_id=CANARY,
                closed_session_id=CANARY,
            ),
            id="inference-response",
        ),
        pytest.param(
            ApiKey("k3yoft3s", CANARY.encode(), "p", (), None, disabled=False), id="api-key"
        ),
        pytest.param(Principal(CONTEXT, now=0), id="principal"),
    ],
)
def test_repr(value):
    """No body, no header, no query, no digest."""
    assert CANARY not in f"{value!r} {value}"


def test_a_key_as_a_setting():
    """People put a key where a name belongs: it is not repeated, be it refused or taken."""
    with pytest.raises(ConfigurationError, match="GATEWAY_KEYS_SECRET") as refused:
        Settings.from_env({"GATEWAY_KEYS_SECRET": f" {KEY}"})

    taken = Settings.from_env({"GATEWAY_KEYS_SECRET": KEY})
    assert CANARY not in f"{refused.value} {refused.value!r} {taken}"
