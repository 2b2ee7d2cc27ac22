"""`gatewayctl keys`: what users type, what is printed, and what is stored."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random, SystemRandom

import pytest

from chalicelib.auth.api_keys import ApiKeys
from chalicelib.auth.credentials import BadCredential, Identity
from chalicelib.auth.key_document import MAX_BYTES, parse
from chalicelib.aws.refreshed import Refreshed
from gatewayctl.api_keys import new_key
from gatewayctl.command import Dependencies
from gatewayctl.commands.keys import NO_SECRET
from tests.support.key_desk import HOUR, NOON, Desk, text_of

PROJECT = Path(__file__).parents[2]
DAY = 24 * HOUR
GRANTS = [f"house-price/{'x' * 20}{number}" for number in range(30)]
KEY = r"gw_[a-z0-9]{8}_[A-Za-z0-9_-]{43}\n"


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    client = sagemaker_local.client("secretsmanager")
    yield Desk(client, tmp_path)
    client.close()


def gateway(desk):
    """Return the gateway's own check of API keys, which reads the desk's secret."""
    return ApiKeys(
        Refreshed(lambda: parse(desk.text().encode()), max_age_seconds=60, cooldown_seconds=5),
        clock=lambda: desk.now,
    )


def lines(outcome):
    """Return the reasons of a refusal: one per line on stderr, and nothing on stdout."""
    assert (outcome.code, outcome.out) == (1, "")
    return [re.sub(r"^gatewayctl keys \w+: ", "", line) for line in outcome.err.splitlines()]


def entry(number, **changes):
    """Return an entry of the key document for a key that does not exist."""
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
    """`gatewayctl keys issue`."""

    def test_key_alone_on_stdout(self, desk):
        """The key alone goes to stdout, so that a program can read it; stderr does not have it."""
        outcome = desk.issue()

        assert outcome.code == 0
        assert re.fullmatch(KEY, outcome.out)
        assert outcome.key not in outcome.err
        assert outcome.err.startswith(f"key {outcome.key_id} of web-shop, without expiry: churn\n")

    def test_only_its_digest_is_kept(self, desk):
        """The document stores the digest of the key, and never the key."""
        outcome = desk.issue("--expires", "2031-01-02", grants="churn house-price/* churn")

        assert json.loads(desk.text()) == {
            "keys": {
                outcome.key_id: {
                    "sha256": hashlib.sha256(outcome.key.encode()).hexdigest(),
                    "principal": "web-shop",
                    "grants": ["churn", "house-price/*"],
                    "expires": "2031-01-02T23:59:59Z",
                    "disabled": False,
                    "created": "2030-03-17T17:46:40Z",
                }
            }
        }

    def test_gateway_accepts_it(self, desk):
        """The gateway accepts the key for its principal and grants, until it expires."""
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

    def test_random(self):
        """The secret is 32 random bytes of the operating system; the id is a new one."""
        key = new_key(Random(1), ())
        same = Random(1)
        same.choices("ab", k=8)

        assert base64.urlsafe_b64decode(key.text.split("_", 2)[2] + "=") == same.randbytes(32)
        assert isinstance(Dependencies().random, SystemRandom)
        assert key.text not in repr(key)
        assert new_key(Random(1), {key.key_id}).key_id != key.key_id

    def test_json(self, desk):
        """`--format json` prints the key and its data."""
        outcome = desk.issue("--format", "json")
        data = json.loads(outcome.out)

        assert re.fullmatch(KEY, data.pop("key") + "\n")
        assert list(desk.stored()) == [data.pop("id")]
        assert data == {
            "principal": "web-shop",
            "grants": ["churn"],
            "created": "2030-03-17T17:46:40Z",
            "expires": None,
            "state": "active",
            "comment": None,
            "secret": desk.secret,
        }

    @pytest.mark.parametrize(
        ("text", "stored"),
        [
            ("2030-03-17", "2030-03-17T23:59:59Z"),
            ("2030-03-17T18:00:00Z", "2030-03-17T18:00:00Z"),
            ("2030-03-17T20:00:00+02:00", "2030-03-17T18:00:00Z"),
            ("2030-03-17T18:00:00.9Z", "2030-03-17T18:00:00Z"),
            ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"),
            ("20m", "2030-03-17T18:06:40Z"),
            ("12h", "2030-03-18T05:46:40Z"),
            ("30d", "2030-04-16T17:46:40Z"),
        ],
    )
    def test_end(self, desk, text, stored):
        """A period starts now; a day ends at midnight UTC; a time has its own time zone."""
        outcome = desk.issue("--expires", text)

        assert desk.stored()[outcome.key_id]["expires"] == stored
        assert f"until {stored}" in outcome.err

    @pytest.mark.parametrize(
        ("option", "values", "reason"),
        [
            (
                "--expires",
                [
                    "",
                    "tomorrow",
                    "2030-02-30",
                    "2030-04-01 12:00",
                    "2030-04-01T12:00:00",
                    "١٩٠٠-01-01",
                    "30",
                    "2w",
                    "-1d",
                    "Never",
                ],
                "--expires is '{}'; it must be a period from now such as 12h or 30d, a day such as",
            ),
            (
                "--expires",
                ["0", "0d", "2030-03-16", "2030-03-17T17:46:40Z", "1970-01-01"],
                "--expires is '{}', which is in the past; it is now 2030-03-17T17:46:40Z",
            ),
            (
                "--principal",
                ["", "web shop", "-x", "ü", "a" * 64, "a\n", "a/b"],
                "principal must be 1 to 63 of A-Z a-z 0-9 . _ @ + -, the first a letter or digit",
            ),
            (
                "--grants",
                ["/predict/churn", "a/b/c/d", "Churn", "house-price/{city}"],
                "'{}' is not a grant; a grant is a model's name and up to ",
            ),
            ("--grants", [" "], "--grants is empty; a key without a grant can call nothing"),
            ("--comment", ["a\nb", "x" * 81], "comment must be 1 to 80 printable characters"),
        ],
        ids=["no-time", "past", "principal", "no-grant", "no-grants", "comment"],
    )
    def test_refused(self, desk, option, values, reason):
        """An end, principal or grant that the gateway would refuse is refused, with the rule."""
        for value in values:
            (line,) = lines(desk.issue(f"{option}={value}"))
            assert line.startswith(reason.format(value))

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
    def test_grant_without_a_model(self, desk, grant, advice):
        """A grant that covers no model is refused, with the grant that was probably meant."""
        table = desk.project / "routing.yaml"

        assert lines(desk.issue(grants=grant)) == [
            f"no model of {table} could match the grant '{grant}'{advice}"
        ]

    def test_all_reasons(self, desk):
        """All reasons are printed at once, before AWS is called."""
        refused = lines(
            desk.issue("--expires", "1999-01-01", principal="?", grants="chrun nowhere")
        )

        assert [line.split(" ")[0] for line in refused] == ["principal", "no", "no", "--expires"]
        assert desk.listed() == {}

    def test_too_many_characters_of_grants(self, desk):
        """Grants that do not fit into the authorizer's response are refused."""
        (desk.project / "routing.yaml").write_text(
            "version: 1\nmodels:\n  a/{b}/{c}:\n    kind: mme\n    endpoint: e\n"
            '    target_model: "{b}{c}"\n    parameters:\n'
            '      b: {pattern: "[a-z0-9]+"}\n      c: {pattern: "[a-z0-9]+"}\n'
        )
        grants = " ".join(f"a/{'b' * 50}/{number}" for number in range(80))

        (line,) = lines(desk.issue(grants=grants))

        assert line.startswith("grants must be a list of at most 4,096 characters in all")

    def test_bad_table(self, desk):
        """If the table is invalid, its findings are the reasons."""
        (desk.project / "routing.yaml").write_text("version: 2\n")
        (line, *_) = lines(desk.issue())

        assert line.startswith(f"{desk.project / 'routing.yaml'}:1: version: ")

    def test_comment(self, desk):
        """A comment is stored, and printed in quotes; an empty one is none."""
        noted, plain = desk.issue("--comment", "it's for page 7"), desk.issue("--comment", "")

        assert desk.stored()[noted.key_id]["comment"] == "it's for page 7"
        assert noted.err.startswith(
            f"key {noted.key_id} of web-shop, without expiry: churn, 'it's for page 7'\n"
        )
        assert "comment" not in desk.stored()[plain.key_id]

    def test_never(self, desk):
        """`never` is the same as no --expires."""
        key_id = desk.issue("--expires", "never").key_id
        assert desk.stored()[key_id]["expires"] is None

    def test_refused_as_json(self, desk):
        """`--format json` has the reasons as data on stdout."""
        outcome = desk.issue("--format", "json", grants="")

        assert (outcome.code, outcome.err) == (1, "")
        assert json.loads(outcome.out) == {
            "refused": ["--grants is empty; a key without a grant can call nothing"]
        }


