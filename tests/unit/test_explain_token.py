"""`gatewayctl explain --token`: what the gateway makes of a token, and why."""

import io
import json
import re
import sys

import pytest

from gatewayctl.command import Dependencies
from tests.support.canary import CANARY
from tests.support.command_line import gatewayctl
from tests.support.issuer_server import Issuer
from tests.support.tokens import ISSUER, claims, jwks, make_keys, refusal, scheme, seconds, token
from tests.unit.test_explain import DIGEST, TABLE

SETTINGS = {"GATEWAY_JWT_ISSUER": ISSUER, "GATEWAY_JWT_AUDIENCE": "gateway,other"}


@pytest.fixture(name="keys", scope="module")
def _keys():
    return make_keys()


@pytest.fixture(name="rsa")
def _rsa(keys):
    return keys["rsa"]


class Desk:
    """A project with a table and settings, and an issuer's key set in a file."""

    def __init__(self, folder, key):
        self.folder = folder
        (folder / "table.yaml").write_text(TABLE)
        (folder / "keys.json").write_bytes(jwks(key.public()))
        (folder / ".chalice").mkdir()
        self.configure({"stages": {"dev": {"environment_variables": SETTINGS}}})

    def configure(self, config):
        (self.folder / ".chalice" / "config.json").write_text(json.dumps(config))

    def explain(self, text, *arguments, jwks=True, **environ):
        file = self.folder / "token.txt"
        file.write_bytes(text if isinstance(text, bytes) else f"{text}\n".encode())
        offline = [f"--jwks={self.folder / 'keys.json'}"] if jwks else []
        return self.run(*arguments, f"--token={file}", *offline, **environ)

    def run(self, *arguments, **environ):
        outcome = gatewayctl(
            "explain",
            *arguments,
            f"--table={self.folder / 'table.yaml'}",
            project=self.folder,
            dependencies=Dependencies(no_aws),
            **environ,
        )
        return outcome._replace(out=outcome.out.replace(f"{self.folder}/", ""))

    def data(self, text, *arguments, **environ):
        outcome = self.explain(text, *arguments, "--format", "json", **environ)
        assert outcome.code == (outcome.data["refusal"] is not None)
        return outcome.data


def no_aws(service):
    raise AssertionError(f"{service} is not to be called")


@pytest.fixture(name="desk")
def _desk(tmp_path, rsa):
    return Desk(tmp_path, rsa)


class TestText:
    """The text."""

    def test_accepted(self, desk, rsa):
        """Each part of the token stands beside the settings, and each grant beside its models."""
        scopes = "openid model:churn model:house-price:* model:typo model:Bad"
        outcome = desk.explain(token(rsa, payload=claims(aud=["gateway", "x"], scope=scopes)))
        lines = outcome.out.splitlines()

        assert (outcome.code, outcome.err) == (0, "")
        assert [line for line in lines if not re.search(" (iat|exp) ", line)] == [
            "token",
            "  answer        accepted",
            "  settings      stage dev; algorithms 'RS256'; types 'JWT', 'at+jwt'",
            "                grants in 'scope', with the prefix 'model:'",
            "  header        alg 'RS256', typ 'at+jwt', kid 'rsa'",
            "  key           found in the key set",
            f"  issuer        '{ISSUER}', as GATEWAY_JWT_ISSUER",
            "  audience      'aud' is a list of 'gateway', 'x'; accepted: "
            "GATEWAY_JWT_AUDIENCE is 'gateway', 'other'",
            "  principal     'somebody'",
            "  grants        churn: covers churn",
            "                house-price/*: covers house-price/{city}",
            "                typo: covers no model of the table",
            "                ignored, because they are no grants: 'model:Bad'",
            f"  table         table.yaml, 5 models, {DIGEST[:12]} in GET /health",
        ]

    def test_refused(self, desk, rsa):
        """The first line has the reason of the log; the sections show every difference."""
        bad = claims(iss=f"{ISSUER}/", aud="somewhere", exp=seconds(-7_500))
        out = desk.explain(token(rsa, payload=bad)).out

        assert "  answer        401 unauthorized: expired\n" in out
        assert f"'{ISSUER}/', not '{ISSUER}', which is GATEWAY_JWT_ISSUER" in out
        assert "'aud' is 'somewhere'; refused" in out
        assert "Z, 2 hours ago\n" in out

    @pytest.mark.parametrize(
        ("scope", "reason", "line"),
        [
            (None, "no-grants-claim", "none: the token has no claim 'scope'"),
            ("openid", "no-value-with-prefix", "none: no value of 'scope' begins with 'model:'"),
            ("model:A", "no-valid-grant", "ignored, because they are no grants: 'model:A'"),
        ],
    )
    def test_no_grants(self, desk, rsa, scope, reason, line):
        """A good token without grants is a 404, and the reason is that of the log."""
        outcome = desk.explain(token(rsa, payload=claims(scope=scope)))

        assert outcome.code == 1
        assert f"  answer        404 unknown-model: {reason}\n" in outcome.out
        assert line in outcome.out


