"""docs/gatewayctl.md says what the commands do."""

import io
import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest

from gatewayctl.cli import COMMANDS, EXIT_CODES, main
from gatewayctl.command import Exit

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "gatewayctl.md").read_text(encoding="utf-8")
(WARNED,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
DOCUMENTED = re.search(
    r"```yaml\n(.*?)```",
    (PROJECT / "docs" / "routing-table.md").read_text(encoding="utf-8"),
    re.DOTALL,
)[1]
SESSIONS = re.findall(r"```console\n\$ python -m gatewayctl (.*)\n([^$`]+)```", PAGE)


def options(command):
    """Those that are its own."""
    parser = ArgumentParser(add_help=False)
    command.add_arguments(parser)
    return {text for action in parser._actions for text in action.option_strings}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command(command):
    """Each command is in the list and has a section, which names all of its options."""
    group = command.name.split()[0]
    assert re.search(rf"^\| .*`{command.name}`.* \|$", PAGE, re.MULTILINE)
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (section,) = [text for text in sections if group in text.split("\n", 1)[0].split()]
    assert {text for text in options(command) if text not in section} == set()


def test_exit_codes():
    """Each code has its row, in the words of `--help`."""
    documented = dict(re.findall(r"^\| (\d) \| (.*) \|$", PAGE, re.MULTILINE))
    short = {code: text.split(";")[0].split(", or")[0] for code, text in documented.items()}

    assert [int(code) for code in documented] == list(Exit)
    assert all(f"{code} {text}" in EXIT_CODES for code, text in short.items())


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
