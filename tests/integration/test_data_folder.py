"""The folder of `--data`: what is refused, and what a process leaves that ends at any moment."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from botocore.exceptions import BotoCoreError

from tests.containers.account import INSTANCES, RESOURCES, ROLE, Account, image
from tests.containers.container import Answer, Container
from tests.support.paths import ROOT
from tests.support.stand_in import StandIn, wait_until

AT_ONCE = ("--creating-seconds", "0")


def start(folder, *options):
    return StandIn("--data", str(folder), *AT_ONCE, *options)


def refused(folder):
    """Start with this folder, and return the line that says why it cannot be used."""
    ended = subprocess.run(
        [sys.executable, "-m", "sagemaker_local", "--port", "0", "--data", folder],
        capture_output=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "ready:" not in ended.stdout
    (line,) = ended.stderr.splitlines()
    return line


def state(folder):
    """Return each path of the folder with its content, except for the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != "lock"
    }


def documents(folder, kind):
    return [json.loads(path.read_bytes()) for path in (folder / kind).glob("*.json")]


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


@pytest.fixture(scope="module")
def container():
    with Container() as container:
        yield container


@pytest.fixture(scope="module")
def kept(tmp_path_factory, container):
    """A folder with one resource of each kind."""
    folder = tmp_path_factory.mktemp("kept") / "data"
    with start(folder) as stand_in:
        s3, sagemaker = stand_in.client("s3"), stand_in.client("sagemaker")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="key", Body=b"0123456789")
        stand_in.client("secretsmanager").create_secret(Name="secret", SecretString="x")
        model = {"Image": container.url}
        sagemaker.create_model(ModelName="model", ExecutionRoleArn=ROLE, PrimaryContainer=model)
        variant = {"VariantName": "AllTraffic", **INSTANCES}
        sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="c")
        account = Account(stand_in.session, stand_in.url)
        account.wait_for("endpoint", "endpoint_in_service")
        sagemaker.create_inference_component(
            InferenceComponentName="component",
            EndpointName="endpoint",
            VariantName="AllTraffic",
            Specification={"Container": model, "ComputeResourceRequirements": RESOURCES},
            RuntimeConfig={"CopyCount": 1},
        )
        assert stand_in.stop() == 0
    return folder


@pytest.fixture
def damaged(kept, tmp_path):
    """A copy of the folder, to be damaged."""
    return shutil.copytree(kept, tmp_path / "data")


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def change(path, **members):
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **members}))


