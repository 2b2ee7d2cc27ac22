"""The settings: what each variable may be, and how mistakes are told."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chalicelib
from chalicelib.errors import ConfigurationError
from chalicelib.settings import SETTINGS, FileLocation, S3Location, Settings

SHIPPED = Path(chalicelib.__file__).parent
JWT = {"GATEWAY_JWT_ISSUER": "https://issuer.example/", "GATEWAY_JWT_AUDIENCE": "gateway"}


def problems(**environ):
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(environ)
    return caught.value.lines


def test_defaults():
    """Nothing has to be set."""
    assert Settings.from_env({}) == Settings(
        routing=FileLocation(SHIPPED / "routing.yaml"),
        routing_max_age=30,
        keys_secret="inference-gateway/keys",
        keys_max_age=60,
        jwt_issuer=None,
        jwt_audience=None,
        jwt_audience_claim="aud",
        jwt_jwks_url=None,
        jwt_algorithms=("RS256",),
        jwt_types=("JWT", "at+jwt"),
        jwt_grants_claim="scope",
        jwt_grant_prefix="model:",
        cors_origin=None,
        metrics_per_model=True,
        lambda_handler="",
    )


def test_one_row_for_each_setting():
    """A setting is a row and a field, and there are no others."""
    fields = [field.name for field in dataclasses.fields(Settings)]

    assert [setting.field for setting in SETTINGS] == fields
    assert [setting.variable for setting in SETTINGS] == [
        *(f"GATEWAY_{name.upper()}" for name in fields[:-1]),
        "_HANDLER",  # Lambda's own
    ]


def test_the_environment_is_read_when_asked(monkeypatch):
    """Settings follow the environment of the moment, not that of the import."""
    monkeypatch.setenv("GATEWAY_KEYS_MAX_AGE", "7")

    assert Settings.from_env().keys_max_age == 7


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("GATEWAY_ROUTING", "file:routing-dev.yaml", FileLocation(SHIPPED / "routing-dev.yaml")),
        ("GATEWAY_ROUTING", "file:/etc/gateway/a.yml", FileLocation(Path("/etc/gateway/a.yml"))),
        (
            "GATEWAY_ROUTING",
            "s3://tables/prod/routing.yaml",
            S3Location("tables", "prod/routing.yaml"),
        ),
        ("GATEWAY_ROUTING_MAX_AGE", "86400", 86_400),
        ("GATEWAY_KEYS_SECRET", "", None),
        ("GATEWAY_KEYS_SECRET", "team/gateway_keys-1+=.@", "team/gateway_keys-1+=.@"),
        (
            "GATEWAY_KEYS_SECRET",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf",
        ),
        ("GATEWAY_KEYS_MAX_AGE", "1", 1),
        ("GATEWAY_JWT_ISSUER", "https://a.example/pool?x=1", "https://a.example/pool?x=1"),
        ("GATEWAY_JWT_ISSUER", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("GATEWAY_JWT_ISSUER", "http://[::1]:8080/", "http://[::1]:8080/"),
        ("GATEWAY_JWT_ISSUER", "http://localhost", "http://localhost"),
        ("GATEWAY_JWT_ISSUER", "", None),
        ("GATEWAY_JWT_AUDIENCE_CLAIM", "client_id", "client_id"),
        ("GATEWAY_JWT_JWKS_URL", "https://a.example/keys", "https://a.example/keys"),
        ("GATEWAY_JWT_ALGORITHMS", "ES256, EdDSA", ("ES256", "EdDSA")),
        ("GATEWAY_JWT_TYPES", "at+jwt", ("at+jwt",)),
        ("GATEWAY_JWT_GRANTS_CLAIM", "https://a.example/models", "https://a.example/models"),
        ("GATEWAY_JWT_GRANT_PREFIX", "", ""),
        ("GATEWAY_CORS_ORIGIN", "*", "*"),
        ("GATEWAY_CORS_ORIGIN", "http://localhost:5173", "http://localhost:5173"),
        ("GATEWAY_CORS_ORIGIN", "", None),
        ("GATEWAY_METRICS_PER_MODEL", "off", False),
    ],
)
def test_what_can_be_set(variable, text, expected):
    """A good value arrives."""
    field = variable.removeprefix("GATEWAY_").lower()

    assert getattr(Settings.from_env({**JWT, variable: text}), field) == expected


@pytest.mark.parametrize(
    ("variable", "text", "rule"),
    [
        (variable, text, rule)
        for variable, rule, texts in [
            (
                "GATEWAY_ROUTING",
                "file:<path of a .yaml file> or s3://<bucket>/<key>",
                [
                    "",
                    "routing.yaml",
                    "file:",
                    "file:a.json",
                    "s3://",
                    "s3://b",
                    "s3://B/k",
                    "x:a.yaml",
                ],
            ),
            (
                "GATEWAY_ROUTING_MAX_AGE",
                "a whole number of seconds from 1 to 86400",
                ["", "0", "-1", "1.5", "30s", "86401", "٣٠", "9" * 5000],
            ),
            ("GATEWAY_KEYS_MAX_AGE", "a whole number of seconds from 1 to 86400", ["soon"]),
            (
                "GATEWAY_JWT_ISSUER",
                "a URL that starts with https:// (or http:// on loopback), or empty",
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
            (
                "GATEWAY_JWT_JWKS_URL",
                "a URL that starts with https:// (or http:// on loopback), or empty",
                ["file:///etc/keys"],
            ),
            (
                "GATEWAY_JWT_AUDIENCE",
                "1 to 256 printable ASCII characters without a space",
                ["two words", "é", "a\n"],
            ),
            (
                "GATEWAY_JWT_AUDIENCE_CLAIM",
                "1 to 256 printable ASCII characters without a space",
                [""],
            ),
            (
                "GATEWAY_JWT_ALGORITHMS",
                "a comma-separated list of asymmetric ones: RS256, RS384, RS512, PS256, PS384, "
                "PS512, ES256, ES384, ES512, EdDSA",
                ["", "HS256", "RS256,HS256", "none", "rs256", "RS256,"],
            ),
            (
                "GATEWAY_JWT_TYPES",
                "1 to 256 printable ASCII characters without a space",
                ["", "JWT,"],
            ),
            (
                "GATEWAY_CORS_ORIGIN",
                "one origin such as https://app.example.com, or *, or empty for no CORS",
                [
                    "app.example.com",
                    "https://a.example/",
                    "https://a.example,https://b.example",
                    "null",
                    "*.example.com",
                    "https://A.example",
                ],
            ),
            ("GATEWAY_METRICS_PER_MODEL", "on or off", ["", "true", "ON", "0"]),
        ]
        for text in texts
    ],
)
def test_what_cannot_be_set(variable, text, rule):
    """A bad value is told with its variable, itself and what it must be."""
    (line,) = problems(**{**JWT, variable: text})

    assert line.startswith(f"{variable} is '")
    assert line.endswith(f"'; it must be {rule}")


def test_a_secret_in_the_wrong_place():
    """Whoever puts the secret where its name belongs does not find it in a log."""
    (line,) = problems(GATEWAY_KEYS_SECRET='{"keys": {"abcdefgh": {"sha256": "5e88"}}}')

    assert line.startswith("GATEWAY_KEYS_SECRET must be the name or ARN of a secret, or empty")
    assert "5e88" not in line


def test_an_issuer_needs_an_audience():
    """Tokens that are made for somebody else are never taken."""
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
def test_misspelt(variable, meant):
    """A misspelt setting does not silently leave its default in place."""
    assert problems(**{variable: "x"}) == (f"{variable} is not a setting; did you mean {meant}?",)


@pytest.mark.parametrize("variable", ["GATEWAY_PORT", "GATEWAY_URL", "AWS_ENDPOINT_URL", "PATH"])
def test_somebody_elses(variable):
    """Variables that resemble none of ours are not our business."""
    assert Settings.from_env({variable: "x"}) == Settings.from_env({})


def test_all_problems_at_once():
    """Whoever mends one mistake does not find the next one a deploy later."""
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
    """Whatever the environment holds, it is settings or problems."""
    try:
        assert isinstance(Settings.from_env(environ), Settings)
    except ConfigurationError as error:
        assert all(line.isprintable() for line in error.lines)
