"""Running `gatewayctl publish` on a bucket of its own."""

from __future__ import annotations

import hashlib
import itertools
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import COMPILED_DIGEST, S3Object, S3Source
from chalicelib.settings import S3Location
from gatewayctl import aws
from gatewayctl.command import Dependencies
from tests.support.clients import LambdaClient
from tests.support.command_line import gatewayctl
from tests.support.gateway import AWS, Log, build_gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command_line import Outcome
    from tests.support.gateway import BuiltGateway
    from tests.support.stand_in import StandIn

KEY = "gateway/routing.yaml"
COMPILED = "gateway/routing.json"
_numbers = itertools.count()


def yaml(*names: str, more: str = "") -> str:
    """Write a table of these models, each with an endpoint of the same name."""
    entries = "".join(f"  {name}: {{kind: single, endpoint: {name}}}\n" for name in names)
    return f"version: 1\n{more}models:\n{entries}"


def digest(text: str) -> str:
    """Return the SHA-256 as the metadata has it."""
    return hashlib.sha256(text.encode()).hexdigest()


class Desk:
    """A bucket, and a folder with a table; no two desks share a bucket."""

    def __init__(self, stand_in: StandIn, folder: Path, *, versioned: bool = True) -> None:
        self.s3 = stand_in.client("s3")
        self.folder = folder
        self.url = stand_in.url
        self.bucket = f"published-{next(_numbers)}"
        self.s3.create_bucket(Bucket=self.bucket)
        if versioned:
            self.turn_on_versions()
        self.sts_url = stand_in.url
        self._client: Any = None
        self._acts: dict[tuple[str, str, str], Callable[[], Any]] = {}
        self._answers: dict[str, Any] = {}

    @property
    def author(self) -> str:
        """The ARN of the credentials with which the command runs."""
        with self.environment(), closing(aws.client("sts")) as client:
            return str(client.get_caller_identity()["Arn"])

    @property
    def place(self) -> str:
        return f"s3://{self.bucket}/{KEY}"

    def turn_on_versions(self) -> None:
        self.s3.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )

    def close(self) -> None:
        self.s3.close()
        if self._client is not None:
            self._client.close()

    def publish(self, table: str | bytes, *arguments: str) -> Outcome:
        """Publish this table."""
        data = table if isinstance(table, bytes) else table.encode()
        (self.folder / "routing.yaml").write_bytes(data)
        return self.run("--table", "routing.yaml", *arguments)

    def run(self, *arguments: str, place: str | None = None) -> Outcome:
        """Run `gatewayctl publish` for this desk's object."""
        with self.environment() as environment:
            environment.chdir(self.folder)
            return gatewayctl(
                *("publish", place or self.place, *arguments),
                project=self.folder,
                dependencies=Dependencies(self._connect),
            )

    @contextmanager
    def environment(self) -> Iterator[pytest.MonkeyPatch]:
        """Set the variables with which boto3 finds this S3."""
        names = {"AWS_DEFAULT_REGION": AWS["region_name"], "AWS_ENDPOINT_URL": self.url}
        names["AWS_ENDPOINT_URL_STS"] = self.sts_url
        names |= {name.upper(): text for name, text in AWS.items() if name != "region_name"}
        with pytest.MonkeyPatch.context() as environment:
            for name, value in names.items():
                environment.setenv(name, value)
            yield environment

    def before(self, operation: str, key: str, act: Callable[[], Any]) -> None:
        """Call `act` once, just before S3 gets a request for this operation and key.

        If `act` returns something, botocore takes it for S3's response.
        """
        self._acts["before-call", operation, key] = act

    def after(self, operation: str, key: str, act: Callable[[], Any]) -> None:
        """Call `act` once, just after S3 has carried out such a request."""
        self._acts["after-call", operation, key] = act

    def answer_instead(self, service: str, operation: str, answer: Any) -> None:
        """Let botocore take this for the response of a service other than S3."""
        self._answers[f"before-call.{service}.{operation}"] = answer

    def put(self, text: str, key: str = KEY, **metadata: str) -> str:
        """Store an object without the command, and return its version."""
        answer = self.s3.put_object(
            Bucket=self.bucket, Key=key, Body=text.encode(), Metadata=metadata
        )
        return str(answer.get("VersionId"))

    def delete(self, key: str = KEY) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def get(self, key: str = KEY) -> dict[str, Any]:
        """Return the stored object, with `Body` as bytes."""
        answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        return {**answer, "Body": answer["Body"].read()}

    def digest(self) -> str:
        """Return the digest in the metadata of the live table."""
        return str(self.get()["Metadata"]["sha256"])

    def is_compiled(self, text: str) -> bool:
        """Whether gateways that find this table use the stored compiled form."""
        content = self.get()["Metadata"].get(COMPILED_DIGEST)
        try:
            file.from_compiled(self.get(COMPILED)["Body"], digest(text), content or "none")
        except file.NotCompiled:
            return False
        return True

    def gateway(self) -> tuple[BuiltGateway, Log]:
        """Return a gateway that checks for a new table before every request, and its log."""
        log = Log()
        with self.environment():
            place = S3Object(S3Location(self.bucket, KEY))
            source = S3Source(place, log.telemetry, max_age_seconds=0)
            gateway = build_gateway(LambdaClient, source=source)
            gateway.get("/health")
        return gateway, log

    def _connect(self, service: str) -> Any:
        """Make the client of S3 once, because making it takes most of a command's time."""
        if service != "s3":
            client = aws.client(service)
            for event, answer in self._answers.items():
                client.meta.events.register(event, lambda answer=answer, **_: answer)
            return client
        if self._client is None:
            self._client = self._watched(aws.client(service))
        return self._client

    def _watched(self, client: Any) -> Any:

        def before(params: dict[str, Any], model: Any, **_: Any) -> Any:
            return self._happens("before-call", model.name, params["url_path"])

        def after(http_response: Any, model: Any, **_: Any) -> None:
            self._happens("after-call", model.name, http_response.url)

        client.meta.events.register("before-call.s3", before)
        client.meta.events.register("after-call.s3", after)
        return client

    def _happens(self, event: str, operation: str, url: str) -> Any:
        for when in list(self._acts):
            if when[:2] == (event, operation) and url.endswith(when[2]):
                return self._acts.pop(when)()
        return None


def denied() -> tuple[Any, dict[str, Any]]:
    """Return what botocore makes of the response of S3 when IAM denies a request."""

    class Answer(NamedTuple):
        status_code: int = 403
        url: str = ""

    error = {"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}
    return Answer(), {**error, "ResponseMetadata": {"HTTPStatusCode": 403}}
