"""The statements that a stage with `GATEWAY_JOBS` needs besides: for its bucket and its queue.

S3 answers 403 and not 404 for an object that is not there, unless the role may list the bucket. It
then takes the object's key for the prefix of the list, which AWS does not document. Source:
github.com/kopia/kopia, pull request 3072, whose author tried it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl import stage as stages
from gatewayctl.policy.documents import allow
from gatewayctl.report import Refused, WrongUse
from gatewayctl.stage import CONFIG, JOBS_VARIABLE, LOCAL, QUEUE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from chalicelib.routing.table import Model
    from chalicelib.settings import JobsLocation
    from gatewayctl.policy.documents import Statement
    from gatewayctl.policy.place import Place

OPTION = "--async-results"
READ, WRITE, LIST = "s3:GetObject", "s3:PutObject", "s3:ListBucket"
END = ".result"
"""With what the key of a job's end ends."""

SEND = ["sqs:GetQueueUrl", "sqs:SendMessage"]
TAKE = [
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
]
"""Lambda's event source receives and deletes with the role of the function.

Source: Lambda developer guide, "Using Lambda with Amazon SQS".
"""

_RESULTS = "ReadAsyncResults"
_FOLDER = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.'()/=-]*))?")


class Folder(NamedTuple):
    """The part of a bucket below a prefix, or all of it."""

    bucket: str
    prefix: str = ""
    """Without a slash at its end."""

    @classmethod
    def parse(cls, text: str) -> Folder | None:
        """Return the folder of `<bucket>/<prefix>`; None for another text."""
        match = _FOLDER.fullmatch(text.rstrip("/"))
        return cls(match[1], match[2] or "") if match else None

    @property
    def keys(self) -> str:
        """All keys in it, in IAM's syntax."""
        return f"{self.prefix}/*" if self.prefix else "*"


class JobsPlace(NamedTuple):
    """Where a stage has its jobs."""

    location: JobsLocation
    queue: str


def jobs_of(stage: str, project: Path) -> JobsPlace | None:
    """Return where the stage has its jobs; None for a stage without jobs.

    Raises:
        WrongUse: The stage has no queue, or config.json cannot be read.
    """
    location = stages.setting(JOBS_VARIABLE, stage, project)
    queue = stages.setting(QUEUE_VARIABLE, stage, project)
    if location is None:
        return None
    if queue is None:
        raise WrongUse(
            f"stage {stage} in {CONFIG} has {JOBS_VARIABLE} and no {QUEUE_VARIABLE}: the name of "
            "the SQS queue whose messages start jobs"
        )
    return JobsPlace(location, queue)


def shared_jobs(stage: str, project: Path) -> Iterator[str]:
    """Yield a line for each other stage that has its jobs in the place of this stage's.

    Raises:
        WrongUse: The stage has no queue, or config.json cannot be read.
    """
    own = jobs_of(stage, project)
    for other in stages.names(project):
        if own is None or other in {stage, LOCAL}:
            continue
        try:
            theirs = jobs_of(other, project)
        except WrongUse:  # reported for that stage
            continue
        if theirs is None:
            continue
        if own.location == theirs.location:
            yield (
                f"the stages {stage} and {other} share the place s3://{own.location.bucket}/"
                f"{own.location.prefix}, so a key of one opens the jobs of its principal in the "
                f"other: give each its own {JOBS_VARIABLE} in {CONFIG}"
            )
        if own.queue == theirs.queue:
            yield (
                f"the stages {stage} and {other} share the queue {own.queue}, so the worker of one "
                f"takes the jobs of the other: give each its own {QUEUE_VARIABLE} in {CONFIG}"
            )


def of_handler(jobs: JobsPlace, results: Sequence[Folder], place: Place) -> list[Statement]:
    """Allow keeping jobs and bodies, sending messages, and reading SageMaker's own results.

    Args:
        jobs: Where the stage has its jobs.
        results: Where asynchronous endpoints put their answers.
        place: The gateway's own.
    """
    statements = [
        allow([READ, WRITE], [*_objects(jobs, "jobs", "bodies", place=place)], Sid="KeepJobs"),
        _list(_own(jobs), place),
        allow(SEND, place.arn("sqs", jobs.queue), Sid="SendJobs"),
    ]
    if results:
        arns = [f"{_bucket(one, place)}/{one.keys}" for one in results]
        statements.append(allow(READ, arns, Sid=_RESULTS))
        statements += [_list(one, place) for one in results]
    return statements


def of_worker(jobs: JobsPlace, place: Place) -> list[Statement]:
    """Allow reading jobs and bodies, writing the ends of jobs, and taking messages."""
    ends = [f"{arn}{END}" for arn in _objects(jobs, "jobs", place=place)]
    return [
        allow(READ, [*_objects(jobs, "jobs", "bodies", place=place)], Sid="ReadJobs"),
        allow(WRITE, ends, Sid="EndJobs"),
        _list(_own(jobs), place),
        allow(TAKE, place.arn("sqs", jobs.queue), Sid="TakeJobs"),
    ]


def results_of(options: Iterable[str], file: Path) -> list[Folder]:
    """Return where asynchronous endpoints put their answers: as the options say, else as the file.

    Args:
        options: URLs such as s3://bucket/prefix.
        file: The policy of the handler, if there is one.

    Raises:
        WrongUse: An option is no such URL.
    """
    given = []
    for url in options:
        folder = Folder.parse(url.removeprefix("s3://")) if url.startswith("s3://") else None
        if folder is None:
            raise WrongUse(f"{OPTION} is {url!r}; it must be s3://<bucket>/<prefix>")
        given.append(folder)
    return sorted(set(given or _written(file)))


def require_results(models: Iterable[Model], results: Sequence[Folder]) -> None:
    """Check that it is known where the asynchronous endpoints of these models put their answers.

    Raises:
        Refused: There are such endpoints, and nobody has named a place.
    """
    names = sorted(
        {one.target.endpoint for model in models for one in model.targets if one.target.is_async}
    )
    if names and not results:
        raise Refused(
            [
                f"the table has asynchronous endpoints ({', '.join(names)}), and the gateway may "
                f"read their answers nowhere; name each S3OutputPath and S3FailurePath of their "
                f"configurations: {OPTION} s3://<bucket>/<prefix>"
            ]
        )


def _written(file: Path) -> Iterator[Folder]:
    """Yield the places in a policy that this module has written."""
    try:
        statements = json.loads(file.read_bytes())["Statement"]
        arns = [arn for one in statements if one.get("Sid") == _RESULTS for arn in one["Resource"]]
        folders = [Folder.parse(arn.split(":::")[1].removesuffix("*")) for arn in arns]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return
    yield from (folder for folder in folders if folder is not None)


def _own(jobs: JobsPlace) -> Folder:
    return Folder(jobs.location.bucket, jobs.location.prefix)


def _bucket(folder: Folder, place: Place) -> str:
    return f"arn:{place.partition}:s3:::{folder.bucket}"


def _objects(jobs: JobsPlace, *folders: str, place: Place) -> Iterator[str]:
    own = _own(jobs)
    return (f"{_bucket(own, place)}/{own.prefix}/{folder}/*" for folder in folders)


def _list(folder: Folder, place: Place) -> Statement:
    """Let S3 say that an object is not there.

    Source: S3 API reference, `GetObject` and `HeadObject`, "Permissions".
    """
    statement = allow(LIST, _bucket(folder, place))
    return statement | {"Condition": {"StringLike": {"s3:prefix": [folder.keys]}}}