class TestSame:
    """The outcome is the gateway's."""

    @pytest.mark.parametrize(
        ("header", "payload"),
        [
            ({"kid": "another"}, {}),
            ({"kid": None}, {}),
            ({"alg": "none"}, {}),
            ({"typ": "JWE"}, {}),
            ({"crit": ["b64"], "b64": True}, {}),
            ({}, {"exp": seconds(-60)}),
            ({}, {"exp": "soon"}),
            ({}, {"exp": 1e300}),
            ({}, {"iat": True}),
            ({}, {"nbf": seconds(600)}),
            ({}, {"iss": "https://other.example"}),
            ({}, {"iss": ["x"]}),
            ({}, {"aud": None}),
            ({}, {"aud": []}),
            ({}, {"aud": ["gateway", 7]}),
            ({}, {"aud": {"gateway": 1}}),
            ({}, {"sub": None}),
            ({}, {"sub": "a\nb\x1b[31m"}),
            ({}, {"scope": [f"model:m{number}" for number in range(500)]}),
            ({}, {"scope": 7, "aud": [["gateway"] * 5] * 100}),
            ({"kid": "\ud800"}, {"sub": "\ud800"}),
        ],
        ids=str,
    )
    def test_reason(self, desk, rsa, header, payload):
        """The reason is the one that the gateway logs, and the text is printable."""
        text = token(rsa, header, claims(**payload))
        published = (desk.folder / "keys.json").read_bytes()
        tokens = scheme(published, jwt_audience="gateway,other")
        shown = desk.explain(text)

        if payload.get("scope") != 7:
            assert desk.data(text)["refusal"]["reason"] == refusal(tokens, text)
        assert shown.code == 1
        assert all(line.isprintable() for line in shown.out.splitlines())

    @pytest.mark.parametrize(
        "text",
        [
            "a",
            "a.b",
            "a.b.c",
            "a b c",
            "{}.{}.{}",
            "x" * 9_000,
            "x" * 200_000,
            b"\xff\xfe\x00",
            "W10.W10.x",
            "e30.e30.x",
            f"{'W1tb' * 600}.{'W1tb' * 600}.x",
        ],
        ids=lambda text: repr(text[:12]),
    )
    def test_no_token(self, desk, text):
        """What is no JWT is refused without repeating it."""
        outcome = desk.explain(text)

        assert outcome.code == 1
        assert "401 unauthorized: " in outcome.out
        assert len(outcome.out) < 900

    def test_without_an_issuer(self, desk, rsa):
        """Without an issuer in the settings every JWT is refused."""
        desk.configure({})
        explained = desk.data(token(rsa))

        assert explained["refusal"]["reason"] == "no-issuer"
        assert explained["settings"] == {"stage": "dev", "issuer": None}

    def test_data(self, desk, rsa):
        """The data has the values of the token as they are."""
        explained = desk.data(token(rsa, payload=claims(scope="model:house-price:austin")))

        assert explained["refusal"] is None
        assert explained["audience"] == {"claim": "aud", "found": "gateway", "accepted": True}
        assert explained["grants"] == {
            "grants": ["house-price/austin"],
            "ignored": [],
            "reason": None,
            "models": {"house-price/austin": ["house-price/{city}"]},
        }
        assert explained["key"] == {"found": True}
        assert explained["principal"] == "somebody"


class TestPath:
    """A path, with the token's caller."""

    @pytest.mark.parametrize(
        ("path", "changes", "status"),
        [
            ("churn", {"scope": "model:churn"}, None),
            ("churn", {"scope": "model:summary"}, 404),
            ("churn", {"scope": None}, 404),
            ("churn", {"aud": "x"}, 401),
            ("nothing", {"aud": "x"}, 401),
            ("nothing", {"scope": "model:*"}, 404),
        ],
    )
    def test_path(self, desk, rsa, path, changes, status):
        """The token is checked before the path, as in the gateway."""
        refused = desk.data(token(rsa, payload=claims(**changes)), path)["refusal"]

        assert (refused and refused["status"]) == status


