"""The warnings of `gatewayctl validate`: what a gateway accepts and is probably a mistake."""

import io
import json

import pytest
from hypothesis import given

from chalicelib.routing.reading.document import parse
from chalicelib.telemetry.log import Telemetry
from chalicelib.telemetry.request_record import RequestRecord
from gatewayctl.lint import (
    METRICS_OF_A_HEALTHY_MODEL,
    METRICS_PER_MODEL,
    monthly_usd,
    warnings,
)
from gatewayctl.tables import TableFile
from tests.support.command_line import gatewayctl
from tests.support.random_tables import TABLES

MME = "kind: mme, endpoint: e, target_model"


@pytest.fixture(name="run")
def _run(tmp_path, monkeypatch):
    """Runs the command on a table."""
    monkeypatch.chdir(tmp_path)

    def run(text, *arguments, **environ):
        (tmp_path / "routing.yaml").write_text(text)
        return gatewayctl("validate", *arguments, project=tmp_path, **environ)

    return run


@pytest.fixture(name="warned")
def _warned(run):
    """The warnings about a table with these models, which begin on line 4."""

    def warned(*models, defaults="{}"):
        listed = "".join(f"  {model}\n" for model in models)
        outcome = run(f"version: 1\ndefaults: {defaults}\nmodels:\n{listed}")
        assert outcome.code == 0, outcome.out
        return [line.removeprefix("routing.yaml:") for line in outcome.out.splitlines()]

    return warned


class TestReport:
    """How warnings are reported."""

    TABLE = f"version: 1\nmodels:\n  iris: {{{MME}: iris.tar.gz}}\n"
    TEXT = (
        "the artifact 'iris.tar.gz' has no version in its name, and SageMaker may go on using what "
        "it has loaded when it is overwritten; give each version its own name, as in "
        "'iris-v1.tar.gz'"
    )

    def test_text(self, run):
        """A warning has its place and the word; the exit code is 0."""
        assert run(self.TABLE) == (
            0,
            f"routing.yaml:3: models.iris.target_model: warning: {self.TEXT}\n",
            "routing.yaml: 1 model, 1 warning\n",
        )

    def test_json(self, run):
        """As data, a warning has a severity of its own."""
        assert json.loads(run(self.TABLE, "--format", "json").out)["findings"] == [
            {
                "file": "routing.yaml",
                "line": 3,
                "path": "models.iris.target_model",
                "severity": "warning",
                "text": self.TEXT,
            }
        ]

    def test_beside_a_broken_table(self, run, tmp_path):
        """A table with findings sets the exit code and has no warnings."""
        (tmp_path / "broken.yaml").write_text("version: 1\nmodels: {}\n")
        outcome = run(self.TABLE, "routing.yaml", "broken.yaml")

        assert outcome.code == 1
        assert [": warning: " in line for line in outcome.out.splitlines()] == [True, False]

    def test_order(self, warned):
        """Warnings are in the order of the lines."""
        found = warned(
            f"b: {{{MME}: b.tar.gz}}",
            f"a: {{{MME}: a.zip}}",
            "c: {kind: single, endpoint: e}",
        )

        assert [line.split(":")[0] for line in found] == ["4", "5", "5", "6"]

    @given(text=TABLES)
    def test_random(self, text):
        """Every valid table can be checked, and every warning is on a line of the file."""
        table = TableFile("routing.yaml", text.encode(), parse(text.encode(), "routing.yaml"))

        for warning in warnings(table, lambda: True):
            assert warning.line == 1
            assert warning.path.startswith("models.")