class TestRoom:
    """The key document has at most 64 KiB."""

    def fill(self, desk, **changes):
        """Fill the document with keys, and return their number."""
        one, two = (len(text_of(entries(count, **changes))) for count in (1, 2))
        count = (MAX_BYTES - one) // (two - one) + 1
        desk.put(entries(count, **changes))
        return count

    def test_full(self, desk):
        """A key that does not fit is refused, and the document stays as it is."""
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

    def test_comments_count(self, desk):
        """If comments take room, the refusal says how much, and how to remove one."""
        count = self.fill(desk, comment="x" * 80)
        (line,) = lines(desk.issue("--comment", "y" * 80, grants="house-price/*"))

        taken = (count + 1) * len(',"comment":""' + "y" * 80)
        assert f"; comments take {taken:,} of them, and keys update ID --comment '' removes" in line
        assert line.endswith("; for more callers use JWT (GATEWAY_JWT_ISSUER)")

    @pytest.mark.parametrize("ended", [{"disabled": True}, {"expires": "2030-03-17T17:46:40Z"}])
    def test_ended_keys_are_dropped(self, desk, ended):
        """Expired and disabled keys are dropped when their room is needed."""
        self.fill(desk, **ended)
        outcomes = [desk.issue(), desk.issue(), desk.issue()]
        notes = [outcome.err for outcome in outcomes if "dropped" in outcome.err]

        assert notes
        assert notes[0].endswith(" expired or disabled keys were dropped to make room\n")
        assert desk.stored().keys() == {outcome.key_id for outcome in outcomes}

    def test_ended_keys_stay(self, desk):
        """Expired and disabled keys stay as long as there is room."""
        desk.put(entries(2, disabled=True))
        outcome = desk.issue()

        assert "dropped" not in outcome.err
        assert len(desk.listed()) == 3


