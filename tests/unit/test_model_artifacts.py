"""Model artifacts: S3 locations, and unpacking archives safely."""

import asyncio
import io
import random
import tarfile

import pytest

from sagemaker_local.definitions import ModelData
from sagemaker_local.hosting.artifacts import ArtifactStore, S3Location
from sagemaker_local.refusals import ArtifactUnreadable


class FakeS3:
    """An S3 client that downloads the same content for every key."""

    def __init__(self, content):
        self._content = content

    def download_fileobj(self, bucket, key, file):
        file.write(self._content)


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
    """Unpack an archive into folder/store/model, and return that folder."""
    (folder / "store").mkdir()
    store = ArtifactStore(FakeS3(content), folder / "store")
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
def test_locations(url, bucket, key):
    """Every URL that CreateModel accepts is parsed; only https URLs are percent-decoded."""
    assert S3Location.parse(url) == S3Location(bucket, key)


@pytest.mark.parametrize(
    ("prefix", "name", "key"),
    [
        ("models", "a.tar.gz", "models/a.tar.gz"),
        ("models/", "Houston_TX/0 (new).tar.gz", "models/Houston_TX/0 (new).tar.gz"),
        ("models/", "...", "models/..."),
        ("models/", "a..b", "models/a..b"),
        ("models/", "%2e%2e", "models/%2e%2e"),
        ("", "a.tar.gz", "a.tar.gz"),
    ],
)
def test_target_model_below_a_prefix(prefix, name, key):
    """A TargetModel is appended to the prefix without decoding; a slash separates both."""
    assert S3Location("bucket", prefix).under(name) == S3Location("bucket", key)


def test_links_inside_an_archive(tmp_path):
    """A link to a file of the archive is kept."""
    model = fetch(archive(file("model.txt"), link("same", "model.txt")), tmp_path)

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
def test_unsafe_archive(member, tmp_path):
    """An archive with an unsafe member is rejected, and none of its files is written."""
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
def test_file_that_is_not_an_archive(content, tmp_path):
    """The error is ArtifactUnreadable, not ArtifactNotFound."""
    with pytest.raises(ArtifactUnreadable):
        fetch(content, tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_archive(seed, tmp_path):
    """A damaged archive is unpacked or rejected, and no other error is raised."""
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
