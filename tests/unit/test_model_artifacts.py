"""Model artifacts: S3 locations, and unpacking archives safely."""

import asyncio
import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from sagemaker_local.definitions import ModelData
from sagemaker_local.hosting.archives import Limits, UnsafeArtifact, unpack
from sagemaker_local.hosting.artifacts import ArtifactPrefix, ArtifactStore, S3Location
from sagemaker_local.refusals import ArtifactNotFound, ArtifactUnreadable
from tests.faults.rows import row

MIB = 1024**2


class FakeS3:
    """An S3 client with these objects in every bucket."""

    def __init__(self, **objects):
        self._objects = objects

    def get_object(self, Bucket, Key):
        content = self._objects[Key]
        return {"Body": io.BytesIO(content), "ContentLength": len(content)}

    def download_file(self, bucket, key, path):
        Path(path).write_bytes(self._objects[key])

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket, Prefix):
        keys = [key for key in self._objects if key.startswith(Prefix)]
        yield {"Contents": [{"Key": key, "Size": len(self._objects[key])} for key in keys]}


def tar(*members, **options):
    """A tar file of TarInfos and their content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as packed:
        for member, content in members:
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def archive(*members, **options):
    """A model.tar.gz of TarInfos and their content."""
    return gzip.compress(tar(*members, **options), mtime=0)


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
    return fetch_from(FakeS3(a=content), ModelData("s3://bucket/a"), folder)


def fetch_from(s3, data, folder):
    (folder / "store").mkdir()
    target = folder / "store" / "model"
    asyncio.run(ArtifactStore(s3, folder / "store").fetch(data, target))
    return target


def header(kind, size):
    """The header of a member that claims this size, without any content."""
    member = tarfile.TarInfo("member")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


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
        ("s3://bucket/models", "/a.tar.gz", "models/a.tar.gz"),
        ("https://bucket.s3.eu-west-1.amazonaws.com/models", "/a.tar.gz", "models/a.tar.gz"),
        ("s3://bucket/models", "a.tar.gz", "modelsa.tar.gz"),
        ("s3://bucket/models/iris", "-v1.tar.gz", "models/iris-v1.tar.gz"),
        ("s3://bucket/models/", "/a.tar.gz", "models//a.tar.gz"),
        ("s3://bucket/models/", "Houston_TX/0 (new).tar.gz", "models/Houston_TX/0 (new).tar.gz"),
        ("s3://bucket/models/", "...", "models/..."),
        ("s3://bucket/models/", "a..b", "models/a..b"),
        ("s3://bucket/models/", "%2e%2e", "models/%2e%2e"),
        ("https://s3.eu-west-1.amazonaws.com/bucket/m%20m/", "%2e", "m m/%2e"),
        ("s3://bucket/", "a.tar.gz", "a.tar.gz"),
        ("s3://bucket/", "/a.tar.gz", "/a.tar.gz"),
        ("s3://bucket", "/a.tar.gz", "a.tar.gz"),
    ],
)
def test_target_model_after_a_prefix(prefix, name, key):
    """A TargetModel is appended to the prefix as it is written; nothing is added or decoded."""
    assert ArtifactPrefix(prefix).artifact(name) == S3Location("bucket", key)


@pytest.mark.parametrize("name", ["", "/", "..", "/..", "a/../b", "//a", "a//b", "a/", "./a", "/."])
@pytest.mark.parametrize("prefix", ["s3://bucket/models/", "s3://bucket/models", "s3://bucket"])
def test_target_model_that_leaves_the_prefix(prefix, name):
    """A name that leaves the prefix, or has an empty part, names no artifact."""
    with pytest.raises(ArtifactNotFound):
        ArtifactPrefix(prefix).artifact(name)


def test_target_model_that_continues_the_name_of_the_bucket():
    """A prefix that is a bucket alone reaches no other bucket."""
    with pytest.raises(ArtifactNotFound, match="TargetModel must begin with /"):
        ArtifactPrefix("s3://bucket").artifact("-of-others/a.tar.gz")


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
LONG = "/".join(["a-folder-with-a-long-name"] * 5) + "/model.joblib"
ASTRAL = "m\u00fcnchen/\u6771\u4eac \U0001f600.txt"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("name", "stored_as"),
    [
        ("model.joblib", "model.joblib"),
        ("./code//run.py", "code/run.py"),
        (LONG, LONG),
        (ASTRAL, ASTRAL),
        (" name with 'spaces' ", " name with 'spaces' "),
        ("a\nb", "a\nb"),
        ("...", "..."),
    ],
)
def test_files_of_an_archive(format, name, stored_as, tmp_path):
    """Every format of tar is unpacked, whatever name and size its files have."""
    contents = {stored_as: os.urandom(3 * MIB + 1), "empty": b"", "block": bytes(512)}
    members = [file(name, contents[stored_as]), file("empty", b""), file("block", bytes(512))]

    model = fetch(archive(*members, format=FORMATS[format]), tmp_path)

    assert files_below(model) == contents


def test_folders_and_modes(tmp_path):
    """Empty folders are kept, and so is who may execute a file; a later version replaces a file."""
    script, folder = file("code/serve"), link("data", "", tarfile.DIRTYPE)
    script[0].mode, folder[0].mode = 0o4777, 0
    members = [link("./", "", tarfile.DIRTYPE), folder, file("a", b"1"), script, file("a", b"2")]

    model = fetch(archive(*members), tmp_path)

    assert (model / "data").stat().st_mode & 0o777 >= 0o700
    assert (model / "code/serve").stat().st_mode & 0o7777 == 0o755
    assert (model / "a").stat().st_mode & 0o111 == 0
    assert (model / "a").read_bytes() == b"2"


@row("M3")
@pytest.mark.parametrize(
    "member",
    [
        pytest.param(file("../outside"), id="climbs"),
        pytest.param(file("a/../../../outside"), id="climbs-later"),
        pytest.param(file("a/../b"), id="climbs-within"),
        pytest.param(file("/etc/outside"), id="absolute"),
        pytest.param(extended(path="/etc/outside"), id="absolute-in-extended-header"),
        pytest.param(extended(path="../outside"), id="climbs-in-extended-header"),
        pytest.param(link("..", "", tarfile.DIRTYPE), id="folder-climbs"),
        pytest.param(link("same", "model.txt"), id="symlink-within"),
        pytest.param(link("same", "model.txt", tarfile.LNKTYPE), id="hard-link-within"),
        pytest.param(link("out", "../../outside"), id="symlink-climbs"),
        pytest.param(link("out", "/etc/passwd"), id="symlink-absolute"),
        pytest.param(link("out", "../../outside", tarfile.LNKTYPE), id="hard-link-climbs"),
        pytest.param(link("out", "a" * 200), id="link-with-long-name"),
        pytest.param(link("fifo", "", tarfile.FIFOTYPE), id="fifo"),
        pytest.param(link("device", "", tarfile.CHRTYPE), id="device"),
        pytest.param(link("device", "", tarfile.BLKTYPE), id="block-device"),
        pytest.param(link("sparse", "", tarfile.GNUTYPE_SPARSE), id="sparse"),
        pytest.param(link("other", "", b"Z"), id="unknown-kind"),
        pytest.param(extended(**{"GNU.sparse.major": "1"}), id="sparse-in-extended-header"),
        pytest.param(extended(size="-512"), id="negative-size"),
        pytest.param(extended(size="1_0"), id="odd-size"),
        pytest.param(extended(comment="x" * 70_000), id="long-extended-header"),
        pytest.param(file("a" * 300), id="name-too-long"),
        pytest.param(file("a/" * 70_000), id="much-too-long"),
        pytest.param(file("a/" * 40 + "b"), id="deep"),
        pytest.param(extended(path="a\0b"), id="name-with-null"),
        pytest.param(extended(path=""), id="no-name"),
        pytest.param(file("model.txt/below"), id="file-as-a-folder"),
        pytest.param(link("model.txt", "", tarfile.DIRTYPE), id="folder-over-a-file"),
    ],
)
def test_unsafe_archive(member, tmp_path):
    """An archive with an unsafe member is rejected, and none of its files stays."""
    (tmp_path / "outside").write_bytes(b"mine")

    with pytest.raises(ArtifactUnreadable):
        fetch(archive(file("model.txt"), member, file("later")), tmp_path)

    assert (tmp_path / "outside").read_bytes() == b"mine"
    assert list((tmp_path / "store").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "store"]


@row("M3")
def test_writing_through_a_link(tmp_path):
    """A link is refused where it stands, before a file could be written through it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    members = [link("a", str(outside)), file("a/b", b"theirs")]

    with pytest.raises(ArtifactUnreadable):
        fetch(archive(*members), tmp_path)

    assert list(outside.iterdir()) == []


