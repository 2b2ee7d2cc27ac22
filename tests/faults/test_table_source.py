"""A table that is not there, wrong or cut off: taken whole or not at all."""

import hashlib
import io
import os
from functools import partial
from zipfile import is_zipfile

import pytest
import yaml

from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import S3Object, S3Source, s3_client
from chalicelib.routing.sources import source_for
from chalicelib.settings import S3Location, Settings
from gatewayctl.cli import main as gatewayctl
from tests.faults.lambda_process import packaged
from tests.faults.rows import row
from tests.functional.leaks.scene import Scripted
from tests.support import function
from tests.support.doors import ROOT, ApiGatewayDoor
from tests.support.gateway import AWS, JSON, TABLE, house
from tests.support.measures import Books
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.recorder import Recorder
from tests.support.upstream import sends

BROKEN = yaml.safe_load((ROOT / "tests/unit/broken_tables.yaml").read_text())
CHURN = "version: 1\nmodels:\n  churn:\n    kind: single\n    endpoint: churn-prod\n"
EVERYTHING = [("POST", "/predict/churn"), ("GET", "/models"), ("GET", "/health")]

# Cut off at every byte of it.
SHORT = CHURN + "  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz}\n"
WHOLE, ZIP_CUTS = (TABLE, 10_000) if LONG else (SHORT, 500)

# What is wrong, and the words by which the log says so.
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
    """A gateway that has just started with this file as its table."""

    def start(content, path=tmp_path / "routing.yaml"):
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        books = Books()
        settings = Settings.from_env({"GATEWAY_ROUTING": f"file:{path}"})
        return house(ApiGatewayDoor, source=source_for(settings, books.telemetry)), books, path

    return start


def assert_no_table(gateway):
    for method, path in EVERYTHING:
        answer = gateway.door.send(method, path, JSON, b"{}")
        assert_problem(answer, 503, "routing-unavailable")


def compiles(path):
    """Whether `gatewayctl compile`, without which nothing is packaged, makes something of it."""
    out = io.StringIO()
    return gatewayctl(["compile", "--table", str(path)], {}, path.parent, out, out) == 0


@row("R1")
@pytest.mark.parametrize("there", ["nothing", "a folder", "a dangling link", "a loop", "no byte"])
def test_no_table(gateway_with, tmp_path, seen, there):
    """The process starts and says so, on every route; a package is not even made of it."""
    path = tmp_path / "routing.yaml"
    {
        "nothing": lambda: None,
        "a folder": path.mkdir,
        "a dangling link": lambda: path.symlink_to("../nowhere.yaml"),
        "a loop": lambda: path.symlink_to("routing.yaml"),
        "no byte": path.touch,
    }[there]()

    gateway, books, _ = gateway_with(None)

    assert_no_table(gateway)
    assert gateway.runtime.calls == []
    assert [line["message"] for line in books.lines] == ["routing table refused"]
    assert books.sums()["TableRejected"] == 1
    assert not compiles(path)
    seen(f"{there}: 503 routing-unavailable")


@row("R1")
def test_packaged(package, task_root, tmp_path, seen):
    """So it is on Lambda: no crash at the start, no 500 afterwards."""
    nowhere = {"GATEWAY_ROUTING": f"file:{tmp_path}/nowhere.yaml"}
    with Recorder() as recorder, packaged(package, task_root, recorder.url, **nowhere) as running:
        door = function.door(package, running)
        for method, path in EVERYTHING:
            answer = door.send(method, path, JSON, b"{}")
            assert_problem(answer, 503, "routing-unavailable")
        assert recorder.arrived == []
    seen("packaged: 503 routing-unavailable")


@row("R2")
@pytest.mark.parametrize(("content", "words"), WRONG.values(), ids=WRONG)
def test_wrong(gateway_with, seen, content, words):
    """One mistake and nothing of it is in force; where it is, the log says."""
    gateway, books, path = gateway_with(content)

    assert_no_table(gateway)
    assert gateway.runtime.calls == []
    (line,) = books.lines
    assert words in "\n".join(line["problems"])
    assert not compiles(path)
    seen("503 routing-unavailable, the mistake in the log")


@row("R2")
def test_all_that_anybody_has_broken(gateway_with, seen):
    """Of the whole collection of broken tables none comes into force."""
    taken = []
    for case in BROKEN:
        gateway, _, _ = gateway_with(case["table"])
        if gateway.predict("a").status != 503 or gateway.get("/health").status != 503:
            taken.append(case["rule"])

    assert taken == []
    seen(f"{len(BROKEN)} broken tables: none taken")


@row("R3")
def test_compiled_form_cut_off(tmp_path, seen):
    """Cut off anywhere it is not used, and the table is what the YAML says."""
    path = tmp_path / "routing.yaml"
    path.write_text(WHOLE)
    table = file.load(path)
    whole = file.compiled(table).replace(b"churn-prod", b"compiled!!")
    wrong = []
    for end in range(len(whole)):
        file.compiled_path(path).write_bytes(whole[:end])
        if file.load(path) != table:
            wrong.append(end)

    file.compiled_path(path).write_bytes(whole)
    assert file.load(path) != table  # whole it would have been used
    assert wrong == []
    seen(f"compiled form: 0 of {len(whole):,} cuts taken")


@row("R3")
def test_zip_cut_off(package, tmp_path, seen):
    """The table that ships is a part of a zip, and half a zip is none."""
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
    """What was uploaded in part is none, at whatever byte; what is in force stays so."""
    whole = WHOLE.encode()
    digest = hashlib.sha256(whole).hexdigest()
    location = S3Location("tables", "routing.yaml")
    with Scripted() as s3:
        place = S3Object(location, partial(s3_client, endpoint_url=s3.url, **AWS))
        books = Books()
        source = S3Source(place, books.telemetry, max_age_seconds=0)
        gateway = house(ApiGatewayDoor, source=source)
        taken = []
        for end in range(len(whole)):
            s3.script = sends(s3_answer(whole[:end], digest))
            if gateway.get("/health").status != 503:
                taken.append(end)
        s3.script = sends(s3_answer(whole, digest))
        assert gateway.get("/health").json()["table"] == digest[:12]
        s3.script = sends(s3_answer(whole[:-1], digest))
        assert gateway.get("/health").json()["table"] == digest[:12]

    assert taken == []
    seen(f"S3: 0 of {len(whole):,} cuts taken")


def s3_answer(data, digest):
    """The object, with what its metadata says of the whole."""
    lines = [
        "HTTP/1.1 200 OK",
        f'ETag: "{len(data)}"',
        f"x-amz-meta-sha256: {digest}",
        f"Content-Length: {len(data)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + data
