"""Running gateways during `gatewayctl publish`: they serve complete, valid tables only."""

from pathlib import Path

import pytest
import yaml as pyyaml
from botocore.exceptions import ReadTimeoutError

from gatewayctl.commands.publish import table_location
from gatewayctl.publishing.publication import GatewayCheck
from tests.support.publish_desk import COMPILED, KEY, Desk, digest, yaml

OLD = yaml("a", "b", "c", "d", "e")
NEW = OLD.replace("endpoint: a", "endpoint: a-next")
OTHER = OLD.replace("endpoint: a", "endpoint: a-other")
BROKEN = pyyaml.safe_load((Path(__file__).parents[1] / "unit/broken_tables.yaml").read_text())
LOST = "was changed by somebody else in the meantime; run the command again"


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


@pytest.fixture(name="other")
def _other(sagemaker_local, desk, tmp_path_factory):
    """A second desk with the same object."""
    other = Desk(sagemaker_local, tmp_path_factory.mktemp("other"))
    other.bucket = desk.bucket
    yield other
    other.close()


def endpoint(gateway):
    """Return the endpoint that a prediction calls."""
    assert gateway.predict("a").status == 200
    return gateway.log.requests[-1]["endpoint"]


def test_back(desk):
    """A running gateway serves the published table, and the earlier one after --back."""
    desk.publish(OLD)
    gateway, log = desk.gateway()
    version = desk.get()["VersionId"]
    seen = [endpoint(gateway)]
    desk.publish(NEW)
    seen.append(endpoint(gateway))
    desk.run("--back", version)
    seen.append(endpoint(gateway))

    assert seen == ["a", "a-next", "a"]
    assert gateway.get("/health").json()["table"] == digest(OLD)[:12]
    assert log.lines == []


def test_first_table(desk):
    """A gateway without a table serves the first one as soon as it is published."""
    gateway, _ = desk.gateway()
    before = gateway.predict("a").status
    desk.publish(OLD)

    assert (before, endpoint(gateway)) == (503, "a")


def test_fewer(desk):
    """A gateway accepts a smaller table with allow_shrink, as publish does."""
    desk.publish(OLD)
    gateway, log = desk.gateway()
    desk.publish(yaml("a", more="allow_shrink: true\n"))

    assert gateway.predict("b").status == 404
    assert log.lines == []


def test_bad_tables(desk):
    """No bad table is published, and gateways go on serving the good one."""
    desk.publish(OLD)
    gateway, log = desk.gateway()
    codes = {desk.publish(case["table"]).code for case in BROKEN}
    codes.add(desk.publish(yaml("a")).code)
    codes.add(desk.publish(b"version: 1\nmodels: {a: \xff}\n").code)

    assert codes == {1}
    assert endpoint(gateway) == "a"
    assert log.lines == []
    assert len(desk.run("--list").out.splitlines()) == 2


class Interrupted(BaseException):
    """An exception that no code catches, as if the process were killed."""


def interrupt():
    raise Interrupted


@pytest.mark.parametrize("key", [COMPILED, KEY])
def test_interrupted(desk, key):
    """A publication that is interrupted before the table is stored changes nothing for callers.

    Gateways that start then read the YAML; the next publication completes the work.
    """
    desk.publish(OLD)
    gateway, log = desk.gateway()
    desk.before("PutObject", key, interrupt)
    with pytest.raises(Interrupted):
        desk.publish(NEW)

    fresh, fresh_log = desk.gateway()
    assert (endpoint(gateway), endpoint(fresh)) == ("a", "a")
    assert log.lines == []
    assert [line["reason"] for line in fresh_log.lines] == [
        "it is not the one that was published with the table"
    ] * (key == KEY)
    assert desk.is_compiled(OLD) is (key == COMPILED)

    assert desk.publish(NEW).code == 0
    assert (endpoint(gateway), endpoint(fresh)) == ("a-next", "a-next")
    assert desk.is_compiled(NEW)


@pytest.mark.parametrize("key", [COMPILED, KEY])
def test_interrupted_then_unchanged(desk, key):
    """After an interruption, publishing the live table again repairs the compiled form."""
    desk.publish(OLD)
    desk.before("PutObject", key, interrupt)
    with pytest.raises(Interrupted):
        desk.publish(NEW)

    assert desk.publish(OLD).code == 0
    assert desk.is_compiled(OLD)