WHOLE = tar(file("model.txt"))


@row("M3")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(gzip.compress(b""), id="empty"),
        pytest.param(b"not an archive", id="text"),
        pytest.param(archive(file("a"))[:30], id="cut"),
        pytest.param(archive(file("a", os.urandom(9_000)))[:-9], id="cut-late"),
        pytest.param(gzip.compress(tar(file("a", bytes(9_000)))[:5_000]), id="cut-within"),
        pytest.param(gzip.compress(WHOLE[:700]), id="cut-within-a-block"),
        pytest.param(gzip.compress(WHOLE)[:-8] + bytes(8), id="wrong-checksum"),
        pytest.param(b"\x1f\x8b" + bytes(100), id="gzip-header"),
        pytest.param(gzip.compress(WHOLE) + b"more", id="more-after-it"),
        pytest.param(WHOLE, id="not-compressed"),
        pytest.param(lzma.compress(WHOLE), id="xz"),
        pytest.param(bz2.compress(WHOLE), id="bzip2"),
        pytest.param(gzip.compress(gzip.compress(WHOLE)), id="compressed-twice"),
    ],
)
def test_file_that_is_not_an_archive(content, tmp_path):
    """Only a whole tar file compressed with gzip is read, as SageMaker does."""
    with pytest.raises(ArtifactUnreadable):
        fetch(content, tmp_path)

    assert list((tmp_path / "store").iterdir()) == []


