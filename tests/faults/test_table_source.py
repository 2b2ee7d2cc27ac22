"""A table that is missing, wrong or cut off is never used in part (R1 to R3)."""

import hashlib
import io
import os
from dataclasses import replace
from functools import partial
from zipfile import is_zipfile

import pytest
import yaml

from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import S3Object, S3Source, s3_client
from chalicelib.routing.sources import source_for
from chalicelib.settings import S3Location, Settings
from gatewayctl.cli import main as gatewayctl
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.emf import MetricsLog
from tests.support.gateway import AWS, JSON, TABLE, build_gateway
from tests.support.http_server import StubServer, response, sends
from tests.support.lambda_process import LambdaProcess, client_of
from tests.support.paths import ROOT
from tests.support.problems import assert_problem
from tests.support.profile import LONG

BROKEN = yaml.safe_load((ROOT / "tests/unit/broken_tables.yaml").read_text())
CHURN = "version: 1\nmodels:\n  churn:\n    kind: single\n    endpoint: churn-prod\n"
EVERYTHING = [("POST", "/predict/churn"), ("GET", "/models"), ("GET", "/health")]

# Cut off at every byte of it.
SHORT = CHURN + "  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz}\n"
WHOLE, ZIP_CUTS = (TABLE, 10_000) if LONG else (SHORT, 500)

# What is wrong, and a part of the log's message.
WRONG = {
    "schema": ("version: 1\nmodels: [churn]\n", "must be a mapping"),
    "key twice": (CHURN + "    endpoint: other\n", "duplicate key"),
    "model twice": (CHURN + CHURN.partition("models:\n")[2], "duplicate key"),
    "unknown key": (CHURN + "    endpiont: other\n", "did you mean endpoint?"),
    "wrong scalar": (CHURN + "    expose_model_errors: no\n", "true or false"),
    "alias bomb": (CHURN + "    description: &a [*a, *a, *a]\n", "alias"),
    "tag": (CHURN + "    description: !!python/object/apply:os.system [id]\n", "tag"),
    "merge key": (CHURN + "    <<: {endpoint: other}\n", "merge keys"),
    "depth": (CHURN + f"    example: {'[' * 1_000}\n", "nested deeper"),
    "other encoding": (CHURN.encode("utf-16"), "not UTF-8"),
    "conflict": ("<<<<<<< ours\n" + CHURN, "not YAML"),
}


@pytest.fixture(name="gateway_with")
def _gateway_with(tmp_path):
    """Start a gateway with this file as its table."""

    def start(content, path=tmp_path / "routing.yaml"):
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        log = MetricsLog()
        settings = Settings.from_env({"GATEWAY_ROUTING": f"file:{path}"})
        return build_gateway(LambdaClient, source=source_for(settings, log.telemetry)), log, path

    return start


def assert_no_table(gateway):
    for method, path in EVERYTHING:
        received = gateway.client.send(method, path, JSON, b"{}")
        assert_problem(received, 503, "routing-unavailable")


def compiles(path):
    """Whether `gatewayctl compile` accepts the table; `make package` needs that."""
    out = io.StringIO()
    return gatewayctl(["compile", "--table", str(path)], {}, path.parent, out, out) == 0


@row("R1")
@pytest.mark.parametrize("there", ["nothing", "a folder", "a dangling link", "a loop", "no byte"])
def test_no_table(gateway_with, tmp_path, seen, there):
    """Without a table the gateway starts, and every route says so; no package can be made."""
    path = tmp_path / "routing.yaml"
    {
        "nothing": lambda: None,
        "a folder": path.mkdir,
        "a dangling link": lambda: path.symlink_to("../nowhere.yaml"),
        "a loop": lambda: path.symlink_to("routing.yaml"),
        "no byte": path.touch,
    }[there]()

    gateway, log, _ = gateway_with(None)

    assert_no_table(gateway)
    assert gateway.runtime.calls == []
    assert [line["message"] for line in log.lines] == ["routing table refused"]
    assert log.sums()["TableRejected"] == 1
    assert not compiles(path)
    seen(f"{there}: 503 routing-unavailable")


