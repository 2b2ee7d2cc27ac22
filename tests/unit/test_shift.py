"""`gatewayctl shift`: the weights in the file, and what is said about callers.

How the file is edited is in test_shift_weights.py, and how moves are calculated in
test_shift_moves.py.
"""

import json
from collections import Counter

import pytest

from chalicelib.routing.reading import file as table_file
from gatewayctl import tables
from gatewayctl.commands.shift import Change
from tests.support.command_line import gatewayctl

TABLE = """\
version: 1
models:
  churn:
    kind: mme
    endpoint: tabular
    targets:   # a release
      v7: {target_model: churn-v7.tar.gz, weight: 95}   # the old one
      v8: {target_model: churn-v8.tar.gz, weight: 5}
      backup: {kind: single, endpoint: churn}
    sticky: routing-key
    fallback: [v7, backup]
  house-price/{city}:
    kind: mme
    endpoint: housing
    parameters:
      city: {pattern: "[a-z]+"}
    targets:
      new: {target_model: "{city}/v4.tar.gz", weight: 1}
      old: {target_model: "{city}/v3.tar.gz", weight: 3}
  iris:
    kind: single
    endpoint: iris
"""


@pytest.fixture(name="project")
def _project(tmp_path, monkeypatch):
    """A folder whose table is linked, as in this project."""
    (tmp_path / "routing.yaml").write_text(TABLE)
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "routing.yaml").symlink_to("../routing.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(name="run")
def _run(project):
    return lambda *arguments: gatewayctl("shift", *arguments, project=project)


def test_shift(run, project):
    """The weights are changed through the link, which stays; the file keeps its mode."""
    (project / "routing.yaml").chmod(0o640)
    outcome = run("churn", "v8=20", "v7=80", "--table", "chalicelib/routing.yaml")

    assert outcome == (
        0,
        "target  weight   share of calls\n"
        "v7      95 → 80  95 % → 80 %\n"
        "v8      5 → 20   5 % → 20 %\n"
        "backup  0        0 %\n"
        "of 100 sticky callers 15 move from v7 to v8, 0 back\n",
        "chalicelib/routing.yaml is changed; gateways have it after 'make deploy', or "
        "'gatewayctl publish'\n",
    )
    text = TABLE.replace("weight: 95", "weight: 80").replace("weight: 5}", "weight: 20}")
    assert (project / "routing.yaml").read_text() == text
    assert (project / "routing.yaml").stat().st_mode & 0o777 == 0o640
    assert (project / "chalicelib" / "routing.yaml").is_symlink()


def test_dry_run(run, project):
    """`--dry-run` says the same, and writes nothing."""
    outcome = run("churn", "v8=20", "v7=80", "--dry-run")

    assert outcome.out.endswith("of 100 sticky callers 15 move from v7 to v8, 0 back\n")
    assert outcome.err == "--dry-run: routing.yaml is not changed\n"
    assert (project / "routing.yaml").read_text() == TABLE


def test_show(run, project):
    """Without new weights the command shows those in the table."""
    assert run("churn") == (
        0,
        "target  weight  share of calls\n"
        "v7      95      95 %\n"
        "v8      5       5 %\n"
        "backup  0       0 %\n",
        "",
    )
    assert run("churn", "v8=5").err == "routing.yaml has these weights already\n"
    assert (project / "routing.yaml").read_text() == TABLE


def test_several_moves(run):
    """With more than two targets each move has its line, and the least possible is said."""
    assert run("churn", "v8=20", "backup=7", "--dry-run").out.splitlines()[-4:] == [
        "of 100 sticky callers 17.22 move (at least 17.13 have to), 0 back:",
        "  11.48 move from v7 to v8",
        "  5.65 move from v7 to backup",
        "  0.09 move from v8 to backup",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["churn", "v7=950", "v8=50"], "no sticky caller moves: the shares stay as they are"),
        (["churn", "v7=0", "v8=5"], "of 100 sticky callers 95 move from v7 to v8, 0 back"),
        (
            ["churn", "v8=0", "v7=1000", "backup=0"],
            "of 100 sticky callers 5 move from v8 to v7, 0 back",
        ),
        (
            ["house-price/houston", "new=3"],
            "each request gets a target by chance: no caller is kept at a target",
        ),
        (["house-price/{city}", "new=2", "old=2"], "each request gets a target by chance: no"),
    ],
)
def test_sentences(run, arguments, sentence):
    """What a change means for callers."""
    (last,) = run(*arguments).out.splitlines()[-1:]
    assert last.startswith(sentence)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chrun", "v8=20"], "there is no model 'chrun' in routing.yaml; did you mean churn?"),
        (["iris", "v8=20"], "iris has no 'targets' in routing.yaml, so there is nothing to"),
        (["churn", "bakup=2"], "churn has no target 'bakup'; did you mean backup?"),
        (["churn", "v9=2"], "churn has no target 'v9'; known here: v7, v8, backup"),
        (["churn", "v\x1b8=2"], r"churn has no target 'v\x1b8'; did you mean v8?"),
        (["churn", "v8"], "'v8' is no TARGET=WEIGHT, such as v7=20"),
        (["churn", "v8=2", "v8=3"], "v8 is there twice; give each target one weight"),
        (["churn", "v8=1001"], "v8='1001': a weight is a whole number from 0 to 1,000"),
        (["churn", "v8=-1"], "v8='-1': a weight is a whole number from 0 to 1,000"),
        (["churn", "v8=0.5"], "v8='0.5': a weight is a whole number from 0 to 1,000"),
        (["churn", "v8=²"], "v8='²': a weight is a whole number from 0 to 1,000"),
        (["churn", "v8=" + "9" * 5_000], f"v8='{'9' * 80}…': a weight is a whole number"),
        (["churn", "v8="], "v8='': a weight is a whole number from 0 to 1,000"),
        (["churn", "v8=0", "v7=0"], "all weights of churn would be 0; give at least one target"),
    ],
)
def test_wrong_use(run, project, arguments, message):
    """What cannot be done is refused with the way out, and nothing is written."""
    outcome = run(*arguments)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"gatewayctl shift: {message}")
    assert (project / "routing.yaml").read_text() == TABLE


