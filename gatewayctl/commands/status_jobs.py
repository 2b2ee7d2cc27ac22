"""Sections of `gatewayctl status` about jobs: their queue, the oldest one, the dead letters.

Each is a look of its own, because each needs a permission of its own.
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl import stage as stages
from gatewayctl.aws import reaching
from gatewayctl.commands.status_sections import Section
from gatewayctl.output import distance, plural
from gatewayctl.report import NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatewayctl.command import Context

    Look = Callable[[str, Callable[[], Section]], Section | None]

SQS, CLOUDWATCH = "sqs", "cloudwatch"
WAITING, IN_FLIGHT, DELAYED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
REDRIVE = "RedrivePolicy"
OLDEST_SECONDS = 1_800
"""An older job is wrong. The alarm on the same age has this limit: docs/operations.md."""

AGE_MINUTES = 15
"""How far back the newest value of the age is looked for; CloudWatch has one a minute."""


class Queue(NamedTuple):
    """A queue of SQS."""

    name: str
    account: str | None = None
    """None for the account of the credentials."""


def job_sections(context: Context, look: Look) -> Iterator[Section]:
    """Yield what is looked at of jobs; nothing for a stage without jobs.

    Args:
        context: The context of the command.
        look: Looks at a section by its name, or notes why that is not possible.
    """
    queue = _queue_of(context)
    if queue is None:
        return
    jobs = look("jobs", lambda: _queue_section(context, queue))
    if jobs is None:
        return
    yield jobs
    if jobs.data["waiting"] or jobs.data["in_flight"]:
        oldest = look("oldest job", lambda: _oldest_section(context, queue))
        if oldest is not None:
            yield oldest
    if (arn := jobs.data["dead_letter_queue"]) is not None:
        dead = look("dead letters", lambda: _dead_section(context, arn))
        if dead is not None:
            yield dead


def _queue_of(context: Context) -> Queue | None:
    """Return the queue of the stage, or the one that the environment of `make run` names."""
    name: object = None
    if context.environment.get(stages.JOBS_VARIABLE):
        name = context.environment.get(stages.QUEUE_VARIABLE)
    elif stages.setting(stages.JOBS_VARIABLE, context.stage, context.project) is not None:
        name = stages.setting(stages.QUEUE_VARIABLE, context.stage, context.project)
    return Queue(str(name)) if name else None


def _queue_section(context: Context, queue: Queue) -> Section:
    """Say how many jobs wait.

    Raises:
        NotReachable: SQS does not answer, or refuses.
    """
    found = _attributes(context, queue, WAITING, IN_FLIGHT, DELAYED, REDRIVE)
    section = Section("jobs", data={"queue": queue.name, "waiting": 0, "in_flight": 0})
    section.data["dead_letter_queue"] = None
    if found is None:
        section.text = f"there is no queue {queue.name}"
        section.wrong.append(f"{section.text}: each job gets 500 gateway-misconfigured")
        return section
    waiting, in_flight = int(found[WAITING]) + int(found[DELAYED]), int(found[IN_FLIGHT])
    section.text = (
        f"{waiting:,} waiting, {in_flight:,} being worked on or to come again, in {queue.name}"
    )
    redrive = json.loads(found.get(REDRIVE, "{}"))
    section.data |= {
        "waiting": waiting,
        "in_flight": in_flight,
        "dead_letter_queue": redrive.get("deadLetterTargetArn"),
    }
    if not redrive:
        section.warnings.append(
            f"{queue.name} has no dead-letter queue: a message that starts no job comes again for "
            "days"
        )
    return section


def _oldest_section(context: Context, queue: Queue) -> Section:
    """Say how old the oldest job is that is not done.

    Raises:
        NotReachable: CloudWatch does not answer, or refuses, or knows no age.
    """
    now = context.now()
    with closing(context.connect(CLOUDWATCH)) as client, reaching(CLOUDWATCH):
        points = client.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue.name}],
            StartTime=datetime.fromtimestamp(now - 60 * AGE_MINUTES, UTC),
            EndTime=datetime.fromtimestamp(now, UTC),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
    if not points:
        raise NotReachable(
            f"Amazon CloudWatch has no age of {queue.name} in the last {AGE_MINUTES} minutes; it "
            "may begin some minutes after the first message"
        )
    seconds = int(max(points, key=lambda point: point["Timestamp"])["Maximum"])
    age = distance(seconds).removeprefix("in ")
    section = Section("oldest job", f"{age} old", data={"seconds": seconds})
    if seconds > OLDEST_SECONDS:
        section.wrong.append(f"{age} old and not done: docs/runbook.md#oldest-job")
    return section


def _dead_section(context: Context, arn: str) -> Section:
    """Say how many messages are in the dead-letter queue.

    Raises:
        NotReachable: SQS does not answer, or refuses.
    """
    *_, account, name = arn.split(":")
    found = _attributes(context, Queue(name, account), WAITING)
    number = None if found is None else int(found[WAITING])
    section = Section("dead letters", data={"queue": name, "messages": number})
    if number is None:
        section.text = f"there is no queue {name}"
        section.warnings.append(section.text)
        return section
    section.text = f"{plural(number, 'message')} in {name}"
    if number:
        section.wrong.append(f"{section.text}: docs/runbook.md#dead-letters")
    return section


def _attributes(context: Context, queue: Queue, *names: str) -> dict[str, Any] | None:
    """Return attributes of a queue; None if there is no queue of this name.

    Raises:
        NotReachable: SQS does not answer, or refuses.
    """
    owner = {} if queue.account is None else {"QueueOwnerAWSAccountId": queue.account}
    with closing(context.connect(SQS)) as client, reaching(SQS):
        try:
            url = client.get_queue_url(QueueName=queue.name, **owner)["QueueUrl"]
        except client.exceptions.QueueDoesNotExist:
            return None
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        attributes: dict[str, Any] = found.get("Attributes", {})
        return attributes
