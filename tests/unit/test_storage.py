"""Artifacts: where they lie, and how they come from there without doing harm."""

import asyncio
import io
import random
import tarfile

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from sagemaker_local.definitions import ModelData
from sagemaker_local.hosting.artifacts import ArtifactStore, S3Location
from sagemaker_local.refusals import ArtifactNotFound, ArtifactUnreadable

PREFIX = S3Location("bucket", "models/")


class FakeS3:
    """As much of a client as an ArtifactStore uses, over a dict of objects."""

    def __init__(self, **objects):
        self._objects = objects

    def download_fileobj(self, bucket, key, file):
        if not key:
            raise ParamValidationError(report="Invalid length for parameter Key")
        if key not in self._objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        file.write(self._objects[key])


def archive(*members):
    """A model.tar.gz of TarInfos and their content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for member, content in members:
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def file(name, content=b"x"):
    return tarfile.TarInfo(name), content


def link(name, target, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def extended(**headers):
    member = tarfile.TarInfo("extended")
    member.pax_headers = headers
    return member, b""


def fetch(content, folder):
    """Unpack an archive into folder/store/model, everything else in folder being forbidden."""
    (folder / "store").mkdir()
    store = ArtifactStore(FakeS3(**{"a": content}), folder / "store")
    target = folder / "store" / "model"
    asyncio.run(store.fetch(ModelData("s3://bucket/a"), target))
    return target


@pytest.mark.parametrize(
    ("url", "bucket", "key"),
    [
        ("s3://bucket/a/b.tar.gz", "bucket", "a/b.tar.gz"),
        ("s3://bucket/models/", "bucket", "models/"),
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket/a b+c%20d.tar.gz", "bucket", "a b+c%20d.tar.gz"),
        ("s3://bucket//a", "bucket", "/a"),
        ("s3://bucket/a?b#c", "bucket", "a?b#c"),
        ("https://s3.amazonaws.com/bucket/a/b", "bucket", "a/b"),
        ("https://s3.eu-west-1.amazonaws.com/bucket/a/b", "bucket", "a/b"),
        ("https://s3-eu-west-1.amazonaws.com/bucket/a/b", "bucket", "a/b"),
        ("https://bucket.s3.amazonaws.com/a/b", "bucket", "a/b"),
        ("https://bucket.s3.eu-west-1.amazonaws.com/a%20b", "bucket", "a b"),
        ("https://my.bucket.s3.eu-west-1.amazonaws.com/a/b", "my.bucket", "a/b"),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/a/b", "bucket", "a/b"),
    ],
)
def test_a_location_is_a_bucket_and_a_key(url, bucket, key):
    """From any form that CreateModel takes; only an https form is percent-encoded."""
    assert S3Location.parse(url) == S3Location(bucket, key)


@pytest.mark.parametrize("prefix", ["models", "models/"])
@pytest.mark.parametrize("name", ["a.tar.gz", "Houston_TX/0 (new).tar.gz", "...", "a..b", "%2e%2e"])
def test_a_target_model_lies_under_the_prefix(prefix, name):
    """Whether or not the prefix ends with a slash; names are taken as they are."""
    assert S3Location("bucket", prefix).under(name) == S3Location("bucket", f"models/{name}")


def test_a_prefix_may_be_a_whole_bucket():
    """Then a TargetModel is a key."""
    assert S3Location("bucket", "").under("a.tar.gz") == S3Location("bucket", "a.tar.gz")


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../../b", "a/..", "/a", "//a", "a//b", "a/", ".", "./a", ""]
)
def test_a_name_that_leaves_the_prefix(name):
    """Climbing, absolute and empty parts are not found, whatever lies there."""
    with pytest.raises(ArtifactNotFound):
        PREFIX.under(name)


def test_an_archive_is_unpacked(tmp_path):
    """With its folders; links inside it stay."""
    model = fetch(
        archive(file("model.txt"), file("code/run.py"), link("same", "model.txt")), tmp_path
    )

    assert (model / "code" / "run.py").read_bytes() == b"x"
    assert (model / "same").read_bytes() == b"x"


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(file("../outside"), id="climbs"),
        pytest.param(file("a/../../../outside"), id="climbs-later"),
        pytest.param(link("out", "../../outside"), id="symlink-climbs"),
        pytest.param(link("out", "/etc/passwd"), id="symlink-absolute"),
        pytest.param(link("out", "../../outside", tarfile.LNKTYPE), id="hard-link-climbs"),
        pytest.param(link("out", "absent", tarfile.LNKTYPE), id="hard-link-to-nothing"),
        pytest.param(link("fifo", "", tarfile.FIFOTYPE), id="fifo"),
        pytest.param(link("device", "", tarfile.CHRTYPE), id="device"),
        pytest.param(file("a" * 300), id="name-too-long"),
        pytest.param(extended(path="a\0b"), id="name-with-null"),
        pytest.param(extended(mtime="1e30"), id="time-beyond-time"),
    ],
)
def test_an_archive_cannot_reach_outside(member, tmp_path):
    """What would is refused as a whole: nothing is left of it, inside or outside."""
    (tmp_path / "outside").write_bytes(b"mine")

    with pytest.raises(ArtifactUnreadable):
        fetch(archive(file("model.txt"), member), tmp_path)

    assert (tmp_path / "outside").read_bytes() == b"mine"
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not an archive", id="text"),
        pytest.param(archive(file("a"))[:30], id="cut"),
        pytest.param(b"\x1f\x8b" + bytes(100), id="gzip-header"),
        pytest.param(b"\xfd7zXZ\x00" + bytes(100), id="xz-header"),
        pytest.param(b"BZh9" + bytes(100), id="bzip2-header"),
    ],
)
def test_what_is_no_archive(content, tmp_path):
    """Its own error, so that nobody looks for a missing object."""
    with pytest.raises(ArtifactUnreadable):
        fetch(content, tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_archive(seed, tmp_path):
    """It is unpacked or refused, however it is damaged."""
    dice = random.Random(seed)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name in ("model.txt", "code/run.py"):
            packed.addfile(tarfile.TarInfo(name))
    damaged = bytearray(buffer.getvalue())
    for _ in range(40):
        damaged[dice.randrange(1100)] = dice.randrange(256)

    try:
        fetch(bytes(damaged), tmp_path)
    except ArtifactUnreadable:
        assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize("url", ["s3://bucket/absent", "s3://bucket"])
def test_what_is_not_there(url, tmp_path):
    """Not found, be it absent or unnameable."""
    store = ArtifactStore(FakeS3(), tmp_path)

    with pytest.raises(ArtifactNotFound, match="Failed to download model data"):
        asyncio.run(store.fetch(ModelData(url), tmp_path / "model"))
