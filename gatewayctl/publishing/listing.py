"""`gatewayctl publish … --list`: the versions that one can go back to."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from gatewayctl.publishing.store import LISTED
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewayctl.publishing.store import TableStore, Version

HEADINGS = ("version", "date", "table", "models", "")


def report(store: TableStore) -> Report:
    """The newest first."""
    versions = store.versions()
    notes = [f"{store.name}: {len(versions)} versions, of at most {LISTED} that are looked at"]
    if not any(version.is_live for version in versions):
        notes.append(f"{store.name}: nothing lies there now")
    return Report(
        ExitCode.FINE,
        lines=_table([HEADINGS, *map(_cells, versions)]) if versions else [],
        notes=notes,
        data={"location": store.name, "versions": [_as_data(version) for version in versions]},
    )


def _cells(version: Version) -> tuple[str, ...]:
    digest = version.digest[:12] if version.digest else "none"
    models = version.models or "unknown"
    return version.id, _moment(version), digest, models, "live" if version.is_live else ""


def _as_data(version: Version) -> dict[str, Any]:
    models = version.models or ""
    return {
        "version": version.id,
        "date": _moment(version),
        "sha256": version.digest,
        "models": int(models) if models.isdecimal() else None,
        "live": version.is_live,
    }


def _moment(version: Version) -> str:
    return f"{version.modified.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
