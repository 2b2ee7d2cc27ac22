"""A client of the gateway in one file of the standard library: copy it.

    gateway = Gateway("https://gateway.example.com/api", key)
    answer = gateway.predict("iris", {"instances": [[5.1, 3.5, 1.4, 0.2]]}, seconds=30)

It sends a request again only if the gateway says that this can help (`retryable`), and waits as
long as the gateway says (`Retry-After`). After a broken connection it does not: the model may have
run.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The gateway is asked to answer this long before the time is up, so that the answer is in time.
RESERVE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0


class Problem(Exception):
    """The gateway has answered with an error: docs/errors.md lists the types."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        is_problem = headers.get_content_type() == "application/problem+json"
        members = json.loads(body) if is_problem else {}  # else something before it has answered
        self.status = status
        self.type: str = members.get("type", "").removeprefix("urn:inference-gateway:")
        self.title: str = members.get("title", "This is no answer of the gateway")
        self.detail: str = members.get("detail", "")
        self.request_id: str = members.get("instance", "")
        self.model_message: str | None = members.get("model_message")
        self.retryable: bool = members.get("retryable", False)
        retry_after = headers.get("Retry-After", "")
        self.retry_after = float(retry_after) if retry_after.isdecimal() else None
        super().__init__(f"{status} {self.type}: {self.title}. {self.detail}")


class JobInstead(Exception):
    """The model answers with jobs only; the argument is the id of this one: job.py waits for it."""

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(f"the answer is the job {job}; job.py calls this model, and waits")


class NoAnswer(Exception):
    """There was no complete answer. The model may have run."""


class Gateway:
    """A gateway, and the credential for it."""

    def __init__(
        self,
        url: str,
        credential: str,
        *,
        on_wait: Callable[[Problem, float], object] = lambda problem, seconds: None,
    ) -> None:
        """`on_wait` is called before each pause."""
        self._url = urlsplit(url.rstrip("/"))
        self._credential = credential
        self._on_wait = on_wait

    def predict(
        self,
        model: str,
        body: Any,
        *,
        content_type: str = "application/json",
        accept: str | None = None,
        seconds: float = 30.0,
    ) -> Any:
        """Return the model's answer: the value of JSON, or the bytes of everything else.

        Args:
            model: What stands after `/predict/`, parameters included: `is-digit/7`.
            body: Bytes are sent as they are, everything else as JSON.
            seconds: The time for everything, pauses included.

        Raises:
            Problem: The gateway refuses, and waiting does not help or would take too long.
            JobInstead: The model is of kind `async`.
            NoAnswer: The connection failed, or the time is up.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content_type, **({"Accept": accept} if accept else {})}
        deadline, pause = time.monotonic() + seconds, 1.0
        while True:
            left = deadline - time.monotonic()
            headers["X-Request-Timeout-Ms"] = str(max(1, int((left - RESERVE_SECONDS) * 1000)))
            try:
                return self._send("POST", f"/predict/{quote(model)}", data, headers, left)
            except Problem as problem:
                wait = problem.retry_after or pause  # 0 is no reason to hurry
                left = deadline - time.monotonic()
                if not problem.retryable or wait + RESERVE_SECONDS >= left:
                    raise
                self._on_wait(problem, wait)
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def models(self) -> Iterator[dict[str, Any]]:
        """Yield the models that the credential may call."""
        path: str | None = "/models"
        while path:
            page = self._send("GET", path, None, {}, 30.0)
            yield from page["models"]
            path = f"/models?after={quote(page['next'], safe='')}" if "next" in page else None

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> Any:
        # Not urllib: it would follow a redirect, and take the credential to another host.
        secure = self._url.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(self._url.netloc, timeout=seconds)
        headers = {**headers, "Authorization": f"Bearer {self._credential}"}
        try:
            connection.request(method, self._url.path + path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"no answer from {self._url.netloc}: {error!r}") from error
        finally:
            connection.close()
        if response.status == 202:
            raise JobInstead(json.loads(content)["job"])
        if response.status != 200:
            raise Problem(response.status, response.headers, content)
        is_json = response.headers.get_content_type() == "application/json"
        return json.loads(content) if is_json else content


def main() -> int:
    parser = argparse.ArgumentParser(description="Call a model; without a model, list all of them.")
    parser.add_argument("model", nargs="?", help="what stands after /predict/")
    parser.add_argument("body", nargs="?", help="the request's body, or @FILE", default="")
    parser.add_argument("--url", default=os.environ.get("BASE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--key-file", type=Path, default=Path(".local/demo-key"))
    parser.add_argument("--content-type", default="application/json")
    parser.add_argument("--accept")
    parser.add_argument("--seconds", type=float, default=30.0, help="the time for everything")
    options = parser.parse_args()
    try:
        gateway = Gateway(options.url, options.key_file.read_text().strip(), on_wait=_say)
        if options.model is None:
            print(*(model["path"] for model in gateway.models()), sep="\n")
            return 0
        is_file = options.body.startswith("@")
        body = Path(options.body[1:]).read_bytes() if is_file else options.body.encode()
        answer = gateway.predict(
            options.model,
            body,
            content_type=options.content_type,
            accept=options.accept,
            seconds=options.seconds,
        )
    except (Problem, JobInstead, NoAnswer, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
    sys.stdout.buffer.write(text)
    return 0


def _say(problem: Problem, seconds: float) -> None:
    print(f"{problem.title}; trying again in {seconds:g} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
