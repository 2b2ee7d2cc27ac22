"""Responses of STS to AssumeRole, and the environment of a program whose AWS is at one address."""

from datetime import UTC, datetime, timedelta

from tests.support.http_server import response

NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
XML = {"Content-Type": "text/xml"}


def assumed(key, *, seconds=3_600):
    """Return the response with credentials that expire after so many seconds."""
    expiration = datetime.now(UTC) + timedelta(seconds=seconds)
    return response(200, credentials(key, f"{expiration:%Y-%m-%dT%H:%M:%SZ}").encode(), XML)


def credentials(key, expiration):
    """Return the body of such a response."""
    return f"""<AssumeRoleResponse {NAMESPACE}><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
<SessionToken>token</SessionToken>
<Expiration>{expiration}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""


def denied(message):
    """Return the response to a caller who may not assume the role."""
    text = f"""<ErrorResponse {NAMESPACE}><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>{message}</Message></Error></ErrorResponse>"""
    return response(403, text.encode(), XML)


def set_environment(monkeypatch, url):
    """Set the variables with which boto3 calls an AWS at this URL, with the key OWNKEY."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OWNKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
