"""`gatewayctl publish`: which API keys lose the last model of a grant."""

import json

import pytest

from tests.support.key_documents import document, entry
from tests.support.publish_desk import Desk, denied, yaml

OLD = yaml("a", "b", "c", "d", "e")
WITHOUT_A = yaml("b", "c", "d", "e")
CITIES = (
    OLD + "  house/{city}:\n    kind: mme\n    endpoint: e\n    target_model: '{city}.tar.gz'\n"
    "    parameters: {city: {one_of: [houston, austin]}}\n"
)
KEYS = document(
    aaaaaaaa=entry(principal="web-shop", grants=["a", "b"]),
    bbbbbbbb=entry(principal="batch", grants=["house/austin", "a"]),
    cccccccc=entry(principal="old", grants=["a"], disabled=True),
    dddddddd=entry(principal="older", grants=["a"], expires="2020-01-01T00:00:00Z"),
    eeeeeeee=entry(principal="all", grants=["*", "house/*", "nowhere"]),
)


class KeysDesk(Desk):
    """A desk whose folder has stages, and whose account has a secret with keys."""

    def __init__(self, stand_in, folder):
        super().__init__(stand_in, folder)
        self.secrets = stand_in.client("secretsmanager")
        self.secret = f"{self.bucket}/keys"

    def stages(self, **secrets):
        """Write config.json; all its stages use this desk's table."""
        stages = {
            stage: {
                "environment_variables": {
                    "GATEWAY_ROUTING": self.place,
                    "GATEWAY_KEYS_SECRET": secret,
                }
            }
            for stage, secret in secrets.items()
        }
        self.write_config({"stages": {"dev": {}, **stages}})

    def write_config(self, config):
        (self.folder / ".chalice").mkdir()
        (self.folder / ".chalice" / "config.json").write_text(json.dumps(config))

    def store(self, keys=KEYS):
        self.secrets.create_secret(Name=self.secret, SecretString=keys)

    def close(self):
        super().close()
        self.secrets.close()


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = KeysDesk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


def test_removed_model(desk):
    """Valid keys with such a grant are listed, with the stage's secret; the table is published."""
    desk.store()
    desk.stages(prod=desk.secret)
    desk.publish(OLD)
    outcome = desk.publish(WITHOUT_A)

    assert outcome.code == 0
    assert outcome.out == (
        "models.a: removed, kind single, endpoint a\n"
        "key bbbbbbbb of batch: warning: its grant a covers no model any more, "
        "and it can call nothing else\n"
        "key aaaaaaaa of web-shop: warning: its grant a covers no model any more\n"
    )
    assert f"keys in {desk.secret} with grants that cover no model any more: 2\n" in outcome.err
    assert desk.get()["Body"] == WITHOUT_A.encode()


def test_removed_value(desk):
    """A grant on a value of a parameter is emptied when the value goes."""
    desk.store()
    desk.publish(CITIES)
    outcome = desk.publish(
        CITIES.replace("[houston, austin]", "[houston]"), "--secret", desk.secret, "--dry-run"
    )

    assert outcome.code == 0
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("key ")]
    assert line == "key bbbbbbbb of batch: warning: its grant house/austin covers no model any more"


def test_back(desk):
    """`--back` to a table without a model lists the keys too; JSON has them as data."""
    desk.store()
    desk.publish(WITHOUT_A)
    desk.publish(OLD)
    data = desk.run("--back", "--secret", desk.secret, "--format", "json").data

    assert data["published"] is True
    assert data["keys"] == {
        "emptied": [
            {
                "secret": desk.secret,
                "id": key_id,
                "principal": principal,
                "grants": ["a"],
                "can_call": can_call,
            }
            for key_id, principal, can_call in (
                ("bbbbbbbb", "batch", False),
                ("aaaaaaaa", "web-shop", True),
            )
        ],
        "compared": [desk.secret],
        "not_compared": [],
    }


def test_nothing_lost(desk):
    """Keys are read only if the new table lacks a model or a value."""
    desk.publish(CITIES)
    more = CITIES.replace("[houston, austin]", "[austin, dallas, houston]")
    outcome = desk.publish(more.replace("endpoint: a}", "endpoint: z}"), "--secret", "nowhere")

    assert outcome.code == 0
    assert "keys" not in outcome.err


def test_none_emptied(desk):
    """If no key has such a grant, the command says so."""
    desk.store()
    desk.publish(OLD)
    outcome = desk.publish(yaml("a", "b", "c", "d"), "--secret", desk.secret)

    assert f"keys in {desk.secret} with grants that cover no model any more: none\n" in outcome.err


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda desk: None, "there is no .chalice/config.json here, so it is not known which "),
        (lambda desk: desk.stages(prod="nowhere/keys"), "there is no secret nowhere/keys, or it "),
        (
            lambda desk: (desk.store("[]"), desk.stages(prod=desk.secret)),
            "the secret published-",
        ),
        (lambda desk: desk.stages(prod=""), "GATEWAY_KEYS_SECRET of stage prod in .chalice/"),
        (
            lambda desk: desk.write_config({"stages": {"dev": []}}),
            ".chalice/config.json cannot be ",
        ),
    ],
    ids=["unknown", "missing", "no-keys", "jwt-only", "broken"],
)
def test_keys_that_cannot_be_read(desk, prepare, reason):
    """The table is published, and a note says why keys were not compared."""
    prepare(desk)
    desk.publish(OLD)
    outcome = desk.publish(WITHOUT_A)

    assert outcome.code == 0
    assert f"\nkeys were not compared: {reason}" in outcome.err
    assert desk.get()["Body"] == WITHOUT_A.encode()


def test_no_permission(desk):
    """Without permission to read the secret, the table is published, and a note says so."""
    desk.publish(OLD)
    desk.answer_instead("secretsmanager", "GetSecretValue", denied())
    data = desk.publish(WITHOUT_A, "--secret", desk.secret, "--format", "json").data

    assert data["published"] is True
    (reason,) = data["keys"]["not_compared"]
    assert reason == (
        "AWS Secrets Manager answers GetSecretValue with AccessDenied; "
        "check your IAM permission for that, and for the KMS key if there is one"
    )


def test_stages_that_share_a_table(desk):
    """The keys of every stage that uses the table are compared."""
    desk.store()
    desk.stages(prod=desk.secret, canary="nowhere/keys")
    desk.publish(OLD)
    keys = desk.publish(WITHOUT_A, "--format", "json").data["keys"]

    assert keys["compared"] == [desk.secret]
    assert len(keys["emptied"]) == 2
    assert keys["not_compared"] == ["there is no secret nowhere/keys, or it has no value"]
