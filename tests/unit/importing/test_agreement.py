"""`import`, `import --missing` and `diff` agree about what an account offers."""

from functools import cache

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewayctl.command import Dependencies
from tests.support.aws_account import AwsAccount, container
from tests.support.command_line import gatewayctl
from tests.support.profile import LONG

FAST = "--calls-per-second=1000000"
SEGMENTS = st.sampled_from(
    ("iris", "Iris", "IRIS", "churn-eu", "model", "no", "7", "x.y", "it's", "v3", "V2", "ü", "")
) | st.sampled_from(
    ("output", "source", "debug-output", "churn-2026-01-05-10-11-12-345", "..", "{x}", "%2f")
)
FILES = st.sampled_from(
    ("model.tar.gz", "output.tar.gz", "sourcedir.tar.gz", ".tar.gz", "a b.tar.gz", "readme.md")
) | st.sampled_from(
    ("m-v1.tar.gz", "m-v2.tar.gz", "M-v2.tar.gz", "is-0.tar.gz", "is-1.tar.gz", "is-2.tar.gz")
)
KEYS = st.builds(
    lambda folders, name: "/".join([*folders, name]), st.lists(SEGMENTS, max_size=3), FILES
)
PREFIXES = st.sampled_from(["s3://b/", "s3://b/iris/", "s3://b/Iris/", "s3://b/x/", "s3://gone/x/"])
CONTAINERS = st.lists(
    st.tuples(st.sampled_from(["a", "B", "b", "c-"]), st.none() | PREFIXES),
    min_size=1,
    max_size=3,
    unique_by=lambda pair: pair[0],
)
MODELS = st.tuples(CONTAINERS, st.sampled_from(["Serial", "Direct"]))
ENDPOINTS = st.dictionaries(
    st.sampled_from(["tabular", "Tabular", "iris", "no", "7", "e-"]),
    st.tuples(
        # An endpoint hosts models or inference components, and not both.
        st.lists(MODELS, min_size=1, max_size=3) | st.just([None]) | st.just([None, None]),
        st.sampled_from(["InService", "InService", "InService", "Creating", "Failed"]),
        st.booleans(),
    ),
    min_size=1,
)
COMPONENTS = st.lists(
    st.tuples(
        st.sampled_from(["llm", "LLM", "ranker", "tabular"]),
        st.sampled_from(["tabular", "iris", "7"]),
        st.sampled_from(["InService", "Creating"]),
        st.integers(0, 2),
    ),
    unique_by=lambda one: one[0],
)
VARIANTS = ["blue", "green", "red-"]


class OneAccount(AwsAccount):
    """An account whose clients are made once, because making them takes most of the time."""

    def __init__(self):
        super().__init__()
        self.connect = cache(super().connect)

    def clear(self):
        for things in (self.endpoints, self.configurations, self.models, self.components):
            things.clear()


ACCOUNT = OneAccount()


