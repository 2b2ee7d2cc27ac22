"""`gatewayctl keys`: what people type, what they are shown, and what is kept."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom

import pytest

from chalicelib.auth.api_keys import ApiKeys
from chalicelib.auth.credentials import BadCredential, Identity
from chalicelib.auth.key_document import MAX_BYTES, parse
from chalicelib.aws.refreshed import Refreshed
from gatewayctl.keys.fresh_key import fresh_key
from gatewayctl.keys.outside import Outside
from tests.support.key_desk import HOUR, NOON, Desk, text_of

PROJECT = Path(__file__).parents[2]
DAY = 24 * HOUR
KEY = r"gw_[a-z0-9]{8}_[A-Za-z0-9_-]{43}\n"


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    client = sagemaker_local.client("secretsmanager")
    yield Desk(client, tmp_path)
    client.close()


def gateway(desk):
    """The gateway's own scheme, on what the secret says now."""
    return ApiKeys(
        Refreshed(lambda: parse(desk.text().encode()), max_age_seconds=60, cooldown_seconds=5),
        clock=lambda: desk.now,
    )


def lines(outcome):
    """What was refused: its reasons, one a line on stderr, and nothing on stdout."""
    assert (outcome.code, outcome.out) == (1, "")
    return [re.sub(r"^gatewayctl keys \w+: ", "", line) for line in outcome.err.splitlines()]


def entry(number, **changes):
    """What the document says about a key that nobody holds."""
    good = {
        "sha256": f"{number:064x}",
        "principal": f"somebody-{number:04}",
        "grants": ["house-price/*"],
        "expires": None,
        "disabled": False,
    }
    return {**good, **changes}


def entries(count, **changes):
    return {f"{number:08}": entry(number, **changes) for number in range(count)}


