"""The command line: its commands validate and compile, which table it takes, and its streams."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.routing.reading import file as table_file
from gatewayctl.cli import COMMANDS, main
from gatewayctl.output import Output
from gatewayctl.tables import Lines
from tests.support.command_line import gatewayctl

PROJECT = Path(__file__).parents[2]
GOOD = "version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n"
BAD = "version: 1\nmodels:\n  a:\n    kind: single\n    endpont: e\n"
FINDINGS = [
    "routing.yaml:3: models.a.endpoint: missing; kind single needs it",
    "routing.yaml:5: models.a.endpont: unknown key; did you mean endpoint?",
]


@pytest.fixture(name="project")
def _project(tmp_path, monkeypatch):
    """A folder with a good table, in which the commands run."""
    (tmp_path / "routing.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(name="run")
def _run(project):
    return lambda *arguments, **environ: gatewayctl(*arguments, project=project, **environ)


def config(project, stages, **environment_variables):
    """Write .chalice/config.json."""
    content = {"stages": stages, "environment_variables": environment_variables}
    (project / ".chalice").mkdir()
    (project / ".chalice" / "config.json").write_text(json.dumps(content))


class TestValidate:
    """`gatewayctl validate`."""

    def test_good(self, run):
        """A table without findings prints nothing on stdout; the exit code is 0."""
        assert run("validate") == (0, "", "routing.yaml: 1 model, no findings\n")

    def test_bad(self, run, project):
        """Each finding is a line on stdout; the exit code is 1. `--format json` has the same."""
        (project / "routing.yaml").write_text(BAD)

        assert run("validate") == (1, "\n".join(FINDINGS) + "\n", "")
        outcome = run("validate", "--format", "json")
        assert (outcome.code, outcome.err) == (1, "")
        assert outcome.data["findings"][1] == {
            "file": "routing.yaml",
            "line": 5,
            "path": "models.a.endpont",
            "severity": "error",
            "text": "unknown key; did you mean endpoint?",
        }

    def test_several_files(self, run, project):
        """Every file is checked, and one bad file makes the exit code 1."""
        (project / "bad.yaml").write_text(BAD)
        outcome = run("validate", "routing.yaml", "bad.yaml")

        assert outcome.code == 1
        assert outcome.out.splitlines() == [line.replace("routing", "bad") for line in FINDINGS]
        assert outcome.err == "routing.yaml: 1 model, no findings\n"

    def test_compiled_form(self, run, project):
        """The YAML is checked, also beside a compiled form of an earlier table."""
        run("compile")
        (project / "routing.yaml").write_text(BAD)

        assert run("validate").code == 1

    def test_broken_link(self, run, project):
        """A table that cannot be read is a finding."""
        (project / "routing.yaml").unlink()
        (project / "routing.yaml").symlink_to("nowhere.yaml")

        text = "routing.yaml: the file cannot be read: No such file or directory\n"
        assert run("validate") == (1, text, "")

    def test_no_such_file(self, run):
        """A named file that does not exist is wrong use."""
        text = "gatewayctl validate: routing.yml: there is no such file\n"
        assert run("validate", "routing.yml") == (2, "", text)


class TestCompile:
    """`gatewayctl compile`."""

    def test_beside_the_table(self, run, project):
        """The compiled form is written beside its table, and no other file."""
        outcome = run("compile", "--table", "routing.yaml")
        table = table_file.load(project / "routing.yaml")

        assert (outcome.code, outcome.out) == (0, "routing.json\n")
        assert outcome.err.startswith("routing.json: 1 model of routing.yaml, table ")
        compiled = (project / "routing.json").read_bytes()
        assert table_file.from_compiled(compiled, table.digest) == table
        assert sorted(path.name for path in project.iterdir()) == ["routing.json", "routing.yaml"]
        assert run("compile", "--format", "json").data == {
            "compiled": "routing.json",
            "models": 1,
            "sha256": table.digest,
        }

    @pytest.mark.parametrize("is_link", [True, False])
    def test_table_that_ships(self, run, project, is_link):
        """The compiled form belongs into chalicelib/ only if a link there leads to the table."""
        (project / "chalicelib").mkdir()
        inside = project / "chalicelib" / "routing.yaml"
        if is_link:
            inside.symlink_to("../routing.yaml")
        else:
            inside.write_text(GOOD)

        written = "chalicelib/routing.json" if is_link else "routing.json"
        assert run("compile").out == f"{written}\n"
        assert [str(path.relative_to(project)) for path in project.rglob("*.json")] == [written]

    def test_bad_table(self, run, project):
        """A bad or missing table is not compiled, and the earlier compiled form stays."""
        run("compile")
        before = (project / "routing.json").read_bytes()
        (project / "routing.yaml").write_text(BAD)

        assert run("compile") == (1, "\n".join(FINDINGS) + "\n", "")
        assert (project / "routing.json").read_bytes() == before
        (project / "routing.yaml").unlink()
        assert run("compile").code == 1

    def test_pipe(self, run, project):
        """A device or pipe in the place of the compiled form is written to, and not replaced."""
        pipe = project / "routing.json"
        os.mkfifo(pipe)
        descriptor = os.open(pipe, os.O_RDWR)
        code = run("compile").code
        content = os.read(descriptor, 10_000)
        os.close(descriptor)

        assert (code, pipe.is_fifo()) == (0, True)
        digest = table_file.parse(GOOD.encode(), "").digest
        assert table_file.from_compiled(content, digest) is not None

    @pytest.mark.parametrize("command", ["openapi", "schema"])
    def test_out_into_a_pipe(self, run, project, command):
        """--out writes into a device or pipe, also behind a link, and does not replace it."""
        (project / "link").symlink_to("pipe")
        os.mkfifo(project / "pipe")
        descriptor = os.open(project / "pipe", os.O_RDWR | os.O_NONBLOCK)
        code = run(command, "--out", "link").code
        content = os.read(descriptor, 100_000)
        os.close(descriptor)

        assert (code, (project / "pipe").is_fifo()) == (0, True)
        assert content.decode() == run(command).out

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400])
    def test_mode(self, run, project, mode):
        """A file that is replaced keeps its mode, also behind a link."""
        run("compile")
        (project / "routing.json").rename(project / "elsewhere")
        (project / "routing.json").symlink_to("elsewhere")
        (project / "elsewhere").chmod(mode)

        assert run("compile").code == 0
        assert (project / "routing.json").is_symlink()
        assert (project / "elsewhere").stat().st_mode & 0o7777 == mode

    def test_new_file(self, run, project):
        """A new file has the mode that the umask leaves, and a link of its name beside it stays."""
        (project / "routing.json.new").symlink_to("other")
        inherited = os.umask(0o027)
        try:
            assert run("compile").code == 0
        finally:
            os.umask(inherited)

        assert (project / "routing.json").stat().st_mode & 0o7777 == 0o640
        assert not (project / "other").exists()
        names = {"routing.json", "routing.json.new", "routing.yaml"}
        assert {path.name for path in project.iterdir()} == names

    def test_not_writable(self, run, project):
        """A file that cannot be written is named, with the reason."""
        (project / "routing.json").mkdir()

        text = "gatewayctl compile: routing.json cannot be written: Is a directory\n"
        assert run("compile") == (2, "", text)


class TestWhichTable:
    """--table, else GATEWAY_ROUTING, else the stage's config.json, else routing.yaml."""

    @pytest.fixture(autouse=True)
    def _tables(self, project):
        for name in ("option", "variable", "stage", "app"):
            (project / f"{name}.yaml").write_text(GOOD)

    def test_order(self, run, project):
        """The first of these that is set decides; the stage goes before all stages."""

        def location(name):
            return f"file:{project / name}.yaml"

        stage = {"environment_variables": {"GATEWAY_ROUTING": location("stage")}}
        config(project, {"dev": stage, "prod": {}}, GATEWAY_ROUTING=location("app"))
        variable = {"GATEWAY_ROUTING": location("variable")}

        assert run("validate", "--table", "option.yaml", **variable).err.startswith("option.yaml: ")
        assert run("validate", **variable).err.startswith("variable.yaml: ")
        assert run("validate").err.startswith("stage.yaml: ")
        assert run("validate", "--stage", "prod").err.startswith("app.yaml: ")

    @pytest.mark.parametrize("stages", [{}, {"dev": {}}, {"dev": {"environment_variables": {}}}])
    def test_default(self, run, project, stages):
        """A stage that sets no table has routing.yaml."""
        config(project, stages)

        assert run("validate").err.startswith("routing.yaml: ")

    def test_relative(self, run, project):
        """A relative location is relative to the folder that ships, as for the gateway."""
        outcome = run("validate", GATEWAY_ROUTING="file:routing.yaml")

        assert outcome.err.startswith(f"{PROJECT / 'chalicelib' / 'routing.yaml'}: 11 models")
        assert project != PROJECT

    def test_in_s3(self, run):
        """For a table in S3 the user has to name the file; there is nothing to compile."""
        location = {"GATEWAY_ROUTING": "s3://tables/routing.yaml"}

        assert run("validate", **location) == (
            2,
            "",
            "gatewayctl validate: GATEWAY_ROUTING is s3://tables/routing.yaml; "
            "name the file it is made from with --table FILE\n",
        )
        assert run("compile", **location).code == 0

    def test_bad_location(self, run, project):
        """The message about a bad location says where the location was found."""
        config(project, {"dev": {"environment_variables": {"GATEWAY_ROUTING": "routing.yaml"}}})

        assert run("validate") == (
            2,
            "",
            "gatewayctl validate: GATEWAY_ROUTING of stage dev in .chalice/config.json is "
            "'routing.yaml'; it must be file:<path of a .yaml file> or s3://<bucket>/<key>\n",
        )

    @pytest.mark.parametrize("text", ["{", "[]", '{"stages": 1}', '{"stages": {"dev": []}}', "\0"])
    def test_broken_config(self, run, project, text):
        """A config.json that cannot be read is an error, unless the command does not need it."""
        (project / ".chalice").mkdir()
        (project / ".chalice" / "config.json").write_text(text)
        outcome = run("validate")

        assert outcome.code == 2
        assert outcome.err.startswith("gatewayctl validate: .chalice/config.json cannot be read (")
        assert run("validate", "--table", "routing.yaml").code == 0

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            pytest.param((), (1, ""), id="the table"),
            pytest.param(("models",), (5, "models"), id="a key"),
            pytest.param(("models", "churn"), (15, "models.churn"), id="an entry on one line"),
            pytest.param(
                ("models", "house-price/{city}", "parameters", "city", "one_of", 1),
                (14, "models.house-price/{city}.parameters.city.one_of[1]"),
                id="an item",
            ),
            pytest.param(
                ("models", "churn", "target_variant"),
                (15, "models.churn.target_variant"),
                id="a missing key: the line of its entry",
            ),
            pytest.param(("allow_shrink",), (2, "allow_shrink"), id="a missing key of the table"),
        ],
    )
    @pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "byte-order-mark"])
    def test_lines(self, keys, expected, start):
        """A problem names the line of its key or item in the YAML."""
        text = (
            "# a comment\nversion: 1\ndefaults: {timeout_seconds: 3}\n\nmodels:\n"
            "  house-price/{city}:\n    kind: mme\n    endpoint: housing\n"
            '    target_model: "{city}.tar.gz"\n    parameters:\n      city:\n'
            "        one_of:\n          - houston\n          - austin\n"
            "  churn: {kind: single, endpoint: e}\n"
        )

        assert Lines(f"{start}{text}".encode()).of(keys) == expected


