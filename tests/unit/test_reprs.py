"""No secret is in the repr of an object, because tracebacks and log lines contain reprs."""

import pytest

from chalicelib.api.wire import RequestContext
from chalicelib.auth.key_document import ApiKey
from chalicelib.auth.principal import Principal
from chalicelib.errors import ConfigurationError
from chalicelib.payload.admission import ClientRequest, InferenceRequest
from chalicelib.sagemaker.answers import InferenceResponse
from chalicelib.settings import Settings
from chalicelib.telemetry.request_record import RequestRecord
from tests.support.canary import CANARY

KEY = f"gw_k3yoft3s_{CANARY}{'x' * 32}"
BODY = CANARY.encode()
REQUEST = ClientRequest({"authorization": f"Bearer {KEY}", "cookie": CANARY}, BODY, 11)
AUTHORIZER = {"outcome": "ok", "principal": "p", "grants": CANARY, "expires": "", "key_id": ""}


@pytest.mark.parametrize(
    "value",
    [
        REQUEST,
        RequestContext(
            RequestRecord("id-1"),
            query={"token": CANARY},
            authorizer=AUTHORIZER,
            request=REQUEST,
        ),
        InferenceRequest(
            BODY, "text/csv", passed={"CustomAttributes": CANARY, "SessionId": CANARY}
        ),
        InferenceResponse(
            BODY,
            "text/csv",
            custom_attributes=CANARY,
            new_session_id=CANARY,
            closed_session_id=CANARY,
        ),
        ApiKey("k3yoft3s", BODY, "p", (), None, disabled=False),
        Principal(AUTHORIZER, now=0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_repr(value):
    """A repr has no body, header, query, grant or digest."""
    assert CANARY not in f"{value!r} {value}"


def test_key_as_a_setting():
    """A key that was set where the secret's name belongs is not repeated."""
    with pytest.raises(ConfigurationError, match="GATEWAY_KEYS_SECRET") as refused:
        Settings.from_env({"GATEWAY_KEYS_SECRET": f" {KEY}"})

    settings = Settings.from_env({"GATEWAY_KEYS_SECRET": KEY})
    assert CANARY not in f"{refused.value} {refused.value!r} {settings}"
