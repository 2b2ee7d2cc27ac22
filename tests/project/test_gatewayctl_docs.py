"""docs/gatewayctl.md has every command, option and exit code, and its sessions are real output."""

import re
import shlex
from pathlib import Path

import click
import pytest

from gatewayctl.cli import COMMANDS, GROUP
from gatewayctl.report import MEANINGS
from tests.support.command_line import gatewayctl

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "gatewayctl.md").read_text(encoding="utf-8")
(WITH_WARNINGS,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SESSIONS = [
    session
    for session in re.findall(r"```console\n\$ gatewayctl (.*)\n([^$`]+)```", PAGE)
    if session[0].split()[0] in COMMANDS
]
COMMON = {"--table", "--stage", "--format"}


def commands():
    """Yield the words and the options of each command."""
    for name in COMMANDS:
        command = GROUP.get_command(None, name)
        is_group = isinstance(command, click.Group)
        for one in command.commands.values() if is_group else [command]:
            options = {text for parameter in one.params for text in parameter.opts}
            yield (f"{name} {one.name}" if is_group else name), options - COMMON


@pytest.mark.parametrize(("name", "options"), [*commands()])
def test_commands(name, options):
    """Each command is in the list, with a link to its section, which has all its own options."""
    group = name.split()[0]
    assert re.search(rf"^\| .*`{name}`.* \|$", PAGE, re.MULTILINE)
    (anchor,) = set(re.findall(rf"^\| \[`{group}\b[^`]*`\]\(#([a-z-]+)\)", PAGE, re.MULTILINE))
    sections = {
        text.partition("\n")[0].lower().replace(" ", "-"): text for text in PAGE.split("\n## ")
    }
    section = sections[anchor]
    assert {text for text in options if text.startswith("-") and text not in section} == set()


def test_exit_codes():
    """Each exit code has its row, in the words of `--help`."""
    documented = dict(re.findall(r"^\| (\d) \| (.*) \|$", PAGE, re.MULTILINE))

    assert {code: text.split(";")[0] for code, text in documented.items()} == {
        str(int(code)): text for code, text in MEANINGS.items()
    }


@pytest.mark.parametrize(("typed", "output"), SESSIONS, ids=[typed for typed, _ in SESSIONS])
def test_sessions(tmp_path, monkeypatch, typed, output):
    """A session shows what its command prints; `…` stands for the rest."""
    table = (PROJECT / "routing.yaml").read_text(encoding="utf-8")
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "routing.yaml").symlink_to("../routing.yaml")
    (tmp_path / ".chalice").symlink_to(PROJECT / ".chalice")
    (tmp_path / "routing.yaml").write_text(WITH_WARNINGS if typed == "validate" else table)
    monkeypatch.chdir(tmp_path)
    out = gatewayctl(*shlex.split(typed), project=tmp_path).out
    before, more, _ = output.partition("…\n")

    assert out.startswith(before) if more else out == output
