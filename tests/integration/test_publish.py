"""`gatewayctl publish`: what it stores in S3, what it prints, and what it refuses."""

import re
from pathlib import Path

import pytest

from chalicelib.routing.reading import file
from gatewayctl.publishing import store
from tests.support.paths import ROOT
from tests.support.publish_desk import COMPILED, KEY, Desk, denied, digest, yaml

OLD = yaml("a", "b", "c", "d", "e")
NEW = OLD.replace("endpoint: a", "endpoint: a-next")
FEWER = yaml("a")
BROKEN = "version: 1\nmodels:\n  a:\n    kind: single\n    endpont: e\n"
FINDINGS = (
    "routing.yaml:3: models.a.endpoint: missing; kind single needs it\n"
    "routing.yaml:5: models.a.endpont: unknown key; did you mean endpoint?\n"
)
GONE = (
    "models: 4 of 5 models are gone (b, c, d, …), which is more than a fifth; "
    "say allow_shrink: true if that is meant"
)


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


@pytest.fixture(name="unversioned")
def _unversioned(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path, versioned=False)
    yield desk
    desk.close()


class TestPublished:
    """What is stored, and what is printed about it."""

    def test_first(self, desk):
        """The table is stored as it is, with its digest, and the compiled form beside it."""
        outcome = desk.publish(OLD)
        table, compiled = desk.get(), desk.get(COMPILED)

        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err == (
            f"{desk.place}: no table was stored there before\n"
            f"{desk.place}: version {table['VersionId']}, 5 models, table {digest(OLD)[:12]}; "
            "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest\n"
        )
        assert table["Body"] == OLD.encode()
        content = file.content_digest(compiled["Body"])
        assert table["Metadata"] == {
            "sha256": digest(OLD),
            "models": "5",
            "compiled-sha256": content,
            "author": desk.author,
        }
        assert table["ContentType"] == "application/yaml"
        assert compiled["ContentType"] == "application/json"
        assert compiled["Metadata"] == {"sha256": digest(compiled["Body"].decode())}
        parsed = file.parse(OLD.encode(), "")
        assert file.from_compiled(compiled["Body"], digest(OLD), content) == parsed

    def test_next(self, desk):
        """Changes go to stdout; what was done and how to undo it goes to stderr."""
        desk.publish(OLD)
        before = desk.get()["VersionId"]
        outcome = desk.publish(NEW)
        after = desk.get()["VersionId"]

        assert (outcome.code, outcome.out) == (0, "models.a.endpoint: a → a-next\n")
        assert outcome.err == (
            "routing.yaml: 5 models, 1 changed\n"
            f"{desk.place}: version {after}, 5 models, table {digest(NEW)[:12]}; "
            "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest\n"
            f"to go back: gatewayctl publish {desk.place} --back {before}\n"
        )

    def test_json(self, desk):
        """`--format json` prints the same as data."""
        desk.publish(OLD)
        before = desk.get()["VersionId"]
        outcome = desk.publish(NEW, "--format", "json")

        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.data == {
            "location": desk.place,
            "sha256": digest(NEW),
            "models": 5,
            "replaces": digest(OLD),
            "changes": [
                {
                    "path": "models.a.endpoint",
                    "change": "changed",
                    "old": "a",
                    "new": "a-next",
                }
            ],
            "keys": {"emptied": [], "compared": [], "not_compared": []},
            "findings": [],
            "published": True,
            "version": desk.get()["VersionId"],
            "back": before,
        }

    def test_demo(self, desk):
        """A table that is not all ASCII is stored byte for byte."""
        text = (ROOT / "routing.yaml").read_text(encoding="utf-8")

        assert desk.publish(text).code == 0
        assert desk.get()["Body"] == text.encode()

    def test_comment(self, desk):
        """A table with only another comment is published, because GET /health shows its digest."""
        desk.publish(OLD)
        outcome = desk.publish(f"# a remark\n{OLD}")

        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err.startswith("routing.yaml: 5 models, no value changed\n")
        assert desk.digest() == digest(f"# a remark\n{OLD}")


