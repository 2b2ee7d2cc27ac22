"""A gateway behind API Gateway for one incident, and what somebody on duty finds in its log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.api.factory import create_app
from chalicelib.errors import URN
from chalicelib.settings import Settings
from tests.api_gateway.definition import functions_of, packaged_template_of
from tests.api_gateway.simulator import ApiGateway
from tests.support.clients import TOKEN
from tests.support.gateway import JSON, Log
from tests.support.insights import events, run, saved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.api_gateway.integrations import Handler
    from tests.support.insights import Row

REFERENCES = ("credential_request_id", "authorizer_request_id")
"""Members of a line that lead to the line of the credential."""


@dataclass(frozen=True)
class Complaint:
    """All that a caller knows: the id of the request, and the last part of the problem's type."""

    instance: str | None = None
    slug: str | None = None


class Stage:
    """A gateway with a log of its own, in the environment that is set when it is made.

    Args:
        functions: What stands in place of a function, by its name in the template.
        clock: API Gateway's clock.
        settings: Settings without `GATEWAY_`, in lower case.
        parts: Parts of the gateway, as `create_app` takes them.
    """

    def __init__(
        self,
        *,
        functions: Mapping[str, Handler] | None = None,
        clock: Any = None,
        settings: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> None:
        self._log = Log()
        environ = {f"GATEWAY_{name.upper()}": text for name, text in (settings or {}).items()}
        environ["_HANDLER"] = "app.app"
        self.app = create_app(Settings.from_env(environ), telemetry=self._log.telemetry, **parts)
        timed = {} if clock is None else {"clock": clock}
        self._api = ApiGateway(
            packaged_template_of(self.app), {**functions_of(self.app), **(functions or {})}, **timed
        )

    def call(
        self, path: str, body: bytes = b"{}", *, key: str | None = TOKEN, method: str = "POST"
    ) -> Complaint:
        """Send one request, and return what its caller can say about it."""
        headers = dict(JSON) if key is None else {**JSON, "Authorization": f"Bearer {key}"}
        response = self._api.handle(method, path, headers.items(), body).response
        if response.status < 400:
            return Complaint(response.headers["x-request-id"])
        problem = response.json()
        return Complaint(problem["instance"], problem["type"].removeprefix(URN))

    def rows(self, complaint: Complaint, second: str | None) -> list[Row]:
        """Return the rows of `request-by-id`, and of a second saved query.

        Args:
            second: The name of the query; `request-by-id` asks for the line of the credential.
        """
        rows = []
        if complaint.instance is not None:
            rows = self._run("request-by-id", request_id=complaint.instance)
            assert rows, "no line has the id of the problem"
        if second == "request-by-id":
            known = {row.get(name, "-") for row in rows for name in REFERENCES} - {"-"}
            assert len(known) == 1, rows
            rows += self._run(second, request_id=known.pop())
        elif second is not None:
            rows += self._run(second)
        return rows

    def _run(self, query: str, **placeholders: str) -> list[Row]:
        lines = events(self._log.text, "functions")
        lines += events("\n".join(self._api.access_log), "access log", first_ms=len(lines))
        return [_opened(row) for row in run(saved(query, **placeholders), lines)]


def _opened(row: Row) -> Row:
    """Add the members of the line, which the console shows when the row is opened."""
    line = row.get("@message", "")
    members = json.loads(line) if line.startswith("{") else {}
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in members.items()
    }
    return {**texts, **row}
