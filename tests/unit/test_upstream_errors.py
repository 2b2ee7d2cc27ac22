"""SageMaker's errors, and boto3's, as ours."""

import http.client

import pytest
from botocore import exceptions as botocore_errors
from botocore.exceptions import ClientError
from botocore.session import Session
from urllib3 import exceptions as urllib3_errors

from chalicelib import errors
from chalicelib.sagemaker.upstream_errors import (
    ERRORS,
    READ_ERRORS,
    from_error_response,
    from_failed_call,
)

CANARY = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/canary-7f3a"
URL = {"endpoint_url": f"https://{CANARY}"}


def answer(code, status, message=CANARY, **members):
    """What boto3 makes of an error that SageMaker answers."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **members,
    }
    return ClientError(response, "InvokeEndpoint")


def model_error(original_status, **members):
    arn = f"{CANARY}:log-group"
    return answer(
        "ModelError", 424, OriginalStatusCode=original_status, LogStreamArn=arn, **members
    )


def closed(reason):
    """botocore's error for a connection that urllib3 could not read an answer from."""
    cause = urllib3_errors.ProtocolError("Connection aborted.", reason)
    return botocore_errors.ConnectionClosedError(error=cause, request=None, **URL)


def test_every_error_sagemaker_declares_is_mapped():
    """A new error shape in botocore fails here before it surprises production."""
    operation = Session().get_service_model("sagemaker-runtime").operation_model("InvokeEndpoint")

    assert {shape.error_code for shape in operation.error_shapes} <= {*ERRORS, *READ_ERRORS}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(model_error(0), errors.ModelTimedOut, id="container-silent"),
        pytest.param(answer("ModelError", 424), errors.ModelTimedOut, id="no-original-status"),
        *(
            pytest.param(model_error(status), errors.ModelRejectedInput, id=f"container-{status}")
            for status in (400, 406, 413, 415, 422)
        ),
        *(
            pytest.param(model_error(status), errors.ModelOverloaded, id=f"container-{status}")
            for status in (429, 503, 507)
        ),
        *(
            pytest.param(model_error(status), errors.ModelFailed, id=f"container-{status}")
            for status in (200, 301, 401, 403, 404, 409, 418, 500, 501, 502, 504, 599)
        ),
        pytest.param(
            answer("ModelNotReadyException", 429), errors.ModelNotReady, id="model-not-ready"
        ),
        pytest.param(answer("InternalFailure", 500), errors.UpstreamFailed, id="500"),
        pytest.param(answer("InternalDependencyException", 530), errors.UpstreamFailed, id="530"),
        pytest.param(answer("ServiceUnavailable", 503), errors.UpstreamUnreachable, id="503"),
        pytest.param(
            answer("ThrottlingException", 400, None), errors.UpstreamThrottled, id="throttled-400"
        ),
        pytest.param(
            answer("ThrottlingException", 429), errors.UpstreamThrottled, id="throttled-429"
        ),
        pytest.param(
            answer("AccessDeniedException", 403), errors.GatewayMisconfigured, id="access-denied"
        ),
        pytest.param(
            answer("ExpiredTokenException", 400), errors.GatewayMisconfigured, id="expired-400"
        ),
        pytest.param(answer("ExpiredToken", 400), errors.GatewayMisconfigured, id="expired-sts"),
        pytest.param(
            answer("UnrecognizedClientException", 400),
            errors.GatewayMisconfigured,
            id="unknown-credentials",
        ),
        pytest.param(
            answer("InvalidSignatureException", 400),
            errors.GatewayMisconfigured,
            id="bad-signature",
        ),
        pytest.param(answer("SomethingNew", 403), errors.GatewayMisconfigured, id="new-403"),
        pytest.param(answer("429", 429, None), errors.UpstreamThrottled, id="bare-429"),
        pytest.param(answer("500", 500, None), errors.UpstreamFailed, id="bare-500"),
        pytest.param(answer("502", 502, None), errors.UpstreamFailed, id="bare-502"),
        pytest.param(answer("503", 503, None), errors.UpstreamUnreachable, id="bare-503"),
        pytest.param(answer("504", 504, None), errors.UpstreamFailed, id="bare-504"),
        pytest.param(answer("530", 530, None), errors.UpstreamFailed, id="bare-530"),
        pytest.param(answer("SomethingNew", 400), errors.UpstreamRejected, id="new-400"),
        pytest.param(answer("413", 413, None), errors.UpstreamRejected, id="bare-413"),
        pytest.param(answer("", 0, None), errors.UpstreamRejected, id="nothing-known"),
        pytest.param(ClientError({}, "InvokeEndpoint"), errors.UpstreamRejected, id="empty"),
    ],
)
def test_answers(error, expected):
    """By code, by the container's status, or by the status alone; and nothing of it is told."""
    ours = from_error_response(error, exposed=False)

    assert type(ours) is expected
    assert ours.model_message is None
    assert "canary" not in str(ours.problem("id"))