class TestVersions:
    """Artifacts without a version in their names."""

    @pytest.mark.parametrize(
        "name",
        [
            "iris-v1.tar.gz",
            "iris/V2.tar.gz",
            "iris-1.4.2.tar.gz",
            "2026-11-23/iris.tar.gz",
            "iris_20261123T1200Z.tar.gz",
            "iris.b17.tar.gz",
            "iris-2.0rc1.tar.gz",
            "iris-rev3.tar.gz",
            "iris-9f3c2d1.tar.gz",
            "release4/iris.tar.gz",
        ],
    )
    def test_versioned(self, warned, name):
        """A number, a date or a commit between separators is a version."""
        assert warned(f'a: {{{MME}: "{name}"}}') == []

    @pytest.mark.parametrize(
        "name",
        [
            "iris.tar.gz",
            "resnet50.tar.gz",
            "llama-7b.tar.gz",
            "latest/iris.tar.gz",
            "facade-deadbeef.tar.gz",
        ],
    )
    def test_unversioned(self, warned, name):
        """A word is no version, whatever it ends in."""
        (found,) = warned(f'a: {{{MME}: "{name}"}}')

        assert f"the artifact '{name}' has no version" in found

    @pytest.mark.parametrize(
        ("template", "rule", "named"),
        [
            ("{x}/v3.tar.gz", "one_of: [houston, austin]", None),
            ("{x}.tar.gz", "one_of: [houston-v1, austin-v2]", None),
            ("{x}.tar.gz", "one_of: [houston-v1, austin]", "austin.tar.gz"),
            ("{x}.tar.gz", 'pattern: "[a-z]+-v[0-9]{1,3}"', None),
            ("{x}.tar.gz", r'pattern: "[\\w.]+"', None),
            ("{x}.tar.gz", 'pattern: "[^a]+"', None),
            ("{x}.tar.gz", 'pattern: "[a-z]{2,20}"', "{x}.tar.gz"),
            ("{x}.tar.gz", r'pattern: "[a-z]+\\.[a-z]+[.]a"', "{x}.tar.gz"),
        ],
    )
    def test_parameters(self, warned, template, rule, named):
        """A parameter may hold the version, if every listed value has one."""
        found = warned(f'a/{{x}}: {{{MME}: "{template}", parameters: {{x: {{{rule}}}}}}}')

        assert len(found) == (named is not None)
        assert all(f"the artifact '{named}' has no version" in line for line in found)

    def test_one_of_two_parameters(self, warned):
        """It is enough if one of several parameters has a version."""
        rules = "x: {one_of: [houston]}, y: {one_of: [v1, v2]}"

        assert (
            warned(f'a/{{x}}/{{y}}: {{{MME}: "{{x}}/{{y}}.tar.gz", parameters: {{{rules}}}}}') == []
        )

    def test_other_kinds(self, warned):
        """A target without an artifact needs no version."""
        assert (
            warned(
                "a: {kind: single, endpoint: iris}",
                "b: {kind: mce, endpoint: nlp, target_container_hostname: ner}",
                "c: {kind: pipeline, endpoint: wine}",
            )
            == []
        )


class TestArchives:
    """A multi-model endpoint loads .tar.gz."""

    @pytest.mark.parametrize(
        ("entry", "named"),
        [
            (f"a: {{{MME}: iris-v1.zip}}", "iris-v1.zip"),
            (f"a: {{{MME}: iris-v1}}", "iris-v1"),
            (f"a: {{{MME}: iris-v1.tar.gz/}}".replace("/}", "/x}"), "iris-v1.tar.gz/x"),
            (f'a/{{x}}: {{{MME}: "{{x}}", parameters: {{x: {{one_of: [v1.tar.gz]}}}}}}', None),
            (f'a/{{x}}: {{{MME}: "{{x}}", parameters: {{x: {{one_of: [v1.zip]}}}}}}', "v1.zip"),
            (
                rf'a/{{x}}: {{{MME}: "{{x}}", parameters: {{x: {{pattern: "v\\d\\.tar[.]gz"}}}}}}',
                None,
            ),
            (f'a/{{x}}: {{{MME}: "{{x}}", parameters: {{x: {{pattern: "v[0-9]"}}}}}}', "{x}"),
            ('a: {kind: pipeline, endpoint: e, target_model: "v1.pkl"}', "v1.pkl"),
        ],
    )
    def test_name(self, warned, entry, named):
        """An artifact with another ending is named."""
        found = warned(entry)

        assert len(found) == (named is not None)
        assert all(f"the artifact '{named}' does not end in .tar.gz" in line for line in found)


@pytest.mark.parametrize(
    ("name", "is_left"),
    [
        ("job-1/output/output.tar.gz", True),
        ("job-1/source/sourcedir.tar.gz", True),
        ("sourcedir-1.tar.gz", False),
        ("job-1/debug-output/a.tar.gz", True),
        ("job-1/output/model.tar.gz", False),
        ("job-1/output.tar.gz", False),
    ],
)
def test_left_by_training(warned, name, is_left):
    """What training leaves beside a model is no model."""
    found = warned(f"a: {{{MME}: {name}}}")

    assert len(found) == is_left
    assert all(
        "is one that SageMaker training leaves beside a model; name " in one for one in found
    )