class TestList:
    """`gatewayctl keys list`."""

    def test_nothing(self, desk):
        """Without a secret there are no keys, and no gateway can check one."""
        assert desk.run("list") == (0, "", f"{desk.secret}: 0 keys\n{NO_SECRET}\n")
        desk.put({})
        assert desk.run("list") == (0, "", f"{desk.secret}: 0 keys\n")
        assert desk.listed() == {}

    def test_table(self, desk):
        """Keys are listed by principal, each with its comment below, and without digests."""
        desk.put({"00000000": entry(1)})
        one = desk.issue(principal="web-shop", grants="churn house-price/*")
        two = desk.issue("--expires", "2031-12-31", "--comment", "page 7", principal="batch")
        outcome = desk.run("list")

        assert outcome.code == 0
        assert outcome.out == (
            "id        principal      state   created     expires               grants\n"
            f"{two.key_id}  batch          active  2030-03-17  2031-12-31T23:59:59Z  churn\n"
            "          'page 7'\n"
            "00000000  somebody-0001  active  -           never                 house-price/*\n"
            f"{one.key_id}  web-shop       active  2030-03-17  never                 "
            "churn house-price/*\n"
        )
        assert outcome.err == f"{desk.secret}: 3 keys\n"

    def test_width(self, desk):
        """Many grants, and the longest comment, stay within 100 columns."""
        desk.put({"abcd1234": entry(1, grants=GRANTS, comment="x" * 80)})
        head, *listed = desk.run("list").out.splitlines()
        *grants, comment = listed

        assert max(map(len, listed)) <= 100
        left = head.index("grants")
        assert " ".join(line[left:] for line in grants).split() == GRANTS
        assert comment.strip() == f"'{'x' * 80}'"

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
            "created": None,
            "expires": changes.get("expires"),
            "state": state,
            "comment": None,
        }


