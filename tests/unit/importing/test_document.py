"""The text of an imported table."""

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.routing.targets import is_target_model
from gatewayctl.account.artifacts import latest
from gatewayctl.commands.import_artifacts import LONGEST_LIST
from tests.support.profile import LONG
from tests.unit.importing.accounts import (
    FakeAccount,
    endpoint,
    multi_model,
    parsed,
    paths,
    targets,
    text_of,
    text_of_artifacts,
    variant,
)

EXAMPLE = """\
version: 1

models:
  # Endpoint housing: mme, on instances, artifacts in s3://bucket/housing/
  # Not in the table: 1 object not named .tar.gz: 'notes.txt'
  # 2 artifacts, as in POST /predict/housing/austin → austin/v3.tar.gz
  # Older versions, not in the table: austin/v2.tar.gz, austin/v1.tar.gz
  housing/{name}:
    kind: mme
    endpoint: housing
    target_model: "{name}/v3.tar.gz"
    parameters:
      name:
        one_of: [austin, houston]

  # Endpoint tabular: mme, on instances, artifacts in s3://bucket/tabular/

  housing:
    kind: mme
    endpoint: tabular
    target_model: housing.tar.gz

  # Older versions, not in the table: iris-v1.tar.gz
  iris:
    kind: mme
    endpoint: tabular
    target_model: iris-v2.tar.gz

  # Endpoint wine: single, on instances
  wine:
    kind: single
    endpoint: wine

# Endpoints without a model here:
# late: is Creating; import it when it is InService
"""


def test_example():
    """Each endpoint has a heading, its entries, and remarks about what has no entry."""
    housing = [f"{city}.tar.gz" for city in ("austin/v1", "austin/v2", "austin/v3", "houston/v3")]
    by_prefix = {
        "s3://bucket/housing/": ("notes.txt", *housing),
        "s3://bucket/tabular/": ("housing.tar.gz", "iris-v1.tar.gz", "iris-v2.tar.gz"),
    }
    text = text_of(
        endpoint("housing", variant(multi_model("housing"))),
        endpoint("late", status="Creating"),
        endpoint("tabular", variant(multi_model("tabular"))),
        endpoint("wine"),
        account=FakeAccount(by_prefix),
    )
    head, _, rest = text.partition("\n\nversion: 1")

    assert f"version: 1{rest}" == EXAMPLE
    assert all(line.startswith("#") for line in head.splitlines())
    assert max(map(len, head.splitlines())) <= 100


@pytest.mark.parametrize(
    "word",
    ["no", "007", "1e3", "1_000", "0x1f", "1.5", "1-30", "y", "N", "off", "Null", "~", ".inf"],
)
def test_quotes(word):
    """A name that a version of YAML reads as a boolean, number or date has quotes."""
    text = text_of_artifacts(e=[f"{word}/m.tar.gz", "other/m.tar.gz"], f=[f"{word}.tar.gz"])

    assert f'"{word}"' in text
    assert f'target_model: "{word}.tar.gz"' in text or word[0].isalpha()
    assert {type(name) for name in yaml.safe_load(text)["models"]} == {str}
    assert len(parsed(text)) == 2


def test_a_comment_ends_with_its_line():
    """No name of the account can end a comment."""
    hostile = "x\nversion: 2\r\n\x85models:\u2028 {}\x00\ufffe\U000f0000\ud800 #"
    model = multi_model("e")
    (container,) = model.containers
    prefix = f"s3://bucket/{hostile}/"
    model = replace(model, containers=(replace(container, model_data=prefix),))
    text = text_of(
        endpoint("e", variant(model)),
        endpoint("late", status=hostile),
        account=FakeAccount({prefix: (hostile, f"{hostile}.tar.gz", "a.tar.gz")}),
    )

    assert targets(parsed(text)) == [{"EndpointName": "e", "TargetModel": "a.tar.gz"}]


def test_a_pattern_says_so():
    """A comment says what a pattern admits now, and that it admits more later."""
    text = text_of_artifacts(e=[f"customer-{n:04}/model.tar.gz" for n in range(LONGEST_LIST + 1)])
    table = parsed(text)

    words = " ".join(text.replace("#", "").split())
    named = ", ".join(f"customer-{number:04}" for number in range(10))
    assert (
        f"{{name}} can be {named} and 91 more (import --format json lists all); "
        "the pattern also admits names that come later"
    ) in words
    for number in (0, LONGEST_LIST, 9999):
        found = table.resolve(f"e/customer-{number:04}").target.invoke_args()
        assert found["TargetModel"] == f"customer-{number:04}/model.tar.gz"


SEGMENTS = st.from_regex(r"[A-Za-z0-9!_.'()+=@,~-]{1,8}", fullmatch=True)
WORDS = st.sampled_from(["iris", "churn-eu", "model", "A", "no", "7", "x.y", "it's", "v3"])
ARTIFACTS = st.one_of(
    st.lists(SEGMENTS | WORDS, min_size=1, max_size=3).map(
        lambda parts: "/".join(parts) + ".tar.gz"
    ),
    st.builds("{}-{}-v{}.tar.gz".format, WORDS, st.integers(0, 12), st.integers(1, 3)),
    st.builds("{}/{}.tar.gz".format, WORDS, WORDS),
    st.builds("{}/model-v{}.tar.gz".format, SEGMENTS, st.integers(1, 3)),
    st.text(max_size=12).map(lambda text: f"{text}.tar.gz"),
)
ACCOUNTS = st.dictionaries(
    st.sampled_from(["tabular", "Tabular", "iris", "a-b", "no", "7"]),
    st.lists(ARTIFACTS | SEGMENTS, max_size=40, unique=True),
    min_size=1,
)


@settings(max_examples=2000 if LONG else 100, deadline=None)
@given(ACCOUNTS)
def test_any_account(account):
    """Each newest artifact has exactly one path, and no path leads to anything else."""
    account["never-empty"] = ["a.tar.gz"]
    text = text_of_artifacts(**account)
    expected = [
        {"EndpointName": name, "TargetModel": newest.artifact}
        for name, artifacts in account.items()
        for newest in latest(filter(is_target_model, artifacts))
        if newest.artifact.endswith(".tar.gz")
    ]
    table = parsed(text)

    assert sorted(map(str, targets(table))) == sorted(map(str, expected))
    assert len(set(paths(table))) == len(expected)
    assert text_of_artifacts(**{name: found[::-1] for name, found in account.items()}) == text
