"""The settings: which values each variable may have, and how mistakes are reported."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chalicelib
from chalicelib.errors import ConfigurationError
from chalicelib.settings import SETTINGS, FileLocation, JobsLocation, S3Location, Settings

SHIPPED = Path(chalicelib.__file__).parent
JWT = {"GATEWAY_JWT_ISSUER": "https://issuer.example/", "GATEWAY_JWT_AUDIENCE": "gateway"}
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf"


def problems(**environ):
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(environ)
    return caught.value.lines


def test_defaults():
    """No variable has to be set."""
    assert Settings.from_env({}) == Settings(
        routing=FileLocation(SHIPPED / "routing.yaml"),
        routing_max_age=30,
        keys_secret="inference-gateway/keys",
        keys_max_age=60,
        jwt_issuer=None,
        jwt_audience=(),
        jwt_audience_claim="aud",
        jwt_jwks_url=None,
        jwt_algorithms=("RS256",),
        jwt_types=("JWT", "at+jwt"),
        jwt_grants_claim=("scope",),
        jwt_grant_prefix="model:",
        cors_origin=None,
        cors_headers=(),
        page=True,
        metrics_per_model=True,
        metrics_per_principal=False,
        jobs=None,
        jobs_queue=None,
        jobs_concurrency=10,
        lambda_handler="",
    )


def test_variables():
    """Each setting has one row and one field, and its variable has the field's name."""
    fields = [field.name for field in dataclasses.fields(Settings)]

    assert [setting.field for setting in SETTINGS] == fields
    assert [setting.variable for setting in SETTINGS] == [
        *(f"GATEWAY_{name.upper()}" for name in fields[:-1]),
        "_HANDLER",  # set by Lambda
    ]


def test_jobs():
    """Jobs have a bucket, a prefix and a queue; the bucket may have dots."""
    environ = {"GATEWAY_JOBS": "s3://acme.jobs/a/B_1.x-", "GATEWAY_JOBS_QUEUE": "jobs"}

    assert Settings.from_env(environ).jobs == JobsLocation("acme.jobs", "a/B_1.x-")
    (line,) = problems(GATEWAY_JOBS="s3://bucket/dev")
    assert line.startswith("GATEWAY_JOBS_QUEUE is not set; GATEWAY_JOBS needs it")


@pytest.mark.parametrize(
    ("table", "expires"),
    [
        ("s3://bucket/dev/routing.yaml", True),
        ("s3://bucket/dev/a/routing.yaml", True),
        ("s3://bucket/development/routing.yaml", False),
        ("s3://bucket/routing.yaml", False),
        ("s3://other/dev/routing.yaml", False),
    ],
)
def test_a_table_among_jobs(table, expires):
    """A table below the prefix of the jobs would be deleted with them."""
    environ = {
        "GATEWAY_ROUTING": table,
        "GATEWAY_JOBS": "s3://bucket/dev",
        "GATEWAY_JOBS_QUEUE": "jobs",
    }
    if expires:
        (line,) = problems(**environ)
        assert line.startswith("GATEWAY_JOBS holds the table of GATEWAY_ROUTING; name another")
    else:
        assert Settings.from_env(environ).jobs == JobsLocation("bucket", "dev")


