"""Writes the advice as one HTML page, which needs no other file, no script and no other host."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

STYLE = Path(__file__).with_suffix(".css")
SECONDS_PER_HOUR = 3600
MOST_BARS = 40
MOST_ENDPOINTS = 24
MOST_STEPS = 2_000
"""The most steps of a chart; those of a longer time are wider than an hour."""


class Bar(NamedTuple):
    """A row of a bar chart: its name, and one or two amounts; None stands for unknown."""

    name: str
    amounts: tuple[float | None, ...]


class Card(NamedTuple):
    """One piece of advice."""

    title: str
    blocks: Sequence[tuple[str, Sequence[str]]]
    """What is said of it: a name, and its lines."""
    sort: str = ""
    """`change`, `open` if something is unknown, or empty if nothing changes."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the page shows."""

    period: str
    currency: str
    totals: Sequence[Bar]
    """What all endpoints cost, by option."""
    cards: Sequence[Card]
    models: Sequence[Bar]
    """What each model costs: by its time at work, and with the idle time by memory."""
    hours: Mapping[str, Mapping[int, int]]
    """By endpoint: the calls of each hour, by the hour's number since the epoch."""
    endpoints: Sequence[Sequence[str]]
    """A table; its first row is the header."""
    notes: Sequence[str] = field(default=())
    """What is assumed, and where the numbers are from."""


def html(page: Page) -> str:
    """Return the page."""
    style = STYLE.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            "<title>Which option, and what it costs</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            *_body(page),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _body(page: Page) -> Iterator[str]:
    yield "<h1>Which option, and what it costs</h1>"
    yield f'<p class="quiet">{_text(page.period)}</p>'
    yield '<section aria-labelledby="totals"><h2 id="totals">What each option would cost</h2>'
    yield from _bars(page.totals, ("option", f"{page.currency} a month"), "All endpoints together")
    yield "</section>"
    yield '<section aria-labelledby="advice"><h2 id="advice">Advice</h2>'
    for card in page.cards:
        yield from _card(card)
    yield "</section>"
    if page.models:
        yield '<section aria-labelledby="models"><h2 id="models">Cost by model</h2>'
        yield (
            "<p>An endpoint costs the same whether it is called or not. By time at work, the "
            "models that are called bear all of it. With idle time by memory, the models that "
            "take its memory bear the time in which nobody calls.</p>"
        )
        yield from _models(page)
        yield "</section>"
    if page.hours:
        yield '<section aria-labelledby="hours"><h2 id="hours">Calls by hour, UTC</h2>'
        yield from _hours(page.hours)
        yield "</section>"
    yield '<section aria-labelledby="endpoints"><h2 id="endpoints">Endpoints</h2>'
    yield from _table(page.endpoints)
    yield "</section>"
    yield '<section aria-labelledby="notes"><h2 id="notes">What the numbers stand on</h2><ul>'
    yield from (f"<li>{_text(note)}</li>" for note in page.notes)
    yield "</ul></section>"


def _text(text: str) -> str:
    """Return text for HTML; control characters and invisible ones are written as escapes."""
    return escape(printable(text))


def _line(line: str) -> str:
    """Return a line in which addresses are links."""
    words = [
        f'<a href="{_text(word)}" rel="noreferrer">{_text(word)}</a>'
        if word.startswith("https://")
        else _text(word)
        for word in line.split(" ")
    ]
    return " ".join(words)


def _card(card: Card) -> Iterator[str]:
    yield f'<article class="{card.sort}"><h3>{_text(card.title)}</h3><dl>'
    for name, lines in card.blocks:
        inner = "".join(f"<p>{_line(line)}</p>" for line in lines)
        yield f"<dt>{_text(name)}</dt><dd>{inner}</dd>"
    yield "</dl></article>"


def _models(page: Page) -> Iterator[str]:
    shown = sorted(page.models, key=lambda one: -max(amount or 0 for amount in one.amounts))
    yield (
        '<ul class="keys">'
        f"<li>{_key('first')}by time at work</li>"
        f"<li>{_key('second')}with idle time by memory</li></ul>"
    )
    header = ("model", "by time at work", "with idle time")
    left = shown[MOST_BARS:]
    each = zip(*(one.amounts for one in left), strict=True)
    sums = (sum(amount or 0 for amount in amounts) for amounts in each)
    more = Bar(f"{len(left):,} more models cost less, together", tuple(sums)) if left else None
    yield from _bars(shown[:MOST_BARS], header, f"{page.currency} a month", more)


