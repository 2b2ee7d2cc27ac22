"""What the local SageMaker's process prints: which lines are news, and which are shown on request.

A line that is not known here is shown. What is left out is kept for a while, and shown if the
process ends by itself.
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING

from local_stack.gateway_lines import ALL, READABLE
from local_stack.terminal import Span
from sagemaker_local.errors import FAILED

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_stack.terminal import Terminal

MOST_KEPT = 100
STOPPING = "stopping …"
FIRST_TRAINED = re.compile(r"trained .* \(1 of (?P<count>\d+),")
IN_SERVICE = re.compile(r"(?P<endpoint>\S+)  +.*  InService( .*)?")
TIME = re.compile(r"\d\d:\d\d:\d\d ")

# While it starts or ends: the steps of the demo, and what each container does.
STEPS = re.compile(
    r"starting the local SageMaker …"
    r"|trained .*|created .*|uploaded .*|bucket \S+ exists already|.* it is not changed"
    r"|(endpoint|inference component) \S+ is in service|\S+: in service"
    r"|endpoint +kind +status +containers"
    r"|[\w-]+/\S+: unloaded .*"
)
ROUTINE = re.compile(
    rf"{STOPPING}|use it with: .*"
    r"|[\w-]+/\S+ \| ((un)?loaded .*|5\d\d [A-Z]+ \S+: \w+)"
)


class SageMakerLines:
    """Prints the lines of the local SageMaker.

    Args:
        terminal: Where they are printed.
        log: What is printed, as for the gateway's lines.
        on_ready: Is called when the local SageMaker is ready.
        on_failed: Is called with the id of an invocation that failed, and what was said of it.
    """

    def __init__(
        self,
        terminal: Terminal,
        log: str,
        on_ready: Callable[[], None],
        on_failed: Callable[[str, str], None],
    ) -> None:
        self._terminal = terminal
        self._log = log
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._is_at_work = False
        self._in_service: list[str] = []
        self._left_out: deque[str] = deque(maxlen=MOST_KEPT)

    def on_line(self, line: str) -> None:
        """Print a line, or keep it."""
        if line.startswith("ready:"):
            self._ready()
            return
        text = line.removeprefix(found[0]) if (found := TIME.match(line)) else line
        failed = FAILED.fullmatch(text)
        if failed:
            self._on_failed(failed["id"], json.loads(failed["sentence"]))
        self._is_at_work = self._is_at_work and text != STOPPING
        is_row = not self._is_at_work and self._is_row(text)
        is_step = not self._is_at_work and STEPS.fullmatch(text)
        is_left_out = ROUTINE.fullmatch(text) or is_row or is_step
        if self._log == ALL or not (is_left_out or (failed and self._log == READABLE)):
            self._print(line)
        else:
            self._left_out.append(line)
            if first := FIRST_TRAINED.match(text):
                self._print(f"training the demo's {first['count']} models, which is done once …")

    def show_left_out(self) -> None:
        """Print the last lines that were left out; they may say why the process has ended."""
        while self._left_out:
            self._print(self._left_out.popleft())

    def _ready(self) -> None:
        self._is_at_work = True
        if self._in_service and self._log != ALL:
            self._print(f"endpoints in service: {', '.join(self._in_service)}")
        self._on_ready()

    def _is_row(self, text: str) -> bool:
        """Whether it is a row about an endpoint that is in service."""
        if row := IN_SERVICE.fullmatch(text):
            self._in_service.append(row["endpoint"])
        return row is not None

    def _print(self, line: str) -> None:
        self._terminal.print([Span("sagemaker | ", "dim"), Span(line)])