class TestIssue:
    """keys issue"""

    def test_key_alone_on_stdout(self, desk):
        """The key can be taken by a program; all that is said about it goes elsewhere."""
        outcome = desk.issue()

        assert outcome.code == 0
        assert re.fullmatch(KEY, outcome.out)
        assert outcome.key not in outcome.err
        assert outcome.err.startswith(f"key {outcome.key_id} of web-shop, without an end: churn\n")

    def test_only_its_digest_is_kept(self, desk):
        """The document is the one that the gateway reads, member for member."""
        outcome = desk.issue("--expires", "2031-01-02", grants="churn house-price/* churn")

        assert json.loads(desk.text()) == {
            "keys": {
                outcome.key_id: {
                    "sha256": hashlib.sha256(outcome.key.encode()).hexdigest(),
                    "principal": "web-shop",
                    "grants": ["churn", "house-price/*"],
                    "expires": "2031-01-02T23:59:59Z",
                    "disabled": False,
                }
            }
        }

    def test_gateway_takes_it(self, desk):
        """Whoever shows the key is who was named, with what was granted, until the end."""
        one = desk.issue(grants="*").key
        other = desk.issue("--expires", "2030-03-17T18:00:00Z", principal="batch").key
        scheme = gateway(desk)

        assert scheme.authenticate(one) == Identity("web-shop", ("*",), None, one[3:11])
        assert scheme.authenticate(other) == Identity(
            "batch", ("churn",), 1_900_000_800, other[3:11]
        )
        desk.now = 1_900_000_800
        with pytest.raises(BadCredential, match="expired"):
            scheme.authenticate(other)

    def test_256_bits_of_chance(self):
        """The secret is 32 bytes as they came, from the operating system unless told otherwise."""
        key = fresh_key(Random(1), ())
        same = Random(1)
        same.choices("ab", k=8)

        assert base64.urlsafe_b64decode(key.text.split("_", 2)[2] + "=") == same.randbytes(32)
        assert isinstance(Outside().random, SystemRandom)
        assert key.text not in repr(key)

    def test_id_of_its_own(self):
        """An id that is taken is not given again."""
        first = fresh_key(Random(1), ())
        second = fresh_key(Random(1), {first.key_id})

        assert first.key_id != second.key_id

    def test_json(self, desk):
        """The same as data, for other programs."""
        outcome = desk.issue("--format", "json")
        data = json.loads(outcome.out)

        assert re.fullmatch(KEY, data.pop("key") + "\n")
        assert list(desk.stored()) == [data.pop("id")]
        assert data == {
            "principal": "web-shop",
            "grants": ["churn"],
            "expires": None,
            "state": "active",
        }

    @pytest.mark.parametrize(
        ("text", "stored"),
        [
            ("2030-03-17", "2030-03-17T23:59:59Z"),
            ("2030-03-17T18:00:00Z", "2030-03-17T18:00:00Z"),
            ("2030-03-17T20:00:00+02:00", "2030-03-17T18:00:00Z"),
            ("2030-03-17T18:00:00.9Z", "2030-03-17T18:00:00Z"),
            ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"),
        ],
    )
    def test_end(self, desk, text, stored):
        """A day is good to its end in UTC; a time says its own zone."""
        outcome = desk.issue("--expires", text)

        assert desk.stored()[outcome.key_id]["expires"] == stored
        assert f"until {stored}" in outcome.err

    @pytest.mark.parametrize(
        "text",
        ["", "tomorrow", "2030-02-30", "2030-04-01 12:00", "2030-04-01T12:00:00", "١٩٠٠-01-01"],
    )
    def test_unreadable_end(self, desk, text):
        """What the gateway could not read is not written."""
        (line,) = lines(desk.issue("--expires", text))

        assert line.startswith(f"--expires is '{text}'; it must be a day such as 2027-06-30, to ")

    @pytest.mark.parametrize("text", ["2030-03-16", "2030-03-17T17:46:40Z", "1970-01-01"])
    def test_past_end(self, desk, text):
        """A key that is over before it begins is a mistake."""
        assert lines(desk.issue("--expires", text)) == [
            f"--expires is '{text}', which is past: it is 2030-03-17T17:46:40Z"
        ]

    @pytest.mark.parametrize("name", ["", "web shop", "-x", "ü", "a" * 64, "a\n", "a/b"])
    def test_bad_principal(self, desk, name):
        """A name that the gateway would refuse, and the document with it."""
        assert lines(desk.issue(f"--principal={name}")) == [
            "principal must be 1 to 63 of A-Z a-z 0-9 . _ @ + -, the first a letter or digit"
        ]

    @pytest.mark.parametrize(
        ("grant", "advice"),
        [
            ("chrun", "; did you mean churn?"),
            ("churn/*", "; did you mean churn?"),
            ("house-price", "; did you mean house-price/*?"),
            ("house-price/huston", "; did you mean house-price/houston?"),
            ("forecast/de", "; did you mean forecast/*/*?"),
            ("house-price/paris", ""),
            ("forecast/frr/rain", "; did you mean forecast/fr/rain?"),
            ("forecast/frr/UMBRELLAS", ""),
            ("*/paris", ""),
            ("something-else", ""),
        ],
    )
    def test_grant_that_leads_nowhere(self, desk, grant, advice):
        """No model could match it: a typing error, or a table that is not this one."""
        table = desk.project / "routing.yaml"

        assert lines(desk.issue(grants=grant)) == [
            f"no model of {table} could match the grant '{grant}'{advice}"
        ]

    @pytest.mark.parametrize(
        "grant", ["*", "*/*", "churn", "house-price/austin", "forecast/*/rain", "*/fr/*", "*/*/*"]
    )
    def test_grant_that_leads_somewhere(self, desk, grant):
        """Whatever some path to a model could match."""
        assert desk.issue(grants=grant).code == 0

    @pytest.mark.parametrize("grant", ["/predict/churn", "a/b/c/d", "Churn", "house-price/{city}"])
    def test_no_grant(self, desk, grant):
        """What is not a grant by its grammar."""
        (line,) = lines(desk.issue(grants=grant))

        assert line.startswith(f"'{grant}' is not a grant; a grant is a model's name and up to ")

    def test_all_reasons_at_once(self, desk):
        """Whoever gets it wrong three times hears it once, and AWS is not asked."""
        refused = lines(
            desk.issue("--expires", "1999-01-01", principal="?", grants="chrun nowhere")
        )

        assert [line.split(" ")[0] for line in refused] == ["principal", "no", "no", "--expires"]
        assert desk.listed() == {}

    def test_without_grants(self, desk):
        """No grant, no access; so no key."""
        assert lines(desk.issue(grants=" ")) == [
            "--grants is empty; a key without a grant can call nothing"
        ]

    def test_too_many_characters_of_grants(self, desk):
        """What an authorizer could not say to its gateway."""
        (desk.project / "routing.yaml").write_text(
            "version: 1\nmodels:\n  a/{b}/{c}:\n    kind: mme\n    endpoint: e\n"
            '    target_model: "{b}{c}"\n    parameters:\n'
            '      b: {pattern: "[a-z0-9]+"}\n      c: {pattern: "[a-z0-9]+"}\n'
        )
        grants = " ".join(f"a/{'b' * 50}/{number}" for number in range(80))

        (line,) = lines(desk.issue(grants=grants))

        assert line.startswith("grants must be a list of at most 4,096 characters in all")

    def test_bad_table(self, desk):
        """Against a table that cannot be read, no grant can be judged."""
        (desk.project / "routing.yaml").write_text("version: 2\n")
        (line, *_) = lines(desk.issue())

        assert line.startswith(f"{desk.project / 'routing.yaml'}:1: version: ")

    def test_refused_as_json(self, desk):
        """Reasons are data too, and stdout holds nothing that looks like a key."""
        outcome = desk.issue("--format", "json", grants="")

        assert (outcome.code, outcome.err) == (1, "")
        assert json.loads(outcome.out) == {
            "refused": ["--grants is empty; a key without a grant can call nothing"]
        }