class TestNothingChanged:
    """A table that is live already is not stored again."""

    def test_unchanged(self, desk):
        """Neither of the two objects is stored again."""
        desk.publish(OLD)
        before = [desk.get(key)["VersionId"] for key in (KEY, COMPILED)]
        outcome = desk.publish(OLD)

        line = f"{desk.place}: nothing changed; table {digest(OLD)[:12]} is live\n"
        assert outcome == (0, "", line)
        assert [desk.get(key)["VersionId"] for key in (KEY, COMPILED)] == before

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda desk: desk.delete(COMPILED), id="gone"),
            pytest.param(lambda desk: desk.put("{}", COMPILED), id="no-digest"),
            pytest.param(
                lambda desk: desk.put(
                    (text := file.compiled(file.parse(NEW.encode(), "")).decode()),
                    COMPILED,
                    sha256=digest(text),
                ),
                id="of-another-table",
            ),
        ],
    )
    def test_except_the_compiled_form(self, desk, change):
        """A missing or wrong compiled form is replaced, and the table is left alone."""
        desk.publish(OLD)
        before = desk.get()["VersionId"]
        change(desk)
        dry, wet = desk.publish(OLD, "--dry-run"), desk.publish(OLD)

        assert wet.code == 0
        what = "and its compiled form is missing or not the one that it names"
        assert dry.err.endswith(f"is live, {what}\ndry run: nothing was uploaded\n")
        assert wet.err.endswith(f"is live, {what}\nthe compiled form was written again\n")
        assert desk.get()["VersionId"] == before
        assert desk.is_compiled(OLD)

    def test_except_the_digest_of_the_compiled_form(self, desk):
        """A table that names no compiled form, or another one, is stored again."""
        for more in ({}, {"compiled-sha256": "0" * 64}):
            desk.publish(OLD)
            before = desk.put(OLD, sha256=digest(OLD), **more)
            outcome = desk.publish(OLD)

            assert outcome.code == 0
            assert outcome.err.endswith("the compiled form was written again\n")
            assert desk.get()["VersionId"] != before
            assert desk.is_compiled(OLD)
            assert "nothing changed" in desk.publish(OLD).err

    def test_except_the_digest(self, desk):
        """A table without a digest is not live, because gateways refuse it."""
        desk.publish(OLD)
        desk.put(OLD)
        outcome = desk.publish(OLD)

        assert outcome.code == 0
        assert outcome.err.startswith(
            f"{desk.place}: no gateway would use the stored table: its metadata has no sha256; "
            "use gatewayctl publish; compared with version "
        )
        assert desk.digest() == digest(OLD)


class TestNoVersions:
    """A bucket without versions."""

    def test_warning(self, unversioned):
        """A warning says that there is no way back, and how to turn versions on."""
        unversioned.publish(OLD)
        outcome = unversioned.publish(NEW)

        assert outcome.code == 0
        assert outcome.err.splitlines()[1:] == [
            f"{unversioned.place}: published, 5 models, table {digest(NEW)[:12]}; "
            "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest",
            "warning: the bucket keeps no versions, so you cannot go back; turn them on: "
            f"aws s3api put-bucket-versioning --bucket {unversioned.bucket} "
            "--versioning-configuration Status=Enabled",
        ]

    def test_suspended(self, desk):
        """A bucket whose versions are suspended gets the same warning."""
        desk.publish(OLD)
        desk.s3.put_bucket_versioning(
            Bucket=desk.bucket, VersioningConfiguration={"Status": "Suspended"}
        )

        assert "warning: the bucket keeps no versions" in desk.publish(NEW).err

    def test_turned_on(self, unversioned):
        """The table from before versions were turned on has the version null."""
        unversioned.publish(OLD)
        unversioned.turn_on_versions()

        assert unversioned.publish(NEW).err.endswith(" --back null\n")


