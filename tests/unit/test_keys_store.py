"""The key document in Secrets Manager: two who write at once, what is not ours, and AWS away."""

import json
import re
import threading
from pathlib import Path
from random import Random

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from gatewayctl import aws
from gatewayctl.keys.store import LABEL, KeyStore
from tests.support.key_desk import Desk
from tests.support.ports import free_port

DOCS = Path(__file__).parents[2] / "docs"
LOST = "was changed by somebody else in the meantime; run the command again"
NETWORK = "check the network, the region and AWS_ENDPOINT_URL"
CREDENTIALS = "check your credentials: aws sts get-caller-identity"


@pytest.fixture(name="client")
def _client(sagemaker_local):
    client = sagemaker_local.client("secretsmanager", max_pool_connections=20)
    yield client
    client.close()


@pytest.fixture(name="desk")
def _desk(client, tmp_path):
    return Desk(client, tmp_path)


@pytest.fixture(name="other")
def _other(sagemaker_local, desk, tmp_path_factory):
    """Somebody else, at the same secret."""
    client = sagemaker_local.client("secretsmanager")
    other = Desk(client, tmp_path_factory.mktemp("other"))
    other.secret = desk.secret
    other.random = Random(5)
    yield other
    client.close()


class TestTwoWriters:
    """Of two who change the same document at once, one is told so, and no key is lost."""

    @pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
    @pytest.mark.parametrize("command", ["issue", "disable", "rotate"])
    def test_second_is_told(self, desk, other, command, operation):
        """Whoever comes first wins, at whatever point the other one is."""
        first = desk.issue()
        theirs = []

        with desk.before(operation, lambda: theirs.append(other.issue())):
            ours = desk.issue() if command == "issue" else desk.run(command, first.key_id)

        assert ours == (1, "", f"gatewayctl keys {command}: the secret {desk.secret} {LOST}\n")
        assert desk.stored().keys() == {first.key_id, theirs[0].key_id}
        assert {key["state"] for key in desk.listed().values()} == {"active"}

    @pytest.mark.parametrize("command", ["disable", "rotate"])
    def test_nothing_is_undone(self, desk, other, command):
        """A key that somebody disables meanwhile is not brought back."""
        one, two = desk.issue(), desk.issue()

        with desk.before("PutSecretValue", lambda: other.run("disable", one.key_id)):
            assert desk.run(command, two.key_id).code == 1

        assert desk.listed()[one.key_id]["state"] == "disabled"

    def test_again(self, desk, other):
        """The second try has read what the first one missed."""
        with desk.before("CreateSecret", other.issue):
            assert desk.issue().code == 1
        with desk.before("UpdateSecretVersionStage", other.issue):
            assert desk.issue().code == 1

        assert desk.issue().code == 0
        assert len(desk.stored()) == 3

    def test_both_make_the_secret(self, desk, other):
        """The first key of all can be lost in a race as well, and is not."""
        theirs = []
        with desk.before("CreateSecret", lambda: theirs.append(other.issue())):
            ours = desk.issue()

        assert ours == (1, "", f"gatewayctl keys issue: the secret {desk.secret} {LOST}\n")
        assert list(desk.stored()) == [theirs[0].key_id]

    def test_both_fill_an_empty_secret(self, desk, other):
        """A secret that was made without a value takes one first value."""
        desk.client.create_secret(Name=desk.secret)
        theirs = []
        with desk.before("PutSecretValue", lambda: theirs.append(other.issue())):
            ours = desk.issue()

        assert ours == (1, "", f"gatewayctl keys issue: the secret {desk.secret} {LOST}\n")
        assert list(desk.stored()) == [theirs[0].key_id]
        assert desk.labels() == ["AWSCURRENT"]

    def test_somebody_in_the_console(self, desk):
        """Who knows nothing of our labels is a writer too."""
        desk.issue()
        text = json.dumps({"keys": {}})

        def edit():
            desk.client.put_secret_value(SecretId=desk.secret, SecretString=text)

        with desk.before("UpdateSecretVersionStage", edit):
            assert desk.issue().code == 1

        assert desk.text() == text

    def test_deleted_meanwhile(self, desk):
        """Who deletes the secret has revoked every key, and means it."""
        desk.issue()

        def delete():
            desk.client.delete_secret(SecretId=desk.secret, ForceDeleteWithoutRecovery=True)

        with desk.before("PutSecretValue", delete):
            outcome = desk.issue()

        assert outcome == (1, "", f"gatewayctl keys issue: the secret {desk.secret} {LOST}\n")
        assert desk.listed() == {}

    def test_many_at_once(self, desk, sagemaker_local, tmp_path_factory):
        """Every key that was shown is in the document, and no other."""
        shown = []

        def work(number):
            client = sagemaker_local.client("secretsmanager")
            mine = Desk(client, tmp_path_factory.mktemp("writer"))
            mine.secret, mine.random = desk.secret, Random(100 + number)
            for _ in range(5):
                outcome = mine.issue(principal=f"writer-{number}")
                shown.extend([outcome.key_id] if outcome.code == 0 else [])
            client.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert shown
        assert sorted(desk.stored()) == sorted(shown)


