"""Tokens as issuers make them, with the settings that docs/authentication.md has for them.

The claims are those of the issuers' own documentation, which the page names.
"""

import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.project.test_docs import DOCS, code, rows
from tests.support.gateway import JSON, build_gateway
from tests.support.problems import assert_problem
from tests.support.tokens import Key, jwks, scheme, token

PAGE = (DOCS / "authentication.md").read_text(encoding="utf-8")
COLUMNS = ("issuer", "audience", "audience_claim", "grants_claim", "grant_prefix")
ISSUERS = {
    re.sub(r"\[(.*?)\]\(.*?\)", r"\1", name): {
        f"jwt_{column}": code(cell) for column, cell in zip(COLUMNS, cells, strict=True) if cell
    }
    for name, *cells in rows(PAGE, "token")
}

NOW = int(time.time())
GATEWAY = "https://gateway.example.com"
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
APP = "00001111-aaaa-2222-bbbb-3333cccc4444"
CLIENT = "1h57kf5cpq17m0eml12EXAMPLE"
MODELS = ["model:iris", "model:house-price:*"]

JWT, NO_TYPE, ACCESS = {"typ": "JWT"}, {"typ": None}, {"typ": "at+jwt"}
TIMES = {"iat": NOW - 60, "exp": NOW + 3540}
COGNITO = {"sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "auth_time": NOW - 60, "jti": "d-1"}
AUTH0 = {"azp": "my_client_id", "scope": "openid profile"}
ENTRA = {"aio": "E2Zg", "oid": "11aa", "rh": "0.A", "sub": "22bb", "tid": TENANT, "uti": "u"}
V1 = {**ENTRA, "acr": "1", "amr": ["pwd"], "appid": "33cc", "appidacr": "0", "ver": "1.0"}
V2 = {**ENTRA, "azp": "33cc", "azpacr": "1", "ver": "2.0"}
KEYCLOAK = {
    "jti": "trrtcc:1",
    "typ": "Bearer",
    "sub": "f1c4f64e-2c0c-4cda-8c9f-9f3f8f3a2b0e",
    "azp": "web-shop",
    "aud": ["gateway", "account"],
    "scope": "profile email",
    "preferred_username": "ada",
}
GITHUB = {
    "jti": "g-1",
    "sub": "repo:octo-org/octo-repo:environment:prod",
    "environment": "prod",
    "ref": "refs/heads/main",
    "repository": "octo-org/octo-repo",
    "repository_owner": "octo-org",
    "repository_id": "456789",
    "repository_owner_id": "123456",
    "workflow": "example-workflow",
    "event_name": "push",
    "runner_environment": "github-hosted",
    "job_workflow_ref": "octo-org/octo-repo/.github/workflows/oidc.yml@refs/heads/main",
}
POD = {
    "jti": "k-1",
    "nbf": NOW - 60,
    "sub": "system:serviceaccount:shop:web",
    "kubernetes.io": {
        "namespace": "shop",
        "node": {"name": "ip-10-0-0-1", "uid": "n"},
        "pod": {"name": "web-0", "uid": "p"},
        "serviceaccount": {"name": "web", "uid": "s"},
        "warnafter": NOW + 3600,
    },
}

# For each row of the page: the header, the claims, and how many grants they give.
TOKENS = {
    "Amazon Cognito, access token": (
        NO_TYPE,
        {
            **COGNITO,
            "version": 2,
            "client_id": CLIENT,
            "token_use": "access",
            "scope": "openid gateway/iris gateway/house-price:* other/churn",
            "username": "zoe",
        },
        2,
    ),
    "Amazon Cognito, groups": (
        NO_TYPE,
        {
            **COGNITO,
            "cognito:groups": [*MODELS, "staff"],
            "client_id": CLIENT,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
        },
        2,
    ),
    "Amazon Cognito, ID token": (
        NO_TYPE,
        {
            **COGNITO,
            "aud": CLIENT,
            "cognito:groups": MODELS,
            "token_use": "id",
            "email": "zoe@example.com",
            "cognito:username": "zoe",
        },
        2,
    ),
    "Auth0, user": (
        JWT,
        {
            **AUTH0,
            "sub": "auth0|5a620d29a840170a9ef43672",
            "aud": [GATEWAY, "https://example.eu.auth0.com/userinfo"],
            "permissions": MODELS,
        },
        2,
    ),
    "Auth0, machine": (
        ACCESS,
        {
            "sub": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients",
            "aud": GATEWAY,
            "azp": "awZfdIir8YFdGZWkvCejDoUb7SjTDicx",
            "gty": "client-credentials",
            "scope": " ".join(MODELS),
        },
        2,
    ),
    "Auth0, claim of an Action": (
        JWT,
        {
            **AUTH0,
            "sub": "google-oauth2|103547991597142817347",
            "aud": [GATEWAY, "https://example.eu.auth0.com/userinfo"],
            f"{GATEWAY}/models": MODELS,
        },
        2,
    ),
    "Okta": (
        NO_TYPE,
        {
            "ver": 1,
            "jti": "AT.MNAoEQ_jbKqoinrQo1D0XKjMX28U5d7ZszBceot7-Ts",
            "aud": "api://default",
            "sub": "zoe@example.com",
            "cid": "0oa1gjh63g214q0Hq0g4",
            "uid": "00uid4BxXw6I6TV4m0g3",
            "scp": ["openid", *MODELS],
            "auth_time": NOW - 60,
        },
        2,
    ),
    "Microsoft Entra v1.0": (
        {"typ": "JWT", "x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg"},
        {
            **V1,
            "aud": f"api://{APP}",
            "nbf": NOW - 60,
            "roles": ["model:house-price:*"],
            "scp": "model:iris user_impersonation",
            "upn": "zoe@example.com",
        },
        2,
    ),
    "Microsoft Entra v2.0": (
        JWT,
        {**V2, "aud": APP, "nbf": NOW - 60, "scp": " ".join(MODELS), "name": "Zoë"},
        2,
    ),
    "Microsoft Entra v2.0, app-only": (
        JWT,
        {**V2, "aud": APP, "nbf": NOW - 60, "idtyp": "app", "roles": MODELS},
        2,
    ),
    "Keycloak, realm roles": (
        JWT,
        {
            **KEYCLOAK,
            "realm_access": {"roles": ["offline_access", *MODELS]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
        },
        2,
    ),
    "Keycloak, client roles": (
        ACCESS,
        {
            **KEYCLOAK,
            "realm_access": {"roles": ["offline_access"]},
            "resource_access": {
                "gateway": {"roles": MODELS},
                "account": {"roles": ["model:churn"]},
            },
        },
        2,
    ),
    "Ory Hydra": (
        JWT,
        {
            "aud": [GATEWAY],
            "client_id": "web-shop",
            "ext": {},
            "jti": "h-1",
            "nbf": NOW - 60,
            "scp": MODELS,
            "sub": "web-shop",
        },
        2,
    ),
    "Google, service account": (
        JWT,
        {
            "aud": "model:iris model:house-price:*",
            "azp": "107691503500061507151",
            "email": "web@shop-project.iam.gserviceaccount.com",
            "email_verified": True,
            "sub": "107691503500061507151",
        },
        2,
    ),
    "GitHub Actions": (
        {"typ": "JWT", "x5t": "example-thumbprint"},
        {**GITHUB, "aud": "model:iris model:house-price:*", "nbf": NOW - 60},
        2,
    ),
    "Kubernetes, by service account": (NO_TYPE, {**POD, "aud": MODELS}, 2),
    "Kubernetes, by namespace": (
        NO_TYPE,
        {
            **POD,
            "aud": [GATEWAY],
            "sub": "system:serviceaccount:models-iris:web",
            "kubernetes.io": {**POD["kubernetes.io"], "namespace": "models-iris"},
        },
        1,
    ),
}
issuers = pytest.mark.parametrize("name", TOKENS)


@pytest.fixture(name="key", scope="module")
def _key():
    return Key("1234example=", "RS256", rsa.generate_private_key(65537, 2048))


class Door:
    """A gateway with the settings of a row, and a caller with that issuer's key."""

    def __init__(self, name, key):
        self._key = key
        self.header, claims, self.grants = TOKENS[name]
        self.settings = ISSUERS[name]
        self.claims = {"iss": self.settings["jwt_issuer"], **TIMES, **claims}
        accepting = scheme(jwks(key.public()), **self.settings)
        self._gateway = build_gateway(schemes=[accepting])

    def send(self, method, path, **changes):
        claims = {**self.claims, **changes}
        text = token(self._key, self.header, {n: v for n, v in claims.items() if v is not None})
        headers = {**JSON, "Authorization": f"Bearer {text}"}
        return self._gateway.client.send(method, path, headers, b"{}")

    @property
    def line(self):
        """The last line of the authorizer."""
        return self._gateway.log.credentials[-1]


def test_rows():
    """Each row of the page is tested, and each tested token has a row."""
    assert list(ISSUERS) == list(TOKENS)


@issuers
def test_token(name, key):
    """The token calls the models that its grants name, and no others."""
    door = Door(name, key)

    assert door.send("POST", "/predict/iris").status == 200
    assert door.send("POST", "/predict/house-price/houston").status == (
        200 if door.grants == len(MODELS) else 404
    )
    assert_problem(door.send("POST", "/predict/churn"), 404, "unknown-model")
    line = door.line
    assert (line["outcome"], line["principal"]) == ("ok", door.claims["sub"])
    assert line["grants"] == door.grants
    assert "reason" not in line


@issuers
def test_other_audience(name, key):
    """A token of the same issuer for somebody else is refused."""
    door = Door(name, key)
    claim = door.settings.get("jwt_audience_claim", "aud")
    others = ("other", ["other"], [], None, [door.settings["jwt_audience"], 7])
    for other in others[:1] if claim == "sub" else others:  # a subject is always a text
        assert_problem(door.send("POST", "/predict/iris", **{claim: other}), 401, "unauthorized")
        assert (door.line["reason"], door.line["grants"]) == ("wrong-audience", 0)


@pytest.mark.parametrize(
    "name", ["Google, service account", "GitHub Actions", "Kubernetes, by service account"]
)
def test_token_for_another_service(name, key):
    """A listed caller's token for another service opens nothing: its `aud` has no grant."""
    door = Door(name, key)

    for audience in ("sts.amazonaws.com", ["https://vault.example.com"]):
        assert_problem(door.send("POST", "/predict/iris", aud=audience), 404, "unknown-model")
        assert (door.line["reason"], door.line["grants"]) == ("no-value-with-prefix", 0)


def test_stranger(key):
    """A stranger of a shared issuer is refused, whatever `aud` the stranger chose."""
    door = Door("GitHub Actions", key)
    changes = {"repository_id": "666", "repository": "octo-org/octo-repo", "aud": "model:*"}

    assert_problem(door.send("POST", "/predict/iris", **changes), 401, "unauthorized")
    assert_problem(door.send("POST", "/predict/iris", sub="x", **changes), 401, "unauthorized")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"permissions": None}, "no-grants-claim"),
        ({"permissions": []}, "no-value-with-prefix"),
        ({"permissions": ""}, "no-value-with-prefix"),
        ({"permissions": {"model:iris": True}}, "no-value-with-prefix"),
        ({"permissions": ["read:patients"]}, "no-value-with-prefix"),
        ({"permissions": ["model:Iris", "model:"]}, "no-valid-grant"),
        ({"permissions": [["model:iris"], 7, None]}, "no-value-with-prefix"),
    ],
    ids=str,
)
def test_no_grants(key, changes, reason):
    """A good token without grants opens no model, and the log says why; the caller is not told."""
    door = Door("Auth0, user", key)

    assert_problem(door.send("POST", "/predict/iris", **changes), 404, "unknown-model")
    assert {name: door.line[name] for name in ("outcome", "reason", "grants")} == {
        "outcome": "ok",
        "reason": reason,
        "grants": 0,
    }
    listed = door.send("GET", "/models", **changes)
    assert (listed.status, listed.json()["models"]) == (200, [])
