"""The lines of the local SageMaker: what requests and containers contain cannot control them."""

import logging

import pytest

from sagemaker_local.modelserver.lines import log_to_stdout, print_line
from tests.faults.rows import row
from tests.support.hostile_texts import HOSTILE, assert_printable

pytestmark = row("M5")


def printing_log():
    """Return a logger of its own, which prints on stdout."""
    log = logging.Logger("local")
    log_to_stdout(log, "%(asctime)s %(message)s", "%H:%M:%S")
    return log


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_messages(capsys, text):
    """A message is one printable line."""
    printing_log().info("e | %s", text)
    print_line(text)

    printed = capsys.readouterr().out
    assert_printable(printed)
    assert len(printed.splitlines()) == 2


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_tracebacks(capsys, text):
    """No line of a traceback looks like another line of the log."""
    try:
        raise ValueError(f"{text}\nready: http://elsewhere")
    except ValueError:
        printing_log().exception("%s failed", text)

    printed = capsys.readouterr().out
    assert_printable(printed)
    first, *rest = printed.splitlines()
    assert first.endswith(" failed")
    assert len(rest) >= 4
    assert all(line.startswith("  ") for line in rest)
