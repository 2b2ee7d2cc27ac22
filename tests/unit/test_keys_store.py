"""The key document in Secrets Manager: concurrent changes, foreign values, and errors of AWS."""

import json
import re
import threading
from pathlib import Path
from random import Random

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from gatewayctl import aws
from gatewayctl.key_store import LABEL
from tests.support.command_line import gatewayctl
from tests.support.key_desk import Desk
from tests.support.ports import free_port

DOCS = Path(__file__).parents[2] / "docs"
LOST = "was changed by somebody else in the meantime; run the command again"
CLOSED = "http://127.0.0.1:{port}"
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
    """A second desk with the same secret."""
    client = sagemaker_local.client("secretsmanager")
    other = Desk(client, tmp_path_factory.mktemp("other"))
    other.secret = desk.secret
    other.random = Random(5)
    yield other
    client.close()


class TestTwoWriters:
    """If two commands change the document at once, one is refused, and no key is lost."""

    @pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
    @pytest.mark.parametrize("command", ["issue", "disable", "rotate"])
    def test_second_is_refused(self, desk, other, command, operation):
        """The command that finishes first wins, whatever step the other one has reached."""
        first = desk.issue()
        theirs = []

        with desk.before(operation, lambda: theirs.append(other.issue())):
            ours = desk.issue() if command == "issue" else desk.run(command, first.key_id)

        assert ours == (1, "", f"gatewayctl keys {command}: the secret {desk.secret} {LOST}\n")
        assert desk.stored().keys() == {first.key_id, theirs[0].key_id}
        assert {key["state"] for key in desk.listed().values()} == {"active"}

    @pytest.mark.parametrize("command", ["disable", "rotate"])
    def test_nothing_is_undone(self, desk, other, command):
        """A key that is disabled in the meantime stays disabled."""
        one, two = desk.issue(), desk.issue()

        with desk.before("PutSecretValue", lambda: other.run("disable", one.key_id)):
            assert desk.run(command, two.key_id).code == 1

        assert desk.listed()[one.key_id]["state"] == "disabled"

    def test_both_make_the_secret(self, desk, other):
        """Two commands that create the secret at once: the first one wins."""
        theirs = []
        with desk.before("CreateSecret", lambda: theirs.append(other.issue())):
            ours = desk.issue()

        assert ours == (1, "", f"gatewayctl keys issue: the secret {desk.secret} {LOST}\n")
        assert list(desk.stored()) == [theirs[0].key_id]

    def test_both_fill_an_empty_secret(self, desk, other):
        """Two commands that store the first value of a secret: the first one wins."""
        desk.client.create_secret(Name=desk.secret)
        theirs = []
        with desk.before("PutSecretValue", lambda: theirs.append(other.issue())):
            ours = desk.issue()

        assert ours == (1, "", f"gatewayctl keys issue: the secret {desk.secret} {LOST}\n")
        assert list(desk.stored()) == [theirs[0].key_id]
        assert desk.labels() == ["AWSCURRENT"]

    def test_change_without_our_label(self, desk):
        """A change by somebody who does not use our label is noticed as well."""
        desk.issue()
        text = json.dumps({"keys": {}})

        def edit():
            desk.client.put_secret_value(SecretId=desk.secret, SecretString=text)

        with desk.before("UpdateSecretVersionStage", edit):
            assert desk.issue().code == 1

        assert desk.text() == text

    def test_deleted_meanwhile(self, desk):
        """A secret that is deleted in the meantime is not created again."""
        desk.issue()

        def delete():
            desk.client.delete_secret(SecretId=desk.secret, ForceDeleteWithoutRecovery=True)

        with desk.before("PutSecretValue", delete):
            outcome = desk.issue()

        assert outcome == (1, "", f"gatewayctl keys issue: the secret {desk.secret} {LOST}\n")
        assert desk.listed() == {}

    def test_many_at_once(self, desk, sagemaker_local, tmp_path_factory):
        """With many commands at once, the document has exactly the keys that were printed."""
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
    """Only the current and the previous version keep a label."""

    def test_after_success(self, desk):
        """After a success our label is gone."""
        for _ in range(3):
            desk.issue()

        assert desk.labels() == ["AWSCURRENT", "AWSPREVIOUS"]

    def test_after_a_lost_race(self, desk, other):
        """The version of a refused command has no label."""
        desk.issue()
        with desk.before("UpdateSecretVersionStage", other.issue):
            desk.issue()

        assert desk.labels() == ["AWSCURRENT", "AWSPREVIOUS"]

    def test_one_left_behind(self, desk):
        """A label that an interrupted command left behind is taken over."""
        desk.issue()
        desk.client.put_secret_value(
            SecretId=desk.secret, SecretString="interrupted", VersionStages=[LABEL]
        )

        assert desk.issue().code == 0
        assert desk.labels() == ["AWSCURRENT", "AWSPREVIOUS"]

    def test_cleaning_up_fails(self, desk):
        """If removing the label fails, the key is stored, so it is printed."""
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


