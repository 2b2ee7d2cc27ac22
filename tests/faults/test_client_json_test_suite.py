"""N10: JSONTestSuite as requests and as answers, and the five lines as the control."""

from dataclasses import dataclass, field

import pytest

from tests.faults.lambda_process import packaged
from tests.faults.naive import NaiveDoor, naive_client
from tests.faults.rows import row
from tests.faults.ways import WAYS, SageMaker
from tests.support import function
from tests.support.doors import ApiGatewayDoor
from tests.support.gateway import JSON, TABLE
from tests.support.json_test_suite import REFUSED_AT_WILL, cases
from tests.support.recorder import Answer, Recorder

BAR = "95/95, 188/188, 0"
JSON_TYPE = ("Content-Type", "application/json")


@dataclass
class Tally:
    """What became of each case, by name."""

    taken: set[str] = field(default_factory=set)
    """The model was called, and the caller has an answer."""

    refused: set[str] = field(default_factory=set)
    """Answered with 400; no model was called."""

    failed: set[str] = field(default_factory=set)
    """A 5xx, or a model that was called for nothing."""

    changed: set[str] = field(default_factory=set)
    """Of what was taken, what the model got or the caller got back with other bytes."""

    @property
    def figure(self):
        taken, refused = count(self.taken, "y_"), count(self.refused, "n_")
        return f"{taken}/95, {refused}/188, {len(self.failed)}"


def count(names, prefix):
    return sum(name.startswith(prefix) for name in names)


def tallied(door, recorder):
    """Each case of the suite as the body of a request to a model that takes only JSON."""
    tally = Tally()
    for name, body in cases().items():
        recorder.reset()
        answer = door.send("POST", "/predict/churn", JSON, body)
        arrived = [arrived.body for arrived in recorder.arrived]
        outcomes = {(200, 1): tally.taken, (400, 0): tally.refused}
        outcomes.get((answer.status, len(arrived)), tally.failed).add(name)
        if name in tally.taken and {answer.body, *arrived} != {body}:
            tally.changed.add(name)
    return tally


def assert_all_right(tally):
    assert tally.figure == BAR
    assert {name for name in tally.refused if name.startswith("i_")} == REFUSED_AT_WILL
    assert tally.changed == set()


@pytest.fixture(scope="module", name="sagemaker")
def _sagemaker():
    with SageMaker() as sagemaker:
        yield sagemaker


@row("C1", "C2")
@pytest.mark.parametrize("door", WAYS)
def test_requests(sagemaker, measured, seen, door):
    """Everything that must be taken is, all that must be refused is, and nothing is a 500."""
    gateway = sagemaker.behind(door)

    tally = tallied(gateway.door, sagemaker)

    seen(f"JSONTestSuite: {tally.figure}")
    if door is ApiGatewayDoor:
        taken, refused = (count(names, "i_") for names in (tally.taken, tally.refused))
        under = f"of 35 i: {taken} taken, {refused} refused"
        measured("N10", "gateway", tally.figure, under, meets=tally.figure == BAR)
    assert_all_right(tally)


@row("C1", "C2")
def test_packaged(package, task_root, tmp_path, measured):
    """The same of the zip under AWS's runtime client."""
    table = tmp_path / "routing.yaml"
    table.write_text(TABLE)
    # The zip's own table has no model that takes nothing but JSON.
    own = {"GATEWAY_ROUTING": f"file:{table}"}
    with Recorder() as recorder, packaged(package, task_root, recorder.url, **own) as run:
        tally = tallied(function.door(package, run), recorder)

    whose, under = "gateway, packaged", "the zip under awslambdaric"
    measured("N10", whose, tally.figure, under, meets=tally.figure == BAR)
    assert_all_right(tally)


def test_the_five_lines(measured):
    """The control: what is no JSON comes to the model from them, or ends as a bare 502."""
    with Recorder() as recorder:
        tally = tallied(NaiveDoor(naive_client(recorder.url)), recorder)

    with pytest.raises(AssertionError):
        assert_all_right(tally)
    called = count(tally.taken, "n_")
    under = f"of 188 n {called} came to the model"
    measured("N10", "five lines", tally.figure, under, meets=tally.figure == BAR)


@row("U12")
@pytest.mark.parametrize("door", WAYS)
def test_answers(sagemaker, seen, door):
    """What a model calls JSON is its own affair: its bytes are passed on, whatever they are."""
    gateway = sagemaker.behind(door)
    changed = []
    for name, body in cases().items():
        sagemaker.answer = lambda _, body=body: Answer(body, headers=(JSON_TYPE,))
        answer = gateway.predict("churn")
        if (answer.status, answer.body) != (200, body):
            changed.append(name)

    assert changed == []
    seen("JSONTestSuite as answers: byte for byte")