class TestRoom:
    """The document has a limit: 64 KiB."""

    def fill(self, desk, **changes):
        """As many keys as there is room for."""
        one, two = (len(text_of(entries(count, **changes))) for count in (1, 2))
        count = (MAX_BYTES - one) // (two - one) + 1
        desk.put(entries(count, **changes))
        return count

    def test_full(self, desk):
        """One key too many is refused, and those that are there stay."""
        count = self.fill(desk)
        before = desk.text()
        (line,) = lines(desk.issue(principal="somebody-1234", grants="house-price/*"))

        assert count > 300
        assert re.fullmatch(
            rf"the document would have 6\d,\d\d\d bytes with {count + 1} usable keys in it, and it "
            r"may have 65,536; for more callers use JWT \(GATEWAY_JWT_ISSUER\)",
            line,
        )
        assert desk.text() == before
        assert len(parse(before.encode())) == count

    @pytest.mark.parametrize("dead", [{"disabled": True}, {"expires": "2030-03-17T17:46:40Z"}])
    def test_dead_keys_make_way(self, desk, dead):
        """Keys that nobody can use are dropped when their room is needed, not before."""
        self.fill(desk, **dead)
        outcomes = [desk.issue(), desk.issue(), desk.issue()]
        said = [outcome.err for outcome in outcomes if "dropped" in outcome.err]

        assert said
        assert said[0].endswith(" expired or disabled keys were dropped to make room\n")
        assert desk.stored().keys() == {outcome.key_id for outcome in outcomes}

    def test_dead_keys_stay_while_there_is_room(self, desk):
        """Until then they are listed."""
        desk.put(entries(2, disabled=True))
        outcome = desk.issue()

        assert "dropped" not in outcome.err
        assert len(desk.listed()) == 3


