"""The environment and the files of AWS configure the gateway's client as they configure boto3."""

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from tests.support.http_server import StubServer
from tests.support.stock import BOTH, prepared, request_or_error, text_of

RUNTIME = "sagemaker-runtime"
KEYS = "aws_access_key_id = AKIDFILE\naws_secret_access_key = secret\n"
HERE = f"[default]\nregion = eu-west-1\n{KEYS}"
THERE = "[profile there]\nregion = cn-north-1\naws_access_key_id = AKIDTHERE\n" + (
    "aws_secret_access_key = secret\naws_session_token = token\n"
)
URLS = f"[default]\nregion = eu-west-1\nservices = local\n{KEYS}" + (
    "endpoint_url = https://all.example\n"
    "[services local]\nsagemaker_runtime =\n  endpoint_url = https://one.example\n"
)


class Setting(NamedTuple):
    """A configuration, and a text in the request or the error that shows its effect."""

    shows: str
    environment: dict[str, str] = {}  # noqa: RUF012 (nobody writes into it)
    config: str = HERE
    service: str = RUNTIME


SETTINGS = {
    "region": Setting(
        "runtime.sagemaker.us-west-2.amazonaws.com", {"AWS_DEFAULT_REGION": "us-west-2"}
    ),
    "region-in-the-file": Setting("/eu-west-1/sagemaker/"),
    "no-region": Setting("NoRegionError", config=f"[default]\n{KEYS}"),
    "bad-region": Setting("InvalidRegionError", {"AWS_DEFAULT_REGION": "a/b"}),
    "keys": Setting("AKIDENV", {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s"}),
    "half-of-the-keys": Setting("PartialCredentialsError", {"AWS_ACCESS_KEY_ID": "AKIDENV"}),
    "session-token": Setting(
        "'X-Amz-Security-Token': 'token'",
        {
            "AWS_ACCESS_KEY_ID": "AKIDENV",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_SESSION_TOKEN": "token",
        },
    ),
    "no-keys": Setting("NoCredentialsError", config="[default]\nregion = eu-west-1\n"),
    "profile": Setting("AKIDTHERE/…/cn-north-1", {"AWS_PROFILE": "there"}, HERE + THERE),
    "no-such-profile": Setting("ProfileNotFound", {"AWS_PROFILE": "nowhere"}),
    "url": Setting("https://all.example/endpoints/", {"AWS_ENDPOINT_URL": "https://all.example"}),
    "url-of-the-service": Setting(
        "https://one.example/endpoints/",
        {
            "AWS_ENDPOINT_URL": "https://all.example",
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "https://one.example",
        },
    ),
    "url-of-any-name": Setting(
        "https://sample/sample/endpoints/", {"AWS_ENDPOINT_URL": "https://sample/sample/"}
    ),
    "url-of-the-service-in-the-file": Setting("https://one.example/endpoints/", config=URLS),
    "url-in-the-file": Setting("https://all.example/", config=URLS, service="secretsmanager"),
    "url-of-s3": Setting(
        "https://one.example/tables/gateway",
        {"AWS_ENDPOINT_URL_S3": "https://one.example"},
        config=HERE + "s3 =\n  addressing_style = path\n",
        service="s3",
    ),
    "urls-ignored": Setting(
        "runtime.sagemaker.eu-west-1", {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, config=URLS
    ),
    "urls-ignored-in-the-file": Setting(
        "runtime.sagemaker.eu-west-1",
        {"AWS_ENDPOINT_URL": "https://all.example"},
        config=HERE + "ignore_configured_endpoint_urls = true\n",
    ),
    "fips": Setting("runtime-fips.", {"AWS_USE_FIPS_ENDPOINT": "true"}),
    "fips-in-the-file": Setting("runtime-fips.", config=HERE + "use_fips_endpoint = true\n"),
    "dual-stack": Setting("eu-west-1.api.aws", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}),
    "dual-stack-of-s3": Setting(
        "tables.s3.dualstack.eu-west-1",
        config=HERE + "use_dualstack_endpoint = true\n",
        service="s3",
    ),
    "path-style": Setting(
        "s3.eu-west-1.amazonaws.com/tables/",
        config=HERE + "s3 =\n  addressing_style = path\n",
        service="s3",
    ),
    "accelerated": Setting(
        "tables.s3-accelerate.amazonaws.com",
        config=HERE + "s3 =\n  use_accelerate_endpoint = true\n",
        service="s3",
    ),
    "s3-of-old": Setting(
        "https://tables.s3.amazonaws.com", {"AWS_DEFAULT_REGION": "us-east-1"}, service="s3"
    ),
    "s3-of-today": Setting(
        "https://tables.s3.us-east-1.amazonaws.com",
        {"AWS_DEFAULT_REGION": "us-east-1", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional"},
        service="s3",
    ),
    "sts-of-old": Setting(
        "https://sts.amazonaws.com",
        {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
        service="sts",
    ),
    "defaults-mode": Setting(
        "https://tables.s3.us-east-1.amazonaws.com",
        {"AWS_DEFAULT_REGION": "us-east-1", "AWS_DEFAULTS_MODE": "in-region"},
        service="s3",
    ),
    "checksums": Setting(
        "'x-amz-checksum-mode': 'ENABLED'",
        {"AWS_RESPONSE_CHECKSUM_VALIDATION": "when_supported"},
        service="s3",
    ),
}


@pytest.fixture
def configure(monkeypatch, tmp_path):
    """Return a function that writes the environment and the configuration file."""

    def write(environment, config):
        file = tmp_path / "config"
        file.write_text(config)
        for name, value in {"AWS_CONFIG_FILE": str(file), **environment}.items():
            monkeypatch.setenv(name, value)

    return write


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(configure, name):
    """Both clients make the same request, or fail with the same error."""
    shows, environment, config, service = SETTINGS[name]
    configure(environment, config)

    theirs, ours = (request_or_error(make, service) for make in BOTH)

    assert shows in str(theirs)
    assert ours == theirs


@pytest.mark.parametrize("make", BOTH)
def test_trace_of_lambda(configure, monkeypatch, make):
    """Each call has the trace of its invocation."""
    configure({"AWS_LAMBDA_FUNCTION_NAME": "gateway"}, HERE)
    client, traces = make(RUNTIME), []
    for trace in ("Root=1-5759e988;Sampled=1", "Root=1-5759e989;Sampled=0"):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
        traces.append(text_of(prepared(client), "X-Amzn-Trace-Id"))

    assert traces == ["Root=1-5759e988;Sampled=1", "Root=1-5759e989;Sampled=0"]


def keys_used(make):
    """Return the keys with which two calls of a new client are signed, and the session tokens."""
    client, used = make(RUNTIME), []
    for _ in range(2):
        request = prepared(client)
        _, _, credential = text_of(request, "Authorization").partition("Credential=")
        used.append((credential.split("/")[0], text_of(request, "X-Amz-Security-Token")))
    return used


def number(used):
    """Return the number of the keys, counted from 1."""
    key, token = used
    assert key.removeprefix("KEY-") == token.removeprefix("TOKEN-")
    return int(key.removeprefix("KEY-"))


def keys_for(minutes):
    keys = {"AccessKeyId": "KEY-@", "SecretAccessKey": "s"}
    if minutes is not None:
        end = datetime.now(UTC) + timedelta(minutes=minutes)
        keys["Expiration"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    return keys


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("minutes", [5, 60, None], ids=["soon-over", "for-an-hour", "for-ever"])
def test_keys_of_a_process(configure, tmp_path, make, minutes):
    """Keys that expire soon are fetched again before the next call; others are not."""
    count, answer, program = (tmp_path / name for name in ("count", "answer", "keys.sh"))
    answer.write_text(json.dumps({**keys_for(minutes), "Version": 1, "SessionToken": "TOKEN-@"}))
    program.write_text(f'echo >> {count}; sed "s/@/$(($(wc -l < {count})))/g" {answer}')
    configure({}, f"[default]\nregion = eu-west-1\ncredential_process = sh {program}\n")

    first, second = map(number, keys_used(make))

    assert second - first == (minutes == 5)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("minutes", [5, 60], ids=["soon-over", "for-an-hour"])
def test_keys_of_a_container(configure, make, minutes):
    """Keys of a container (ECS, Lambda SnapStart) are fetched again when they expire soon."""
    asked = []

    def script(connection):
        asked.append(1)
        answer = json.dumps({**keys_for(minutes), "Token": "TOKEN-@"})
        body = answer.replace("@", str(len(asked))).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with StubServer(script) as server:
        uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url}
        configure(uri, "[default]\nregion = eu-west-1\n")
        first, second = map(number, keys_used(make))

    assert second - first == (minutes == 5)


ROLE = "arn:aws:iam::123456789012:role/gateway"
BY_KEYS = f"[profile other]\n{KEYS}[default]\nsource_profile = other\n"
ROLES = {
    "for-an-hour": BY_KEYS,
    "for-a-quarter-of-an-hour": BY_KEYS + "duration_seconds = 900\n",
    "by-token": "[default]\nweb_identity_token_file = {token}\n",
}


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("role", ROLES)
def test_keys_of_a_role(configure, sagemaker_local, tmp_path, make, role):
    """Keys of a role come from AWS STS, and again in their last quarter of an hour."""
    token = tmp_path / "token"
    token.write_text("identity")
    config = f"{ROLES[role].format(token=token)}role_arn = {ROLE}\nregion = eu-west-1\n"
    configure({"AWS_ENDPOINT_URL_STS": sagemaker_local.url}, config)

    first, second = keys_used(make)

    assert all(key.startswith("ASIA") and token for key, token in (first, second))
    assert (first == second) == (role != "for-a-quarter-of-an-hour")
