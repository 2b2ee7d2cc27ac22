"""A gateway behind API Gateway for one incident, and what somebody on duty finds in its log.

A stage with jobs has the bucket and the queues of a `JobDesk`, and a worker in the same process.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
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
    """All that is known at first: to a caller, or of a job from the message of a dead letter.

    Of a caller's problem, `slug` is the last part of its type.
    """

    instance: str | None = None
    slug: str | None = None
    job: str | None = None


class Stage:
    """A gateway with a log of its own, in the environment that is set when it is made.

    Args:
        functions: What stands in place of a function, by its name in the template.
        clock: API Gateway's clock.
        app_clock: The gateway's own, in seconds since the epoch.
        settings: Settings without `GATEWAY_`, in lower case.
        parts: Parts of the gateway, as `create_app` takes them.
    """

    def __init__(
        self,
        *,
        functions: Mapping[str, Handler] | None = None,
        clock: Any = None,
        app_clock: Any = time.time,
        settings: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> None:
        self._log = Log()
        environ = {f"GATEWAY_{name.upper()}": text for name, text in (settings or {}).items()}
        environ["_HANDLER"] = "app.app"
        self.app = create_app(
            Settings.from_env(environ), telemetry=self._log.telemetry, clock=app_clock, **parts
        )
        timed = {} if clock is None else {"clock": clock}
        self._api = ApiGateway(
            packaged_template_of(self.app), {**functions_of(self.app), **(functions or {})}, **timed
        )

    def call(
        self,
        path: str,
        body: bytes = b"{}",
        *,
        key: str | None = TOKEN,
        method: str = "POST",
        **more: str,
    ) -> Complaint:
        """Send one request, and return what its caller can say about it.

        Args:
            path: The path without the stage.
            body: The body.
            key: The credential, if any.
            method: The method.
            more: Further headers.
        """
        headers = {**JSON, **more}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        response = self._api.handle(method, path, headers.items(), body).response
        if response.status < 400:
            job = response.json().get("job") if response.status == 202 else None
            return Complaint(response.headers["x-request-id"], job=job)
        return _complaint(response.json())

    def submit(self, path: str) -> Complaint:
        """Ask for a job."""
        return self.call(path, Prefer="respond-async")

    def problem_of(self, job: str | None) -> Complaint:
        """Ask for a job that has failed, and return what its caller can say about it."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        response = self._api.handle("GET", f"/jobs/{job}", headers.items()).response
        return replace(_complaint(response.json()["problem"]), job=job)

    def rows(self, complaint: Complaint, second: str | None) -> list[Row]:
        """Return the rows of `request-by-id`, and of a second saved query.

        Args:
            second: The name of the query; `request-by-id` asks for the line of the credential, and
                `job-by-id` for the lines of the job.
        """
        rows = []
        if complaint.instance is not None:
            rows = self._run("request-by-id", request_id=complaint.instance)
            assert rows, "no line has the id of the problem"
        if second == "request-by-id":
            known = {row.get(name, "-") for row in rows for name in REFERENCES} - {"-"}
            assert len(known) == 1, rows
            rows += self._run(second, request_id=known.pop())
        elif second == "job-by-id":
            rows += self._run(second, job_id=complaint.job or "")
        elif second is not None:
            rows += self._run(second)
        return rows

    def _run(self, query: str, **placeholders: str) -> list[Row]:
        lines = events(self._log.text, "functions")
        lines += events("\n".join(self._api.access_log), "access log", first_ms=len(lines))
        return [_opened(row) for row in run(saved(query, **placeholders), lines)]


def _complaint(problem: dict[str, Any]) -> Complaint:
    return Complaint(problem["instance"], problem["type"].removeprefix(URN))


def _opened(row: Row) -> Row:
    """Add the members of the line, which the console shows when the row is opened."""
    line = row.get("@message", "")
    members = json.loads(line) if line.startswith("{") else {}
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in members.items()
    }
    return {**texts, **row}
