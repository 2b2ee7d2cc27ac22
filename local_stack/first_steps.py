"""What `make run` prints when ready: commands that work as pasted, and a link to its page."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.targets import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from chalicelib.routing.table import Example, Model, RoutingTable

LAST_LINE = "# Ctrl-C ends everything, with a summary of the calls"
COLUMNS = 100
"""A command that is longer is written on several lines."""

JOB_COMMENT = "A job, for what takes too long: submit it, wait for its end, and fetch the result"
JOB_ID = "grep -oE '[0-9a-f]{32}'"
RESULT_URL = "grep -o 'http[^\"]*'"


class Kind(NamedTuple):
    """A kind of call of which one example is shown."""

    comment: str
    includes: Callable[[Model], bool]


def _calls_of(kind: str, sentence: str) -> Kind:
    """Return the row of a kind of target; the sentence's first part says what it is."""
    comment = f"{sentence.rstrip('.').partition(',')[0]} (kind: {kind})"
    return Kind(comment, lambda model: model.target.kind == kind)


# A new capability gets a row here.
CALLS = (
    *(_calls_of(kind, target.__doc__ or kind) for kind, target in KINDS.items()),
    Kind("A parameter in the path chooses the model", lambda model: bool(model.parameters)),
    Kind("Several targets with weights; X-Target names one", lambda model: len(model.targets) > 1),
)


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The commands for one running gateway.

    The paths of the files are printed as they are here, so that a relative one stays short.
    """

    url: str
    key_file: Path
    env_file: Path | None
    has_page: bool
    has_jobs: bool

    def lines(self, table: RoutingTable | None, failing: Collection[str] = ()) -> Iterator[str]:
        """Yield the lines; no model in `failing` is called, and none at all without a table."""
        models = [model for model in table.models() if model.name not in failing] if table else []
        for comment, command in [*self.calls(models), *self._job(models), *self._others()]:
            yield ""
            yield f"# {comment}"
            yield from command.split("\n")
        yield ""
        yield LAST_LINE

    def calls(self, models: Collection[Model]) -> Iterator[tuple[str, str]]:
        """Yield a comment and a command for each kind of call: the model with the shortest one."""
        callable_now = [one for one in models if self.has_jobs or not one.target.is_async]
        shown: set[str] = set()
        for comment, includes in CALLS:
            parts = self._shortest(model for model in callable_now if includes(model))
            if parts and (command := _command(parts)) not in shown:
                shown.add(command)
                yield comment, command

    def _job(self, models: Collection[Model]) -> Iterator[tuple[str, str]]:
        """Yield the commands for a job, which pass its id on in `$JOB`."""
        parts = self._shortest(model for model in models if not model.target.is_async)
        if not parts or not self.has_jobs:
            return
        curl, headers, body = parts
        curl = curl.replace("curl", "curl -sS", 1)
        submit = [f"JOB=$({curl}", f"{headers} -H 'Prefer: respond-async'", f"{body} | {JOB_ID})"]
        curl, headers = self._parts(f"-s {self.url}/jobs/$JOB")
        ask = [f"until {curl}", f"{headers} | grep -v '\"running\"'; do sleep 1; done"]
        fetch = [f'curl "$({curl}', f'{headers} | {RESULT_URL})"']
        yield JOB_COMMENT, "\n".join(map(_command, (submit, ask, fetch)))

    def _shortest(self, models: Iterable[Model]) -> list[str]:
        """Return the shortest command that sends a model's example; empty if there is none."""
        found = filter(None, map(self._call, models))
        return min(found, key=lambda parts: len(_command(parts)), default=[])

    def _others(self) -> Iterator[tuple[str, str]]:
        yield "The models that this key may call", _command(self._parts(f"{self.url}/models"))
        if self.env_file is not None:
            source = f"source {_quoted(self.env_file)}"
            yield "boto3 and the AWS CLI in this shell: the local SageMaker in place of AWS", source
        if self.has_page:
            key = self.key_file.read_text()
            yield "The page, with this key filled in", f"{self.url}/#key={key}"

    def _call(self, model: Model) -> list[str]:
        """Return a command that sends the model's example; empty if that is not possible."""
        path, example = _path(model), model.example_request()
        if example is None or path is None or "\0" in example.body:  # no argument can hold it
            return []
        return self._parts(f"{self.url}/predict/{path}", example)

    def _parts(self, url: str, example: Example | None = None) -> list[str]:
        """Return the parts of a command, which stand on one line each if it is long."""
        parts = [f"curl {url}", f'-H "Authorization: Bearer $(cat {_quoted(self.key_file)})"']
        if example is not None:
            parts[1] += f" -H {shlex.quote(f'Content-Type: {example.content_type}')}"
            # curl reads a file instead of a text for `-d` that begins with @.
            parts.append(f"--data-raw {_argument(example.body)}")
        return parts


def _command(parts: Sequence[str]) -> str:
    one_line = " ".join(parts)
    return one_line if len(one_line) <= COLUMNS else " \\\n  ".join(parts)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _argument(text: str) -> str:
    """Quote a text for bash, zsh and most other shells; the result is one printable line."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = (
        "".join(f"\\x{byte:02x}" for byte in one.encode())
        if not one.isprintable()
        else f"\\{one}"
        if one in "\\'"
        else one
        for one in text
    )
    return f"$'{''.join(escaped)}'"


def _path(model: Model) -> str | None:
    """Return the model's name with a value for each parameter; None if a rule lists no values."""
    path = model.name
    for parameter in model.parameters:
        value = parameter.rule.example()
        if value is None:
            return None
        path = path.replace(f"{{{parameter.name}}}", value)
    return path