class TestColdStarts:
    """Timeouts that are too short to load an artifact."""

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ("timeout_seconds: 4.9", "4.9 s are hardly enough to load the artifact of a, so a "),
            ("timeout_seconds: 2, cold_start: wait", "in spite of 'cold_start: wait'"),
            ("timeout_seconds: 5", None),
            ("timeout_seconds: 2, cold_start: refuse", None),
            ("max_attempts: 1", None),
        ],
    )
    def test_timeout(self, warned, options, text):
        """A short timeout is reported, unless the table says `cold_start: refuse`."""
        lines = warned(f"a: {{{MME}: a-v1.tar.gz, {options}}}")

        assert len(lines) == (text is not None)
        assert all(
            line.startswith("4: models.a.timeout_seconds: warning") and text in line
            for line in lines
        )

    def test_no_artifact(self, warned):
        """A model that is always loaded may have a short timeout."""
        assert warned("a: {kind: single, endpoint: e, timeout_seconds: 0.5}") == []

    def test_defaults(self, warned):
        """A default is reported once, on its own line."""
        (found,) = warned(
            f"a: {{{MME}: a-v1.tar.gz}}",
            f"b: {{{MME}: b-v1.tar.gz}}",
            f"c: {{{MME}: c-v1.tar.gz, timeout_seconds: 20}}",
            defaults="{timeout_seconds: 1}",
        )

        assert found.startswith("2: defaults.timeout_seconds: warning: 1 s are hardly enough")
        assert "of a and 1 more" in found

    def test_meant_by_default(self, warned):
        """`cold_start: refuse` among the defaults is meant for all models."""
        defaults = "{timeout_seconds: 1, cold_start: refuse}"

        assert warned(f"a: {{{MME}: a-v1.tar.gz}}", defaults=defaults) == []


class TestExamples:
    """Examples that no content type of the model can carry."""

    @pytest.mark.parametrize(
        ("options", "is_used"),
        [
            ("example: [1]", True),
            ("content_types: [text/csv, application/json], example: [1]", True),
            ("content_types: [text/csv, application/x+json], example: {a: 1}", True),
            ("content_types: [text/csv], example: '1,2'", True),
            ("content_types: [application/x-npy], example: text", True),
            ("content_types: [text/csv], example: [1, 2]", False),
            ("content_types: [text/csv, image/png], example: 1", False),
            ("content_types: [application/jsonlines], example: {a: 1}", False),
        ],
    )
    def test_unused(self, warned, options, is_used):
        """JSON needs a type that is JSON; a text is sent as the first of the other types."""
        found = warned(f"a: {{kind: single, endpoint: e, {options}}}")

        assert len(found) == (not is_used)
        assert all(line.startswith("4: models.a.example: warning: it is JSON, ") for line in found)


class TestAsync:
    """Options that an entry's kind does not have."""

    @pytest.mark.parametrize(
        ("entry", "option", "text"),
        [
            ("kind: single, endpoint: e, request_ttl_seconds: 60", "request_ttl_seconds", "only"),
            ("kind: async, endpoint: e, request_ttl_seconds: 60", None, ""),
            ("kind: async, endpoint: e, job_seconds: 60", "job_seconds", "answers with a job"),
            ("kind: single, endpoint: e, job_seconds: 60", None, ""),
            ("kind: async, endpoint: e, cold_start: wait", "cold_start", "answers with a job"),
            ("kind: async, endpoint: e, pass_headers: [inference-id]", None, ""),
            (
                "kind: async, endpoint: e, pass_headers: [session-id, inference-id]",
                "pass_headers",
                "session-id cannot reach",
            ),
        ],
    )
    def test_without_effect(self, warned, entry, option, text):
        """An option that changes nothing is reported where the entry has it, not as a default."""
        found = warned(f"a: {{{entry}}}", defaults="{job_seconds: 60, request_ttl_seconds: 60}")

        assert len(found) == (option is not None)
        assert all(line.startswith(f"4: models.a.{option}: warning: ") for line in found)
        assert all(text in line for line in found)


