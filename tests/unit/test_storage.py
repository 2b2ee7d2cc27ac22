"""Objects with any key and any metadata in the folder of `--data`, and back."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends

from sagemaker_local.storage.buckets import Buckets
from sagemaker_local.storage.folder import DataFolder, Name
from tests.support.profile import LONG

ACCOUNT, BUCKET = "222222222222", "round-trip"
MOTO = DomainDispatcherApplication(create_backend_app)

PARTS = st.sampled_from(
    ["..", ".", "/", "\\", "\n", "\r", "\0", "~", "%2e", ".json", "é", "a" * 300]
)
KEYS = st.one_of(st.text(min_size=1, max_size=200), st.lists(PARTS, min_size=1).map("".join))
OBJECTS = st.dictionaries(
    KEYS, st.tuples(st.binary(max_size=50), st.dictionaries(KEYS.map(str.lower), st.text()))
)


def read(bucket):
    return {
        key.name: (key.value, dict(key.metadata), key.etag, key.last_modified, key.version_id)
        for key in bucket.keys.values()
    }


def reset():
    """Forget everything of this account; other tests may use moto, too."""
    backend = s3_backends[ACCOUNT]["aws"]
    bucket = backend.buckets.get(BUCKET)
    for key in list(bucket.keys) if bucket else ():
        bucket.keys.pop(key)
    if bucket:
        backend.delete_bucket(BUCKET)
    return backend


@settings(max_examples=500 if LONG else 20, deadline=None)
@given(OBJECTS)
def test_round_trip(objects):
    """Every object is there again, and no file is outside the folder."""
    backend = reset()
    bucket = backend.create_bucket(BUCKET, "us-east-1")
    for name, (value, metadata) in objects.items():
        key = backend.put_object(BUCKET, name, value)
        key.set_metadata(dict(metadata))
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent) / "data"
        folder = DataFolder.open(path)
        Buckets(folder, MOTO).save(settings=True, is_written=lambda: False)
        expected = read(bucket)
        folder.close()
        reset()

        folder = DataFolder.open(path)
        Buckets(folder, MOTO).restore()
        found = read(backend.get_bucket(BUCKET))
        folder.close()

        assert [entry.name for entry in Path(parent).iterdir()] == ["data"]
        assert {len(entry.relative_to(path).parts) for entry in path.rglob("*")} <= {1, 2}
    reset()
    assert found == expected


@given(st.lists(KEYS, unique=True))
def test_names(texts):
    """Different texts have different files, also where names differ in case only."""
    files = [Name("object", text).file for text in texts]

    assert len({file.lower() for file in files}) == len(texts)
    assert all(file.isascii() and file.count("/") == 1 and len(file) < 150 for file in files)
