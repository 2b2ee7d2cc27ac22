"""What AWS does not let `gatewayctl publish` do, and what to do about it."""

import pytest

from tests.support.publish_desk import COMPILED, KEY, Desk, denied, digest, yaml

OLD = yaml("a", "b", "c", "d", "e")
NEW = OLD.replace("endpoint: a", "endpoint: a-next")


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        pytest.param("GetObject", KEY, id="get-table"),
        pytest.param("GetObject", COMPILED, id="get-compiled"),
        pytest.param("PutObject", COMPILED, id="put-compiled"),
        pytest.param("PutObject", KEY, id="put-table"),
    ],
)
def test_permission(desk, operation, key):
    """The action that is missing, and on what."""
    desk.publish(OLD)
    desk.before(operation, key, denied)
    outcome = desk.publish(NEW)

    bucket = f"arn:aws:s3:::{desk.bucket}"
    denied_to_us = f"Amazon S3 denies s3:{operation} on {bucket}/{key}; allow it"
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith(f"gatewayctl publish: {denied_to_us}")
    assert (f"s3:ListBucket on {bucket}" in outcome.err) is (operation == "GetObject")
    assert desk.digest() == digest(OLD)


def test_permission_to_list(desk):
    """The same for versions."""
    desk.publish(OLD)
    desk.before("ListObjectVersions", "", denied)
    outcome = desk.run("--list")

    assert outcome.code == 3
    assert f"denies s3:ListBucketVersions on arn:aws:s3:::{desk.bucket}; " in outcome.err


def test_no_bucket(desk):
    """A wrong name is wrong use."""
    outcome = desk.run("--list", place="s3://nobodys-bucket/routing.yaml")

    assert outcome == (
        2,
        "",
        "gatewayctl publish: there is no bucket nobodys-bucket; correct it, or make one\n",
    )


def test_away(desk):
    """Nobody there is 3, with what to check."""
    desk.url = "http://127.0.0.1:1"
    outcome = desk.publish(OLD)

    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("gatewayctl publish: Amazon S3 cannot be reached (")
    assert outcome.err.endswith("; check the network, the region and AWS_ENDPOINT_URL\n")


def test_wrong_use(desk):
    """--back and --table name two tables; --back and --list are two commands."""
    assert desk.publish(OLD, "--back", "x") == (
        2,
        "",
        "gatewayctl publish: --back takes the table from the bucket; leave out --table\n",
    )
    outcome = desk.run("--list", "--back", "x")
    assert outcome.code == 2
    assert outcome.err == (
        "gatewayctl publish: --list and --back cannot be combined; give one of them\n"
    )