class TestTwoUsers:
    """If two users publish at once, one is refused, and no table is overwritten."""

    @pytest.mark.parametrize("key", [COMPILED, KEY])
    @pytest.mark.parametrize("first", [None, OLD], ids=["first-table", "next-table"])
    def test_second_is_refused(self, desk, other, first, key):
        """The command that finishes first wins, whatever step the other one has reached."""
        if first is not None:
            desk.publish(first)
        theirs = []
        desk.before("PutObject", key, lambda: theirs.append(other.publish(OTHER)))
        ours = desk.publish(NEW)

        assert [outcome.code for outcome in theirs] == [0]
        assert ours == (1, "", f"gatewayctl publish: {desk.place} {LOST}\n")
        assert desk.get()["Body"] == OTHER.encode()
        assert desk.is_compiled(OTHER)
        assert desk.publish(NEW).out == "models.a.endpoint: a-other → a-next\n"

    def test_same_table(self, desk, other):
        """Of two users who publish the same table, one is refused, and finds it live."""
        desk.publish(OLD)
        desk.before("PutObject", COMPILED, lambda: other.publish(NEW) and None)

        assert desk.publish(NEW).code == 1
        assert "nothing changed" in desk.publish(NEW).err

    def test_upload_without_the_command(self, desk):
        """An upload without gatewayctl in the meantime is noticed as well."""
        desk.publish(OLD)
        desk.before("PutObject", KEY, lambda: desk.put(OTHER) and None)

        assert desk.publish(NEW).err == f"gatewayctl publish: {desk.place} {LOST}\n"
        assert desk.get()["Body"] == OTHER.encode()

    def test_deleted_meanwhile(self, desk):
        """A table that is deleted in the meantime is not stored again."""
        desk.publish(OLD)
        desk.before("PutObject", KEY, desk.delete)

        assert desk.publish(NEW).err == f"gatewayctl publish: {desk.place} {LOST}\n"
        assert desk.run("--list").err.endswith("no table is stored there now\n")

    def test_third_user(self, desk, other, sagemaker_local, tmp_path_factory):
        """A third user during the repair: the last table and its compiled form belong together."""
        third = Desk(sagemaker_local, tmp_path_factory.mktemp("third"))
        third.bucket = desk.bucket
        desk.publish(OLD)

        def theirs():
            other.publish(OTHER)
            desk.before("PutObject", COMPILED, lambda: third.publish(NEW) and None)

        desk.before("PutObject", KEY, theirs)
        assert desk.publish(OLD.replace("endpoint: b", "endpoint: b-next")).code == 1
        third.close()

        assert desk.get()["Body"] == NEW.encode()
        assert desk.is_compiled(NEW)


def test_lost_answer(desk):
    """If S3 does not answer, the line says that the outcome is unknown."""
    desk.publish(OLD)

    def away():
        raise ReadTimeoutError(endpoint_url=desk.url)

    desk.before("PutObject", KEY, away)
    outcome = desk.publish(NEW)

    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.endswith(
        "; whether the table was published is not known: run the command again\n"
    )


class TestGatewayCheck:
    """After the upload, the table is read with the code of a gateway that has the old table."""

    CHANGES = (
        pytest.param(lambda desk: desk.delete(), "NoSuchKey", id="gone"),
        pytest.param(
            lambda desk: desk.put(NEW),
            "its metadata has no sha256; use gatewayctl publish",
            id="no",
        ),
        pytest.param(
            lambda desk: desk.put(NEW[:40], sha256=digest(NEW)),
            "it is not what the sha256 in its metadata says",
            id="in-part",
        ),
        pytest.param(
            lambda desk: desk.put(OTHER, sha256=digest(OTHER)),
            f"it uses another table, {digest(OTHER)[:12]}",
            id="another",
        ),
    )

    @pytest.mark.parametrize(("change", "reason"), CHANGES)
    def test_problem(self, desk, change, reason):
        """If that gateway does not use the published table, the reason is a finding."""
        desk.publish(OLD)
        desk.after("PutObject", KEY, lambda: change(desk))
        outcome = desk.publish(NEW, "--format", "json")
        (finding,) = outcome.data["findings"]

        assert (outcome.code, outcome.data["published"]) == (1, True)
        assert finding["text"] == f"published, but gateways do not use it: {reason}"

    def test_shrinking(self, desk):
        """The gateway judges the new table by the table that it has."""
        desk.publish(OLD)
        with desk.environment():
            check = GatewayCheck(table_location(desk.place))
            fewer = yaml("a")
            desk.put(fewer, sha256=digest(fewer))

            assert "4 of 5 models are gone" in check.problem(digest(fewer))