class TestRefused:
    @pytest.mark.parametrize(
        ("pattern", "damage", "text"),
        [
            ("object/*", cut, "data/object/123456789012-bucket-key-"),
            ("endpoint/*", cut, "or remove it: then the endpoint in it is gone"),
            ("endpoint/*", lambda path: path.write_bytes(b"\0" * 9), "cannot be read: "),
            ("endpoint/*", lambda path: change(path, Config={}), "it has no 'Models'"),
            ("endpoint/*", lambda path: path.unlink(), "its endpoint 'endpoint' is not in"),
            ("model/*", lambda path: change(path, Request={"ModelName": "m"}), "Specify Primary"),
            ("bucket/*", lambda path: path.unlink(), "the bucket 'bucket' is not in bucket"),
            ("contents/*", cut, "has 5 bytes, and should have 10 bytes"),
            ("contents/*", lambda path: path.unlink(), "does not exist, and should have 10 bytes"),
            ("format.json", cut, "it does not say the format of the folder"),
            ("format.json", lambda path: change(path, format=2), "by a later version, in format 2"),
        ],
    )
    def test_damaged(self, damaged, pattern, damage, text):
        """A damaged file is named, with the way out, and nothing is changed."""
        damage(only(damaged, pattern))
        before = state(damaged)

        line = refused(damaged)

        assert line.startswith("error: the f")
        assert str(damaged) in line
        assert text in line
        assert state(damaged) == before

    @pytest.mark.parametrize("name", ["lock", "contents", "bucket", "format.json"])
    def test_link(self, damaged, tmp_path, name):
        """A link in the folder is not followed: what it leads to is not read, nor removed."""
        others = tmp_path / "others"
        if (damaged / name).is_dir():
            shutil.copytree(damaged / name, others)
            shutil.rmtree(damaged / name)
            (others / "precious").write_text("mine")
        else:
            (damaged / name).unlink()
            others.write_text("mine")
        before = state(others) if others.is_dir() else others.read_bytes()
        (damaged / name).symlink_to(others)

        assert f"has a link in it, {name}, which is not followed" in refused(damaged)
        assert (state(others) if others.is_dir() else others.read_bytes()) == before

    @pytest.mark.parametrize("name", ["object/x.json", "format.json"])
    def test_pipe(self, damaged, name):
        """To read a pipe would never end."""
        (damaged / name).unlink(missing_ok=True)
        os.mkfifo(damaged / name)

        assert f"/{name} " in refused(damaged)

    @pytest.mark.parametrize("text", ['{"format": 1e999}', "[" * 100_000])
    def test_format(self, damaged, text):
        """Whatever is in the file with the format, the answer is one line."""
        (damaged / "format.json").write_text(text)

        assert "does not say the format of the folder" in refused(damaged)

    def test_content_outside(self, damaged):
        """A document that was changed by hand cannot name a file outside the folder."""
        path, (document,) = only(damaged, "object/*"), documents(damaged, "object")
        change(path, Versions=[{**document["Versions"][0], "Content": "../../etc"}])

        assert "'../../etc' is not the name of a file in contents" in refused(damaged)

    def test_without_a_document(self, damaged):
        """After a document is removed, as the error says, everything else is there."""
        for kind in ("object", "inference-component"):
            only(damaged, f"{kind}/*").unlink()

        with start(damaged) as stand_in:
            assert stand_in.client("s3").list_objects_v2(Bucket="bucket")["KeyCount"] == 0
            assert stand_in.client("sagemaker").list_endpoints()["Endpoints"]

    def test_in_use(self, tmp_path):
        """A second process with the same folder is refused, until the first one has ended."""
        with start(tmp_path / "data") as stand_in:
            before = state(tmp_path / "data")
            line = refused(tmp_path / "data")
            assert line == (
                f"error: the folder {tmp_path / 'data'} is in use by process"
                f" {stand_in.process.pid}; end it, or choose another folder with --data (make run:"
                " DATA=folder)"
            )
            assert state(tmp_path / "data") == before

            stand_in.stop(signal.SIGKILL)
        with start(tmp_path / "data"):
            pass

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda path: path.write_text("x"), "cannot be used: File exists"),
            (lambda path: path.symlink_to("/proc/own"), "cannot be used: "),
            (
                lambda path: (path.mkdir(), (path / "notes.txt").write_text("mine")),
                "holds something else, for example notes.txt; choose a new or an empty folder",
            ),
        ],
    )
    def test_not_a_folder_of_this_program(self, tmp_path, make, text):
        """A file, what cannot be written, and what holds something else, are not touched."""
        folder = tmp_path / "data"
        make(folder)
        before = state(tmp_path)

        assert text in refused(folder)
        assert state(tmp_path) == before