def test_environment_is_read_at_the_call(monkeypatch):
    """The environment is read when the settings are made, and not at the import."""
    monkeypatch.setenv("GATEWAY_KEYS_MAX_AGE", "7")

    assert Settings.from_env().keys_max_age == 7


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("ROUTING", "file:routing-dev.yaml", FileLocation(SHIPPED / "routing-dev.yaml")),
        ("ROUTING", "file:/etc/gateway/a.yml", FileLocation(Path("/etc/gateway/a.yml"))),
        ("ROUTING", "s3://tables/prod/routing.yaml", S3Location("tables", "prod/routing.yaml")),
        ("ROUTING_MAX_AGE", "86400", 86_400),
        ("KEYS_SECRET", "", None),
        ("KEYS_SECRET", "team/gateway_keys-1+=.@", "team/gateway_keys-1+=.@"),
        ("KEYS_SECRET", SECRET_ARN, SECRET_ARN),
        ("KEYS_MAX_AGE", "1", 1),
        ("JWT_ISSUER", "https://a.example/pool?x=1", "https://a.example/pool?x=1"),
        ("JWT_ISSUER", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("JWT_ISSUER", "http://[::1]:8080/", "http://[::1]:8080/"),
        ("JWT_ISSUER", "http://localhost", "http://localhost"),
        ("JWT_ISSUER", "", None),
        ("JWT_AUDIENCE", "a, https://b.example", ("a", "https://b.example")),
        ("JWT_AUDIENCE_CLAIM", "client_id", "client_id"),
        ("JWT_AUDIENCE_CLAIM", "kubernetes.io.namespace", "kubernetes.io.namespace"),
        ("JWT_JWKS_URL", "https://a.example/keys", "https://a.example/keys"),
        ("JWT_ALGORITHMS", "ES256, EdDSA", ("ES256", "EdDSA")),
        ("JWT_TYPES", "at+jwt", ("at+jwt",)),
        ("JWT_GRANTS_CLAIM", "https://a.example/models", ("https://a.example/models",)),
        ("JWT_GRANTS_CLAIM", "scope, realm_access.roles", ("scope", "realm_access.roles")),
        ("JWT_GRANT_PREFIX", "", ""),
        ("CORS_ORIGIN", "*", "*"),
        ("CORS_ORIGIN", "http://localhost:5173", "http://localhost:5173"),
        ("CORS_ORIGIN", "https://app.example.com:8443", "https://app.example.com:8443"),
        ("CORS_ORIGIN", "http://127.0.0.1:443", "http://127.0.0.1:443"),
        ("CORS_ORIGIN", "", None),
        ("CORS_HEADERS", "", ()),
        ("CORS_HEADERS", "X-Tenant", ("X-Tenant",)),
        ("CORS_HEADERS", "X-Tenant, x-trace_id,a!b", ("X-Tenant", "x-trace_id", "a!b")),
        ("CORS_HEADERS", "Accept,accept", ("Accept", "accept")),
        ("METRICS_PER_MODEL", "off", False),
        ("METRICS_PER_PRINCIPAL", "on", True),
        ("JOBS", "", None),
        ("JOBS_QUEUE", "Jobs_of-dev", "Jobs_of-dev"),
        ("JOBS_CONCURRENCY", "1000", 1000),
    ],
)
def test_valid_value(variable, text, expected):
    """A valid value becomes the value of its field."""
    settings = Settings.from_env({**JWT, f"GATEWAY_{variable}": text})

    assert getattr(settings, variable.lower()) == expected


SECONDS = "a whole number of seconds from 1 to 86400"
URL = "a URL that starts with https:// (or http:// on loopback), or empty"
ONE_ORIGIN = "one origin such as https://app.example.com, or *, or empty for no CORS"
PRINTABLE = "1 to 256 printable ASCII characters without a space"
SEVERAL = "one or several, separated by commas, each "
CLAIM = f"the name of one claim: {PRINTABLE} or a comma; a dot leads to a member of the claim"


