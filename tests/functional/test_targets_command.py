"""`gatewayctl targets` understands the log that a gateway writes."""

from collections import Counter

import pytest
from botocore.exceptions import ClientError

from chalicelib.sagemaker.runtime import SageMakerRuntime
from tests.support.command_line import gatewayctl
from tests.support.fake_body import FakeBody
from tests.support.gateway import FixedTable, table
from tests.support.job_desk import job_desk, moto

TABLE = """\
version: 1
models:
  churn:
    kind: mme
    endpoint: tabular
    targets:
      v7: {target_model: v7.tar.gz, weight: 2}
      v8: {target_model: v8.tar.gz, weight: 1}
    sticky: routing-key
    fallback: [v7]
  iris: {kind: single, endpoint: iris}
"""
REQUESTS = 90
FAILS = 10
"""Of so many calls of v8, one fails."""


class SageMaker:
    """A client whose v8 fails now and then."""

    def __init__(self):
        self.calls = Counter()
        self.refuses = 0
        """How many of the next calls are too many for it."""

    def invoke_endpoint(self, **arguments):
        name = arguments.get("TargetModel")
        self.calls[name] += 1
        if self.refuses:
            self.refuses -= 1
            error = {"Code": "ThrottlingException", "Message": ""}
            metadata = {"HTTPStatusCode": 400, "HTTPHeaders": {}}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, "InvokeEndpoint")
        if name == "v8.tar.gz" and self.calls[name] % FAILS == 0:
            error = {"Code": "InternalFailure", "Message": ""}
            metadata = {"HTTPStatusCode": 500, "HTTPHeaders": {}}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, "InvokeEndpoint")
        headers = {"content-length": "2"}
        return {
            "Body": FakeBody(b"[]"),
            "ContentType": "application/json",
            "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": headers},
        }


def test_jobs(tmp_path):
    """A job counts once, for the target of the try that ended it."""
    sagemaker = SageMaker()
    runtime = SageMakerRuntime(lambda: sagemaker)
    with moto() as url:
        desk = job_desk(url, source=FixedTable(table(TABLE)), runtime=runtime)
        for number in range(6):
            desk.job("churn", x_routing_key=f"caller-{number}")
        sagemaker.refuses = 4  # each try calls a target and, if that fails, its fallback
        desk.drain()
    (tmp_path / "routing.yaml").write_text(TABLE)
    (tmp_path / "gateway.log").write_text(desk.gateway.log.text)
    postponed = desk.gateway.log.text.count('"outcome":"postponed"')

    arguments = ["--table", str(tmp_path / "routing.yaml"), "--format", "json"]
    log = ["--log", str(tmp_path / "gateway.log")]
    data = gatewayctl("targets", "churn", *log, *arguments, project=tmp_path).data
    assert postponed > 0
    assert data["requests"] == 6


@pytest.mark.parametrize("first_line", ["", "START RequestId: 1f1c0e4e\n", '{"level":"INFO","mess'])
def test_log(build, tmp_path, first_line):
    """Each request is counted for the targets that it called, and each failure for its target."""
    sagemaker = SageMaker()
    gateway = build(source=FixedTable(table(TABLE)), runtime=SageMakerRuntime(lambda: sagemaker))
    answered = Counter(
        gateway.predict("churn", x_routing_key=f"caller-{number}").headers["x-target"]
        for number in range(REQUESTS)
    )
    gateway.predict("churn", b"{", x_routing_key="caller-0")
    gateway.predict("iris")
    (tmp_path / "routing.yaml").write_text(TABLE)
    (tmp_path / "gateway.log").write_text(f"{first_line}\n{gateway.log.text}")

    table_file, log = str(tmp_path / "routing.yaml"), str(tmp_path / "gateway.log")
    arguments = ["--table", table_file, "--log", log, "--format", "json"]
    data = gatewayctl("targets", "churn", *arguments, project=tmp_path).data
    v7, v8 = data["targets"]
    failed = sagemaker.calls["v8.tar.gz"] // FAILS
    assert data["requests"] == REQUESTS == answered["v7"] + answered["v8"]
    assert failed > 0
    assert (v8["calls"], v8["errors_5xx"]) == (sagemaker.calls["v8.tar.gz"], failed)
    assert (v7["calls"], v7["errors_5xx"]) == (sagemaker.calls["v7.tar.gz"], 0)
    assert (v8["to_fallback"], v7["as_fallback"]) == (failed, failed)
    assert v8["share"] * REQUESTS == pytest.approx(answered["v8"] + failed)
    assert data["damaged_lines"] == (1 if first_line.startswith("{") else 0)
