"""How each error of SageMaker, botocore and urllib3 becomes one of the gateway's errors."""

import http.client

import pytest
from botocore import exceptions as botocore_errors
from botocore.exceptions import ClientError
from botocore.session import Session
from urllib3 import exceptions as urllib3_errors

from chalicelib import errors
from chalicelib.sagemaker.upstream_errors import ERRORS, from_error_response, from_failed_call

CANARY = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/canary-7f3a"
URL = {"endpoint_url": f"https://{CANARY}"}


def error_response(code, status, message=CANARY, **members):
    """Return the error that boto3 raises for an error response of SageMaker."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **members,
    }
    return ClientError(response, "InvokeEndpoint")


def mapped(error, *, exposed=False, free_values=None):
    """Return our error; `free_values` are the caller's parts of the artifact's name."""
    return from_error_response(error, exposed=exposed, free_values=free_values or {})


def model_error(container_status, **members):
    arn = f"{CANARY}:log-group"
    return error_response(
        "ModelError", 424, OriginalStatusCode=container_status, LogStreamArn=arn, **members
    )


def closed(reason):
    """Return botocore's error for a connection without a readable response."""
    cause = urllib3_errors.ProtocolError("Connection aborted.", reason)
    return botocore_errors.ConnectionClosedError(error=cause, request=None, **URL)


def test_declared_errors():
    """Each error that botocore's model of InvokeEndpoint declares is in the table."""
    operation = Session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpoint")

    known = {*ERRORS, "ModelError", "ValidationError"}
    assert {shape.error_code for shape in operation.error_shapes} <= known


# SageMaker's code and status.
ERROR_RESPONSES = [
    ("ModelError", 424, errors.UpstreamInvalidResponse),  # without the container's status
    ("ModelNotReadyException", 429, errors.ModelNotReady),
    ("InternalFailure", 500, errors.UpstreamFailed),
    ("InternalDependencyException", 530, errors.UpstreamFailed),
    ("ServiceUnavailable", 503, errors.UpstreamUnreachable),
    ("ThrottlingException", 400, errors.UpstreamThrottled),
    ("ThrottlingException", 429, errors.UpstreamThrottled),
    ("AccessDeniedException", 403, errors.GatewayMisconfigured),
    ("ExpiredTokenException", 400, errors.GatewayMisconfigured),
    ("ExpiredToken", 400, errors.GatewayMisconfigured),
    ("UnrecognizedClientException", 400, errors.GatewayMisconfigured),
    ("InvalidSignatureException", 400, errors.GatewayMisconfigured),
    ("SomethingNew", 403, errors.GatewayMisconfigured),
    ("SomethingNew", 400, errors.UpstreamRejected),
    # botocore uses the status as the code of a response that has none.
    ("413", 413, errors.PayloadTooLarge),
    ("SomethingNew", 413, errors.PayloadTooLarge),
    ("ValidationError", 413, errors.PayloadTooLarge),
    ("429", 429, errors.UpstreamThrottled),
    ("500", 500, errors.UpstreamFailed),
    ("502", 502, errors.UpstreamFailed),
    ("503", 503, errors.UpstreamUnreachable),
    ("504", 504, errors.UpstreamFailed),
    ("530", 530, errors.UpstreamFailed),
    ("", 0, errors.UpstreamRejected),
]


@pytest.mark.parametrize("message", [CANARY, None])
@pytest.mark.parametrize(("code", "status", "expected"), ERROR_RESPONSES)
def test_error_response(code, status, expected, message):
    """SageMaker's code decides, or its status if the code is unknown; callers get no text of it."""
    error = mapped(error_response(code, status, message))

    assert type(error) is expected
    assert "canary" not in str(error.problem("id"))


