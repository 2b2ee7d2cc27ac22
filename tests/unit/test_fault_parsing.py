"""A fault is asked for in JSON; what makes no sense is answered with a sentence."""

import asyncio
import json

import pytest

from sagemaker_local.faults import KINDS, BadFault, Fault, Faults


def parse(**given):
    return Fault.parse(json.dumps(given).encode())


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_kind_is_needed(kind):
    """Every call is struck, without end."""
    assert parse(fault=kind).describe() == {
        "fault": kind,
        "share": 1.0,
        "seconds": 5.0,
        "count": None,
    }


@pytest.mark.parametrize(
    "given",
    [
        {"share": 0, "seconds": 0, "count": 0},
        {"share": 1, "seconds": 3600, "count": 10},
        {"share": 0.25, "seconds": 0.5, "count": 1},
    ],
)
def test_the_rest_is_as_given(given):
    """From nothing to the most that makes sense."""
    described = parse(fault="hang", **given).describe()

    assert described == {"fault": "hang", **given}


def test_null_is_the_default():
    """As if the member were not there."""
    assert parse(fault="hang", share=None, seconds=None, count=None).describe() == (
        parse(fault="hang").describe()
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is not JSON."),
        (b"{", "The body is not JSON."),
        (b"\xff\xfe", "The body is not JSON."),
        (b"[" * 100_000, "The body is not JSON."),
        (b"null", "`fault` must be one of throttle, e500, "),
        (b'["throttle"]', "`fault` must be one of throttle, e500, "),
        (b"{}", "`fault` must be one of throttle, e500, "),
        (b'{"fault": "Throttle"}', "`fault` must be one of throttle, e500, "),
        (b'{"fault": ["throttle"]}', "`fault` must be one of throttle, e500, "),
        (b'{"fault": "hang", "second": 1}', "Unknown: second; a fault has fault, share,"),
        (b'{"fault": "hang", "share": 1.1}', "`share` must be a number from 0 to 1; got 1.1."),
        (b'{"fault": "hang", "share": NaN}', "`share` must be a number from 0 to 1; got nan."),
        (b'{"fault": "hang", "seconds": -1}', "`seconds` must be a number from 0 to 3600"),
        (b'{"fault": "hang", "seconds": "5"}', "`seconds` must be a number from 0 to 3600"),
        (b'{"fault": "hang", "seconds": 1e999}', "`seconds` must be a number from 0 to 3600"),
        (b'{"fault": "hang", "count": true}', "`count` must be a whole number from 0 on; got"),
        (b'{"fault": "hang", "count": 1.5}', "`count` must be a whole number from 0 on; got"),
        (b'{"fault": "hang", "count": -1}', "`count` must be a whole number from 0 on; got"),
    ],
)
def test_a_fault_that_makes_no_sense(body, sentence):
    """The sentence names the member, what it may be, and what it was."""
    with pytest.raises(BadFault) as refused:
        Fault.parse(body)

    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(("share", "struck"), [(0.0, 0), (1.0, 100)])
def test_a_share_of_none_or_all(share, struck):
    """Leaves nothing to chance."""
    faults = Faults()
    faults.put("e", Fault("hang", share=share))

    assert sum(faults.draw("e") is not None for _ in range(100)) == struck


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_count_is_used_up(count):
    """The calls after it are as if there were no fault."""
    faults = Faults()
    faults.put("e", Fault("hang", count=count))

    struck = [faults.draw("e") is not None for _ in range(5)]

    assert struck == [True] * count + [False] * (5 - count)


def test_a_fault_is_for_one_endpoint():
    """The others have their own."""
    faults = Faults()
    faults.put("a", Fault("hang"))
    faults.put("b", Fault("reset"))

    assert [faults.draw(name) and faults.draw(name).fault for name in "abc"] == [
        "hang",
        "reset",
        None,
    ]


def test_a_slow_load_strikes_loads_alone():
    """Calls of warm models pass; a cold load takes longer, for `count` loads."""
    faults = Faults()
    faults.put("e", Fault("slow-load", seconds=7.0, count=1))

    assert faults.draw("e") is None
    assert [delays_load(faults) for _ in range(2)] == [True, False]


def test_other_faults_delay_no_load():
    """Nor do they count it."""
    faults = Faults()
    faults.put("e", Fault("hang", count=1))

    assert not delays_load(faults)
    assert faults.draw("e") is not None


def delays_load(faults):
    """Whether a load does not go on before the fault ends."""

    async def load():
        delay = asyncio.create_task(faults.delay_load("e"))
        await asyncio.sleep(0)
        is_delayed = not delay.done()
        delay.cancel()
        return is_delayed

    return asyncio.run(load())


@pytest.mark.parametrize("end", [lambda f: f.end("e"), lambda f: f.put("e", Fault("reset"))])
def test_the_end_of_a_fault_is_noticed_by_those_it_holds(end):
    """Whether it is taken away or replaced."""
    faults = Faults()
    held_by = Fault("hang")
    faults.put("e", held_by)
    assert not held_by.ended.is_set()

    end(faults)

    assert held_by.ended.is_set()
    assert faults.get("e") is not held_by
