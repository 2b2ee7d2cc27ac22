"""A job in one file of the standard library, for what is too long or too large for a call: copy it.

    answer = run_job("https://gateway.example.com/api", key, "iris", rows, content_type="text/csv")

The body is sent to the bucket, and not through the gateway, which takes 4.6 MB. While the gateway
says that waiting helps (`retryable`), a request is sent again: with the same upload, it gets the
same job.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit


class JobFailed(Exception):
    """The job has failed, or was refused; the argument is the problem: docs/errors.md."""


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def run_job(
    url: str,
    credential: str,
    model: str,
    body: bytes,
    *,
    content_type: str = "application/json",
    seconds: float = 900.0,
) -> bytes:
    """Return the model's answer, whose form is that of a call.

    Args:
        url: The gateway.
        credential: An API key or a token.
        model: What stands after `/predict/`, parameters included.
        body: Up to 25 MB; for a model of kind `async` up to 1 GB.
        content_type: The media type of the body.
        seconds: The time for everything.

    Raises:
        JobFailed: The gateway refuses, or the job has failed.
        TimeoutError: The time is up.
        OSError: A connection failed. The job may run all the same.
    """
    deadline = time.monotonic() + seconds
    own = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
    asked = {"model": model, "content_type": content_type, "bytes": len(body)}
    upload = _ask("POST", f"{url}/uploads", json.dumps(asked).encode(), own, deadline)
    # The URL of the bucket has its own signature: it gets no credential.
    sent = _send(upload["method"], upload["url"], body, upload["headers"], deadline)
    if sent.status != 200:
        raise JobFailed({"status": sent.status, "title": "The bucket did not take the body"})
    submit = {**own, "Prefer": "respond-async", "X-Upload": upload["upload"]}
    del submit["Content-Type"]  # the upload has one
    job = _ask("POST", f"{url}/predict/{quote(model)}", b"", submit, deadline)
    while job["status"] == "running":
        _pause(1, deadline)
        job = _ask("GET", f"{url}/jobs/{job['job']}", None, own, deadline)
    if job["status"] == "failed":
        raise JobFailed(job["problem"])
    result = _send("GET", job["result"]["url"], None, {}, deadline)
    if result.status != 200:
        title = f"The bucket did not send the result of job {job['job']}"
        raise JobFailed({"status": result.status, "title": title})
    return result.body


def _ask(
    method: str, url: str, body: bytes | None, headers: dict[str, str], deadline: float
) -> Any:
    """Return the document that the gateway answers with, after waiting if that helps."""
    while True:
        answer = _send(method, url, body, headers, deadline)
        if answer.status < 300:
            return json.loads(answer.body)
        is_problem = answer.headers.get_content_type() == "application/problem+json"
        problem = json.loads(answer.body) if is_problem else {"status": answer.status}
        if not problem.get("retryable"):
            raise JobFailed(problem)
        _pause(float(answer.headers.get("Retry-After", 1)), deadline)


def _send(
    method: str, url: str, body: bytes | None, headers: dict[str, str], deadline: float
) -> Answer:
    # Not urllib: it would follow a redirect, and take the credential to another host.
    place = urlsplit(url)
    connect = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = connect(place.netloc, timeout=max(0.1, deadline - time.monotonic()))
    try:
        target = place._replace(scheme="", netloc="").geturl()
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    except (ConnectionError, http.client.HTTPException) as error:
        raise OSError(f"no answer from {place.netloc}: {error!r}") from error
    finally:
        connection.close()


def _pause(seconds: float, deadline: float) -> None:
    if time.monotonic() + seconds >= deadline:
        raise TimeoutError("the time is up; the job may still run")
    time.sleep(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description="Let a model answer a file as a job.")
    parser.add_argument("model", help="what stands after /predict/")
    parser.add_argument("file", type=Path, help="the request's body")
    parser.add_argument("--url", default=os.environ.get("BASE_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--key-file", type=Path, default=Path(".local/demo-key"))
    parser.add_argument("--content-type", default="application/json")
    options = parser.parse_args()
    try:
        answer = run_job(
            options.url,
            options.key_file.read_text().strip(),
            options.model,
            options.file.read_bytes(),
            content_type=options.content_type,
        )
    except (JobFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
