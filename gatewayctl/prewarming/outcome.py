"""What became of one model that was touched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a caller would find now, and for a model that is loaded: would have found before."""

    HOT = "hot"
    LOADED = "loaded"
    COLD = "cold"
    FAILED = "failed"
    UNFINISHED = "unfinished"


READY = frozenset({State.HOT, State.LOADED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last that is known of a model, and how many seconds after its first touch."""

    path: str
    state: State
    seconds: float
    code: str | None = None
    """AWS's error code, if the last answer was an error."""

    advice: str | None = None

    def __str__(self) -> str:
        because = f" ({self.code})" if self.code else ""
        match self.state:
            case State.LOADED:
                return f"{self.path}: loaded in {self.seconds:.1f} s{because}"
            case State.COLD:
                return f"{self.path}: still cold after {self.seconds:.0f} s{because}"
            case _:
                return f"{self.path}: {self.state}{because}"
