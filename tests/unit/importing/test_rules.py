"""What a parameter may be."""

import re

import pytest

from chalicelib.routing.reading.patterns import refusal
from gatewayctl.commands.import_artifacts import LONGEST_LIST, parameter

MANY = LONGEST_LIST + 1


def test_list():
    """A list, as long as somebody can read it."""
    values = [f"{number:04}" for number in range(LONGEST_LIST)]

    assert parameter(values).rule == {"one_of": tuple(values)}


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        pytest.param([f"{n:04}" for n in range(MANY)], "[0-9]{4}", id="numbers"),
        pytest.param([str(n) for n in range(MANY)], "[0-9]{1,3}", id="of any length"),
        pytest.param(
            [f"customer-{n}.v1" for n in range(MANY)], "customer-[0-9]{1,3}[.]v1", id="with words"
        ),
        pytest.param([f"{n:08x}" for n in range(2**30, 2**30 + MANY)], "[0-9a-f]{8}", id="codes"),
        pytest.param([f"EU-{n:03X}~{n % 7}" for n in range(MANY)], "EU-[A-Z0-9]{3}~[0-9]{1}"),
        pytest.param(
            [chr(97 + n % 26) + chr(97 + n // 26) for n in range(MANY)], "[a-z]{2}", id="letters"
        ),
    ],
)
def test_pattern(values, pattern):
    """Very many that are alike in every part: a pattern that a table takes, and that fits all."""
    made = parameter(sorted(values))

    assert made.rule == {"pattern": pattern}
    assert refusal(pattern) is None
    assert all(re.fullmatch(pattern, value) for value in values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["a" * n for n in range(1, 64)] + ["b"] * MANY, id="words"),
        pytest.param([*map(str, range(MANY)), "x"], id="one exception"),
        pytest.param([f"{n}-{'long' if n % 2 else 'b'}" for n in range(MANY)], id="words inside"),
        pytest.param([f"{n}{'-_'[n % 2]}{n}" for n in range(MANY)], id="marks that differ"),
        pytest.param(
            ["-".join(str(n * i % 10) for i in range(32)) for n in range(MANY)],
            id="a pattern longer than a table takes",
        ),
    ],
)
def test_no_pattern(values):
    """What a pattern would describe badly stays a list, however long."""
    assert parameter(values).rule == {"one_of": tuple(values)}


@pytest.mark.parametrize(
    ("values", "name"), [(["7", "10"], "number"), (["7", "a"], "name"), (["v7"], "name")]
)
def test_name(values, name):
    """All that is known of a parameter is whether it is a number."""
    assert parameter(values).name == name