@row("R1")
def test_packaged(package, task_root, tmp_path, seen):
    """The packaged gateway neither crashes at its start nor answers 500."""
    nowhere = {"GATEWAY_ROUTING": f"file:{tmp_path}/nowhere.yaml"}
    with (
        StubServer() as server,
        LambdaProcess.of_package(package, task_root, server.url, **nowhere) as running,
    ):
        client = client_of(package, running)
        for method, path in EVERYTHING:
            answer = client.send(method, path, JSON, b"{}")
            assert_problem(answer, 503, "routing-unavailable")
        assert server.requests == []
    seen("packaged: 503 routing-unavailable")


@row("R2")
@pytest.mark.parametrize(("content", "words"), WRONG.values(), ids=WRONG)
def test_wrong(gateway_with, seen, content, words):
    """A table with one mistake is not used at all; the log says where the mistake is."""
    gateway, log, path = gateway_with(content)

    assert_no_table(gateway)
    assert gateway.runtime.calls == []
    (line,) = log.lines
    assert words in "\n".join(line["problems"])
    assert not compiles(path)
    seen("503 routing-unavailable, the mistake in the log")


@row("R2")
def test_all_that_anybody_has_broken(gateway_with, seen):
    """None of the collection of broken tables is used."""
    taken = []
    for case in BROKEN:
        gateway, _, _ = gateway_with(case["table"])
        if gateway.predict("a").status != 503 or gateway.get("/health").status != 503:
            taken.append(case["rule"])

    assert taken == []
    seen(f"{len(BROKEN)} broken tables: none taken")


@row("R3")
def test_compiled_form_cut_off(tmp_path, seen):
    """A compiled table that is cut off anywhere is not used; the YAML file is."""
    path = tmp_path / "routing.yaml"
    path.write_text(WHOLE)
    table = file.load(path)
    other = file.parse(WHOLE.replace("churn-prod", "compiled").encode(), "")
    whole = file.compiled(replace(other, digest=table.digest))
    wrong = []
    for end in range(len(whole)):
        file.compiled_path(path).write_bytes(whole[:end])
        if file.load(path) != table:
            wrong.append(end)

    file.compiled_path(path).write_bytes(whole)
    assert file.load(path) != table  # the complete one would have been used
    assert wrong == []
    seen(f"compiled form: 0 of {len(whole):,} cuts taken")


@row("R3")
def test_zip_cut_off(package, tmp_path, seen):
    """A zip that is cut off anywhere is not a zip, and the table ships inside one."""
    path = tmp_path / "deployment.zip"
    path.write_bytes(package.zip.read_bytes())
    assert is_zipfile(path)
    ends = range(0, path.stat().st_size, path.stat().st_size // ZIP_CUTS)
    for end in reversed(ends):
        os.truncate(path, end)
        assert not is_zipfile(path), end
    seen(f"zip: 0 of {len(ends):,} cuts taken")


@row("R3")
def test_s3_cut_off(seen):
    """A table that was uploaded in part is not used; the one in use stays."""
    whole = WHOLE.encode()
    digest = hashlib.sha256(whole).hexdigest()
    location = S3Location("tables", "routing.yaml")
    with StubServer() as s3:
        place = S3Object(location, partial(s3_client, endpoint_url=s3.url, **AWS))
        log = MetricsLog()
        source = S3Source(place, log.telemetry, max_age_seconds=0)
        gateway = build_gateway(LambdaClient, source=source)
        taken = []
        for end in range(len(whole)):
            s3.script = sends(object_in_s3(whole[:end], digest))
            if gateway.get("/health").status != 503:
                taken.append(end)
        s3.script = sends(object_in_s3(whole, digest))
        assert gateway.get("/health").json()["table"] == digest[:12]
        s3.script = sends(object_in_s3(whole[:-1], digest))
        assert gateway.get("/health").json()["table"] == digest[:12]

    assert taken == []
    seen(f"S3: 0 of {len(whole):,} cuts taken")


def object_in_s3(data, digest):
    """Build S3's response; its metadata has the digest of the complete table."""
    return response(200, data, {"ETag": f'"{len(data)}"', "x-amz-meta-sha256": digest})
