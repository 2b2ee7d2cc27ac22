"""One call as a short line for a terminal, from the line that the gateway has logged.

200 POST /predict/iris            iris → tabular/iris-v1.tar.gz                        4 + 2 ms
502 POST /predict/churn           The model failed · → churn-prod                      9 + 2 ms
    500: KeyError: 'age', which is a column that the model was trained with
200 job 6f0c8f4f…                 iris → tabular/iris-v1.tar.gz                        4 + 2 ms
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from chalicelib.errors import GatewayError, printable
from local_stack.terminal import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Members = Mapping[str, Any]
    Line = list[Span]

ACCEPTED = 202
COLUMNS = 100
HEAD_COLUMNS = 32
LONGEST_PATH = 36
LONGEST_SENTENCE = 160
SHORTEST_ABOUT = 16
SHOWN_OF_JOB = 8
"""Digits of a job's id."""
ENDS = ("succeeded", "failed")
"""What the status of a job's line says already."""

GAP, DOT, INDENT = "  ", " · ", "    "


def style_of(status: int) -> str:
    """Return the style of a status."""
    return "good" if status < 400 else "warning" if status < 500 else "error"


def access_line(status: int, method: str, path: str, title: str | None) -> Line:
    """Return the line of a request that the app did not get."""
    head = Span(_head(status, method, path), style_of(status))
    if not title:
        return [Span(head.text.rstrip(), head.style)]
    return [head, Span(GAP), Span(_cut(title, LONGEST_SENTENCE), head.style)]


def call_lines(call: Members, sentence: str | None, credential: str | None) -> Iterator[Line]:
    """Yield the line of a call or a job, and one more for a sentence that does not fit on it.

    Args:
        call: The members of the line that the gateway or the worker has logged.
        sentence: What the container or SageMaker said of a failed call. Without it, the second line
            is what the gateway has logged as the reason.
        credential: Why the credential was refused.
    """
    status = int(call.get("status") or 0)
    style = style_of(status)
    head = _head(status, *_what(call))
    times = _times(call)
    room = COLUMNS - len(head) - len(times) - 2 * len(GAP)
    said = _cut(_readable(sentence), LONGEST_SENTENCE) if sentence and status >= 400 else ""
    said = said or str(credential or call.get("reason") or call.get("upstream_code") or "")
    title, about = _title(call), _about(call)
    dot = DOT if title and about else ""
    if said and title and len(f"{title}: {said}{dot}{about}") <= room:
        title, said = f"{title}: {said}", ""
    about = _cut(about, max(SHORTEST_ABOUT, room - len(title) - len(dot)))
    body = [Span(title, style), Span(dot), Span(about, "model")]
    space = " " * (room - sum(len(span.text) for span in body))
    yield [Span(head, style), Span(GAP), *body, Span(f"{space}{GAP}{times}", "dim")]
    if said and title:
        yield [Span(f"{INDENT}{said}", style)]


def _head(status: int, method: str, path: str) -> str:
    """Return the beginning of a line; a job that needed no prediction has no status."""
    return f"{status or '---'} {method} {_cut(path, LONGEST_PATH)}".ljust(HEAD_COLUMNS)


def _what(call: Members) -> tuple[str, str]:
    """Return the method and the path of a call, or what stands for them in the line of a job."""
    if call.get("message") == "job":
        delivery = int(call.get("delivery") or 1)
        again = f" try {delivery}" if delivery > 1 else ""
        outcome = call.get("outcome")
        return "job", f"{_short_id(call)}{again}" + ("" if outcome in ENDS else f" {outcome}")
    return str(call.get("method") or "?"), str(call.get("path") or "?")


def _short_id(call: Members) -> str:
    return f"{str(call.get('job'))[:SHOWN_OF_JOB]}…"


def _times(call: Members) -> str:
    gateway = f"{float(call.get('gateway_ms') or 0):.0f} ms"
    if not call.get("attempts"):
        return gateway
    return f"{float(call.get('model_ms') or 0):,.0f} + {gateway}"


def _title(call: Members) -> str:
    """Return the problem's title; empty for an answer."""
    slug = call.get("slug")
    return _titles().get(slug, str(slug)) if slug else ""


def _about(call: Members) -> str:
    """Return the model, its target, and what was special about the call."""
    model = call.get("model")
    if not model:
        return ""
    notes = ", ".join(_notes(call))
    more = f" ({notes})" if notes else ""
    if not call.get("endpoint"):
        return more.lstrip() if call.get("slug") else f"{model}{more}"
    place = [str(call["endpoint"])]
    place += [part.partition("=")[2] for part in str(call.get("target") or "").split(", ") if part]
    name = call.get("target_name")
    target = "/".join(place) if name is None else f"{name}{DOT}{'/'.join(place)}"
    # The title needs the room, and the path names the model.
    start = "" if call.get("slug") else f"{model} "
    return f"{start}→ {target}{more}"


def _notes(call: Members) -> Iterator[str]:
    if call.get("fallback_after"):
        yield f"after {call['fallback_after']}"
    if (attempts := int(call.get("attempts") or 0)) > 1:
        yield f"{attempts} attempts"
    if call.get("artifact"):
        yield str(call["artifact"])
    if call.get("job") and call.get("status") == ACCEPTED and call.get("message") != "job":
        yield f"job {_short_id(call)}"


def _readable(sentence: str) -> str:
    """Take the text out of a JSON object that has nothing else, such as `{"error": "…"}`."""
    status, _, text = sentence.partition(": ")
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return sentence
    if isinstance(members, dict) and len(members) == 1:
        (only,) = members.values()
        if isinstance(only, str):
            return f"{status}: {only}"
    return sentence


def _cut(text: str, longest: int) -> str:
    text = printable(text)  # first, because an escape is longer than what it stands for
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@functools.cache
def _titles() -> dict[str, str]:
    """Return the title of each slug."""
    return {error.slug: error.title for error in _family(GatewayError) if hasattr(error, "slug")}


def _family(error: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield error
    for one in error.__subclasses__():
        yield from _family(one)