def test_zip(tmp_path):
    """A zip file is none either."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("model.txt", "x")

    with pytest.raises(ArtifactUnreadable):
        fetch(buffer.getvalue(), tmp_path)


LIMITS = Limits(bytes=2 * MIB, small_bytes=MIB, entries=100)


@row("M3")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(archive(file("a", bytes(MIB))), id="ratio"),
        pytest.param(archive(file("a", os.urandom(2 * MIB))), id="one-file"),
        pytest.param(archive(*[file(str(n), os.urandom(MIB)) for n in range(3)]), id="files"),
        pytest.param(gzip.compress(WHOLE + bytes(3 * MIB)), id="after-the-end"),
        pytest.param(gzip.compress(header(b"0", 2**60)), id="claimed"),
        pytest.param(gzip.compress(header(b"x", 2**60)), id="claimed-by-an-extended-header"),
        pytest.param(gzip.compress(header(b"L", 2**60)), id="claimed-by-a-name"),
        pytest.param(archive(extended(size=str(2**60))), id="claimed-in-an-extended-header"),
        pytest.param(archive(*[file(str(n), b"") for n in range(101)]), id="many-files"),
        pytest.param(archive(*[file(f"{n}/" * 20 + "a") for n in range(9)]), id="many-folders"),
        pytest.param(gzip.compress(header(b"x", 0) * 300), id="many-extended-headers"),
        pytest.param(gzip.compress(header(b"L", 0) * 300), id="many-names"),
    ],
)
def test_caps(content, tmp_path):
    """What an archive becomes has a cap, and so has what it claims; no byte above it is written."""
    with pytest.raises(UnsafeArtifact):
        unpack(io.BytesIO(content), len(content), tmp_path, LIMITS)

    assert sum(len(content) for content in files_below(tmp_path).values()) <= LIMITS.bytes
    assert len(list(tmp_path.rglob("*"))) <= LIMITS.entries


@row("M3")
def test_small_archive_of_much(tmp_path):
    """An archive of 300 kB does not become 300 MB."""
    content = archive(file("a", bytes(300 * MIB)))
    assert len(content) < 320_000

    with pytest.raises(UnsafeArtifact):
        unpack(io.BytesIO(content), len(content), tmp_path)

    assert sum(map(len, files_below(tmp_path).values())) == 0


@pytest.mark.parametrize("seed", range(100))
def test_damaged_archive(seed, tmp_path):
    """A damaged archive is unpacked or rejected, and no other error is raised."""
    dice = random.Random(seed)
    format = dice.choice([*FORMATS.values()])
    damaged = bytearray(tar(file("model.txt"), file(LONG), file("code/run.py"), format=format))
    for _ in range(dice.choice([1, 3, 40])):
        damaged[dice.randrange(3000)] = dice.randrange(256)

    try:
        fetch(gzip.compress(bytes(damaged)), tmp_path)
    except ArtifactUnreadable:
        assert list((tmp_path / "store").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


class TestUncompressed:
    """An artifact that is not compressed: every object below a prefix is a file."""

    def fetch(self, tmp_path, *keys, prefix="models/"):
        s3 = FakeS3(**{key: key.encode() for key in keys})
        return fetch_from(s3, ModelData(f"s3://bucket/{prefix}", compressed=False), tmp_path)

    @pytest.mark.parametrize(
        ("prefix", "keys", "files"),
        [
            ("models/", ["models/a", "models/b/c", "models/b/", "other"], {"a", "b/c"}),
            ("models", ["models/a", "models/b/c"], {"a", "b/c"}),
            ("models/a", ["models/a"], {"a"}),
        ],
    )
    def test_files(self, prefix, keys, files, tmp_path):
        """A key without the prefix is the file's name."""
        assert files_below(self.fetch(tmp_path, *keys, prefix=prefix)).keys() == files

    @row("M3")
    @pytest.mark.parametrize(
        "key",
        [
            "models/../outside",
            "models/a/../b",
            "models//etc/outside",
            "models/a//b",
            "models/./a",
            "models/ /a",
            "models/a\0b",
            "models/ok/below",
            "models/" + "a" * 300,
            "models/" + "a/" * 40 + "b",
        ],
    )
    def test_names(self, key, tmp_path):
        """A name that SageMaker refuses is refused, and nothing stays."""
        with pytest.raises(ArtifactUnreadable):
            self.fetch(tmp_path, "models/ok", key)

        assert list((tmp_path / "store").iterdir()) == []
        assert [path.name for path in tmp_path.iterdir()] == ["store"]

    @row("M3")
    def test_size(self, tmp_path):
        """The objects together have the same cap as an archive; nothing is downloaded above it."""

        class Large(bytes):
            def __len__(self):
                return 6 * 1024**3

        s3 = FakeS3(**{"models/a": Large(), "models/b": Large()})
        with pytest.raises(ArtifactUnreadable):
            fetch_from(s3, ModelData("s3://bucket/models/", compressed=False), tmp_path)