class TestTargets:
    """Entries with the same target, or with contradicting kinds."""

    def test_copied(self, warned):
        """Two names for one target are reported, unless their descriptions differ."""
        one = f"{{{MME}: a-v1.tar.gz}}"

        assert warned(f"a: {one}", f"b: {one}") == [
            "5: models.b: warning: has the same target as a; correct it if it was copied, or give "
            "each a description of its own if both names are meant"
        ]
        assert warned(f"a: {one}", f"b: {one[:-1]}, description: the old name of a}}") == []

    def test_copied_with_parameters(self, warned):
        """The names of parameters do not matter; other values make another target."""

        def entry(name, parameter, value):
            rule = f"parameters: {{{parameter}: {{one_of: [{value}]}}}}"
            return f'{name}/{{{parameter}}}: {{{MME}: "{{{parameter}}}.tar.gz", {rule}}}'

        assert len(warned(entry("a", "x", "v1"), entry("b", "y", "v1"))) == 1
        assert warned(entry("a", "x", "v1"), entry("b", "y", "v2")) == []

    def test_two_kinds(self, warned):
        """An endpoint is of one kind; a variant of it may be of another."""
        single = "kind: single, endpoint: e"

        assert warned(f"a: {{{MME}: a-v1.tar.gz}}", f"b: {{{single}}}") == [
            "5: models.b.kind: warning: the endpoint e is single here and mme to a, "
            "and cannot be both; correct one of them"
        ]
        assert warned(f"a: {{{MME}: a-v1.tar.gz}}", f"b: {{{single}, target_variant: green}}") == []

    def test_most(self, warned):
        """The kind of most entries is taken as right."""
        found = warned(
            "a: {kind: single, endpoint: e}",
            f"b: {{{MME}: b-v1.tar.gz}}",
            f"c: {{{MME}: c-v1.tar.gz}}",
        )

        assert [line.split(": warning")[0] for line in found] == ["4: models.a.kind"]


class TestSeveral:
    """Targets of one name that get no call, or that cannot do what they are for."""

    HERE = "kind: single, endpoint: here"

    def test_never_called(self, warned):
        """A target without a weight that is no fallback gets no call."""
        targets = f"v1: {{{self.HERE}, weight: 1}}, v2: {{kind: single, endpoint: there}}"

        assert warned(f"a: {{targets: {{{targets}}}}}") == [
            "4: models.a.targets.v2: warning: is never called, because it has no weight and is no "
            "fallback; give it a weight, or name it in 'fallback', or remove it"
        ]
        assert warned(f"a: {{targets: {{{targets}}}, fallback: [v2]}}") == []

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ("}}, fallback: [v2]", "a fallback to it calls what has just failed"),
            (", weight: 1}}", "its weight can be added to the other one's"),
        ],
        ids=["fallback", "weights"],
    )
    def test_same(self, warned, more, why):
        """Two targets that are the same give no choice; another Region is another target."""
        table = f"a: {{targets: {{v1: {{{self.HERE}, weight: 2}}, v2: {{{self.HERE}%s{more}}}"

        assert warned(table % "") == [
            f"4: models.a.targets.v2: warning: is the same as v1, so {why}; correct it if it was "
            "copied, or remove it"
        ]
        assert warned(table % ", region: eu-west-1") == []

    def test_too_long_for_a_fallback(self, warned):
        """A cold artifact cannot be waited for until the request ends."""
        targets = f"v1: {{{MME}: a-v1.tar.gz, weight: 1}}, v2: {{{self.HERE}}}"
        table = f"a: {{targets: {{{targets}}}, fallback: [v2], timeout_seconds: 10%s}}"

        assert warned(table % ", cold_seconds: 10") == [
            "4: models.a.cold_seconds: warning: a cold artifact of a is waited for 5 s, and not "
            "for 10 s, because half of the request's 10 s are kept for the fallback; give "
            "cold_seconds less than timeout_seconds"
        ]
        assert warned(table % ", cold_seconds: 9.9") == []

    @pytest.mark.parametrize("text", ["a.tar.gz", "a-v1.zip", "a-v1/output/output.tar.gz"])
    def test_artifacts(self, warned, text):
        """An artifact of each target is looked at, and the warning names the target."""
        targets = f"v1: {{{MME}: a-v1.tar.gz, weight: 9}}, v2: {{{MME}: {text}, weight: 1}}"
        (warning,) = warned(f"a: {{targets: {{{targets}}}}}")

        assert warning.startswith("4: models.a.targets.v2.target_model: warning: the ")

    def test_kinds(self, warned):
        """An endpoint has one kind for all targets of all entries; one of each Region."""
        targets = "v1: {kind: pipeline, endpoint: here%s, weight: 1}"
        others = [f"b{n}: {{{self.HERE}, description: d{n}}}" for n in range(2)]

        (warning,) = warned(f"a: {{targets: {{{targets % ''}}}}}", *others)
        assert warning.startswith(
            "4: models.a.targets.v1.kind: warning: the endpoint here is pipeline here and single "
            "to b0, "
        )
        assert warned(f"a: {{targets: {{{targets % ', region: eu-west-1'}}}}}", *others) == []

    def test_copies(self, warned):
        """Entries with the same heaviest target and other targets are no copies."""
        first = f"v1: {{{self.HERE}, weight: 1}}"
        one = f"{{targets: {{{first}}}}}"
        other = f"{{targets: {{{first}, v2: {{{MME}: v1.tar.gz}}}}, fallback: [v2]}}"

        assert warned(f"a: {one}", f"b: {other}") == []
        assert "has the same target as a" in warned(f"a: {one}", f"b: {one}")[0]


