"""A routing table that follows its file: a saved change is in force within two seconds.

    the file's status ─► it changed ─► and is now the same for a moment ─► parsed ─► in force

The compiled form is not used: it would be stale after the first change.
"""

from __future__ import annotations

import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading.document import MAX_FILE_BYTES
from chalicelib.routing.reading.problems import InvalidTable, Problem
from gatewayctl import tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.tables import TableFile

    class Observer(Protocol):
        """Is told what happens to the table; both methods are called by the following thread."""

        def on_table(self, file: TableFile, old: RoutingTable | None) -> None:
            """Another table is in force, or the same one after a refusal."""

        def on_refusal(self, problems: Sequence[Problem], old: RoutingTable | None) -> None:
            """The file was refused; the old table, if there is one, stays in force."""


PAUSE_SECONDS = 0.1
STABLE_SECONDS = 0.5
"""A file is read once it has not changed for this long, so that no half of it is taken: editors
replace a file by another one, or empty it and write it again."""


class FollowedTable:
    """The newest good table of a file, as a `RoutingSource`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._status = _status(path)
        self._problems: Sequence[Problem] = ()
        self._refused_at: float | None = None
        self.file: TableFile | None = None
        """The table in force, and the YAML that it was read from."""
        self._read()

    def table(self) -> RoutingTable:
        if self.file is None:
            raise RoutingUnavailable
        return self.file.table

    def stale_seconds(self) -> float | None:
        refused_at = self._refused_at
        return None if refused_at is None else time.monotonic() - refused_at

    def follow(self, observer: Observer | None = None) -> None:
        """Tell about the table that is there, if anybody listens, and start to follow the file."""
        self._tell(observer, None)
        threading.Thread(target=self._follow, args=(observer,), name="table", daemon=True).start()

    def _follow(self, observer: Observer | None) -> None:
        status, since = self._status, time.monotonic()
        while True:
            time.sleep(PAUSE_SECONDS)
            newest = _status(self._path)
            if newest != status:
                status, since = newest, time.monotonic()
            elif status != self._status and time.monotonic() - since >= STABLE_SECONDS:
                self._status = status  # taken before the file is read: a later change is seen
                old, were_problems = self.file, bool(self._problems)
                self._read()
                if self._problems or were_problems or self.file is not old:
                    self._tell(observer, None if old is None else old.table)

    def _read(self) -> None:
        name = _shown(self._path)
        try:
            file = tables.parse(_read_bytes(self._path, name), name)
        except InvalidTable as error:
            self._problems = error.problems
        except Exception as bug:
            self._problems = [Problem(name, None, "", f"cannot be read: {type(bug).__name__}")]
        else:
            self._problems, self._refused_at = (), None
            if self.file is None or file.data != self.file.data:
                self.file = file
        if self._problems and self._refused_at is None:
            self._refused_at = time.monotonic()

    def _tell(self, observer: Observer | None, old: RoutingTable | None) -> None:
        if observer is None:
            return
        if self._problems:
            observer.on_refusal(self._problems, old)
        elif self.file is not None:
            observer.on_table(self.file, old)


def _status(path: Path) -> tuple[int, ...]:
    """Return a value that differs after each change of the file, and after it appears or goes."""
    try:
        found = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _shown(path: Path) -> str:
    """Return the path of the file that people edit, relative to this folder if it is in it.

    `chalicelib/routing.yaml` is a link to it.
    """
    try:
        real, here = path.resolve(), Path.cwd()
    except (OSError, RuntimeError):  # links that lead to each other
        return str(path)
    return str(real.relative_to(here) if real.is_relative_to(here) else real)


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to read a pipe would never end
            raise InvalidTable([Problem(name, None, "", "this is not a file")])
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)  # one more: the table is then refused
    except OSError as error:
        text = f"the file cannot be read: {error.strerror}"
        raise InvalidTable([Problem(name, None, "", text)]) from error