class TestEnd:
    def test_kill_while_objects_are_written(self, tmp_path):
        """What was saved before is there, and whatever was not is absent or complete."""
        folder = tmp_path / "data"
        large = bytes(range(256)) * 50_000
        with start(folder) as stand_in:
            s3 = stand_in.client("s3")
            s3.create_bucket(Bucket="bucket")
            s3.put_object(Bucket="bucket", Key="first", Body=large)
            wait_until(lambda: documents(folder, "object"))
            written = threading.Event()

            def write():
                with suppress(BotoCoreError):
                    for number in range(1000):
                        s3.put_object(Bucket="bucket", Key=f"{number % 7}", Body=large)
                        stand_in.client("secretsmanager").create_secret(
                            Name=f"{number}", SecretString="x" * (number + 1)
                        )
                        if number > 5:
                            written.set()

            writer = threading.Thread(target=write)
            writer.start()
            assert written.wait(60)
            stand_in.stop(signal.SIGKILL)
            writer.join()
        (folder / "contents" / ".partial-of-a-write").touch()
        (folder / "contents" / ("0" * 32)).touch()

        with start(folder) as stand_in:
            s3 = stand_in.client("s3")
            keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]]
            assert "first" in keys
            for key in keys:
                with s3.get_object(Bucket="bucket", Key=key)["Body"] as body:
                    assert body.read() == large
            s3.delete_object(Bucket="bucket", Key="first")
            assert stand_in.stop() == 0
        assert len(list((folder / "contents").iterdir())) == len(keys) - 1

    def test_what_is_deleted_stays_deleted(self, damaged):
        """Deleted resources leave no file, and are not there after a restart."""
        with start(damaged) as stand_in:
            sagemaker = stand_in.client("sagemaker")
            account = Account(stand_in.session, stand_in.url)
            account.delete_component("component")
            sagemaker.delete_endpoint(EndpointName="endpoint")
            sagemaker.delete_endpoint_config(EndpointConfigName="c")
            sagemaker.delete_model(ModelName="model")
            s3 = stand_in.client("s3")
            s3.delete_object(Bucket="bucket", Key="key")
            s3.delete_bucket(Bucket="bucket")
            stand_in.client("secretsmanager").delete_secret(
                SecretId="secret", ForceDeleteWithoutRecovery=True
            )
            wait_until(lambda: not list(damaged.glob("*/*")))
            stand_in.stop(signal.SIGKILL)

        with start(damaged) as stand_in:
            assert stand_in.client("s3").list_buckets()["Buckets"] == []
            assert stand_in.client("sagemaker").list_endpoints()["Endpoints"] == []

    def test_what_others_put_there(self, damaged):
        """Files and folders of others stay, and keep nothing from being saved."""
        (damaged / "contents" / "notes.txt").write_text("mine")
        for name in ("contents/folder", "object/.partial-folder", "folder"):
            (damaged / name).mkdir()
        with start(damaged) as stand_in:
            s3 = stand_in.client("s3")
            s3.put_object(Bucket="bucket", Key="key", Body=b"new")
            assert stand_in.stop() == 0
        assert (damaged / "contents/notes.txt").read_text() == "mine"
        with start(damaged) as stand_in:
            found = stand_in.client("s3").get_object(Bucket="bucket", Key="key")
            assert found["Body"].read() == b"new"

    def test_only_this_user_can_read_it(self, kept):
        """Secrets are in these files."""
        assert kept.stat().st_mode & 0o77 == 0
        assert [path for path in kept.rglob("*") if path.stat().st_mode & 0o77] == []

    def test_disk_that_cannot_be_written(self, tmp_path):
        """One line says so, requests go on, and all is saved once it can be written."""
        folder = tmp_path / "data"
        with start(folder) as stand_in:
            secrets = stand_in.client("secretsmanager")
            (folder / "secret").write_text("no folder")
            secrets.create_secret(Name="a", SecretString="x")
            wait_until(lambda: "changes cannot be kept in" in stand_in.log)
            secrets.create_secret(Name="b", SecretString="x")

            (folder / "secret").unlink()

            wait_until(lambda: len(documents(folder, "secret")) == 2)
            wait_until(lambda: "everything is kept in" in stand_in.log)
            assert stand_in.log.count("cannot be kept") == 1
            assert "Traceback" not in stand_in.log