def test_empty_error_response():
    """An error of boto3 without any member is a rejected call."""
    error = mapped(ClientError({}, "InvokeEndpoint"))

    assert type(error) is errors.UpstreamRejected


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param([0], errors.ModelTimedOut, id="timed-out"),
        pytest.param([400, 406, 413, 415, 422], errors.ModelRejectedInput, id="rejected"),
        pytest.param([429, 503, 507], errors.ModelOverloaded, id="overloaded"),
        pytest.param(
            [200, 301, 401, 403, 404, 409, 418, 500, 501, 502, 504, 599],
            errors.ModelFailed,
            id="failed",
        ),
    ],
)
def test_model_error(statuses, expected):
    """The container's status decides which error a ModelError becomes."""
    for status in statuses:
        error = mapped(model_error(status, OriginalMessage=CANARY))
        assert type(error) is expected, status
        assert "canary" not in str(error.problem("id"))
        if expected is errors.ModelRejectedInput:
            assert error.status == status


# The texts are SageMaker's, from public reports and its documentation.
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(
            "Endpoint churn of account 123456789012 not found.",
            errors.ModelUnavailable,
            id="no-endpoint",
        ),
        pytest.param(
            "Inference Component has no capacity to process this request. ApplicationAutoScaling"
            " may be in-progress (if configured) or try to increase the capacity by invoking"
            " UpdateInferenceComponentRuntimeConfig API.",
            errors.ModelUnavailable,
            id="no-capacity",
        ),
        pytest.param(
            "Endpoint churn is not a multi-model endpoint"
            " and does not support target model header.",
            errors.UpstreamRejected,
            id="not-multi-model",
        ),
        pytest.param(
            "Inference Component Name header is required for endpoints to which you plan to deploy"
            " inference components. Please include Inference Component Name header or consider"
            " using SageMaker models.",
            errors.UpstreamRejected,
            id="no-component-name",
        ),
        pytest.param("Request 1 has oversize body.", errors.PayloadTooLarge, id="oversize"),
        pytest.param("", errors.UpstreamRejected, id="empty"),
        pytest.param(None, errors.UpstreamRejected, id="null"),
    ],
)
def test_validation_error(message, expected):
    """The text of a ValidationError decides, and an unknown text means that the table is wrong."""
    error = mapped(error_response("ValidationError", 400, message))

    assert type(error) is expected


# The first two are SageMaker's texts for InvokeEndpoint, the third that for creating an endpoint.
NO_ARTIFACT = [
    "Failed to download model data(bucket: canary, key: canary/a.tar.gz). Please ensure that there",
    "Failed to download model data (bucket: canary, key: canary/a.tar.gz)",
    'Failed to download model data for container "canary" from URL: "s3://canary/a.tar.gz".',
]


@pytest.mark.parametrize("message", NO_ARTIFACT)
def test_no_artifact(message):
    """A missing artifact is the caller's mistake only if the caller chose a part of its name."""
    refused = error_response("ValidationError", 400, message)
    error = mapped(refused, free_values={"country": "at", "city": "x" * 63})

    assert type(error) is errors.NoSuchArtifact
    assert error.detail == f"This model has no artifact for country 'at' and city '{'x' * 63}'."
    assert "canary" not in f"{error.problem('id')}{error.reason}"
    assert type(mapped(refused)) is errors.UpstreamRejected


def test_no_endpoint_for_a_chosen_artifact():
    """An endpoint that is not there is nobody's choice, whoever chose the artifact."""
    refused = error_response("ValidationError", 400, f"Endpoint a of account {CANARY} not found.")

    assert type(mapped(refused, free_values={"city": "a"})) is errors.ModelUnavailable


SERVERLESS, STATED = "a serverless one takes at most 4,194,304", "this one takes at most 5,246,976"