class TestUpdate:
    """`gatewayctl keys update`."""

    def test_gateway_follows(self, desk):
        """The same key has the new grants and the new end, and keeps all the rest."""
        key = desk.issue("--comment", "page 7")
        before = desk.stored()[key.key_id]
        outcome = desk.run(
            "update", key.key_id, "--grants", "house-price/* churn", "--expires", "30d"
        )

        assert outcome == (
            0,
            "",
            f"key {key.key_id} of web-shop, until 2030-04-16T17:46:40Z: "
            "house-price/* churn, 'page 7'\n"
            "its grants were churn\n"
            "its expiry was never\n"
            "gateways follow within 60 s + GATEWAY_KEYS_MAX_AGE\n"
            f"the secret is {desk.secret} in us-east-1\n",
        )
        changes = {"grants": ["house-price/*", "churn"], "expires": "2030-04-16T17:46:40Z"}
        assert desk.stored()[key.key_id] == {**before, **changes}
        assert gateway(desk).authenticate(key.key) == Identity(
            "web-shop", ("house-price/*", "churn"), NOON + 30 * DAY, key.key_id
        )

    def test_comment(self, desk):
        """A comment is replaced, or removed by an empty one."""
        key_id = desk.issue("--comment", "page 7").key_id
        assert "its comment was 'page 7'\n" in desk.run("update", key_id, "--comment", "p").err
        assert desk.listed()[key_id]["comment"] == "p"
        assert "its comment was 'p'\n" in desk.run("update", key_id, "--comment", "").err
        assert "comment" not in desk.stored()[key_id]
        assert "its comment was none\n" in desk.run("update", key_id, "--comment", "p").err

    def test_json(self, desk):
        """`--format json` prints the key as it is now, and as it was before."""
        key_id = desk.issue("--expires", "30d").key_id
        before = {"id": key_id, **desk.listed()[key_id]}
        data = desk.run("update", key_id, "--expires", "never", "--format", "json").data

        after = {"id": key_id, **desk.listed()[key_id]}
        assert data == {**after, "before": before, "secret": desk.secret}
        assert (before["expires"], after["expires"]) == ("2030-04-16T17:46:40Z", None)

    def test_nothing(self, desk):
        """Without an option it is wrong use; without a difference nothing is written."""
        key_id = desk.issue("--comment", "p").key_id
        version = desk.text(), desk.versions()
        outcome = desk.run("update", key_id)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == (
            "gatewayctl keys update: give at least one of --grants, --expires and --comment\n"
        )
        same = desk.run("update", key_id, "--grants", "churn", "--comment", "p")
        assert same.code == 0
        assert same.err.endswith("\nit was like this before; nothing was written\n")
        assert (desk.text(), desk.versions()) == version

    def test_refused(self, desk):
        """The rules of `issue` hold, and all reasons are printed at once."""
        key_id = desk.issue().key_id
        options = ("--grants=chrun ?", "--expires=2030-01-01", f"--comment={'x' * 81}")
        refused = lines(desk.run("update", key_id, *options))

        assert [line.split(" ")[0] for line in refused] == ["comment", "no", "'?'", "--expires"]

    def test_old_document(self, desk):
        """A key from before there were notes can be changed, and gets no date."""
        desk.put({"abcd1234": entry(1)})
        desk.run("update", "abcd1234", "--grants", "churn")

        assert desk.stored() == {"abcd1234": entry(1, grants=["churn"])}

    def test_expired_key(self, desk):
        """An expired key gets other grants only with another end, which makes it valid again."""
        key = desk.issue("--expires", "1h")
        desk.now += HOUR

        assert lines(desk.run("update", key.key_id, "--grants", "*")) == [
            f"the key {key.key_id} is expired; give --expires too"
        ]
        outcome = desk.run("update", key.key_id, "--expires", "30d", "--grants", "*")
        assert "its expiry was 2030-03-17T18:46:40Z, so it is valid again\n" in outcome.err
        assert gateway(desk).authenticate(key.key).grants == ("*",)

    def test_disabled_key(self, desk):
        """Of a disabled key only the comment can be changed."""
        key_id = desk.issue().key_id
        desk.run("disable", key_id)

        for option in ("--grants=*", "--expires=30d", "--expires=never"):
            assert lines(desk.run("update", key_id, option, "--comment=p")) == [
                f"the key {key_id} is disabled for good, so only its comment can be changed"
            ]
        assert desk.run("update", key_id, "--comment", "leaked").err == (
            f"key {key_id} of web-shop, disabled: churn, 'leaked'\nits comment was none\n"
            f"the secret is {desk.secret} in us-east-1\n"
        )
        assert desk.listed()[key_id]["comment"] == "leaked"
        assert desk.listed()[key_id]["state"] == "disabled"