class TestRestart:
    """Endpoints whose containers do not start as they did before."""

    def test_container_that_is_away(self, tmp_path):
        """Its endpoint is Failed and stops nothing else; it is in service once it is there."""
        folder, soon = tmp_path / "data", ("--startup-timeout", "0.5")
        with Container() as container:
            other = Container().start()
            with start(folder) as stand_in:
                account = Account(stand_in.session, stand_in.url)
                present, away = account.deploy(image(container)), account.deploy(image(other))
                before = account.sagemaker.describe_endpoint(EndpointName=away)
                stand_in.stop()
            other.stop()

            with start(folder, *soon) as stand_in:
                account = Account(stand_in.session, stand_in.url)
                described = account.sagemaker.describe_endpoint(EndpointName=away)
                assert described["EndpointStatus"] == "Failed"
                assert "did not pass the ping health check" in described["FailureReason"]
                assert f"{away} was in service before, and did not start again." in stand_in.log
                assert account.invoke(present, b"x")["Body"] == b"x"
                assert re.search(rf"{away} +single model +Failed\n", stand_in.log)
                stand_in.stop()

            with other, start(folder) as stand_in:
                account = Account(stand_in.session, stand_in.url)
                after = account.sagemaker.describe_endpoint(EndpointName=away)
                assert after["EndpointStatus"] == "InService"
                for member in ("EndpointArn", "CreationTime", "LastModifiedTime"):
                    assert after[member] == before[member]
                assert account.invoke(away, b"x")["Body"] == b"x"

    def test_failed_endpoint(self, tmp_path):
        """An endpoint that had failed is Failed, with its reason, and is not tried again."""
        with start(tmp_path / "data") as stand_in:
            account = Account(stand_in.session, stand_in.url)
            endpoint = account.create_endpoint({"v": (account.create_model({"Image": "other"}), 1)})
            describe = account.sagemaker.describe_endpoint
            wait_until(lambda: describe(EndpointName=endpoint)["EndpointStatus"] == "Failed")
            before = describe(EndpointName=endpoint)
            stand_in.stop()

        with start(tmp_path / "data") as stand_in:
            after = stand_in.client("sagemaker").describe_endpoint(EndpointName=endpoint)

        for described in (before, after):
            described.pop("ResponseMetadata")
        assert after == before

    def test_update_in_progress(self, tmp_path):
        """An endpoint and a component go on with the update during which the process ended."""
        folder = tmp_path / "data"
        with Container() as old, Container() as new:
            new.ping = lambda request: Answer(503)
            new.answer = lambda request: Answer(body=b"new")
            with start(folder) as stand_in:
                account = Account(stand_in.session, stand_in.url)
                endpoint, hosting = account.deploy(image(old)), account.deploy_for_components()
                component = account.create_component(hosting, {"Container": image(old)})
                account.wait_for_component(component)
                model = account.create_model(image(new))
                variant = {"VariantName": "AllTraffic", "ModelName": model, **INSTANCES}
                config = account.create_config(variant)
                account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
                account.sagemaker.update_inference_component(
                    InferenceComponentName=component,
                    Specification={"Container": image(new)},
                    RuntimeConfig={"CopyCount": 3},
                )
                for kind in ("endpoint", "inference-component"):
                    wait_until(
                        lambda kind=kind: any(one["Desired"] for one in documents(folder, kind))
                    )
                stand_in.stop(signal.SIGKILL)
            new.ping = lambda request: Answer()

            with start(folder) as stand_in:
                account = Account(stand_in.session, stand_in.url)
                account.wait_for(endpoint, "endpoint_in_service")
                account.wait_for_component(component)
                assert account.invoke(endpoint)["Body"] == b"new"
                chosen = {"InferenceComponentName": component}
                assert account.invoke(hosting, **chosen)["Body"] == b"new"
                described = account.sagemaker.describe_inference_component(**chosen)
                assert described["RuntimeConfig"]["CurrentCopyCount"] == 3


def test_demo_twice(tmp_path):
    """A second start finds the demo's endpoints, creates nothing, and all are in service."""
    options = ("--demo", "--startup-timeout", "120")
    with start(tmp_path / "data", *options) as stand_in:
        first = stand_in.client("sagemaker").list_endpoints()["Endpoints"]
        assert stand_in.stop(signal.SIGINT) == 0

    with start(tmp_path / "data", *options) as stand_in:
        second = stand_in.client("sagemaker").list_endpoints()["Endpoints"]
        assert "endpoint diabetes exists already; it is not changed" in stand_in.log
        assert not re.search("^created (?!bucket)", stand_in.log, re.MULTILINE)

    assert second == first
    assert {endpoint["EndpointStatus"] for endpoint in second} == {"InService"}