class TestOtherValues:
    """A secret that holds something else is left alone."""

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
        """The value is refused without being printed, and does not change."""
        desk.client.create_secret(Name=desk.secret, **value)
        outcome = (
            desk.issue()
            if command == "issue"
            else desk.run(command, *(["abcd1234"] if command != "list" else []))
        )

        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith(
            f"gatewayctl keys {command}: the secret {desk.secret} does not hold a key document, "
            "so it is not changed: "
        )
        assert problem in outcome.err
        assert "canary" not in outcome.err
        now = desk.client.get_secret_value(SecretId=desk.secret, VersionStage="AWSCURRENT")
        assert value.items() <= now.items()
        assert desk.labels() == ["AWSCURRENT"]

    def test_marked_for_deletion(self, desk):
        """A secret that is marked for deletion is refused."""
        desk.issue()
        desk.client.delete_secret(SecretId=desk.secret)

        assert desk.run("list") == (
            1,
            "",
            f"gatewayctl keys list: the secret {desk.secret} is marked for deletion; "
            "restore it first\n",
        )

    @pytest.mark.parametrize("value", [{}, {"SecretBinary": b'{"keys": {}}'}], ids=["no", "binary"])
    def test_filled(self, desk, value):
        """A secret without a value is filled; a document may be stored as binary."""
        desk.client.create_secret(Name=desk.secret, **value)
        key_id = desk.issue().key_id

        assert list(desk.stored()) == [key_id]

    def test_arn(self, desk):
        """A secret can be named by its ARN, but cannot be created by one."""
        desk.secret = desk.client.create_secret(Name=desk.secret)["ARN"]
        key_id = desk.issue().key_id
        assert list(desk.stored()) == [key_id]

        desk.secret = re.sub("secret:.*", "secret:nobody-AbCdEf", desk.secret)
        assert desk.issue() == (
            1,
            "",
            f"gatewayctl keys issue: the secret {desk.secret} does not exist; "
            "to create it, give a name instead of an ARN\n",
        )


class TestAwsNotReachable:
    """If AWS does not answer or refuses, the exit code is 3, and the line says what to check."""

    @pytest.fixture(autouse=True)
    def _account(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    @pytest.mark.parametrize(
        ("variables", "problem"),
        [
            ({"AWS_ENDPOINT_URL": CLOSED}, f"(EndpointConnectionError); {NETWORK}"),
            ({"AWS_ENDPOINT_URL": "x"}, f"(Invalid endpoint: x); {NETWORK}"),
            (
                {"AWS_DEFAULT_REGION": ""},
                "(NoRegionError); set AWS_DEFAULT_REGION, or a region in your profile",
            ),
            ({"AWS_ACCESS_KEY_ID": ""}, f"(NoCredentialsError); {CREDENTIALS}"),
            ({"AWS_PROFILE": "nobody"}, f"(ProfileNotFound); {CREDENTIALS}"),
        ],
        ids=["no-answer", "no-url", "no-region", "no-credentials", "no-profile"],
    )
    def test_no_request(self, desk, monkeypatch, variables, problem):
        """Without an answer, or a setting that a request needs, the line says what to check."""
        for name, value in variables.items():
            if value:
                monkeypatch.setenv(name, value.format(port=free_port()))
            else:
                monkeypatch.delenv(name)

        outcome = gatewayctl("keys", "list", "--secret", "keys", project=desk.project)
        assert outcome == (
            3,
            "",
            f"gatewayctl keys list: AWS Secrets Manager cannot be reached {problem}\n",
        )

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
        """The code of AWS's error decides what the line advises."""
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
        """Secrets Manager keeps about 100 versions for a day; then the command is refused."""
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
        """If the deciding request gets no answer, the line says that the outcome is unknown."""
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
        """If an earlier request gets no answer, nothing has changed."""
        desk.issue()

        def stop_answering():
            raise ConnectTimeoutError(endpoint_url="https://…")

        with desk.before("PutSecretValue", stop_answering):
            outcome = desk.issue()

        assert outcome.code == 3
        assert outcome.err.endswith(f"(ConnectTimeoutError); {NETWORK}\n")

    def test_soon(self):
        """Timeouts are short, and no request is sent twice."""
        config = aws.client("secretsmanager").meta.config

        assert config.connect_timeout + config.read_timeout <= 15
        assert config.retries["total_max_attempts"] == 1


class TestPermissions:
    """The IAM actions of docs/keys.md."""

    def test_actions(self, desk):
        """The documented actions are exactly those that the commands call."""
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
        """`keys list` only reads."""
        called = []
        desk.client.meta.events.register(
            "before-call.secrets-manager", lambda model, **_: called.append(model.name)
        )
        desk.run("list")

        assert called == ["GetSecretValue"]