class TestList:
    """keys list"""

    def test_nothing(self, desk):
        """A secret that nobody has made yet holds no keys."""
        assert desk.run("list") == (0, "", f"{desk.secret}: 0 keys\n")
        assert desk.listed() == {}

    def test_table(self, desk):
        """By principal, with an end and a state, and never a digest."""
        one = desk.issue(principal="web-shop", grants="churn house-price/*")
        two = desk.issue("--expires", "2031-12-31", principal="batch")
        outcome = desk.run("list")

        assert outcome.code == 0
        assert outcome.out == (
            "id        principal  state   expires               grants\n"
            f"{two.key_id}  batch      active  2031-12-31T23:59:59Z  churn\n"
            f"{one.key_id}  web-shop   active  never                 churn house-price/*\n"
        )
        assert outcome.err == f"{desk.secret}: 2 keys\n"

    @pytest.mark.parametrize("output", ["text", "json"])
    def test_no_digest(self, desk, output):
        """Nobody needs one to look after keys."""
        key = desk.issue().key
        outcome = desk.run("list", "--format", output)

        assert key[3:11] in outcome.out
        assert hashlib.sha256(key.encode()).hexdigest() not in outcome.out

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({}, "active"),
            ({"expires": "2030-03-24T17:46:41Z"}, "active"),
            ({"expires": "2030-03-24T17:46:40Z"}, "expiring"),
            ({"expires": "2030-03-17T17:46:41Z"}, "expiring"),
            ({"expires": "2030-03-17T17:46:40Z"}, "expired"),
            ({"disabled": True}, "disabled"),
            ({"disabled": True, "expires": "2020-01-01T00:00:00Z"}, "disabled"),
        ],
    )
    def test_state(self, desk, changes, state):
        """A key is expiring in its last seven days."""
        desk.put({"abcd1234": entry(1, **changes)})

        assert desk.listed()["abcd1234"] == {
            "principal": "somebody-0001",
            "grants": ["house-price/*"],
            "expires": changes.get("expires"),
            "state": state,
        }


class TestDisable:
    """keys disable"""

    def test_gateway_refuses_it(self, desk):
        """A disabled key is not good any more; the others are."""
        one, two = desk.issue(), desk.issue()
        outcome = desk.run("disable", one.key_id)

        assert outcome == (
            0,
            "",
            f"key {one.key_id} of web-shop is disabled; "
            "gateways refuse it within 60 s + GATEWAY_KEYS_MAX_AGE\n",
        )
        with pytest.raises(BadCredential, match="disabled"):
            gateway(desk).authenticate(one.key)
        assert gateway(desk).authenticate(two.key).principal == "web-shop"

    def test_json(self, desk):
        """The key as it is now."""
        key_id = desk.issue().key_id
        data = json.loads(desk.run("disable", key_id, "--format", "json").out)

        assert data == {"id": key_id, **desk.listed()[key_id]}
        assert data["state"] == "disabled"

    def test_twice(self, desk):
        """Somebody else has done it, or it was meant for another key."""
        key_id = desk.issue().key_id
        desk.run("disable", key_id)

        assert lines(desk.run("disable", key_id)) == [f"the key {key_id} is disabled already"]

    @pytest.mark.parametrize("command", ["disable", "rotate"])
    def test_unknown(self, desk, command):
        """An id that nobody has."""
        desk.put({"abcd1234": entry(1)})

        assert lines(desk.run(command, "abcd1243")) == [
            "there is no key abcd1243; did you mean abcd1234?"
        ]
        assert lines(desk.run(command, "zzzzzzzz")) == ["there is no key zzzzzzzz; see keys list"]

    @pytest.mark.parametrize("command", ["disable", "rotate"])
    def test_key_in_the_place_of_its_id(self, desk, command):
        """It is not repeated: somebody else may read what is printed."""
        outcome = desk.issue()
        (line,) = lines(desk.run(command, outcome.key))

        assert line.startswith("that is a key and not its id, which is the 8 characters after gw_")
        assert outcome.key[12:] not in line
        assert lines(desk.run(command, outcome.key[12:])) == [
            "that is not the id of a key, which is 8 of a-z 0-9; see keys list"
        ]