class TestStage:
    """--stage names a stage of .chalice/config.json."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ["validate"],
            ["compile"],
            ["openapi"],
            ["schema"],
            ["explain", "a"],
            ["prewarm"],
            ["import"],
            ["diff"],
            ["policy"],
            ["publish", "s3://tables/routing.yaml"],
            ["keys", "list"],
            ["keys", "issue", "--principal", "p", "--grants", "a"],
            ["keys", "disable", "abcd1234"],
            ["keys", "rotate", "abcd1234"],
        ],
        ids=" ".join,
    )
    def test_unknown(self, run, project, arguments):
        """Every command refuses a stage that config.json does not have, and lists the stages."""
        config(project, {"prod": {}, "dev": {}})
        name = " ".join(word for word in arguments[:2] if word in {arguments[0], "list"})
        outcome = run(*arguments, "--stage", "prdo")

        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"gatewayctl {name}")
        assert outcome.err.endswith(": .chalice/config.json has no stage prdo; it has dev, prod\n")

    def test_without_stages(self, run, project):
        """A config.json without stages has Chalice's default stage; no config.json has any."""
        assert run("validate", "--stage", "any").code == 0
        config(project, {})

        assert run("validate").code == 0
        assert run("validate", "--stage", "any").code == 2


class TestArguments:
    """Help, and arguments that are wrong: exit code 2."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "Usage: gatewayctl [OPTIONS] COMMAND"),
            (["validat"], "No such command 'validat'. Did you mean 'validate'?"),
            (["nonsense"], "No such command 'nonsense'."),
            (["keys"], "Usage: gatewayctl keys [OPTIONS] COMMAND"),
            (["keys", "lst"], "No such command 'lst'. Did you mean 'list'?"),
            (["keys", "issue", "--principal", "p"], "Missing option '--grants'."),
            (["keys", "disable"], "Missing argument 'ID'."),
            (["validate", "--formt", "json"], "No such option '--formt'. Did you mean '--format'?"),
            (["validate", "--format", "xml"], "'xml' is not one of 'text', 'json'."),
            (["compile", "x"], "Got unexpected extra argument (x)"),
            (["validate", "--table"], "Option '--table' requires an argument."),
        ],
        ids=str,
    )
    def test_wrong(self, run, arguments, message):
        """The message says what is wrong, and what was probably meant."""
        outcome = run(*arguments)

        assert (outcome.code, outcome.out) == (2, "")
        assert message in outcome.err

    @pytest.mark.parametrize("option", ["-h", "--help"])
    def test_help(self, run, option):
        """Help lists every command and the exit codes."""
        outcome = run(option)

        assert (outcome.code, outcome.err) == (0, "")
        assert all(f"\n  {name} " in outcome.out for name in COMMANDS)
        assert "Exit codes:\n  0  fine, or warnings only\n  1  findings, or refused" in outcome.out

    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_of_a_command(self, run, name):
        """Every command has help of its own."""
        outcome = run(name, "--help")

        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.startswith(f"Usage: gatewayctl {name} ")
        assert "\nExit codes:\n" in outcome.out

    def test_version(self, run):
        """--version prints the version of the project."""
        pyproject = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
        _, _, version = run("--version").out.rstrip("\n").partition(" ")

        assert f'\nversion = "{version}"\n' in pyproject

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion(self, run, shell):
        """The script for a shell asks gatewayctl for completions."""
        outcome = run("completion", shell)

        assert outcome.code == 0
        assert f"_GATEWAYCTL_COMPLETE={shell}_complete" in outcome.out

    @pytest.mark.parametrize(
        ("words", "completions"),
        [
            ("val", ["validate"]),
            ("keys ", ["disable", "issue", "list", "rotate", "update"]),
            ("compile --st", ["--stage"]),
        ],
    )
    def test_completions(self, run, monkeypatch, capsys, words, completions):
        """Commands, the commands of a group, and options are completed."""
        words = f"gatewayctl {words}"
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        outcome = run(_GATEWAYCTL_COMPLETE="bash_complete")

        assert outcome.code == 0
        assert [line.split(",")[1] for line in capsys.readouterr().out.split()] == completions


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


class TestTerminal:
    """Colours and progress are for terminals."""

    def run(self, project, *arguments, **environ):
        out, err = Terminal(), Terminal()
        environ = {"TERM": "xterm-256color", **environ}
        main(arguments, environ, project, out, err)
        return out.getvalue() + err.getvalue()

    @pytest.mark.parametrize("arguments", [["validate"], ["--help"]], ids=str)
    def test_colours(self, run, project, arguments):
        """A terminal gets colours, unless NO_COLOR is set; a file or pipe gets none."""
        (project / "routing.yaml").write_text(BAD)
        plain = run(*arguments).out

        assert "\x1b[" in self.run(project, *arguments)
        assert "\x1b[" not in plain
        assert self.run(project, *arguments, NO_COLOR="1") == plain

    def test_json(self, run, project):
        """JSON is the same everywhere."""
        arguments = ("validate", "--format", "json")

        assert self.run(project, *arguments) == run(*arguments).out

    @pytest.mark.parametrize("stream", [io.StringIO, Terminal])
    def test_progress(self, stream):
        """Progress appears after two seconds; on a terminal it is one line, which is erased."""
        times = iter([number * 0.75 for number in range(20)])
        output = Output(io.StringIO(), err := stream(), {"TERM": "xterm"}, lambda: next(times))
        for number in range(10):
            output.progress(f"{number} endpoints read")
        output.close()

        if stream is Terminal:
            assert "9 endpoints read" in err.getvalue()
            assert "1 endpoints read" not in err.getvalue()
            assert err.getvalue().endswith("\x1b[2K")
        else:
            assert err.getvalue() == "2 endpoints read\n5 endpoints read\n8 endpoints read\n"


class TestProcess:
    """`python -m gatewayctl` as a process of its own."""

    def run(self, *options):
        command = [sys.executable, *options]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    def test_demo(self):
        """The table of this repository has no findings."""
        done = self.run("-m", "gatewayctl", "validate", "chalicelib/routing.yaml")

        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "chalicelib/routing.yaml: 11 models, no findings\n"

    @pytest.mark.parametrize("arguments", [["schema"], ["--help"], ["validate"]], ids=str)
    def test_closed_pipe(self, arguments):
        """If the reader of the output has gone, as in `gatewayctl … | head`, there is no traceback.

        The exit code is 1, as it is for other programs that use click.
        """
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-m", "gatewayctl", *arguments, "--format=json"]
        if arguments == ["--help"]:
            command.pop()
        done = subprocess.run(
            command, cwd=PROJECT, stdout=writer, stderr=subprocess.PIPE, check=False
        )
        os.close(writer)

        assert (done.returncode, done.stderr) == (1, b"")

    def test_python_without_dependencies(self):
        """A Python without the dependencies (-S hides them) names the one that has them."""
        done = self.run("-S", "-m", "gatewayctl", "validate")

        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"gatewayctl: {sys.executable} does not have click; "
            "run .venv/bin/gatewayctl, which 'make setup' installs\n"
        )

    def test_old_python(self):
        """A Python that is too old does the same."""
        code = (
            "import sys; sys.version_info = (3, 9, 1)\n"
            "from gatewayctl.__main__ import main; sys.exit(main())"
        )
        done = self.run("-c", code)

        assert done.returncode == 2
        assert " is Python 3.9, too old for it; run .venv/bin/gatewayctl" in done.stderr

    def test_help_is_light(self):
        """Help does not import botocore, which takes longer than all the rest."""
        done = self.run("-X", "importtime", "-m", "gatewayctl", "--help")

        assert done.returncode == 0
        assert "botocore" not in done.stderr