class TestKeySet:
    """Where the keys come from."""

    @pytest.fixture(name="issuer")
    def _issuer(self, rsa):
        with Issuer() as web:
            web.key_set = jwks(rsa.public())
            yield web

    def ask(self, desk, issuer, text):
        return desk.explain(text, jwks=False, GATEWAY_JWT_ISSUER=issuer.url)

    def test_fetched(self, desk, rsa, issuer):
        """Without --jwks the key set is fetched; a variable of the command replaces the stage's."""
        outcome = self.ask(desk, issuer, token(rsa, payload=claims(iss=issuer.url)))

        assert (outcome.code, issuer.fetches) == (0, 1)
        assert "found in the key set" in outcome.out

    def test_not_fetched(self, desk, rsa, issuer):
        """A token that is refused for its header causes no fetch."""
        outcome = self.ask(desk, issuer, token(rsa, {"alg": "none"}))

        assert (outcome.code, issuer.fetches) == (1, 0)
        assert "key           not looked for" in outcome.out

    def test_not_reachable(self, desk, rsa, issuer):
        """An issuer that does not give its key set is exit code 3."""
        issuer.failure = "500"
        outcome = self.ask(desk, issuer, token(rsa))

        assert (outcome.code, outcome.out) == (3, "")
        assert "cannot be fetched (http-500)" in outcome.err

    @pytest.mark.parametrize(
        ("content", "err"),
        [
            (b"{", "--jwks: the key set is not a JSON object"),
            (b"{}", "--jwks: the key set has no list of keys"),
            (None, "the file of --jwks cannot be read (No such file or directory)"),
        ],
    )
    def test_bad_file(self, desk, rsa, content, err):
        """A file that is no key set is wrong use."""
        file = desk.folder / "keys.json"
        file.unlink() if content is None else file.write_bytes(content)

        assert desk.explain(token(rsa))[:2] == (2, "")
        assert err in desk.explain(token(rsa)).err


class TestUse:
    """The options."""

    def test_standard_input(self, desk, rsa, monkeypatch):
        """`-` is standard input; the word Bearer before the token is ignored."""
        typed = io.TextIOWrapper(io.BytesIO(f"Authorization: Bearer {token(rsa)}\n".encode()))
        monkeypatch.setattr(sys, "stdin", typed)

        outcome = desk.run("--token=-", f"--jwks={desk.folder / 'keys.json'}")
        assert "accepted" in outcome.out

    @pytest.mark.parametrize(
        ("arguments", "err"),
        [
            ([], "give a path, or a token with --token FILE"),
            (["--jwks=x"], "--jwks is for --token; give both"),
            (["--token=x", "--grants=a"], "each name a caller; give one of them"),
            (["--token=x", "--accept=a"], "are for a path; give one"),
            ([f"--token={CANARY}"], "cannot be read (No such file or directory)"),
            ([f"--token={CANARY * 1_000}"], "cannot be read (File name too long)"),
            ([f"--token={CANARY}\0"], "cannot be read (no file has such a name)"),
            (["--token=."], "cannot be read (Is a directory)"),
        ],
    )
    def test_wrong_use(self, desk, arguments, err):
        """The line says what is right, and does not repeat what may be a token."""
        outcome = desk.run(*arguments)

        assert (outcome.code, outcome.out) == (2, "")
        assert err in outcome.err
        assert CANARY not in outcome.err

    @pytest.mark.parametrize(
        ("text", "err"),
        [("gw_" + CANARY, "an API key and no JWT"), ("", "empty"), ("  \n", "empty")],
    )
    def test_no_jwt(self, desk, text, err):
        """An API key is not checked here, and not repeated."""
        outcome = desk.explain(text)

        assert (outcome.code, outcome.out) == (2, "")
        assert err in outcome.err
        assert CANARY not in outcome.err

    def test_bad_settings(self, desk, rsa):
        """Settings that the gateway refuses at its start are refused here too."""
        outcome = desk.explain(token(rsa), GATEWAY_JWT_AUDIENCE="a,", GATEWAY_JWT_GRANT_PREFIX=",")

        assert outcome.code == 2
        assert "GATEWAY_JWT_AUDIENCE is 'a,'; it must be " in outcome.err
        assert "GATEWAY_JWT_GRANT_PREFIX is ','; it must be " in outcome.err

    def test_table_in_s3(self, desk, rsa):
        """A table in S3 is not read; the token is explained without it."""
        (desk.folder / "token.txt").write_text(token(rsa))
        outcome = gatewayctl(
            "explain",
            f"--token={desk.folder / 'token.txt'}",
            f"--jwks={desk.folder / 'keys.json'}",
            project=desk.folder,
            GATEWAY_ROUTING="s3://tables/routing.yaml",
        )

        assert outcome.code == 0
        assert "grants        iris\n" in outcome.out
        assert "not read: GATEWAY_ROUTING is s3://tables/routing.yaml" in outcome.out

    @pytest.mark.parametrize("form", ["text", "json"])
    @pytest.mark.parametrize("changes", [{}, {"aud": "x"}, {"scope": None}])
    def test_secrecy(self, desk, rsa, form, changes):
        """Neither the token nor a part of it is printed as it is written."""
        text = token(rsa, payload=claims(**changes))
        outcome = desk.explain(text, "--format", form)

        assert not [part for part in text.split(".") if part in outcome.out + outcome.err]
