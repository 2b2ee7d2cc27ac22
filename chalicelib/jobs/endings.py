"""How a job ends. The first end is the only one: the object `<job>.result` is written once.

A failed job's object holds the problem, and its metadata says so. SageMaker ends a job of kind
`async` by writing an object of its own, at a place that it chose when it took the request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.errors import PROBLEM_MEDIA_TYPE, JobLost
from chalicelib.jobs import names
from chalicelib.jobs.job import FAILED, RUNNING, SUCCEEDED, Result, Status
from chalicelib.jobs.store import S3Object
from chalicelib.sagemaker import upstream_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.errors import GatewayError
    from chalicelib.jobs.job import Job
    from chalicelib.jobs.store import Found, JobStore
    from chalicelib.sagemaker.answers import InferenceResponse

MAX_FAILURE_BYTES = 64 * 1024
"""What is read of SageMaker's failure object."""

STATUS, LOST_AFTER = "status", "lost_after"


def succeed(store: JobStore, job: Job, response: InferenceResponse) -> bool:
    """End a job with the model's answer; False if it has ended already."""
    key = names.result_key(job.owner, job.job)
    return store.create(key, response.body, response.content_type, {STATUS: SUCCEEDED})


def fail(store: JobStore, job: Job, error: GatewayError) -> bool:
    """End a job with an error; False if it has ended already."""
    key = names.result_key(job.owner, job.job)
    problem = json.dumps(error.problem(job.request_id)).encode()
    return store.create(key, problem, PROBLEM_MEDIA_TYPE, {STATUS: FAILED})


def status_of(store: JobStore, job: Job, now: float, *, exposed: bool) -> Status:
    """Return how far a job is; one that nothing can work on any more ends as lost.

    Args:
        store: The bucket.
        job: The job.
        now: The seconds since the epoch.
        exposed: Whether the caller may read the model's own message.
    """
    status = _own_end(store, job) or _end_by_sagemaker(store, job, exposed=exposed)
    if status is None and now >= job.lost_after and now >= _sent_lost_after(store, job):
        fail(store, job, JobLost())
        status = _own_end(store, job)
    return status or RUNNING


def has_ended(store: JobStore, job: Job) -> bool:
    """Whether the gateway has ended the job."""
    return store.find(names.result_key(job.owner, job.job)) is not None


def _own_end(store: JobStore, job: Job) -> Status | None:
    key = names.result_key(job.owner, job.job)
    found = store.find(key)
    if found is None:
        return None
    status = found.metadata.get(STATUS)
    if status == SUCCEEDED:
        return _succeeded(found)
    problem = store.read_json(key) if status == FAILED else None
    if not isinstance(problem, dict) or "type" not in problem:  # it is not as the gateway wrote it
        problem = JobLost().problem(job.request_id)
    return Status(FAILED, problem=problem)


def _end_by_sagemaker(store: JobStore, job: Job, *, exposed: bool) -> Status | None:
    if not job.is_async:
        return None
    output, failure = _places(_mark(store, job))
    if output is None:
        return None
    found = store.find_anywhere(output)
    if found is not None:
        return _succeeded(found)
    if failure is None or store.find_anywhere(failure) is None:
        return None
    text = store.read_beginning(failure, MAX_FAILURE_BYTES).decode(errors="replace")
    error = upstream_errors.from_failure_object(text, exposed=exposed)
    return Status(FAILED, problem=error.problem(job.request_id))


def _succeeded(found: Found) -> Status:
    return Status(SUCCEEDED, Result(found.place, found.content_type, found.size_bytes))


def _mark(store: JobStore, job: Job) -> dict[str, Any]:
    """Return what is known of a job that was sent; nothing if its mark is missing or damaged."""
    mark = store.read_json(names.sent_key(job.owner, job.job))
    return mark if isinstance(mark, dict) else {}


def _sent_lost_after(store: JobStore, job: Job) -> float:
    """Return `lost_after` by when the job was sent, maybe long after its first request."""
    time = _mark(store, job).get(LOST_AFTER)
    return time if isinstance(time, int | float) else 0


def _places(mark: Mapping[str, Any]) -> tuple[S3Object | None, S3Object | None]:
    """Return where SageMaker puts its answer and its failure; None where that is not known."""
    output, failure = (
        S3Object.parse(url) if isinstance(url := mark.get(name), str) else None
        for name in ("output", "failure")
    )
    return output, failure
