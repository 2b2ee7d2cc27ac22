"""What the gateway and the worker print, made readable: JSON lines become lines of calls and jobs.

The production code writes its JSON and knows nothing of this. What a container said is not in it;
the local SageMaker's process has it, and both know SageMaker's id of the request.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from local_stack.call_lines import access_line, call_lines, style_of
from local_stack.summary import Summary
from local_stack.terminal import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_stack.terminal import Terminal

READABLE, JSON, ALL = LOGS = ("calls", "json", "all")
"""What is printed: a line for each call; the gateway's own lines; or the first with everything that
the local SageMaker prints."""

PATIENCE_SECONDS = 0.2
"""What the container said comes through another pipe, and so perhaps after the line of the call."""

MOST_NOTES = 1_000
LONGEST_VALUE = 200
PREDICTIONS = "/predict/"
PAGE_FILES = "/page/"
NO_MODEL = "(no model)"
NO_NEWS = frozenset(("level", "location", "message", "timestamp", "service"))
ACCESS = re.compile(r"(?P<status>\d{3}) (?P<method>\S+) (?P<path>\S+?)(?:: (?P<title>.+))?")


class GatewayLines:
    """Prints the lines of the gateway's process and of the worker's.

    Args:
        terminal: Where they are printed.
        log: One of `LOGS`.
        later: Calls a function after some seconds, unless the returned handle is cancelled.
    """

    def __init__(
        self, terminal: Terminal, log: str, later: Callable[[float, Callable[[], None]], Any]
    ) -> None:
        self._terminal = terminal
        self._log = log
        self._later = later
        self._sentences: OrderedDict[str, str] = OrderedDict()
        self._waiting: dict[str, tuple[dict[str, Any], Any]] = {}
        self._refusals: OrderedDict[str, str] = OrderedDict()
        self.summary = Summary()

    def on_line(self, line: str) -> None:
        """Print a line of one of the processes in its readable form."""
        members = _members(line)
        if members is None:
            self._terminal.print(_styled(line))
            return
        is_call = members.get("message") in ("request", "job")
        if is_call:
            self._count(members)
        if self._log == JSON:
            self._terminal.print(_escaped(line))
        elif is_call:
            self._on_call(members)
        elif members.get("message") == "credential":
            self._on_credential(members)
        elif "_aws" not in members:  # metrics
            self._terminal.print(_event(members))

    def on_sentence(self, request_id: str, sentence: str) -> None:
        """Note what a container, or the local SageMaker, said of a request that it refused."""
        if request_id in self._waiting:
            call, timer = self._waiting.pop(request_id)
            timer.cancel()
            self._print(call, sentence)
            return
        _note(self._sentences, request_id, sentence)

    def _on_credential(self, credential: dict[str, Any]) -> None:
        if credential.get("outcome") != "ok":
            key = credential.get("key_id")
            why = str(credential.get("reason")) + (f", key {key}" if key else "")
            _note(self._refusals, str(credential.get("request_id")), why)

    def _on_call(self, call: dict[str, Any]) -> None:
        if call.get("status") == 200 and str(call.get("path")).startswith(PAGE_FILES):
            return
        request_id = call.get("upstream_request_id")
        if call.get("status", 0) < 400 or request_id is None:
            self._print(call, None)
        elif request_id in self._sentences:
            self._print(call, self._sentences.pop(request_id))
        else:
            timer = self._later(PATIENCE_SECONDS, lambda: self._give_up(request_id))
            self._waiting[request_id] = call, timer

    def _give_up(self, request_id: str) -> None:
        call, _ = self._waiting.pop(request_id)
        self._print(call, None)

    def _print(self, call: dict[str, Any], sentence: str | None) -> None:
        credential = self._refusals.pop(str(call.get("credential_request_id")), None)
        for line in call_lines(call, sentence, credential):
            self._terminal.print(line)

    def _count(self, call: dict[str, Any]) -> None:
        if call.get("message") == "job":
            if call.get("outcome") == "failed":
                self.summary.job_failed(call.get("model") or NO_MODEL)
        elif str(call.get("path")).startswith(PREDICTIONS):
            milliseconds = call.get("model_ms", 0) + call.get("gateway_ms", 0)
            self.summary.add(call.get("model") or NO_MODEL, call.get("status", 0), milliseconds)

    def end(self) -> None:
        """Print the calls that wait for a sentence, and the summary."""
        for request_id in list(self._waiting):
            self._waiting[request_id][1].cancel()
            self._give_up(request_id)
        for number, line in enumerate(self.summary.lines()):
            self._terminal.print([Span(line, None if number else "heading")])


def _members(line: str) -> dict[str, Any] | None:
    """Return the object of a JSON line; None for a sentence."""
    if not line.startswith("{"):
        return None
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return members if isinstance(members, dict) else None


def _escaped(line: str) -> str:
    """Escape what is not printable as JSON does, so that the line stays JSON."""
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else "".join(_escapes(one)) for one in line)


def _escapes(character: str) -> Iterator[str]:
    units = character.encode("utf-16-be", "surrogatepass")
    for start in range(0, len(units), 2):
        yield f"\\u{units[start : start + 2].hex()}"


def _styled(line: str) -> list[Span]:
    """Give a sentence of the gateway's process its style."""
    if found := ACCESS.fullmatch(line):
        return access_line(int(found["status"]), found["method"], found["path"], found["title"])
    if re.match(r"\d{3}: ", line):
        return [Span(line, style_of(int(line[:3])))]
    if line.startswith("ready:"):
        return [Span(line, "heading")]
    style = "error" if line.startswith("error:") else "dim" if line.startswith("# ") else None
    return [Span(line, style)]


def _note(notes: OrderedDict[str, str], request_id: str, text: str) -> None:
    """Add a note that the line of a call will take; the oldest ones go."""
    notes[request_id] = text
    if len(notes) > MOST_NOTES:
        notes.popitem(last=False)


def _event(members: dict[str, Any]) -> list[Span]:
    """Return one line of what is no call: a store that failed, a table that was refused, a bug."""
    level = str(members.get("level", "INFO")).lower()
    more = [f"{name} {_short(members[name])}" for name in members.keys() - NO_NEWS]
    text = f"{level}: {members.get('message')}: {', '.join(sorted(more))}"
    return [Span(text, level if level in ("warning", "error") else None)]


def _short(value: object) -> str:
    if isinstance(value, list):
        value = "; ".join(map(str, value[-1:] if value else ()))
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
