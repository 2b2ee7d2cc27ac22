"""Somebody who looks after API keys: `gatewayctl keys …`, with a secret of their own."""

from __future__ import annotations

import io
import json
import uuid
from contextlib import contextmanager
from itertools import chain
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl.cli import main
from gatewayctl.command import Dependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOON = 1_900_000_000  # 2030-03-17T17:46:40Z
HOUR = 3_600

TABLE = """
version: 1
models:
  churn:
    kind: single
    endpoint: e
  house-price/{city}:
    kind: mme
    endpoint: e
    target_model: "{city}.tar.gz"
    parameters:
      city: {one_of: [houston, austin]}
  forecast/{country}/{product}:
    kind: mme
    endpoint: e
    target_model: "{country}/{product}.tar.gz"
    parameters:
      country: {one_of: [de, fr]}
      product: {pattern: "[a-z]{3,9}"}
"""


def text_of(entries: dict[str, Any]) -> str:
    """The key document with these entries."""
    return json.dumps({"keys": entries}, separators=(",", ":"))


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def key(self) -> str:
        return self.out.rstrip("\n")

    @property
    def key_id(self) -> str:
        return self.key.split("_")[1]


class Desk:
    """Runs commands at a time of its own; no two desks share a secret."""

    def __init__(self, client: Any, project: Path) -> None:
        self.client = client
        self.project = project
        self.secret = f"inference-gateway/{uuid.uuid4().hex}"
        self.now = NOON
        self.random = Random(4)
        (project / "routing.yaml").write_text(TABLE)

    def run(self, command: str, *arguments: str, **environment: str) -> Outcome:
        """`gatewayctl keys …` on this desk's secret."""
        return self.run_elsewhere(command, "--secret", self.secret, *arguments, **environment)

    def run_elsewhere(self, command: str, *arguments: str, **environment: str) -> Outcome:
        """`gatewayctl keys …` on whatever secret it finds."""
        out, err = io.StringIO(), io.StringIO()
        dependencies = Dependencies(lambda _: self.client, lambda: self.now, self.random)
        code = main(
            ["keys", command, "--table", str(self.project / "routing.yaml"), *arguments],
            environment,
            self.project,
            out,
            err,
            dependencies=dependencies,
        )
        return Outcome(int(code), out.getvalue(), err.getvalue())

    def issue(self, *arguments: str, principal: str = "web-shop", grants: str = "churn") -> Outcome:
        """A key, unless it is refused."""
        return self.run("issue", "--principal", principal, "--grants", grants, *arguments)

    def listed(self) -> dict[str, dict[str, Any]]:
        """What `keys list` says, by id."""
        outcome = self.run("list", "--format", "json")
        return {key.pop("id"): key for key in json.loads(outcome.out)["keys"]}

    def text(self) -> str:
        """What the secret holds now, as AWS gives it to anybody who asks for no version."""
        answer = self.client.get_secret_value(SecretId=self.secret, VersionStage="AWSCURRENT")
        return str(answer["SecretString"])

    def stored(self) -> dict[str, dict[str, Any]]:
        """The entries of the key document, by id."""
        return dict(json.loads(self.text())["keys"])

    def put(self, entries: dict[str, Any]) -> None:
        """A first document that was not written by a command."""
        self.client.create_secret(Name=self.secret, SecretString=text_of(entries))

    def labels(self) -> list[str]:
        """Every label that is on a version of the secret."""
        described = self.client.describe_secret(SecretId=self.secret)
        return sorted(chain.from_iterable(described["VersionIdsToStages"].values()))

    @contextmanager
    def before(self, operation: str, act: Callable[[], object]) -> Iterator[None]:
        """Something happens once, just before AWS is asked to do this."""
        pending = [act]
        event = f"before-call.secrets-manager.{operation}"

        def happen(**_: object) -> None:
            if pending:
                pending.pop()()

        self.client.meta.events.register(event, happen)
        try:
            yield
            assert not pending, f"{operation} was not called"
        finally:
            self.client.meta.events.unregister(event, happen)