def _key(sort: str) -> str:
    return (
        f'<svg class="key" aria-hidden="true"><rect class="{sort}" width="100%" height="100%"/>'
        "</svg>"
    )


def _bars(
    bars: Sequence[Bar], header: Sequence[str], caption: str, more: Bar | None = None
) -> Iterator[str]:
    """Yield a table whose numbers also stand as bars.

    Args:
        more: The sum of what is left out, which has no bars.
    """
    most = max((amount or 0 for bar in bars for amount in bar.amounts), default=0)
    name, *amounts = header
    yield f"{_scrolling(caption)}<table><caption>{_text(caption)}</caption><thead><tr>"
    yield f'<th scope="col">{_text(name)}</th>'
    yield "".join(f'<th scope="col" class="number">{_text(one)}</th>' for one in amounts)
    yield '<td class="bars" aria-hidden="true"></td></tr></thead><tbody>'
    for bar in [*bars, *([] if more is None else [more])]:
        yield f'<tr><th scope="row">{_text(bar.name)}</th>'
        yield "".join(f'<td class="number">{_amount(one)}</td>' for one in bar.amounts)
        drawn = "".join(
            _bar(amount, most, sort)
            for amount, sort in zip(bar.amounts, ("first", "second"), strict=False)
            if bar is not more
        )
        yield f'<td class="bars" aria-hidden="true">{drawn}</td></tr>'
    yield "</tbody></table></div>"


def _scrolling(name: str) -> str:
    """Return the start of a part that can be scrolled sideways, also with the keyboard."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(name)}">'


def _amount(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f}"


def _bar(amount: float | None, most: float, sort: str) -> str:
    if amount is None or not most:
        return '<svg class="bar"></svg>'
    width = 100 * amount / most
    return (
        f'<svg class="bar"><title>{_amount(amount)}</title>'
        f'<rect class="{sort}" width="{width:.2f}%" height="100%" rx="2"/></svg>'
    )


def _hours(hours: Mapping[str, Mapping[int, int]]) -> Iterator[str]:
    called = {name: counts for name, counts in hours.items() if counts}
    if not called:
        yield "<p>Nobody called.</p>"
        return
    first = min(min(counts) for counts in called.values())
    last = max(max(counts) for counts in called.values())
    order = sorted(called, key=lambda name: -sum(called[name].values()))
    yield '<div class="hours">'
    for name in order[:MOST_ENDPOINTS]:
        yield _area(name, called[name], first, last)
    yield "</div>"
    if (left := len(order) - MOST_ENDPOINTS) > 0:
        yield f'<p class="quiet">{left:,} more endpoints have fewer calls.</p>'


def _area(name: str, counts: Mapping[int, int], first: int, last: int) -> str:
    """Return a small chart of the calls of one endpoint: the busiest hour of each step."""
    width = -(-(last + 1 - first) // MOST_STEPS)
    values = [0] * -(-(last + 1 - first) // width)
    for hour, calls in counts.items():
        step = (hour - first) // width
        values[step] = max(values[step], calls)
    most, total = max(values), sum(counts.values())
    points = "".join(
        f"L{place} {100 - 100 * value / most:.1f}L{place + 1} {100 - 100 * value / most:.1f}"
        for place, value in enumerate(values)
    )
    said = f"{name}: {total:,} calls, at most {most:,} in an hour"
    return (
        f"<figure><figcaption><span>{_text(name)}</span>"
        f'<span class="quiet">at most {most:,} an hour</span></figcaption>'
        f'<svg class="area" role="img" aria-label="{_text(said)}" viewBox="0 0 {len(values)} 100" '
        f'preserveAspectRatio="none"><title>{_text(said)}</title>'
        f'<path class="first" d="M0 100{points}L{len(values)} 100Z"/></svg>'
        f'<div class="ends"><span>{_day(first)}</span><span>{total:,} calls</span>'
        f"<span>{_day(last)}</span></div></figure>"
    )


def _day(hour: int) -> str:
    return datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).strftime("%d %b %H:00")


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    header, *others = rows
    yield f"{_scrolling('table of the endpoints')}<table><thead><tr>"
    yield _cells(header, "col")
    yield "</tr></thead><tbody>"
    yield from (f"<tr>{_cells(row, 'row')}</tr>" for row in others)
    yield "</tbody></table></div>"


def _cells(row: Iterable[str], scope: str) -> str:
    first, *others = row
    numbers = (
        f'<th scope="col" class="number">{_text(one)}</th>'
        if scope == "col"
        else f'<td class="number">{_text(one)}</td>'
        for one in others
    )
    return f'<th scope="{scope}">{_text(first)}</th>{"".join(numbers)}'