def test_two_writers(run, project, monkeypatch):
    """What somebody else writes while the command checks the table is not lost."""
    path, parse = project / "routing.yaml", tables.parse
    others = TABLE.replace("weight: 3", "weight: 4")

    def slow_parse(data, name):
        if data != TABLE.encode():
            path.write_text(others)
        return parse(data, name)

    monkeypatch.setattr(tables, "parse", slow_parse)
    outcome = run("churn", "v8=20")

    assert (outcome.code, outcome.out) == (2, "")
    assert "routing.yaml was changed meanwhile; nothing is written" in outcome.err
    assert path.read_text() == others


def test_table_with_findings(run, project):
    """A table that is not valid is not changed; its findings are reported."""
    (project / "routing.yaml").write_text(TABLE.replace("endpoint: iris", "endpont: iris"))
    outcome = run("churn", "v8=20")

    assert outcome.code == 1
    assert "did you mean endpoint?" in outcome.out
    assert "weight: 5}" in (project / "routing.yaml").read_text()


def test_anchors(run, project):
    """Anchors are findings, so no weight is changed that stands in two places."""
    text = TABLE.replace("weight: 95", "weight: &w 95").replace("weight: 5}", "weight: *w}")
    (project / "routing.yaml").write_text(text)

    assert run("churn", "v8=20").code == 1
    assert (project / "routing.yaml").read_text() == text


def test_json(run, project):
    """`--format json` has the same as data."""
    data = run("churn", "v8=20", "v7=80", "--format", "json").data

    assert (data["file"], data["model"], data["sticky"], data["written"]) == (
        "routing.yaml",
        "churn",
        "routing-key",
        True,
    )
    assert data["targets"][1] == {
        "name": "v8",
        "weight_before": 5,
        "weight": 20,
        "share_before": 0.05,
        "share": 0.2,
    }
    assert data["sticky_moves"] == [{"from": "v7", "to": "v8", "share": 0.15}]


def test_gateways_choice():
    """The shares that are said are those of callers whom the gateway's own choice moves."""
    old = {"a": 60, "b": 30, "c": 10, "d": 0}
    new = {"a": 50, "b": 30, "c": 20, "d": 4}
    resolved = [_resolved(weights) for weights in (old, new)]
    callers = 20_000
    counted = Counter(
        tuple(one.ordered(f"caller-{number}").targets[0].name for one in resolved)
        for number in range(callers)
    )

    said = {
        (one["from"], one["to"]): one["share"]
        for one in Change(resolved[0].model, old, new).data()["sticky_moves"]
    }
    moved = {pair: number for pair, number in counted.items() if pair[0] != pair[1]}
    assert moved.keys() <= said.keys()
    for pair, share in said.items():
        five_deviations = 5 * (callers * share * (1 - share)) ** 0.5
        assert abs(moved.get(pair, 0) - callers * share) < five_deviations


def _resolved(weights):
    """Return a model whose targets have these weights, as a request resolves it."""
    targets = {name: {"target_model": name, "weight": weight} for name, weight in weights.items()}
    entry = {"kind": "mme", "endpoint": "e", "targets": targets, "sticky": "routing-key"}
    text = json.dumps({"version": 1, "models": {"m": entry}})
    return table_file.parse(text.encode(), "routing.yaml").resolve("m")