class TestDisable:
    """`gatewayctl keys disable`."""

    def test_gateway_refuses_it(self, desk):
        """The gateway refuses a disabled key, and accepts the others."""
        one, two = desk.issue(), desk.issue()
        outcome = desk.run("disable", one.key_id)

        assert outcome == (
            0,
            "",
            f"key {one.key_id} of web-shop is disabled; "
            "gateways refuse it within 60 s + GATEWAY_KEYS_MAX_AGE\n"
            f"the secret is {desk.secret} in us-east-1\n",
        )
        with pytest.raises(BadCredential, match="disabled"):
            gateway(desk).authenticate(one.key)
        assert gateway(desk).authenticate(two.key).principal == "web-shop"

    def test_json(self, desk):
        """`--format json` prints the key as it is now."""
        key_id = desk.issue().key_id
        data = json.loads(desk.run("disable", key_id, "--format", "json").out)

        assert data == {"id": key_id, "secret": desk.secret, **desk.listed()[key_id]}
        assert data["state"] == "disabled"

    def test_twice(self, desk):
        """A disabled key cannot be disabled again."""
        key_id = desk.issue().key_id
        desk.run("disable", key_id)

        assert lines(desk.run("disable", key_id)) == [f"the key {key_id} is disabled already"]

    @pytest.mark.parametrize("command", ["disable", "rotate", "update --comment p"])
    def test_unknown(self, desk, command):
        """An unknown id is refused, with the id that was probably meant."""
        desk.put({"abcd1234": entry(1)})

        assert lines(desk.run(*command.split(), "abcd1243")) == [
            "there is no key abcd1243; did you mean abcd1234?"
        ]
        assert lines(desk.run(*command.split(), "zzzzzzzz")) == [
            "there is no key zzzzzzzz; see keys list"
        ]

    @pytest.mark.parametrize("command", ["disable", "rotate", "update --comment p"])
    def test_key_in_the_place_of_its_id(self, desk, command):
        """A key given in place of its id is not printed: others may read the output."""
        outcome = desk.issue()
        (line,) = lines(desk.run(*command.split(), outcome.key))

        assert line.startswith("that is a key and not its id, which is the 8 characters after gw_")
        assert outcome.key[12:] not in line
        assert lines(desk.run(*command.split(), outcome.key[12:])) == [
            "that is not the id of a key, which is 8 of a-z 0-9; see keys list"
        ]


