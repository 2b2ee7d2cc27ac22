"""The platform engineer's commands, from arguments to output and exit code."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from chalicelib.routing.reading import file as table_file
from gatewayctl.cli import COMMANDS, main

PROJECT = Path(__file__).parents[2]
GOOD = "version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n"
BAD = "version: 1\nmodels:\n  a:\n    kind: single\n    endpont: e\n"
FINDINGS = [
    "routing.yaml:3: models.a.endpoint: missing; kind single needs it",
    "routing.yaml:5: models.a.endpont: unknown key; did you mean endpoint?",
]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(name="project")
def _project(tmp_path, monkeypatch):
    """A folder with a good table, where the commands are run."""
    (tmp_path / "routing.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(name="run")
def _run(project):
    def run(*arguments, **environ):
        out, err = io.StringIO(), io.StringIO()
        code = main(arguments, environ, project, out, err)
        return Outcome(int(code), out.getvalue(), err.getvalue())

    return run


def config(project, stages, **environment_variables):
    said = {"stages": stages, "environment_variables": environment_variables}
    (project / ".chalice").mkdir()
    (project / ".chalice" / "config.json").write_text(json.dumps(said))


class TestValidate:
    """gatewayctl validate"""

    def test_good(self, run):
        """Nothing to say on stdout, and 0."""
        assert run("validate") == (0, "", "routing.yaml: 1 models, no findings\n")

    def test_bad(self, run, project):
        """A finding a line on stdout, and 1."""
        (project / "routing.yaml").write_text(BAD)

        assert run("validate") == (1, "\n".join(FINDINGS) + "\n", "")

    def test_json(self, run, project):
        """The same as data, for other programs."""
        (project / "routing.yaml").write_text(BAD)
        outcome = run("validate", "--format", "json")

        assert outcome.code == 1
        assert json.loads(outcome.out)["findings"][1] == {
            "file": "routing.yaml",
            "line": 5,
            "path": "models.a.endpont",
            "severity": "error",
            "text": "unknown key; did you mean endpoint?",
        }
        assert outcome.err == ""

    def test_several_files(self, run, project):
        """All files are checked; the worst counts."""
        (project / "bad.yaml").write_text(BAD)
        outcome = run("validate", "routing.yaml", "bad.yaml")

        assert outcome.code == 1
        assert outcome.out.splitlines() == [line.replace("routing", "bad") for line in FINDINGS]
        assert outcome.err == "routing.yaml: 1 models, no findings\n"

    def test_compiled_form_does_not_hide_anything(self, run, project):
        """What is checked is the YAML."""
        run("compile")
        (project / "routing.yaml").write_text(BAD)

        assert run("validate").code == 1

    def test_link_that_leads_nowhere(self, run, project):
        """A table that cannot be read is a finding."""
        (project / "routing.yaml").unlink()
        (project / "routing.yaml").symlink_to("nowhere.yaml")

        assert run("validate") == (
            1,
            "routing.yaml: the file cannot be read: No such file or directory\n",
            "",
        )

    def test_demo(self):
        """The table of this repository is a good one, by the command as people type it."""
        done = subprocess.run(
            [sys.executable, "-m", "gatewayctl", "validate", "chalicelib/routing.yaml"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "chalicelib/routing.yaml: 9 models, no findings\n"


class TestCompile:
    """gatewayctl compile"""

    def test_beside_the_table(self, run, project):
        """The compiled form lies beside its table, and nothing else does."""
        outcome = run("compile", "--table", "routing.yaml")

        assert (outcome.code, outcome.out) == (0, "routing.json\n")
        assert outcome.err.startswith("routing.json: 1 models of routing.yaml, table ")
        table = table_file.load(project / "routing.yaml")
        compiled = (project / "routing.json").read_bytes()
        assert table_file.from_compiled(compiled, table.digest) == table
        assert sorted(path.name for path in project.iterdir()) == ["routing.json", "routing.yaml"]

    def test_beside_the_link_that_ships(self, run, project):
        """A table that ships through a link is compiled where the gateway will look."""
        (project / "chalicelib").mkdir()
        (project / "chalicelib" / "routing.yaml").symlink_to("../routing.yaml")

        assert run("compile").out == "chalicelib/routing.json\n"
        assert (project / "chalicelib" / "routing.json").exists()
        assert not (project / "routing.json").exists()

    def test_not_beside_another_table_of_that_name(self, run, project):
        """A table in chalicelib/ that is another one is left alone."""
        (project / "chalicelib").mkdir()
        (project / "chalicelib" / "routing.yaml").write_text(GOOD)

        assert run("compile").out == "routing.json\n"

    def test_json(self, run, project):
        """The same as data, for other programs."""
        digest = table_file.load(project / "routing.yaml").digest

        assert json.loads(run("compile", "--format", "json").out) == {
            "compiled": "routing.json",
            "models": 1,
            "sha256": digest,
        }

    def test_bad_table(self, run, project):
        """A bad table is not compiled, and what was there before stays."""
        run("compile")
        before = (project / "routing.json").read_bytes()
        (project / "routing.yaml").write_text(BAD)

        assert run("compile") == (1, "\n".join(FINDINGS) + "\n", "")
        assert (project / "routing.json").read_bytes() == before

    def test_no_table(self, run, project):
        """A table that is not there cannot be compiled."""
        (project / "routing.yaml").unlink()

        assert run("compile").code == 1

    def test_no_place_to_write(self, run, project):
        """Where it cannot be written, it says so."""
        (project / "routing.json.new").mkdir()

        assert run("compile") == (
            2,
            "",
            "gatewayctl compile: routing.json cannot be written: Is a directory\n",
        )


class TestWhichTable:
    """--table, else GATEWAY_ROUTING, else the stage's config.json, else routing.yaml."""

    @pytest.fixture(autouse=True)
    def _tables(self, project):
        for name in ("option", "variable", "stage", "app", "routing"):
            (project / f"{name}.yaml").write_text(GOOD)

    def location(self, project, name):
        return f"file:{project / name}.yaml"

    def test_order(self, run, project):
        """The nearest one wins."""
        stage = {"environment_variables": {"GATEWAY_ROUTING": self.location(project, "stage")}}
        config(project, {"dev": stage, "prod": {}}, GATEWAY_ROUTING=self.location(project, "app"))
        variable = {"GATEWAY_ROUTING": self.location(project, "variable")}

        assert run("validate", "--table", "option.yaml", **variable).err.startswith("option.yaml: ")
        assert run("validate", **variable).err.startswith("variable.yaml: ")
        assert run("validate").err.startswith("stage.yaml: ")
        assert run("validate", "--stage", "prod").err.startswith("app.yaml: ")

    @pytest.mark.parametrize("stages", [{}, {"dev": {}}, {"dev": {"environment_variables": {}}}])
    def test_no_table_in_config(self, run, project, stages):
        """A stage that says nothing has routing.yaml."""
        config(project, stages)

        assert run("validate").err.startswith("routing.yaml: ")

    def test_relative_to_what_ships(self, run, project):
        """A relative location means the folder that ships, as it does to the gateway."""
        outcome = run("validate", GATEWAY_ROUTING="file:routing.yaml")

        assert outcome.err.startswith(f"{PROJECT / 'chalicelib' / 'routing.yaml'}: 9 models")
        assert project != PROJECT

    def test_remote(self, run):
        """A table in S3 is made from a file, and that is the one to name."""
        assert run("validate", GATEWAY_ROUTING="s3://tables/routing.yaml") == (
            2,
            "",
            "gatewayctl validate: GATEWAY_ROUTING is s3://tables/routing.yaml; "
            "name the file it is made from with --table FILE\n",
        )

    def test_bad_location(self, run, project):
        """A bad location says where it was found, and what it must be."""
        config(project, {"dev": {"environment_variables": {"GATEWAY_ROUTING": "routing.yaml"}}})

        assert run("validate") == (
            2,
            "",
            "gatewayctl validate: GATEWAY_ROUTING of stage dev in .chalice/config.json is "
            "'routing.yaml'; it must be file:<path of a .yaml file> or s3://<bucket>/<key>\n",
        )

    @pytest.mark.parametrize("text", ["{", "[]", '{"stages": 1}', '{"stages": {"dev": []}}', "\0"])
    def test_broken_config(self, run, project, text):
        """A config.json that cannot be read is not passed over."""
        (project / ".chalice").mkdir()
        (project / ".chalice" / "config.json").write_text(text)
        outcome = run("validate")

        assert outcome.code == 2
        assert outcome.err.startswith("gatewayctl validate: .chalice/config.json cannot be read (")
        assert run("validate", "--table", "routing.yaml").code == 0


