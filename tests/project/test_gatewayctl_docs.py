"""docs/gatewayctl.md says what the commands do."""

import io
import re
import shlex
from pathlib import Path

import click
import pytest

from gatewayctl.cli import COMMANDS, GROUP, main
from gatewayctl.report import MEANINGS

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "gatewayctl.md").read_text(encoding="utf-8")
(WARNED,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
DOCUMENTED = re.search(
    r"```yaml\n(.*?)```",
    (PROJECT / "docs" / "routing-table.md").read_text(encoding="utf-8"),
    re.DOTALL,
)[1]
SESSIONS = re.findall(r"```console\n\$ python -m gatewayctl (.*)\n([^$`]+)```", PAGE)


def commands(group, names):
    """The names of the commands that do something, and the commands."""
    for name in names:
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", one) for sub, one in command.commands.items())
        else:
            yield name, command


ALL = dict(commands(GROUP, COMMANDS))
COMMON = {"--table", "--stage", "--format"}


@pytest.mark.parametrize("name", ALL)
def test_every_command(name):
    """Each command is in the list and has a section, which names all of its own options."""
    group = name.split()[0]
    assert re.search(rf"^\| .*`{name}`.* \|$", PAGE, re.MULTILINE)
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (section,) = [text for text in sections if group in text.split("\n", 1)[0].split()]
    own = {option for parameter in ALL[name].params for option in parameter.opts} - COMMON
    assert {option for option in own if option.startswith("-") and option not in section} == set()


def test_exit_codes():
    """Each code has its row, in the words of `--help`."""
    documented = dict(re.findall(r"^\| (\d) \| (.*) \|$", PAGE, re.MULTILINE))

    assert {code: text.split(";")[0] for code, text in documented.items()} == {
        str(int(code)): text for code, text in MEANINGS.items()
    }


@pytest.mark.parametrize(("typed", "shown"), SESSIONS, ids=[typed for typed, _ in SESSIONS])
def test_sessions(tmp_path, monkeypatch, typed, shown):
    """What is shown is what one gets; `…` stands for the rest."""
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "routing.yaml").symlink_to("../routing.yaml")
    (tmp_path / ".chalice").symlink_to(PROJECT / ".chalice")
    table = WARNED if typed == "validate" else DOCUMENTED
    (tmp_path / "routing.yaml").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    main(shlex.split(typed), {}, tmp_path, out, io.StringIO())
    before, more, _ = shown.partition("…\n")

    assert out.getvalue().startswith(before) if more else out.getvalue() == shown
