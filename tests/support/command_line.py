"""Running `gatewayctl` in this process, with its two streams apart."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayctl.command import Dependencies


class Outcome(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """The output of `--format json`."""
        return dict(json.loads(self.out))

    @property
    def key(self) -> str:
        """The API key that was printed."""
        return self.out.rstrip("\n")

    @property
    def key_id(self) -> str:
        return self.key.split("_")[1]


def gatewayctl(
    *arguments: str, project: Path, dependencies: Dependencies | None = None, **environ: str
) -> Outcome:
    """Run a command for a project."""
    out, err = io.StringIO(), io.StringIO()
    code = main(arguments, environ, project, out, err, dependencies=dependencies)
    return Outcome(int(code), out.getvalue(), err.getvalue())