class TestRefused:
    """A table that gateways would refuse is not uploaded."""

    def untouched(self, desk):
        return desk.digest() == digest(OLD) and len(desk.run("--list").out.splitlines()) == 2

    def test_bad_table(self, desk):
        """The findings of a bad table are those of `validate`; AWS is not called."""
        desk.publish(OLD)

        assert desk.publish(BROKEN) == (1, FINDINGS, "")
        assert self.untouched(desk)
        desk.url = "http://127.0.0.1:1"
        assert desk.publish(BROKEN) == (1, FINDINGS, "")

    def test_too_few(self, desk):
        """A table that loses too many models is refused; the changes are printed."""
        desk.publish(OLD)
        outcome = desk.publish(FEWER)

        assert outcome.code == 1
        assert outcome.out.splitlines() == [
            *(f"models.{name}: removed, kind single, endpoint {name}" for name in "bcde"),
            f"routing.yaml: {GONE}",
        ]
        assert outcome.err.startswith("routing.yaml: 1 model, 4 removed\n")
        assert outcome.err.endswith("\nnothing was published\n")
        assert self.untouched(desk)
        assert desk.publish(FEWER, "--dry-run").code == 1
        data = desk.publish(FEWER, "--format", "json").data

        assert data["findings"] == [
            {
                "file": "routing.yaml",
                "line": None,
                "path": "models",
                "severity": "error",
                "text": GONE.removeprefix("models: "),
            }
        ]
        assert data["published"] is False
        assert len(data["changes"]) == 4

    def test_allow_shrink(self, desk):
        """With allow_shrink the table may lose models, and a warning says to remove it again."""
        desk.publish(OLD)
        outcome = desk.publish(yaml("a", more="allow_shrink: true\n"))

        assert outcome.code == 0
        assert "allow_shrink: false → true" in outcome.out
        assert (
            "warning: allow_shrink: true lets every later table lose models too; remove it soon"
            in outcome.err
        )

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            pytest.param(
                lambda desk: desk.put(FEWER),
                "no gateway would use the stored table: its metadata has no sha256; "
                "use gatewayctl publish",
                id="by-hand",
            ),
            pytest.param(
                lambda desk: desk.put(NEW[:40], sha256=digest(NEW)),
                "no gateway would use the stored table: "
                "it is not what the sha256 in its metadata says",
                id="in-part",
            ),
            pytest.param(
                lambda desk: desk.put("version: 2", sha256=digest("version: 2")),
                "no gateway would use the stored table: it is not a valid table",
                id="no-table",
            ),
            pytest.param(lambda desk: desk.delete(), "it was deleted", id="deleted"),
        ],
    )
    def test_last_good_version(self, desk, change, reason):
        """A new table is compared with the last good version, which running gateways have."""
        desk.publish(OLD)
        version = desk.get()["VersionId"]
        change(desk)
        outcome = desk.publish(FEWER)

        assert outcome.code == 1
        assert GONE in outcome.out
        assert outcome.err.startswith(f"{desk.place}: {reason}; compared with version {version}\n")
        mended = desk.publish(NEW)
        assert (mended.code, mended.out) == (0, "models.a.endpoint: a → a-next\n")
        assert f"--back {version}\n" in mended.err

    def test_no_good_version(self, desk):
        """Without any earlier good table there is nothing to compare with or go back to."""
        desk.put("version: 2")
        outcome = desk.publish(OLD)

        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err.splitlines()[0].endswith("; compared with nothing")
        assert "--back" not in outcome.err


class TestDryRun:
    """--dry-run checks and prints everything, and uploads nothing."""

    def test_good(self, desk):
        """The changes are printed, and that nothing was uploaded."""
        desk.publish(OLD)
        before = [desk.get(key)["VersionId"] for key in (KEY, COMPILED)]
        outcome = desk.publish(NEW, "--dry-run")

        assert outcome == (
            0,
            "models.a.endpoint: a → a-next\n",
            "routing.yaml: 5 models, 1 changed\ndry run: nothing was uploaded\n",
        )
        assert [desk.get(key)["VersionId"] for key in (KEY, COMPILED)] == before


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
    """The missing action and its resource are named; the live table stays."""
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
    """The permission to list versions is named as well."""
    desk.publish(OLD)
    desk.before("ListObjectVersions", "", denied)
    outcome = desk.run("--list")

    assert outcome.code == 3
    assert f"denies s3:ListBucketVersions on arn:aws:s3:::{desk.bucket}; " in outcome.err


def test_no_bucket(desk):
    """A bucket that does not exist is wrong use."""
    outcome = desk.run("--list", place="s3://nobodys-bucket/routing.yaml")

    assert outcome == (
        2,
        "",
        "gatewayctl publish: there is no bucket nobodys-bucket; correct the name, or create it\n",
    )


def test_not_reachable(desk):
    """If S3 cannot be reached, the exit code is 3, and the line says what to check."""
    desk.url = "http://127.0.0.1:1"
    outcome = desk.publish(OLD)

    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("gatewayctl publish: Amazon S3 cannot be reached (")
    assert outcome.err.endswith("; check the network, the region and AWS_ENDPOINT_URL\n")


def test_wrong_use(desk):
    """--back excludes --table and --list."""
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


def test_documented_permissions():
    """The IAM policy of docs/tables-in-s3.md has the actions that the command calls."""
    page = (ROOT / "docs/tables-in-s3.md").read_text(encoding="utf-8")
    source = Path(store.__file__).read_text(encoding="utf-8")
    documented, called = (set(re.findall(r'"(s3:\w+)"', text)) for text in (page, source))

    assert documented == called | {"s3:ListBucket"}
