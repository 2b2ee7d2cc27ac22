"""The gateway as a stack of the emulated AWS, called over HTTP."""

from __future__ import annotations

import http.client
import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.clients import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.deployed.emulated.emulator import EmulatedAws

CREATION = {"Delay": 0.1, "MaxAttempts": 600}
ANSWER_SECONDS = 40.0


class Stack:
    """A stack of a template in S3."""

    def __init__(
        self, aws: EmulatedAws, name: str, template_url: str, parameters: Mapping[str, str]
    ) -> None:
        self._aws = aws
        self._name = name
        client = aws.client("cloudformation")
        client.create_stack(
            StackName=name,
            TemplateURL=template_url,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=CREATION)

    @cached_property
    def url(self) -> str:
        """The API's address, which the template gives out."""
        described = self._aws.client("cloudformation").describe_stacks(StackName=self._name)
        (stack,) = described["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        return str(outputs["EndpointURL"]).rstrip("/")

    def physical(self, logical: str) -> str:
        """Return the name of a resource on AWS."""
        client = self._aws.client("cloudformation")
        described = client.describe_stack_resource(StackName=self._name, LogicalResourceId=logical)
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def send(
        self, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        """Send a request over HTTP, with the Accept of most clients unless it has one."""
        url = urlsplit(self.url + path)
        target = f"{url.path}?{url.query}" if url.query else url.path
        usual = {"Host": url.netloc, "Accept": "*/*"}
        connection = http.client.HTTPConnection("127.0.0.1", self._aws.port, ANSWER_SECONDS)
        try:
            connection.request(method, target, body, {**usual, **dict(headers)})
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            assert len(received) == len(response.getheaders()), "a header comes twice"
            return Response(response.status, received, response.read())
        finally:
            connection.close()

    def logged(self, function: str, message: str) -> list[dict[str, Any]]:
        """Return the lines of a function in CloudWatch Logs with this message, oldest first."""
        return [line for line in self._lines(function) if line.get("message") == message]

    def log(self, function: str) -> Iterator[str]:
        """All lines of a function, with those of Lambda."""
        group = f"/aws/lambda/{self.physical(function)}"
        pages = self._aws.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group):
            for event in page["events"]:
                yield event["message"]

    def _lines(self, function: str) -> Iterator[dict[str, Any]]:
        """The lines that the function writes itself: JSON, each of them."""
        for text in self.log(function):
            if not re.match(r"(START|END|REPORT) RequestId: ", text):
                yield json.loads(text)