class TestLabels:
    """A write leaves nothing behind but the current version and the one before it."""

    def test_after_success(self, desk):
        """The label that held the new version is gone."""
        for _ in range(3):
            desk.issue()

        assert desk.labels() == ["AWSCURRENT", "AWSPREVIOUS"]

    def test_after_a_lost_race(self, desk, other):
        """What lost is held by nothing."""
        desk.issue()
        with desk.before("UpdateSecretVersionStage", other.issue):
            desk.issue()

        assert desk.labels() == ["AWSCURRENT", "AWSPREVIOUS"]

    def test_one_left_behind(self, desk):
        """Whoever was interrupted leaves a label, and the next writer takes it over."""
        desk.issue()
        desk.client.put_secret_value(
            SecretId=desk.secret, SecretString="interrupted", VersionStages=[LABEL]
        )

        assert desk.issue().code == 0
        assert desk.labels() == ["AWSCURRENT", "AWSPREVIOUS"]

    def test_cleaning_up_fails(self, desk):
        """What is decided is decided: the key is stored, so it is shown."""
        desk.issue()
        done = []

        def stop_answering(params, **_):
            done.append(json.loads(params["body"])["VersionStage"])
            if done[-1] == LABEL:
                raise ReadTimeoutError(endpoint_url="https://…")

        desk.client.meta.events.register(
            "before-call.secrets-manager.UpdateSecretVersionStage", stop_answering
        )
        outcome = desk.issue()

        assert done == ["AWSCURRENT", LABEL]
        assert outcome.code == 0
        assert outcome.key_id in desk.stored()


class TestNotOurs:
    """What is in the secret and is no key document stays there as it is."""

    @pytest.mark.parametrize("command", ["issue", "list", "disable", "rotate"])
    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ({"SecretString": "pass-canary"}, "is not JSON"),
            ({"SecretString": '{"username": "canary"}'}, 'must be {"keys": {…}} and nothing else'),
            ({"SecretString": '{"keys": {"abcd1234": {"sha256": "canary"}}}'}, "keys.abcd1234: "),
            ({"SecretString": '{"keys": {}, "version": 2}'}, "must be"),
            ({"SecretBinary": b"\xffcanary"}, "is not JSON"),
        ],
        ids=["text", "another-object", "broken", "from-later", "bytes"],
    )
    def test_left_alone(self, desk, command, value, problem):
        """It is refused without being repeated, and not a byte of it changes."""
        desk.client.create_secret(Name=desk.secret, **value)
        outcome = (
            desk.issue()
            if command == "issue"
            else desk.run(command, *(["abcd1234"] if command != "list" else []))
        )

        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith(
            f"gatewayctl keys {command}: the secret {desk.secret} does not hold a key document "
            "and is left alone: "
        )
        assert problem in outcome.err
        assert "canary" not in outcome.err
        now = desk.client.get_secret_value(SecretId=desk.secret, VersionStage="AWSCURRENT")
        assert value.items() <= now.items()
        assert desk.labels() == ["AWSCURRENT"]

    def test_binary_document(self, desk):
        """A document is one in whatever way it was uploaded."""
        desk.client.create_secret(Name=desk.secret, SecretBinary=b'{"keys": {}}')
        key_id = desk.issue().key_id

        assert list(desk.stored()) == [key_id]

    def test_marked_for_deletion(self, desk):
        """Somebody wants it gone; that is not undone by the way."""
        desk.issue()
        desk.client.delete_secret(SecretId=desk.secret)

        assert desk.run("list") == (
            1,
            "",
            f"gatewayctl keys list: the secret {desk.secret} is marked for deletion; "
            "restore it first\n",
        )

    def test_empty_secret(self, desk):
        """A template has made the secret, and left its value to us."""
        desk.client.create_secret(Name=desk.secret)
        key_id = desk.issue().key_id

        assert list(desk.stored()) == [key_id]
        assert desk.labels() == ["AWSCURRENT"]

    def test_arn(self, desk):
        """A secret can be named by its ARN, but none can be made by one."""
        desk.secret = desk.client.create_secret(Name=desk.secret)["ARN"]
        key_id = desk.issue().key_id
        assert list(desk.stored()) == [key_id]

        desk.secret = re.sub("secret:.*", "secret:nobody-AbCdEf", desk.secret)
        assert desk.issue() == (
            1,
            "",
            f"gatewayctl keys issue: the secret {desk.secret} does not exist; "
            "for one to be made, give its name and no ARN\n",
        )


