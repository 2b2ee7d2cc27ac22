"""Weights are written into a table, and nothing else in the file changes."""

import itertools

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.commands.shift_weights import with_weights

HEAD = """\
# Tabellen für alle ☂ 🎈
version:   1
models:
  other:
    kind: mme
    targets: {v7: {target_model: o.tar.gz, weight: 1}}
  churn:
"""
STYLES = {
    "lines": """\
    kind: mme      # one endpoint
    endpoint:  'tabular'
    targets:
        v7:
            target_model: "churn-v7.tar.gz"   # the old one
            weight: {v7}   # not yet 0

        # the new one
        v8:
          weight:    {v8}
          target_model: churn-v8.tar.gz
    description: """
    + "so long that a parser that writes it again folds it, "
    + "word " * 40
    + "\n",
    "braces": """\
    {{kind: mme,endpoint: tabular , targets: {{ v7: {{target_model: a.tar.gz,weight: {v7}}},
      'v8': {{"target_model": 'b.tar.gz', "weight":{v8} , }} }} }}  # so
  last: {{kind: single, endpoint: e}}
""",
    "both": """\
    kind: mme
    targets:
      v7: {{target_model: a.tar.gz, weight: {v7}}}   # weight: 3
      v8: {{
        weight: {v8},     # v8
        target_model: b.tar.gz }}
    fallback:
    - v7
    example:
      - weight
      - {{weight: 5}}
""",
    "far away": """\
    ? targets
    : ? v8
      : weight: {v8}
        target_model: b.tar.gz
      ? v7
      : ? weight
        : {v7}
        ? target_model
        : >-
          a.tar.gz
    kind: mme
""",
}
NUMBERS = st.integers(0, 1000)


def written(style, ends, *, mark, final, **weights):
    """Return a table with these weights."""
    text = HEAD + STYLES[style].format(**weights)
    if not final:
        text = text.rstrip("\n")
    return (mark + text.replace("\n", ends)).encode()


@given(
    st.sampled_from(sorted(STYLES)),
    st.sampled_from(["\n", "\r\n"]),
    st.fixed_dictionaries({"mark": st.sampled_from(["", "\ufeff"]), "final": st.booleans()}),
    st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
)
def test_only_numbers_change(style, ends, form, numbers):
    """The new file is the old one with the new numbers, in every way to write it."""
    v7, v8, new_v7, new_v8 = numbers
    before = written(style, ends, v7=v7, v8=v8, **form)

    both = with_weights(before, "churn", {"v7": new_v7, "v8": new_v8})
    assert both == written(style, ends, v7=new_v7, v8=new_v8, **form)
    one = with_weights(before, "churn", {"v8": new_v8})
    assert one == written(style, ends, v7=v7, v8=new_v8, **form)
    assert with_weights(before, "churn", {}) == before


MISSING = {  # what is written of a target without a weight, and the same with the weight 7
    "braces": ("{target_model: a.tar.gz }  # c\n", "{target_model: a.tar.gz, weight: 7 }  # c\n"),
    "comma": ("{target_model: 'a.tar.gz',}\n", "{target_model: 'a.tar.gz', weight: 7,}\n"),
    "quoted": ('{"target_model":"a"}\n', '{"target_model":"a", "weight": 7}\n'),
    "several lines": (
        "{\n  target_model: a, # c\n  region: b # d\n  }\n",
        "{\n  target_model: a, # c\n  region: b, weight: 7 # d\n  }\n",
    ),
    "empty": ("{ } # c\n", "{weight: 7 } # c\n"),
    "lines": (
        "\n         target_model: a  # c\n         # d\n",
        "\n         target_model: a  # c\n         weight: 7\n         # d\n",
    ),
    "two lines": (
        "\n        region: r\n        target_model: a\n",
        "\n        region: r\n        target_model: a\n        weight: 7\n",
    ),
    "text over lines": (
        "\n        target_model: 'a\n          b'\n",
        "\n        target_model: 'a\n          b'\n        weight: 7\n",
    ),
    "block": (
        "\n        region: r\n        target_model: >-\n          a\n\n",
        "\n        weight: 7\n        region: r\n        target_model: >-\n          a\n\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), MISSING.values(), ids=MISSING)
@pytest.mark.parametrize(
    ("ends", "final", "mark"), [*itertools.product(["\n", "\r\n"], [True, False], ["", "\ufeff"])]
)
def test_missing_weight(before, after, ends, final, mark):
    """A weight that was not there becomes the last member, and nothing else changes."""
    texts = [
        f"models:\n  m:\n    targets:\n      v8: {target}".replace("\n", ends)
        for target in (before, after)
    ]
    if not final:
        texts = [text.rstrip("\r\n") for text in texts]
    old, new = (f"{mark}{text}".encode() for text in texts)

    found = with_weights(old, "m", {"v8": 7})
    assert found == new
    target = yaml.safe_load(found.decode("utf-8-sig"))["models"]["m"]["targets"]["v8"]
    assert target["weight"] == 7


def test_between_other_lines():
    """What follows a target that gets a weight stays where it is."""
    before = "models:\n  m:\n    targets:\n      a:\n        x: 1\n      b: {x: 2}\n    kind: mme\n"
    after = before.replace("x: 1\n", "x: 1\n        weight: 3\n").replace("x: 2", "x: 2, weight: 4")

    assert with_weights(before.encode(), "m", {"b": 4, "a": 3}) == after.encode()