class TestRotate:
    """`gatewayctl keys rotate`."""

    def test_successor(self, desk):
        """The new key has the principal, grants and comment; the old one is good for 24 hours."""
        noted = ("--comment", "page 7", "--expires", "2031-12-31")
        old = desk.issue(*noted, grants="churn house-price/*")
        desk.now += 1
        new = desk.run("rotate", old.key_id)
        listed = desk.listed()

        assert new.code == 0
        assert re.fullmatch(KEY, new.out)
        assert new.key_id != old.key_id
        differs = {"created": None, "expires": None, "state": None}
        assert {**listed[old.key_id], **differs} == {**listed[new.key_id], **differs}
        assert listed[new.key_id]["expires"] == "2031-12-31T23:59:59Z"
        assert listed[old.key_id]["expires"] == "2030-03-18T17:46:41Z"
        assert listed[new.key_id]["created"] == "2030-03-17T17:46:41Z"
        assert listed[old.key_id]["created"] == "2030-03-17T17:46:40Z"
        assert (
            f"it is the successor of key {old.key_id}, which is good until 2030-03-18T17:46:41Z\n"
        ) in new.err

    def test_gateway_accepts_both(self, desk):
        """The gateway accepts both keys during the grace period, and then only the new one."""
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
        """--grace is how long the old key stays good; 0 ends it at once."""
        old = desk.issue()
        desk.run("rotate", old.key_id, "--grace", grace)

        expires = parse(desk.text().encode())[old.key_id].expires
        assert expires == NOON + seconds

    @pytest.mark.parametrize("grace", ["", "1", "h", "-1h", "1w", "1.5h", "24 h", "99999d", "٣h"])
    def test_bad_grace(self, desk, grace):
        """An invalid --grace is refused."""
        assert lines(desk.run("rotate", "abcd1234", f"--grace={grace}")) == [
            f"--grace is '{grace}'; it must be like 30m, 24h, 7d, or 0 for none"
        ]

    def test_earlier_end_stays(self, desk):
        """Rotation never extends the life of the old key."""
        old = desk.issue("--expires", "2030-03-17T18:00:00Z")
        desk.run("rotate", old.key_id, "--grace", "7d")

        assert desk.stored()[old.key_id]["expires"] == "2030-03-17T18:00:00Z"

    @pytest.mark.parametrize(
        ("changes", "state"),
        [({"disabled": True}, "disabled"), ({"expires": "2030-03-17T17:46:40Z"}, "expired")],
    )
    def test_ended_key(self, desk, changes, state):
        """A disabled or expired key cannot be rotated."""
        desk.put({"abcd1234": entry(1, **changes)})

        assert lines(desk.run("rotate", "abcd1234")) == [
            f"the key abcd1234 is {state}; issue a new one"
        ]

    def test_json(self, desk):
        """`--format json` prints the new key, and the old key as it is now."""
        old = desk.issue()
        data = json.loads(desk.run("rotate", old.key_id, "--format", "json").out)
        listed = desk.listed()

        replaced = data.pop("replaces")
        assert replaced == {"id": old.key_id, **listed[old.key_id]}
        assert replaced["state"] == "expiring"
        assert re.fullmatch(KEY, data.pop("key") + "\n")
        assert data == {"id": data["id"], "secret": desk.secret, **listed[data["id"]]}