class TestWrongUse:
    """What cannot be carried out as it was given is 2, and says what would be right."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "Usage: gatewayctl [OPTIONS] COMMAND"),
            (["validat"], "No such command 'validat'. Did you mean 'validate'?"),
            (["nonsense"], "No such command 'nonsense'."),
            (["keys"], "Usage: gatewayctl keys [OPTIONS] COMMAND"),
            (["keys", "lst"], "No such command 'lst'. Did you mean 'list'?"),
            (["validate", "--formt", "json"], "No such option '--formt'. Did you mean '--format'?"),
            (["validate", "--format", "xml"], "'xml' is not one of 'text', 'json'."),
            (["compile", "x"], "Got unexpected extra argument (x)"),
            (["validate", "--table"], "Option '--table' requires an argument."),
        ],
        ids=str,
    )
    def test_arguments(self, run, arguments, message):
        """The command line names what is wrong, and what was probably meant."""
        outcome = run(*arguments)

        assert (outcome.code, outcome.out) == (2, "")
        assert message in outcome.err

    def test_no_such_file(self, run):
        """A file that is not there."""
        assert run("validate", "routing.yml") == (
            2,
            "",
            "gatewayctl validate: routing.yml: there is no such file\n",
        )

    def test_help(self, run):
        """Help lists every command and the exit codes."""
        outcome = run("--help")

        assert outcome.code == 0
        assert all(f"\n  {name} " in outcome.out for name in COMMANDS)
        assert "Exit codes:\n  0  fine, or warnings only\n  1  findings, or refused" in outcome.out
