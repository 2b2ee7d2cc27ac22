"""Running `gatewayctl keys …` on a secret of its own, at a time that the test sets."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from itertools import chain
from random import Random
from typing import TYPE_CHECKING, Any

from gatewayctl.command import Dependencies
from tests.support.command_line import gatewayctl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command_line import Outcome

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
    """Write the key document with these entries."""
    return json.dumps({"keys": entries}, separators=(",", ":"))


class Desk:
    """One secret, a project with a table, and the time; no two desks share a secret."""

    def __init__(self, client: Any, project: Path) -> None:
        self.client = client
        self.project = project
        self.secret = f"inference-gateway/{uuid.uuid4().hex}"
        self.now = NOON
        self.random = Random(4)
        (project / "routing.yaml").write_text(TABLE)

    def run(self, command: str, *arguments: str, **environment: str) -> Outcome:
        """Run `gatewayctl keys …` on this desk's secret."""
        return self.run_elsewhere(command, "--secret", self.secret, *arguments, **environment)

    def run_elsewhere(self, command: str, *arguments: str, **environment: str) -> Outcome:
        """Run `gatewayctl keys …` on the secret that the command finds."""
        table = ("--table", str(self.project / "routing.yaml"))
        return gatewayctl(
            *("keys", command, *table, *arguments),
            project=self.project,
            dependencies=Dependencies(lambda _: self.client, lambda: self.now, self.random),
            **environment,
        )

    def issue(self, *arguments: str, principal: str = "web-shop", grants: str = "churn") -> Outcome:
        """Run `gatewayctl keys issue`."""
        return self.run("issue", "--principal", principal, "--grants", grants, *arguments)

    def listed(self) -> dict[str, dict[str, Any]]:
        """Return what `keys list` prints, by id."""
        outcome = self.run("list", "--format", "json")
        return {key.pop("id"): key for key in json.loads(outcome.out)["keys"]}

    def text(self) -> str:
        """Return the current value of the secret."""
        answer = self.client.get_secret_value(SecretId=self.secret, VersionStage="AWSCURRENT")
        return str(answer["SecretString"])

    def stored(self) -> dict[str, dict[str, Any]]:
        """Return the entries of the key document, by id."""
        return dict(json.loads(self.text())["keys"])

    def put(self, entries: dict[str, Any]) -> None:
        """Create the secret with a document that no command wrote."""
        self.client.create_secret(Name=self.secret, SecretString=text_of(entries))

    def versions(self) -> int:
        """Return how many versions of the secret there are."""
        return len(self.client.describe_secret(SecretId=self.secret)["VersionIdsToStages"])

    def labels(self) -> list[str]:
        """Return every label that is on a version of the secret."""
        described = self.client.describe_secret(SecretId=self.secret)
        return sorted(chain.from_iterable(described["VersionIdsToStages"].values()))

    @contextmanager
    def before(self, operation: str, act: Callable[[], object]) -> Iterator[None]:
        """Call `act` once, just before AWS gets a request for this operation."""
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