# The texts are SageMaker's, as public reports and its documentation show them.
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
        pytest.param("Request 1 has oversize body.", errors.UpstreamRejected, id="oversize"),
        pytest.param("", errors.UpstreamRejected, id="empty"),
        pytest.param(None, errors.UpstreamRejected, id="null"),
    ],
)
def test_validation_error(message, expected):
    """SageMaker has one code for all of these; an unknown text means that the table is wrong."""
    assert (
        type(from_error_response(answer("ValidationError", 400, message), exposed=False))
        is expected
    )


@pytest.mark.parametrize("status", [400, 500, 507])
def test_models_own_words(status):
    """The container's words, and only those, for a model that opts in."""
    error = model_error(status, OriginalMessage="shape mismatch")

    exposed = from_error_response(error, exposed=True).problem("id")
    assert exposed["model_message"] == "shape mismatch"
    assert "canary" not in str(exposed)
    assert "model_message" not in from_error_response(error, exposed=False).problem("id")


def test_models_own_words_are_missing():
    """There is nothing to expose of a container that said nothing."""
    assert "model_message" not in from_error_response(model_error(500), exposed=True).problem("id")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            botocore_errors.ReadTimeoutError(**URL), errors.UpstreamTimedOut, id="read-timeout"
        ),
        pytest.param(
            botocore_errors.ConnectTimeoutError(**URL), errors.UpstreamUnreachable, id="connect"
        ),
        pytest.param(
            botocore_errors.EndpointConnectionError(error="refused", **URL),
            errors.UpstreamUnreachable,
            id="refused",
        ),
        pytest.param(
            botocore_errors.SSLError(error="bad certificate", **URL),
            errors.UpstreamUnreachable,
            id="tls",
        ),
        pytest.param(
            botocore_errors.ProxyConnectionError(proxy_url=CANARY),
            errors.UpstreamUnreachable,
            id="proxy",
        ),
        pytest.param(closed(ConnectionResetError(104)), errors.UpstreamUnreachable, id="reset"),
        pytest.param(
            closed(http.client.RemoteDisconnected("no answer")),
            errors.UpstreamUnreachable,
            id="closed",
        ),
        pytest.param(closed(TimeoutError()), errors.UpstreamTimedOut, id="sending-timed-out"),
        pytest.param(
            closed(http.client.BadStatusLine("SSH-2.0")), errors.UpstreamInvalidResponse, id="ssh"
        ),
        pytest.param(
            closed(http.client.LineTooLong("header line")),
            errors.UpstreamInvalidResponse,
            id="long-header",
        ),
        pytest.param(
            botocore_errors.HTTPClientError(error="odd"), errors.UpstreamInvalidResponse, id="odd"
        ),
        pytest.param(
            urllib3_errors.ReadTimeoutError(None, "", "slow"),
            errors.UpstreamTimedOut,
            id="body-hangs",
        ),
        pytest.param(
            urllib3_errors.ProtocolError("broken"), errors.UpstreamTruncated, id="body-breaks-off"
        ),
        pytest.param(
            urllib3_errors.IncompleteRead(3, 4), errors.UpstreamTruncated, id="body-ends-early"
        ),
        pytest.param(
            botocore_errors.NoCredentialsError(), errors.GatewayMisconfigured, id="no-credentials"
        ),
        pytest.param(
            botocore_errors.PartialCredentialsError(provider="env", cred_var="secret"),
            errors.GatewayMisconfigured,
            id="half-credentials",
        ),
        pytest.param(
            botocore_errors.CredentialRetrievalError(provider="p", error_msg=CANARY),
            errors.GatewayMisconfigured,
            id="lost-credentials",
        ),
        pytest.param(
            botocore_errors.UnauthorizedSSOTokenError(),
            errors.GatewayMisconfigured,
            id="sso",
        ),
        pytest.param(
            botocore_errors.ProfileNotFound(profile=CANARY),
            errors.GatewayMisconfigured,
            id="profile",
        ),
        pytest.param(botocore_errors.NoRegionError(), errors.GatewayMisconfigured, id="no-region"),
        pytest.param(
            botocore_errors.InvalidRegionError(region_name=CANARY),
            errors.GatewayMisconfigured,
            id="bad-region",
        ),
    ],
)
def test_silence(error, expected):
    """Without an answer it is the connection, or our own set-up; and nothing of it is told."""
    ours = from_failed_call(error)

    assert type(ours) is expected
    assert "canary" not in str(ours.problem("id"))


@pytest.mark.parametrize(
    "error", [botocore_errors.ParamValidationError(report=CANARY), ValueError(CANARY)]
)
def test_bug(error):
    """A call that botocore does not even send is our mistake."""
    assert from_failed_call(error) is None