class TestRotate:
    """keys rotate"""

    def test_successor(self, desk):
        """The new key is for the same caller, and the old one is good for another day."""
        old = desk.issue("--expires", "2031-12-31", grants="churn house-price/*")
        new = desk.run("rotate", old.key_id)
        listed = desk.listed()

        assert new.code == 0
        assert re.fullmatch(KEY, new.out)
        assert new.key_id != old.key_id
        assert {**listed[old.key_id], "expires": None, "state": None} == {
            **listed[new.key_id],
            "expires": None,
            "state": None,
        }
        assert listed[new.key_id]["expires"] == "2031-12-31T23:59:59Z"
        assert listed[old.key_id]["expires"] == "2030-03-18T17:46:40Z"
        assert f"key {old.key_id} is good until 2030-03-18T17:46:40Z\n" in new.err

    def test_gateway_takes_both_for_a_while(self, desk):
        """Nobody is locked out while the new key is handed round; then the old one ends."""
        old = desk.issue().key
        new = desk.run("rotate", old[3:11], "--grace", "2h").key
        scheme = gateway(desk)

        desk.now = NOON + 2 * HOUR - 1
        assert {scheme.authenticate(key).principal for key in (old, new)} == {"web-shop"}
        desk.now += 1
        assert scheme.authenticate(new).principal == "web-shop"
        with pytest.raises(BadCredential, match="expired"):
            scheme.authenticate(old)

    @pytest.mark.parametrize(
        ("grace", "seconds"), [("0", 0), ("0m", 0), ("30m", 1800), ("24h", DAY), ("7d", 7 * DAY)]
    )
    def test_grace(self, desk, grace, seconds):
        """How long the old key stays good; 0 ends it at once."""
        old = desk.issue()
        desk.run("rotate", old.key_id, "--grace", grace)

        expires = parse(desk.text().encode())[old.key_id].expires
        assert expires == NOON + seconds

    @pytest.mark.parametrize("grace", ["", "1", "h", "-1h", "1w", "1.5h", "24 h", "99999d", "٣h"])
    def test_bad_grace(self, desk, grace):
        """A period that cannot be read is not guessed at."""
        assert lines(desk.run("rotate", "abcd1234", f"--grace={grace}")) == [
            f"--grace is '{grace}'; it must be like 30m, 24h, 7d, or 0 for none"
        ]

    def test_earlier_end_stays(self, desk):
        """A rotation never makes a key live longer."""
        old = desk.issue("--expires", "2030-03-17T18:00:00Z")
        desk.run("rotate", old.key_id, "--grace", "7d")

        assert desk.stored()[old.key_id]["expires"] == "2030-03-17T18:00:00Z"

    @pytest.mark.parametrize(
        ("changes", "state"),
        [({"disabled": True}, "disabled"), ({"expires": "2030-03-17T17:46:40Z"}, "expired")],
    )
    def test_dead_key(self, desk, changes, state):
        """A successor would be as dead, or would bring back what was ended."""
        desk.put({"abcd1234": entry(1, **changes)})

        assert lines(desk.run("rotate", "abcd1234")) == [
            f"the key abcd1234 is {state}; issue a new one"
        ]

    def test_json(self, desk):
        """The new key with what it may do, and the old one as it is now."""
        old = desk.issue()
        data = json.loads(desk.run("rotate", old.key_id, "--format", "json").out)
        listed = desk.listed()

        replaced = data.pop("replaces")
        assert replaced == {"id": old.key_id, **listed[old.key_id]}
        assert replaced["state"] == "expiring"
        assert re.fullmatch(KEY, data.pop("key") + "\n")
        assert data == {"id": data["id"], **listed[data["id"]]}


class TestDocumentation:
    """docs/keys.md"""

    def test_examples(self, desk):
        """What is shown there is what one sees."""
        documented = (PROJECT / "docs" / "keys.md").read_text("utf-8")
        desk.now = int(datetime(2026, 11, 22, 10, 30, tzinfo=UTC).timestamp())
        old = desk.issue("--expires", "2027-06-30", grants="churn house-price/*")
        new = desk.run("rotate", old.key_id)
        listed = desk.run("list")
        disabled = desk.run("disable", old.key_id)

        for text in (old.err, new.err, disabled.err, listed.out):
            renamed = text.replace(old.key_id, "x7k2m9qa").replace(new.key_id, "m3c8v0tz")
            for line in renamed.replace("churn", "iris").splitlines():
                assert f"\n{line}\n" in documented