class TestWhichSecret:
    """--secret, else GATEWAY_KEYS_SECRET, else the stage's config.json, else the default."""

    def config(self, desk, stages, **environment_variables):
        content = {"stages": stages, "environment_variables": environment_variables}
        (desk.project / ".chalice").mkdir()
        (desk.project / ".chalice" / "config.json").write_text(json.dumps(content))

    def test_order(self, desk):
        """The first of these that is set decides."""
        variable = {"GATEWAY_KEYS_SECRET": "keys/variable"}
        stage = {"environment_variables": {"GATEWAY_KEYS_SECRET": "keys/stage"}}
        self.config(desk, {"dev": stage, "prod": {}}, GATEWAY_KEYS_SECRET="keys/app")

        arguments = (("--secret", desk.secret), (), (), ("--stage", "prod"))
        environments = (variable, variable, {}, {})
        secrets = [
            desk.run_elsewhere("list", *given, **environment).err.partition(":")[0]
            for given, environment in zip(arguments, environments, strict=True)
        ]
        assert secrets == [desk.secret, "keys/variable", "keys/stage", "keys/app"]

    def test_default(self, desk):
        """The default is the gateway's own."""
        self.config(desk, {"dev": {}})

        assert desk.run_elsewhere("list").err.startswith("inference-gateway/keys: ")

    def test_no_config(self, desk):
        """Without config.json, no stage names a secret, so none is written."""
        outcome = desk.run_elsewhere(
            "issue", "--stage", "prod", "--principal", "p", "--grants", "churn"
        )

        assert (outcome.code, outcome.out) == (2, "")
        assert "it is not known which secret the stage prod reads" in outcome.err

    def test_which_one_was_written(self, desk):
        """The command says which secret it has written, and whether that secret is new."""
        first, second = desk.issue(), desk.issue()

        place = f"{desk.secret} in us-east-1"
        assert first.err.endswith(f"there was no secret {place}, so it was created\n")
        assert second.err.endswith(f"the secret is {place}\n")

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("", "is empty: no API keys. To manage some, name a secret: --secret"),
            ("se cret", "must be the name or ARN of a secret, or empty for no API keys"),
        ],
    )
    def test_no_secret(self, desk, text, rule):
        """An invalid name is refused, and not printed, because it may be a secret."""
        self.config(desk, {"dev": {"environment_variables": {"GATEWAY_KEYS_SECRET": text}}})
        name = "GATEWAY_KEYS_SECRET"

        def refused(where):
            return 2, "", f"gatewayctl keys list: {where} {rule}\n"

        assert desk.run_elsewhere("list", "--secret", text) == refused("--secret")
        assert desk.run_elsewhere("list", **{name: text}) == refused(name)
        assert desk.run_elsewhere("list") == refused(f"{name} of stage dev in .chalice/config.json")

    def test_broken_config(self, desk):
        """A config.json that cannot be read is an error."""
        (desk.project / ".chalice").mkdir()
        (desk.project / ".chalice" / "config.json").write_text("{")
        outcome = desk.run_elsewhere("list")

        assert outcome.code == 2
        assert outcome.err.endswith("; correct it, or name a secret with --secret\n")


class TestProcess:
    """`python -m gatewayctl keys` as a process of its own."""

    def test_demo(self, sagemaker_local):
        """The demo key of `make run` can be issued; AWS_ENDPOINT_URL leads to the stand-in."""
        command = "gatewayctl keys issue --principal demo --grants * --secret demo/keys"
        environment = {
            "AWS_ENDPOINT_URL": sagemaker_local.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        outcome = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=PROJECT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

        assert outcome.returncode == 0, outcome.stderr
        assert re.fullmatch(KEY, outcome.stdout)
        assert "of demo, without expiry: *" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "is_hinted"),
    [
        ((), {"AWS_ENDPOINT_URL": "http://127.0.0.1:4599"}, True),
        ((), {}, False),
        (("--stage", "local"), {"AWS_ENDPOINT_URL": "http://127.0.0.1:4599"}, False),
    ],
)
def test_hint_of_the_stage(desk, arguments, environment, is_hinted):
    """Beside the local SageMaker, a secret of the default stage is probably not what was meant."""
    (desk.project / ".chalice").mkdir()
    stages = {"dev": {}, "local": {}}
    (desk.project / ".chalice/config.json").write_text(json.dumps({"stages": stages}))

    hint = (
        "inference-gateway/keys is the secret of stage dev; the gateway of make run reads that of "
        "--stage local\n"
    )
    assert (hint in desk.run_elsewhere("list", *arguments, **environment).err) == is_hinted