class TestAwsNotReachable:
    """When AWS does not let a command do its work: 3, which service, and what to check."""

    @pytest.fixture(autouse=True)
    def _account(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def line(self):
        """What one reads after `keys list` with the client that people have."""
        with pytest.raises(aws.NotReachable) as caught:
            KeyStore("keys", aws.client).read()
        text = str(caught.value)
        assert text.startswith("AWS Secrets Manager ")
        assert "\n" not in text
        return text.removeprefix("AWS Secrets Manager ")

    def test_nobody_there(self, monkeypatch):
        """No network, another region, or the stand-in is not running."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

        assert self.line() == f"cannot be reached (EndpointConnectionError); {NETWORK}"

    def test_no_url(self, monkeypatch):
        """A URL that is none."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", "x")

        assert self.line() == f"cannot be reached (Invalid endpoint: x); {NETWORK}"

    def test_no_region(self, monkeypatch):
        """Nothing says where."""
        monkeypatch.delenv("AWS_DEFAULT_REGION")

        assert self.line() == (
            "cannot be reached (NoRegionError); set AWS_DEFAULT_REGION, or a region in your profile"
        )

    def test_no_credentials(self, monkeypatch):
        """Nothing says who."""
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

        assert self.line() == f"cannot be reached (NoCredentialsError); {CREDENTIALS}"

    def test_no_profile(self, monkeypatch):
        """A profile that nobody has."""
        monkeypatch.setenv("AWS_PROFILE", "nobody")

        assert self.line() == f"cannot be reached (ProfileNotFound); {CREDENTIALS}"

    @pytest.mark.parametrize(
        ("code", "status", "remedy"),
        [
            (
                "AccessDeniedException",
                400,
                "; check your IAM permission for that, and for the KMS key if there is one",
            ),
            ("ExpiredTokenException", 400, f"; {CREDENTIALS}"),
            ("UnrecognizedClientException", 400, f"; {CREDENTIALS}"),
            ("ThrottlingException", 400, "; try again in a minute"),
            ("InternalServiceError", 500, "; try again in a minute"),
            ("DecryptionFailure", 400, ": in AWS's words"),
        ],
    )
    def test_refusal(self, desk, code, status, remedy):
        """AWS answers, and will not."""
        with Stubber(desk.client) as stub:
            stub.add_client_error("get_secret_value", code, "in AWS's\nwords", status)
            outcome = desk.run("list")

        assert outcome == (
            3,
            "",
            "gatewayctl keys list: AWS Secrets Manager answers GetSecretValue with "
            f"{code}{remedy}\n",
        )

    def test_too_many_versions(self, desk):
        """AWS keeps every version for a day, and not more than about a hundred."""
        key_id = desk.issue().key_id
        stored = desk.client.get_secret_value(SecretId=desk.secret)
        with Stubber(desk.client) as stub:
            stub.add_response("get_secret_value", stored)
            stub.add_client_error("put_secret_value", "LimitExceededException")
            outcome = desk.run("disable", key_id)

        assert outcome == (
            1,
            "",
            f"gatewayctl keys disable: the secret {desk.secret} was changed too often: "
            "about 100 versions are kept for a day; try again later\n",
        )

    @pytest.mark.parametrize("operation", ["CreateSecret", "UpdateSecretVersionStage"])
    def test_no_answer_to_the_decisive_call(self, desk, operation):
        """Nobody knows then whether the document has changed, and that is what is said."""
        if operation != "CreateSecret":
            desk.issue()

        def stop_answering():
            raise ReadTimeoutError(endpoint_url="https://…")

        with desk.before(operation, stop_answering):
            outcome = desk.issue()

        assert outcome == (
            3,
            "",
            f"gatewayctl keys issue: AWS Secrets Manager cannot be reached (ReadTimeoutError); "
            f"{NETWORK}; whether the change was made is not known: see keys list\n",
        )

    def test_no_answer_before_it(self, desk):
        """Until then nothing has changed, and nobody has to wonder."""
        desk.issue()

        def stop_answering():
            raise ConnectTimeoutError(endpoint_url="https://…")

        with desk.before("PutSecretValue", stop_answering):
            outcome = desk.issue()

        assert outcome.code == 3
        assert outcome.err.endswith(f"(ConnectTimeoutError); {NETWORK}\n")

    def test_soon(self):
        """A silence is not waited out, and a write is not sent twice."""
        config = aws.client("secretsmanager").meta.config

        assert config.connect_timeout + config.read_timeout <= 15
        assert config.retries["total_max_attempts"] == 1


class TestPermissions:
    """docs/keys.md"""

    def test_actions(self, desk):
        """The permissions that are documented are those that the commands need, each of them."""
        called = []
        desk.client.meta.events.register(
            "before-call.secrets-manager", lambda model, **_: called.append(model.name)
        )
        key_id = desk.issue().key_id
        desk.run("rotate", key_id)
        desk.run("disable", key_id)
        documented = re.findall(r'"secretsmanager:(\w+)"', (DOCS / "keys.md").read_text("utf-8"))

        assert sorted(documented) == sorted(set(called))

    def test_list_only_reads(self, desk):
        """Whoever may read may list."""
        called = []
        desk.client.meta.events.register(
            "before-call.secrets-manager", lambda model, **_: called.append(model.name)
        )
        desk.run("list")

        assert called == ["GetSecretValue"]