@pytest.mark.parametrize(
    ("variable", "rule", "texts"),
    [
        (
            "GATEWAY_ROUTING",
            "file:<path of a .yaml file> or s3://<bucket>/<key>",
            ["", "routing.yaml", "file:", "file:a.json", "s3://", "s3://b", "s3://B/k", "x:a.yaml"],
        ),
        (
            "GATEWAY_ROUTING_MAX_AGE",
            SECONDS,
            ["", "0", "-1", "1.5", "30s", "86401", "٣٠", "9" * 5000],
        ),
        ("GATEWAY_KEYS_MAX_AGE", SECONDS, ["soon"]),
        (
            "GATEWAY_JWT_ISSUER",
            URL,
            [
                "issuer.example",
                "http://issuer.example",
                "https://",
                "https://user:password@issuer.example",
                "https://issuer.example/#part",
                "https://issuer.example/ x",
                "https://issuer.example:99999/",
                "https://[::1",
                "http://localhost.example",
                "ftp://127.0.0.1",
            ],
        ),
        ("GATEWAY_JWT_JWKS_URL", URL, ["file:///etc/keys"]),
        (
            "GATEWAY_JWT_ISSUER",
            "one URL: the gateway takes the tokens of one issuer",
            ["https://a.example/,https://b.example/"],
        ),
        (
            "GATEWAY_JOBS",
            "s3://<bucket>/<prefix> with a prefix of A-Z a-z 0-9 . _ - and '/' between them, no "
            "part of which is . or .., or empty for no jobs",
            [
                *("bucket/dev", "s3://bucket", "s3://bucket/", "s3://bucket/dev/", "s3:///dev"),
                *("s3://bucket//dev", "s3://bucket/a//b", "s3://Bucket/dev", "s3://b/dev", " "),
                *("s3://bucket/a b", "s3://bucket/é", "s3://bucket/a?b", "s3://bucket/*"),
                *("s3://bucket/..", "s3://bucket/a/./b", "s3://bucket/../dev", "s3://bucket/dev\n"),
            ],
        ),
        (
            "GATEWAY_JOBS_QUEUE",
            "the name of an SQS standard queue, not its URL or ARN; or empty",
            ["jobs.fifo", "arn:aws:sqs:eu-west-1:123456789012:jobs", "https://a/jobs", "j" * 81],
        ),
        (
            "GATEWAY_JOBS_CONCURRENCY",
            "a whole number from 2 to 1000",
            ["", "0", "1", "1001", "-2", "2.0", "٣", "two"],
        ),
        (
            "GATEWAY_JWT_AUDIENCE",
            SEVERAL + PRINTABLE,
            ["two words", "é", "a\nb", "a,", ",a", "a,,b", ",", " ", "a," + "b" * 257],
        ),
        ("GATEWAY_JWT_AUDIENCE_CLAIM", CLAIM, ["", "aud,client_id", "a b", ".aud", "aud.", "a..b"]),
        ("GATEWAY_JWT_GRANTS_CLAIM", SEVERAL + CLAIM, ["", "scope,", "scope roles", "a..b,scope"]),
        (
            "GATEWAY_JWT_GRANT_PREFIX",
            "one prefix without a comma, or empty",
            ["model:,gateway/", ","],
        ),
        (
            "GATEWAY_JWT_ALGORITHMS",
            "a comma-separated list of asymmetric ones: RS256, RS384, RS512, PS256, PS384, "
            "PS512, ES256, ES384, ES512, EdDSA",
            ["", "HS256", "RS256,HS256", "none", "rs256", "RS256,"],
        ),
        ("GATEWAY_JWT_TYPES", SEVERAL + PRINTABLE, ["", "JWT,"]),
        (
            "GATEWAY_CORS_ORIGIN",
            ONE_ORIGIN,
            [
                "app.example.com",
                "https://a.example/",
                "null",
                "*.example.com",
                "https://A.example",
                "https://a.example:",
                "https://a.example:0443",
                "https://a.example:65536",
                "ftp://a.example",
                " ",
                "https://a.example ",
                "'",
            ],
        ),
        (
            "GATEWAY_CORS_ORIGIN",
            f"{ONE_ORIGIN}; not several, because API Gateway answers every preflight alike",
            [
                "https://a.example,https://b.example",
                "https://a.example, https://a.example",
                "https://a.example https://b.example",
                "https://a.example;https://b.example",
                "*, https://a.example",
            ],
        ),
        (
            "GATEWAY_CORS_ORIGIN",
            f"{ONE_ORIGIN}; without :443, which browsers leave out",
            ["https://a.example:443"],
        ),
        (
            "GATEWAY_CORS_ORIGIN",
            f"{ONE_ORIGIN}; without :80, which browsers leave out",
            ["http://localhost:80"],
        ),
        (
            "GATEWAY_CORS_HEADERS",
            "names of headers such as X-Tenant, separated by commas, with at most 2,048 "
            "characters, or empty; not *, which browsers read as a name if credentials are allowed",
            [
                "*",
                "X-Tenant, *",
                "X-*",
                "X-Tenant,",
                ",",
                " ",
                "X Tenant",
                "X-Tenant: a",
                "X-Tenant;X-Trace",
                "'X-Tenant'",
                "X-$tenant",
                "Zürich",
                "X-A\r\nX-B",
                "x" * 2049,
            ],
        ),
        ("GATEWAY_METRICS_PER_MODEL", "on or off", ["", "true", "ON", "0"]),
        ("GATEWAY_METRICS_PER_PRINCIPAL", "on or off", ["", "true", "ON", "0"]),
    ],
)
def test_invalid_value(variable, rule, texts):
    """The message about an invalid value names the variable, the value and the rule."""
    for text in texts:
        (line,) = problems(**{**JWT, variable: text})
        assert line.startswith((f"{variable} is '", f'{variable} is "')), text
        assert line.endswith((f"'; it must be {rule}", f'"; it must be {rule}')), text