@pytest.mark.parametrize(
    ("code", "status", "message", "limit"),
    [
        ("ValidationError", 400, "Request canary has oversize body.", SERVERLESS),
        ("413", 413, "HTTP content length exceeded 5246976 bytes.", STATED),
        ("413", 413, "HTTP content length exceeded 5246976 bytes. canary", SERVERLESS),
        ("413", 413, f"HTTP content length exceeded {'9' * 5000} bytes.", SERVERLESS),
        ("413", 413, f"HTTP content length exceeded {chr(0x665)} bytes.", SERVERLESS),
        ("413", 413, "Request Entity Too Large", SERVERLESS),
        ("413", 413, None, SERVERLESS),
    ],
)
def test_limit(code, status, message, limit):
    """The limit is the number that SageMaker states in its known form, or else our own constant."""
    problem = mapped(error_response(code, status, message)).problem("id")

    assert problem["detail"] == f"The body is too large for the model's endpoint; {limit} bytes."


@pytest.mark.parametrize("status", [400, 500, 507])
def test_model_message(status):
    """A caller gets the container's text, and no other text, if the table exposes it."""
    error = model_error(status, OriginalMessage="shape mismatch")

    exposed = mapped(error, exposed=True).problem("id")
    assert exposed["model_message"] == "shape mismatch"
    assert "canary" not in str(exposed)
    assert "model_message" not in mapped(error).problem("id")


def test_no_model_message():
    """A problem has no `model_message` if the container sent no text."""
    assert "model_message" not in mapped(model_error(500), exposed=True).problem("id")


FAILED_CALLS = [
    (botocore_errors.ReadTimeoutError(**URL), errors.UpstreamTimedOut),
    (urllib3_errors.ReadTimeoutError(None, "", "slow"), errors.UpstreamTimedOut),
    (closed(TimeoutError()), errors.UpstreamTimedOut),
    (closed(ConnectionResetError(104)), errors.UpstreamUnreachable),
    (closed(http.client.RemoteDisconnected("no answer")), errors.UpstreamUnreachable),
    (botocore_errors.ConnectTimeoutError(**URL), errors.UpstreamUnreachable),
    (
        botocore_errors.EndpointConnectionError(error="refused", **URL),
        errors.UpstreamUnreachable,
    ),
    (botocore_errors.SSLError(error="bad certificate", **URL), errors.UpstreamUnreachable),
    (botocore_errors.ProxyConnectionError(proxy_url=CANARY), errors.UpstreamUnreachable),
    (closed(http.client.BadStatusLine("SSH-2.0")), errors.UpstreamInvalidResponse),
    (closed(http.client.LineTooLong("header line")), errors.UpstreamInvalidResponse),
    (botocore_errors.HTTPClientError(error="odd"), errors.UpstreamInvalidResponse),
    (urllib3_errors.ProtocolError("broken"), errors.UpstreamTruncated),
    (urllib3_errors.IncompleteRead(3, 4), errors.UpstreamTruncated),
    (botocore_errors.NoCredentialsError(), errors.GatewayMisconfigured),
    (
        botocore_errors.PartialCredentialsError(provider="env", cred_var="secret"),
        errors.GatewayMisconfigured,
    ),
    (
        botocore_errors.CredentialRetrievalError(provider="p", error_msg=CANARY),
        errors.GatewayMisconfigured,
    ),
    (botocore_errors.UnauthorizedSSOTokenError(), errors.GatewayMisconfigured),
    (botocore_errors.ProfileNotFound(profile=CANARY), errors.GatewayMisconfigured),
    (botocore_errors.NoRegionError(), errors.GatewayMisconfigured),
    (botocore_errors.InvalidRegionError(region_name=CANARY), errors.GatewayMisconfigured),
]


@pytest.mark.parametrize(
    ("failure", "expected"), FAILED_CALLS, ids=lambda value: type(value).__name__
)
def test_failed_call(failure, expected):
    """A call without a response failed at the connection or at the gateway's own set-up."""
    error = from_failed_call(failure)

    assert type(error) is expected
    assert "canary" not in str(error.problem("id"))


@pytest.mark.parametrize(
    "bug", [botocore_errors.ParamValidationError(report=CANARY), ValueError(CANARY)]
)
def test_bug(bug):
    """A call that botocore refuses to send is a bug, and not an error of SageMaker."""
    assert from_failed_call(bug) is None