class TestSticky:
    """What keeps callers at one target."""

    def test_principal(self, warned):
        """All users of an application with one key get the same target."""
        entry = "a: {kind: single, targets: {v1: {endpoint: e, weight: 1}}, sticky: %s}"

        (warning,) = warned(entry % "principal")

        assert warning == (
            "4: models.a.sticky: warning: an application with one API key is all or nothing: all "
            "of its users get the same target, whatever the weights are; write 'routing-key' and "
            "let it send X-Routing-Key, or leave it if each of your callers has a key of its own"
        )
        assert warned(entry % "routing-key") == []


class TestMetrics:
    """The price of metrics for each model."""

    def table(self, count):
        models = "".join(f"  m{n}: {{kind: single, endpoint: e{n}}}\n" for n in range(count))
        return f"version: 1\nmodels:\n{models}"

    def test_price(self, run):
        """Above a thousand models the monthly price is reported, and how to avoid it."""
        assert run(self.table(1_000)).out == ""
        assert run(self.table(1_001)).out == (
            "routing.yaml:2: models: warning: metrics of 1,001 models cost up to 3,001.00 USD a "
            "month when all are called in every hour, 900.90 while nothing fails (10 and 3 custom "
            "metrics each; us-east-1, https://aws.amazon.com/cloudwatch/pricing/); "
            "'metrics: false' leaves out those of one model, and GATEWAY_METRICS_PER_MODEL=off "
            "writes the sums alone\n"
        )

    def test_targets(self, run):
        """Each of several targets has metrics once more."""
        table = (
            self.table(998) + "  a: {kind: single, targets: {x: {endpoint: x, weight: 1}, %s}}\n"
        )

        assert run(table % "y: {endpoint: y, weight: 1}").out.startswith(
            "routing.yaml:2: models: warning: metrics of 999 models and 2 of their targets cost up "
            "to 3,001.00 USD a month"
        )

    def test_off(self, run, tmp_path):
        """Without metrics for each model there is no warning, nor without those of one too many."""
        without = self.table(1_001).replace("endpoint: e7}", "endpoint: e7, metrics: false}")
        assert run(without).out == ""
        assert run(self.table(1_001), GATEWAY_METRICS_PER_MODEL="off").out == ""
        assert run(self.table(1_001), GATEWAY_METRICS_PER_MODEL="on").out

        prod = {"environment_variables": {"GATEWAY_METRICS_PER_MODEL": "off"}}
        (tmp_path / ".chalice").mkdir()
        (tmp_path / ".chalice" / "config.json").write_text(
            json.dumps({"stages": {"dev": {}, "prod": prod}})
        )
        assert run(self.table(1_001), "--stage", "prod").out == ""
        assert run(self.table(1_001), "--stage", "dev").out

    @pytest.mark.parametrize(
        ("metrics", "usd"),
        [
            (0, 0),
            (1, 0.3),
            (10_000, 3_000),
            (10_001, 3_000.1),
            (250_001, 27_000.05),
            (1_000_100, 64_502),
        ],
    )
    def test_tiers(self, metrics, usd):
        """The price of a metric falls with their number."""
        assert monthly_usd(metrics) == usd

    def test_metrics_of_a_model(self):
        """The numbers of metrics are those that the gateway writes for a model."""

        def names(**known):
            stream = io.StringIO()
            record = RequestRecord(
                "id", model="a", model_ms=1.0, gateway_ms=1.0, is_prediction=True, **known
            )
            Telemetry(metrics_to=stream).request(record)
            (directive,) = json.loads(stream.getvalue())["_aws"]["CloudWatchMetrics"]
            return {metric["Name"] for metric in directive["Metrics"]}

        healthy = names(status=200, attempts=1)
        loaded = names(status=200, attempts=1, artifact="loaded", load_ms=2.0)
        failing = [
            names(status=400, attempts=1),
            names(status=503, attempts=2, slug="model-not-ready"),
            names(status=503, attempts=2, slug="upstream-throttled"),
        ]

        assert len(healthy) == METRICS_OF_A_HEALTHY_MODEL
        assert len(healthy.union(loaded, *failing)) == METRICS_PER_MODEL
