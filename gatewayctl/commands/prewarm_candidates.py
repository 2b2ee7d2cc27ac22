"""What `gatewayctl prewarm` calls: targets of models, each with the state in which it was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from chalicelib.payload.admission import InferenceRequest
from chalicelib.routing.headers import is_json
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model
    from chalicelib.routing.targets import Place


@dataclass(frozen=True, slots=True)
class Candidate:
    """One target of a model to be loaded, by the model's path after `/predict/`."""

    path: str
    model: Model
    target: NamedTarget
    """The parameters of the path are filled in."""

    @property
    def title(self) -> str:
        """The path, and the name of the target if there are several."""
        return title(self.path, self.target.name)

    @property
    def place(self) -> Place:
        return self.target.target.place

    @property
    def endpoint(self) -> str:
        return self.target.target.endpoint

    @property
    def has_example(self) -> bool:
        """Whether the model is called with the example of the table."""
        return self.model.example_request() is not None

    def invoke_args(self) -> dict[str, object]:
        """Return the arguments of InvokeEndpoint."""
        return {**self.target.invoke_args, **_request(self.model).invoke_args()}

    def outcome(
        self, state: State, seconds: float, code: str | None = None, advice: str | None = None
    ) -> Outcome:
        return Outcome(self.path, state, seconds, code, advice, self.target.name)


def _request(model: Model) -> InferenceRequest:
    """Return the model's example, else the shortest body of the first type that it takes."""
    if example := model.example_request():
        return InferenceRequest(example.body.encode(), example.content_type)
    first = model.content_types[0]
    return InferenceRequest(b"{}" if is_json(first) else b"", first)


class State(StrEnum):
    """What a caller would find now.

    HOT was loaded before this run, LOADED was loaded by it. REFUSED answered 4xx to the example of
    the table, and UNKNOWN to a body without meaning: a container answers 4xx to a body that it
    cannot use, and many answer so when they cannot load the artifact.
    """

    HOT = "hot"
    LOADED = "loaded"
    COLD = "cold"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FAILED = "failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last known state of a target."""

    path: str
    state: State
    seconds: float
    """The time from its first call to its last answer."""
    code: str | None = None
    """AWS's error code, if the last answer was an error."""
    advice: str | None = None
    target: str | None = None
    """The name of the target, if the entry has several."""

    @property
    def title(self) -> str:
        return title(self.path, self.target)

    def __str__(self) -> str:
        because = f" ({self.code})" if self.code else ""
        match self.state:
            case State.LOADED:
                return f"{self.title}: loaded in {self.seconds:.1f} s{because}"
            case State.COLD:
                return f"{self.title}: still cold after {self.seconds:.0f} s{because}"
            case _:
                return f"{self.title}: {self.state}{because}"