def test_secret_as_a_setting():
    """A secret that was set where its name belongs is not repeated in the message."""
    (line,) = problems(GATEWAY_KEYS_SECRET='{"keys": {"abcdefgh": {"sha256": "5e88"}}}')

    assert line.startswith("GATEWAY_KEYS_SECRET must be the name or ARN of a secret, or empty")
    assert "5e88" not in line


def test_issuer_without_audience():
    """An issuer needs an audience, because its other tokens are for other services."""
    (line,) = problems(GATEWAY_JWT_ISSUER="https://issuer.example/")

    assert line.startswith("GATEWAY_JWT_AUDIENCE is not set; GATEWAY_JWT_ISSUER needs it: ")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("GATEWAY_ROUTE", "GATEWAY_ROUTING"),
        ("GATEWAY_ROUTING_MAXAGE", "GATEWAY_ROUTING_MAX_AGE"),
        ("GATEWAY_KEY_SECRET", "GATEWAY_KEYS_SECRET"),
        ("GATEWAY_JWT_ISSUER_URL", "GATEWAY_JWT_ISSUER"),
        ("GATEWAY_CORS", "GATEWAY_CORS_ORIGIN"),
        ("GATEWAY_CORS_ORIGINS", "GATEWAY_CORS_ORIGIN"),
        ("GATEWAY_METRICS", "GATEWAY_METRICS_PER_MODEL"),
        ("GATEWAY_jwt_issuer", "GATEWAY_JWT_ISSUER"),
    ],
)
def test_misspelt_variable(variable, meant):
    """A misspelt variable is an error that names the right one."""
    assert problems(**{variable: "x"}) == (f"{variable} is not a setting; did you mean {meant}?",)


@pytest.mark.parametrize("variable", ["GATEWAY_PORT", "GATEWAY_URL", "AWS_ENDPOINT_URL", "PATH"])
def test_other_variable(variable):
    """A variable that resembles no setting is ignored."""
    assert Settings.from_env({variable: "x"}) == Settings.from_env({})


def test_several_problems():
    """One error reports all mistakes."""
    lines = problems(
        GATEWAY_ROUTE="x",
        GATEWAY_ROUTING="x",
        GATEWAY_CORS_ORIGIN="x",
        GATEWAY_JWT_ISSUER="https://issuer.example",
    )

    assert [line.split(" ")[0] for line in lines] == [
        "GATEWAY_ROUTE",
        "GATEWAY_ROUTING",
        "GATEWAY_CORS_ORIGIN",
        "GATEWAY_JWT_AUDIENCE",
    ]


@given(st.dictionaries(st.sampled_from([row.variable for row in SETTINGS]), st.text(max_size=40)))
def test_any_environment(environ):
    """Any environment gives settings, or problems in printable lines."""
    try:
        assert isinstance(Settings.from_env(environ), Settings)
    except ConfigurationError as error:
        assert all(line.isprintable() for line in error.lines)
