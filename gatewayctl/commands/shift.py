"""`gatewayctl shift`: changes the weights of a model's targets in the table."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chalicelib.errors import did_you_mean, quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.rows import MOST_WEIGHT
from gatewayctl import tables
from gatewayctl.command import command
from gatewayctl.commands.shift_moves import least_possible, moves, shares
from gatewayctl.commands.shift_weights import with_weights
from gatewayctl.output import columns, of_hundred, percent, replace_file
from gatewayctl.report import ExitCode, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from chalicelib.routing.table import Model
    from gatewayctl.command import Context
    from gatewayctl.commands.shift_moves import Weights

RULE = f"a weight is a whole number from 0 to {MOST_WEIGHT:,}"


@command("shift")
@click.argument("model")
@click.argument("targets", nargs=-1, metavar="[TARGET=WEIGHT]...")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
def shift(context: Context, *, model: str, targets: tuple[str, ...], dry_run: bool) -> Report:
    """Change the weights of a model's targets in the table.

    MODEL is a name in the table, or a path as after /predict/. A target that is not named keeps its
    weight. Without targets, the command shows the weights and shares as they are.
    """
    path = context.table_path()
    file = tables.load(path)
    entry = tables.find(file.table, model, file.name).model
    old = tables.weights_of(entry, file.name)
    change = Change(entry, old, {**old, **dict(_parsed(targets, entry))})
    if not any(change.new.values()):
        raise WrongUse(f"all weights of {entry.name} would be 0; give at least one target more")

    is_written = bool(change.changed) and not dry_run
    if change.changed:
        data = with_weights(file.data, entry.name, change.changed)
        tables.parse(data, file.name)
        if is_written:
            _refuse_lost_change(file, path)
            replace_file(path, data)
    return Report(
        ExitCode.FINE,
        lines=[*change.table(), *change.sentences()],
        notes=[_note(file.name, change, is_written)] if targets else [],
        data={"file": file.name, "written": is_written, **change.data()},
    )


def _refuse_lost_change(file: tables.TableFile, path: Path) -> None:
    """Check that nobody has written the table since it was read: large ones take seconds to check.

    Raises:
        WrongUse: Somebody has.
    """
    if table_file.read_bytes(path) != file.data:
        raise WrongUse(f"{file.name} was changed meanwhile; nothing is written, so try again")


def _parsed(texts: Iterable[str], model: Model) -> Iterator[tuple[str, int]]:
    """Parse the arguments `TARGET=WEIGHT`.

    Raises:
        WrongUse: One of them is not right; the message says what would be.
    """
    known = [one.name or "" for one in model.targets]
    seen = set()
    for text in texts:
        name, sign, weight = text.partition("=")
        if not sign:
            raise WrongUse(f"{quoted(text)} is no TARGET=WEIGHT, such as {known[0]}=20")
        if name not in known:
            raise WrongUse(
                f"{model.name} has no target {quoted(name)}; {did_you_mean(name, known)}"
            )
        if name in seen:
            raise WrongUse(f"{name} is there twice; give each target one weight")
        if not re.fullmatch("[0-9]{1,4}", weight) or int(weight) > MOST_WEIGHT:
            raise WrongUse(f"{name}={quoted(weight)}: {RULE}")
        seen.add(name)
        yield name, int(weight)


class Change(NamedTuple):
    """The weights of a model before and after."""

    model: Model
    old: Weights
    new: Weights

    @property
    def changed(self) -> Weights:
        """The new weights that are not the old ones."""
        return {name: weight for name, weight in self.new.items() if weight != self.old[name]}

    def table(self) -> list[str]:
        """Return a line for each target: its weight and its share of the calls."""
        rows = [["target", "weight", "share of calls"]]
        before, after = shares(self.old), shares(self.new)
        for name, weight in self.new.items():
            share = _step(percent(before[name]), percent(after[name]))
            rows.append([name, _step(str(self.old[name]), str(weight)), share])
        return columns(rows)

    def sentences(self) -> Iterator[str]:
        """Yield what the change means for callers."""
        if not self.changed:
            return
        if self.model.sticky is None:
            yield "each request gets a target by chance: no caller is kept at a target"
            return
        found = sorted(self._moves().items(), key=lambda move: -move[1])
        steps = [f"{of_hundred(share)} move from {one} to {other}" for (one, other), share in found]
        if not steps:
            yield "no sticky caller moves: the shares stay as they are"
        elif len(steps) == 1:
            yield f"of 100 sticky callers {steps[0]}, 0 back"
        else:
            least = least_possible(self.old, self.new)
            total = sum((share for _, share in found), Fraction())
            yield (
                f"of 100 sticky callers {of_hundred(total)} move (at least {of_hundred(least)} "
                "have to), 0 back:"
            )
            yield from (f"  {step}" for step in steps)

    def data(self) -> dict[str, Any]:
        """Return the same as data."""
        before, after = shares(self.old), shares(self.new)
        return {
            "model": self.model.name,
            "sticky": self.model.sticky,
            "targets": [
                {
                    "name": name,
                    "weight_before": self.old[name],
                    "weight": weight,
                    "share_before": float(before[name]),
                    "share": float(after[name]),
                }
                for name, weight in self.new.items()
            ],
            "sticky_moves": [
                {"from": one, "to": other, "share": float(share)}
                for (one, other), share in self._moves().items()
            ],
        }

    def _moves(self) -> Mapping[tuple[str, str], Fraction]:
        return moves(self.old, self.new) if self.model.sticky else {}


def _note(file: str, change: Change, is_written: bool) -> str:
    if not change.changed:
        return f"{file} has these weights already"
    if not is_written:
        return f"--dry-run: {file} is not changed"
    return f"{file} is changed; gateways have it after 'make deploy', or 'gatewayctl publish'"


def _step(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"