class TestWhichSecret:
    """--secret, else GATEWAY_KEYS_SECRET, else the stage's config.json, else the default."""

    def config(self, desk, stages, **environment_variables):
        said = {"stages": stages, "environment_variables": environment_variables}
        (desk.project / ".chalice").mkdir()
        (desk.project / ".chalice" / "config.json").write_text(json.dumps(said))

    def test_order(self, desk):
        """The nearest one wins."""
        variable = {"GATEWAY_KEYS_SECRET": "keys/variable"}
        stage = {"environment_variables": {"GATEWAY_KEYS_SECRET": "keys/stage"}}
        self.config(desk, {"dev": stage}, GATEWAY_KEYS_SECRET="keys/app")

        assert desk.run("list", **variable).err == f"{desk.secret}: 0 keys\n"
        assert desk.run_elsewhere("list", **variable).err == "keys/variable: 0 keys\n"
        assert desk.run_elsewhere("list").err == "keys/stage: 0 keys\n"
        assert desk.run_elsewhere("list", "--stage", "prod").err == "keys/app: 0 keys\n"

    def test_default(self, desk):
        """The name that the gateway has when nobody gives it another."""
        assert desk.run_elsewhere("list").err.startswith("inference-gateway/keys: ")

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("", "is empty: no API keys. To manage some, name a secret: --secret"),
            ("se cret", "must be the name or ARN of a secret, or empty for no API keys"),
        ],
    )
    def test_no_secret(self, desk, text, rule):
        """Wherever it was found; it is not repeated, for it may be a secret by mistake."""
        self.config(desk, {"dev": {"environment_variables": {"GATEWAY_KEYS_SECRET": text}}})
        name = "GATEWAY_KEYS_SECRET"

        def refused(where):
            return 2, "", f"gatewayctl keys list: {where} {rule}\n"

        assert desk.run_elsewhere("list", "--secret", text) == refused("--secret")
        assert desk.run_elsewhere("list", **{name: text}) == refused(name)
        assert desk.run_elsewhere("list") == refused(f"{name} of stage dev in .chalice/config.json")

    def test_broken_config(self, desk):
        """A config.json that cannot be read is not passed over."""
        (desk.project / ".chalice").mkdir()
        (desk.project / ".chalice" / "config.json").write_text("{")
        outcome = desk.run_elsewhere("list")

        assert outcome.code == 2
        assert outcome.err.endswith("; mend it, or name a secret with --secret\n")


class TestAsPeopleTypeIt:
    """python -m gatewayctl keys"""

    def test_demo(self, sagemaker_local):
        """The key of `make run`: AWS_ENDPOINT_URL is all that tells a stand-in from AWS."""
        outcome = self.type_in(
            ["issue", "--principal", "demo", "--grants", "*", "--secret", "demo/keys"],
            AWS_ENDPOINT_URL=sagemaker_local.url,
            AWS_ACCESS_KEY_ID="local",
            AWS_SECRET_ACCESS_KEY="local",
            AWS_DEFAULT_REGION="us-east-1",
        )

        assert outcome.returncode == 0, outcome.stderr
        assert re.fullmatch(KEY, outcome.stdout)
        assert "of demo, without an end: *" in outcome.stderr

    @pytest.mark.parametrize(
        "arguments",
        [[], ["issue"], ["issue", "--principal", "p"], ["disable"], ["--format", "json", "list"]],
        ids=str,
    )
    def test_wrong_use(self, desk, arguments):
        """The command line itself: 2, and how it is meant."""
        outcome = self.type_in(arguments)

        assert (outcome.returncode, outcome.stdout) == (2, "")
        assert outcome.stderr.startswith("usage: gatewayctl keys")

    def type_in(self, arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "gatewayctl", "keys", *arguments],
            cwd=PROJECT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
