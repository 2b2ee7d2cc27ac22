"""The part of the fragment that a stage with `GATEWAY_JOBS` has: the bucket and the two queues.

What they are is data: jobs.json. This module fills in the names, and the origins of browsers.
CloudFormation leaves out what depends on a resource whose condition is false. So nothing outside
jobs.json refers to the bucket or a queue, except by `Fn::If`; their names are known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayctl import stage as stages
from gatewayctl.policy.functions import WORKER
from gatewayctl.report import WrongUse
from gatewayctl.stage import CONFIG, HANDLER, JOBS_VARIABLE, QUEUE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalice.config import Config

    from chalicelib.settings import Settings
    from gatewayctl.policy.jobs import JobsPlace

FILE = Path(__file__).with_name("jobs.json")
DEAD_LETTER = "-dead"
"""What follows the queue's name in the name of its dead-letter queue."""

LONGEST_QUEUE_NAME = 80
"""Source: SQS API reference, `CreateQueue`, `QueueName`."""

SHARED = (JOBS_VARIABLE, QUEUE_VARIABLE, "GATEWAY_JOBS_CONCURRENCY")
"""What the handler and the worker need alike. Chalice makes the event source with the handler's."""

EVENT_SOURCE = "WorkSqsEventSource"
"""Chalice's name for the worker's event source in the template."""

API_HOST = "execute-api.${AWS::Region}.${AWS::URLSuffix}"


def queue_names(jobs: JobsPlace) -> tuple[str, str]:
    """Return the names of the queue and of its dead-letter queue.

    Raises:
        WrongUse: SQS does not take the second one.
    """
    dead = jobs.queue + DEAD_LETTER
    if len(dead) > LONGEST_QUEUE_NAME:
        raise WrongUse(
            f"{QUEUE_VARIABLE} in {CONFIG} has {len(jobs.queue)} characters; it may have "
            f"{LONGEST_QUEUE_NAME - len(DEAD_LETTER)}, because its dead-letter queue is named the "
            f"same with {DEAD_LETTER}"
        )
    return jobs.queue, dead


def check_environments(
    stage: str, project: Path, environment_of: Callable[[str], dict[str, str]]
) -> None:
    """Check that the handler and the worker have the settings of the stage.

    Args:
        stage: The stage.
        project: The project's folder.
        environment_of: Returns the environment of a function, by its name in Chalice.

    Raises:
        WrongUse: A function has another value.
    """
    for variable in SHARED:
        written = stages.variable(variable, stage, project, instead="see docs/settings.md")
        for function in (HANDLER, WORKER):
            if environment_of(function).get(variable) != written:
                raise WrongUse(
                    f"{CONFIG} gives the function {function} of stage {stage} a {variable} of its "
                    "own; set it in the environment_variables of the stage, because the handler "
                    "and the worker need the same"
                )


def fragment(jobs: JobsPlace, origins: list[Any], roles: list[str]) -> dict[str, Any]:
    """Return what the template has besides Chalice's function and event source.

    Args:
        jobs: Where the jobs are.
        origins: The origins of browsers that reach the bucket.
        roles: The logical names of the roles that use the bucket and the queue.
    """
    made: dict[str, Any] = json.loads(FILE.read_bytes())
    queue, dead_letter_queue = queue_names(jobs)
    resources = made["Resources"]
    bucket = resources["JobsBucket"]["Properties"]
    bucket["BucketName"] = jobs.location.bucket
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    rule["Prefix"] = f"{jobs.location.prefix}/"
    if origins:
        bucket["CorsConfiguration"] = {"CorsRules": [cors_rule(origins)]}
    resources["JobsQueue"]["Properties"]["QueueName"] = queue
    dead = resources["JobsDeadLetterQueue"]["Properties"]
    dead["QueueName"] = dead_letter_queue
    dead["RedriveAllowPolicy"] = {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [_queue_arn(queue)],
    }
    resources["Work"]["Properties"] = {"Events": {EVENT_SOURCE: _event_source(queue)}}
    resources["JobsKeyPolicy"]["Properties"]["Roles"] = [{"Ref": role} for role in roles]
    if not roles:
        del resources["JobsKeyPolicy"]
    return made


def origins_of(settings: Settings, config: Config) -> list[Any]:
    """Return the origins of the pages that send bodies to the bucket and read results there.

    The gateway's own page is one of them, because the bucket is another origin than the API.
    """
    if settings.cors_origin == "*":
        return ["*"]
    others = [settings.cors_origin] if settings.cors_origin else []
    return [*others, *(_own_origins(config) if settings.page else [])]


def cors_rule(origins: list[Any]) -> dict[str, Any]:
    """Return the rule for pages of these origins, in CloudFormation's words."""
    return {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["content-type", "if-none-match"],
        "ExposedHeaders": ["ETag"],
    }


def _own_origins(config: Config) -> Iterator[Any]:
    if domain := config.api_gateway_custom_domain:
        yield f"https://{domain['domain_name']}"
    yield {"Fn::Sub": f"https://${{RestAPI}}.{API_HOST}"}
    named = config.api_gateway_endpoint_vpce or []
    for endpoint in [named] if isinstance(named, str) else named:
        yield {"Fn::Sub": f"https://${{RestAPI}}-{endpoint}.{API_HOST}"}


def _event_source(queue: str) -> dict[str, Any]:
    """Let the event source wait for the queue, which it knows by its name only.

    Chalice's value is an `Fn::Sub` too. A merge would keep it beside any other function.
    """
    arn = {"Fn::If": ["WithNewJobsQueue", {"Fn::GetAtt": ["JobsQueue", "Arn"]}, _queue_arn(queue)]}
    return {"Properties": {"Queue": {"Fn::Sub": ["${Arn}", {"Arn": arn}]}}}


def _queue_arn(queue: str) -> dict[str, str]:
    arn = f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{queue}"
    return {"Fn::Sub": arn}