def filled(endpoints, components, keys):
    """Return an account with these endpoints, components and objects."""
    account = ACCOUNT
    account.clear()
    account.buckets["b"] = keys
    for name, (models, status, is_async) in endpoints.items():
        variants = {}
        for variant, model in zip(VARIANTS, models, strict=False):
            variants[variant] = None
            if model is not None:
                containers = [container(host, prefix=prefix) for host, prefix in model[0]]
                mode = model[1] if len(containers) > 1 else None
                variants[variant] = account.model(f"{name}-{variant}", *containers, mode=mode)
        more = {"AsyncInferenceConfig": {"OutputConfig": {}}} if is_async else {}
        account.endpoint(name, variants, EndpointStatus=status, **more)
    for name, endpoint, status, copies in components:
        account.component(name, endpoint, status, CurrentCopyCount=copies)
        account.components[name]["VariantName"] = VARIANTS[copies]
    return account


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory):
    """Runs a command on an account."""
    folder = tmp_path_factory.mktemp("project")

    def run(account, command, *arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            connect = Dependencies(account.connect)
            return gatewayctl(command, FAST, *arguments, project=folder, dependencies=connect)

    run.folder = folder
    return run


ANY_ACCOUNT = settings(
    max_examples=600 if LONG else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@ANY_ACCOUNT
@given(ENDPOINTS, COMPONENTS, st.lists(KEYS, max_size=30, unique=True))
def test_diff_after_import(run, endpoints, components, keys):
    """Straight after `import` there is no difference, whatever the account holds."""
    account = filled(endpoints, components, keys)
    imported = run(account, "import", "--out", "t.yaml", "--force")
    if imported.code == 1:
        assert "gatewayctl import: there is no model to import\n" in imported.err
        return

    assert imported.code == 0
    found = run(account, "diff", "--table", "t.yaml")
    assert (found.code, found.out) == (0, ""), (run.folder / "t.yaml").read_text()


@ANY_ACCOUNT
@given(ENDPOINTS, COMPONENTS, st.lists(KEYS, max_size=30, unique=True), st.data())
def test_missing(run, endpoints, components, keys, data):
    """`import --missing` adds what `diff` reports, and keeps every line that is written."""
    account = filled(endpoints, components, keys)
    path = run.folder / "t.yaml"
    if run(account, "import", "--out", "t.yaml", "--force").code == 1:
        return
    imported = yaml.safe_load(path.read_text())["models"]
    kept = data.draw(st.lists(st.sampled_from(list(imported)), min_size=1, unique=True))
    models = yaml.safe_dump({"models": {name: imported[name] for name in kept}}, sort_keys=False)
    written = f"version: 1  # mine\n{models}"
    path.write_text(written)
    lacking = run(account, "diff", "--table", "t.yaml")

    added = run(account, "import", "--missing", "--table", "t.yaml", "--out", "t.yaml")

    assert added.code == 0
    assert path.read_text().startswith(written)
    assert (path.read_text() == written) == (lacking.code == 0)
    found = run(account, "diff", "--table", "t.yaml")
    assert (found.code, found.out) == (0, ""), path.read_text()


IRIS = "  iris:  # the old one\n    {kind: mme, endpoint: tabular, target_model: iris.tar.gz}"
WINE = """\
  # Endpoint tabular: mme, on instances, artifacts in s3://b/tabular/
  wine:
    kind: mme
    endpoint: tabular
    target_model: wine.tar.gz
"""
TABLES = {
    "at-the-end": (f"version: 1\nmodels:\n{IRIS}\n", f"\n{WINE}"),
    "without-a-line-end": (f"version: 1\nmodels:\n{IRIS}", f"\n\n{WINE}"),
    "before-a-key": (f"models:\n{IRIS}\n", f"\n{WINE}\n", "version: 1\n"),
    "after-its-comments": (
        f"version: 1\nmodels:\n{IRIS}\n\n    # timeout_seconds: 3\n",
        f"\n{WINE}",
        "\n  # spare:\n# end\n",
    ),
    "with-a-byte-order-mark": (f"\ufeffversion: 1\nmodels:\n{IRIS}\n", f"\n{WINE}"),
    "another-indentation": (
        "version: 1\nmodels:\n    iris:\n      kind: mme\n      endpoint: tabular\n"
        "      target_model: iris.tar.gz\n      description: |\n        Two\n        lines\n\n",
        "\n" + "".join(f"  {line}" for line in WINE.splitlines(keepends=True)),
        "defaults: {}\n",
    ),
}


def two_artifacts():
    account = AwsAccount()
    account.buckets["b"] = ["tabular/iris.tar.gz", "tabular/wine.tar.gz"]
    account.endpoint("tabular", account.model("m", container(prefix="s3://b/tabular/")))
    return account


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("parts", TABLES.values(), ids=TABLES)
def test_place(run, parts, end):
    """New entries stand after the last one, in the table's own form; the rest is not touched."""
    before, added, *after = (part.replace("\n", end) for part in parts)
    path = run.folder / "t.yaml"
    path.write_bytes((before + "".join(after)).encode())
    outcome = run(two_artifacts(), "import", "--missing", "--table", "t.yaml", "--out", "t.yaml")

    assert (outcome.code, outcome.out) == (0, "t.yaml\n")
    content = path.read_bytes().decode()
    gap = end if after and "defaults" in after[0] else ""
    assert content == before + added + gap + "".join(after)


def test_braces(run):
    """A table whose models are in braces has no place for lines."""
    path = run.folder / "t.yaml"
    path.write_text(f"version: 1\nmodels: {{{IRIS.strip().replace('# the old one', '')}}}\n")
    outcome = run(two_artifacts(), "import", "--missing", "--table", "t.yaml")

    assert outcome.code == 1
    assert outcome.err.startswith("gatewayctl import: models is written in braces; ")


def test_printed(run):
    """Without --out the table is printed; one that cannot be printed as it is needs --out."""
    path = run.folder / "t.yaml"
    text = f"version: 1\nmodels:\n{IRIS}\n"
    path.write_text(text)
    assert run(two_artifacts(), "import", "--missing", "--table", "t.yaml").out == f"{text}\n{WINE}"
    path.write_text(f"{text}#\tx\n")
    outcome = run(two_artifacts(), "import", "--missing", "--table", "t.yaml")

    assert (outcome.code, outcome.out) == (2, "")
    assert "give --out FILE" in outcome.err


TRAINED = [
    "churn-2026-01-05-10-11-12-345/output/model.tar.gz",
    "churn-2026-01-05-10-11-12-345/output/output.tar.gz",
    "churn-2026-01-05-10-11-12-345/source/sourcedir.tar.gz",
    "churn-2026-01-05-10-11-12-345/debug-output/events/0.tar.gz",
    "iris-2026-01-06-10-11-12-345/output/model.tar.gz",
    "iris-2026-01-06-10-11-12-345/rule-output/ProfilerReport/r.tar.gz",
    "iris-2026-01-06-10-11-12-345/profiler-output/framework/p.tar.gz",
]


def test_training_jobs(run):
    """What training leaves beside its models is no artifact; a model is named after its job."""
    account = two_artifacts()
    account.buckets["b"] = [f"tabular/{key}" for key in TRAINED]
    outcome = run(account, "import")

    assert {
        name: entry["target_model"] for name, entry in yaml.safe_load(outcome.out)["models"].items()
    } == {
        "churn-2026-01-05-10-11-12-345": TRAINED[0],
        "iris-2026-01-06-10-11-12-345": TRAINED[4],
    }
    assert " 5 objects that SageMaker training leaves beside a model: " in " ".join(
        outcome.out.replace("#", "").split()
    )


def test_folder_of_one_job(run):
    """Also where the prefix is the job's own folder."""
    account = AwsAccount()
    account.buckets["b"] = [key.partition("/")[2] for key in TRAINED[:3]]
    account.buckets["b"] += [f"out/{key.rpartition('/')[2]}" for key in TRAINED[:2]]
    account.buckets["b"].append("output/output.tar.gz")
    account.endpoint("job", account.model("m", container(prefix="s3://b/output/")))
    outcome = run(account, "import")

    assert list(yaml.safe_load(outcome.out)["models"]) == ["job"]
