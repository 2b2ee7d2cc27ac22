"""What running gateways see while tables are published: the good one, always, and all of it."""

from pathlib import Path

import pytest
import yaml as pyyaml
from botocore.exceptions import ReadTimeoutError

from chalicelib.routing.reading import file
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
    """Somebody else, at the same object."""
    other = Desk(sagemaker_local, tmp_path_factory.mktemp("other"))
    other.bucket = desk.bucket
    yield other
    other.close()


def endpoint(gateway):
    """Where a prediction goes."""
    assert gateway.predict("a").status == 200
    return gateway.log.requests[-1]["endpoint"]


def is_compiled(desk, table):
    """Whether the compiled form is of this one."""
    return file.from_compiled(desk.get(COMPILED)["Body"], digest(table)) is not None


def test_there_and_back(desk):
    """A running gateway serves what is published, and what one goes back to."""
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


def test_from_the_first(desk):
    """One that waits for a first table has it with the next look."""
    gateway, _ = desk.gateway()
    before = gateway.predict("a").status
    desk.publish(OLD)

    assert (before, endpoint(gateway)) == (503, "a")


def test_fewer(desk):
    """What `publish` lets through because it is meant, a gateway takes too."""
    desk.publish(OLD)
    gateway, log = desk.gateway()
    desk.publish(yaml("a", more="allow_shrink: true\n"))

    assert gateway.predict("b").status == 404
    assert log.lines == []


def test_bad_tables(desk):
    """Of all that anybody has broken nothing is published, and the good table serves."""
    desk.publish(OLD)
    gateway, log = desk.gateway()
    codes = {desk.publish(case["table"]).code for case in BROKEN}
    codes.add(desk.publish(yaml("a")).code)
    codes.add(desk.publish(b"version: 1\nmodels: {a: \xff}\n").code)

    assert codes == {1}
    assert endpoint(gateway) == "a"
    assert log.lines == []
    assert len(desk.run("--list").out.splitlines()) == 2


class Killed(BaseException):
    """What no code of ours catches."""


def kill():
    raise Killed


@pytest.mark.parametrize("key", [COMPILED, KEY])
def test_killed(desk, key):
    """A publisher that dies before the table itself is there has changed nothing for callers.

    Gateways that start then read the YAML, and whoever publishes next finishes the work.
    """
    desk.publish(OLD)
    gateway, log = desk.gateway()
    desk.before("PutObject", key, kill)
    with pytest.raises(Killed):
        desk.publish(NEW)

    fresh, fresh_log = desk.gateway()
    assert (endpoint(gateway), endpoint(fresh)) == ("a", "a")
    assert log.lines + fresh_log.lines == []
    assert is_compiled(desk, OLD) is (key == COMPILED)

    assert desk.publish(NEW).code == 0
    assert (endpoint(gateway), endpoint(fresh)) == ("a-next", "a-next")
    assert is_compiled(desk, NEW)


@pytest.mark.parametrize("key", [COMPILED, KEY])
def test_killed_and_not_repeated(desk, key):
    """Publishing the table that is live mends what the dead one left."""
    desk.publish(OLD)
    desk.before("PutObject", key, kill)
    with pytest.raises(Killed):
        desk.publish(NEW)

    assert desk.publish(OLD).code == 0
    assert is_compiled(desk, OLD)


class TestTwoPublishers:
    """Of two who publish at once one is told so, and nothing of the other's is overwritten."""

    @pytest.mark.parametrize("key", [COMPILED, KEY])
    @pytest.mark.parametrize("first", [None, OLD], ids=["first-table", "next-table"])
    def test_second_is_told(self, desk, other, first, key):
        """Whoever is done first wins, at whatever point the other one is."""
        if first is not None:
            desk.publish(first)
        theirs = []
        desk.before("PutObject", key, lambda: theirs.append(other.publish(OTHER)))
        ours = desk.publish(NEW)

        assert [outcome.code for outcome in theirs] == [0]
        assert ours == (1, "", f"gatewayctl publish: {desk.place} {LOST}\n")
        assert desk.get()["Body"] == OTHER.encode()
        assert is_compiled(desk, OTHER)
        assert desk.publish(NEW).out == "models.a.endpoint: a-other → a-next\n"

    def test_same_table(self, desk, other):
        """Two who publish the same one have both what they want; one of them has to look again."""
        desk.publish(OLD)
        desk.before("PutObject", COMPILED, lambda: other.publish(NEW) and None)

        assert desk.publish(NEW).code == 1
        assert "nothing changed" in desk.publish(NEW).err

    def test_one_goes_back(self, desk, other):
        """Going back is publishing too."""
        desk.publish(OLD)
        version = desk.get()["VersionId"]
        desk.publish(NEW)
        desk.before("PutObject", KEY, lambda: other.publish(OTHER) and None)

        assert desk.run("--back", version).code == 1
        assert desk.get()["Body"] == OTHER.encode()

    def test_somebody_without_the_command(self, desk):
        """Who knows nothing of digests is a publisher too."""
        desk.publish(OLD)
        desk.before("PutObject", KEY, lambda: desk.put(OTHER) and None)

        assert desk.publish(NEW).err == f"gatewayctl publish: {desk.place} {LOST}\n"
        assert desk.get()["Body"] == OTHER.encode()

    def test_deleted_meanwhile(self, desk):
        """Who deletes a table wants none to be there."""
        desk.publish(OLD)
        desk.before("PutObject", KEY, desk.delete)

        assert desk.publish(NEW).err == f"gatewayctl publish: {desk.place} {LOST}\n"
        assert desk.run("--list").err.endswith("nothing lies there now\n")

    def test_a_third_while_the_second_mends(self, desk, other, sagemaker_local, tmp_path_factory):
        """Whatever the order, the last table is whole; at worst it is read as YAML."""
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
        assert is_compiled(desk, NEW)


def test_lost_answer(desk):
    """When S3 does not say whether it has taken the table, nobody claims to know."""
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
    """What is published is read again as a gateway reads it, which has the table from before."""

    HARM = (
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
            f"it finds another one, {digest(OTHER)[:12]}",
            id="another",
        ),
    )

    @pytest.mark.parametrize(("harm", "why"), HARM)
    def test_objection(self, desk, harm, why):
        """When it does not find what was published, that is a finding, with its reason."""
        desk.publish(OLD)
        desk.after("PutObject", KEY, lambda: harm(desk))
        outcome = desk.publish(NEW, "--format", "json")
        (finding,) = outcome.data["findings"]

        assert (outcome.code, outcome.data["published"]) == (1, True)
        assert finding["text"] == f"published, but a gateway that looks now does not have it: {why}"

    def test_shrinking(self, desk):
        """It judges what it finds by the table that it has."""
        desk.publish(OLD)
        with desk.environment():
            check = GatewayCheck(table_location(desk.place))
            fewer = yaml("a")
            desk.put(fewer, sha256=digest(fewer))

            assert "4 of 5 models are gone" in check.problem(digest(fewer))
