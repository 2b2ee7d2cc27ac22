"""`gatewayctl publish`: from a file to S3, and what is said on the way."""

import pytest

from chalicelib.routing.reading import file
from tests.support.paths import ROOT
from tests.support.publish_desk import COMPILED, KEY, Desk, digest, yaml

OLD = yaml("a", "b", "c", "d", "e")
NEW = OLD.replace("endpoint: a", "endpoint: a-next")


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
    """What lies in S3 afterwards."""

    def test_first(self, desk):
        """The file as it is, its digest, and the compiled form beside it."""
        outcome = desk.publish(OLD)
        table, compiled = desk.get(), desk.get(COMPILED)

        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err == (
            f"{desk.place}: nothing has been there before\n"
            f"{desk.place}: version {table['VersionId']}, 5 models, table {digest(OLD)[:12]}; "
            "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest\n"
        )
        assert table["Body"] == OLD.encode()
        assert table["Metadata"] == {"sha256": digest(OLD), "models": "5"}
        assert table["ContentType"] == "application/yaml"
        assert compiled["ContentType"] == "application/json"
        assert compiled["Metadata"] == {"sha256": digest(compiled["Body"].decode())}
        parsed = file.parse(OLD.encode(), "")
        assert file.from_compiled(compiled["Body"], digest(OLD)) == parsed

    def test_next(self, desk):
        """The difference on stdout; what was done and how to undo it on stderr."""
        desk.publish(OLD)
        before = desk.get()["VersionId"]
        outcome = desk.publish(NEW)
        after = desk.get()["VersionId"]

        assert (outcome.code, outcome.out) == (0, "models.a.endpoint: a → a-next\n")
        assert outcome.err == (
            "routing.yaml: 5 models, 1 changed\n"
            f"{desk.place}: version {after}, 5 models, table {digest(NEW)[:12]}; "
            "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest\n"
            f"to go back: python -m gatewayctl publish {desk.place} --back {before}\n"
        )

    def test_json(self, desk):
        """The same as data, for other programs."""
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
            "findings": [],
            "published": True,
            "version": desk.get()["VersionId"],
            "back": before,
        }

    def test_demo(self, desk):
        """The table of this repository, whose text is not all ASCII."""
        text = (ROOT / "routing.yaml").read_text(encoding="utf-8")

        assert desk.publish(text).code == 0
        assert desk.get()["Body"] == text.encode()

    def test_other_words(self, desk):
        """A remark changes nothing, and yet gateways are to say the digest of the file."""
        desk.publish(OLD)
        outcome = desk.publish(f"# a remark\n{OLD}")

        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err.startswith("routing.yaml: 5 models, the same in other words\n")
        assert desk.digest() == digest(f"# a remark\n{OLD}")


class TestNothingChanged:
    """What lies there already is not put there again."""

    def test_at_all(self, desk):
        """Neither of the two objects is touched."""
        desk.publish(OLD)
        before = [desk.get(key)["VersionId"] for key in (KEY, COMPILED)]
        outcome = desk.publish(OLD)

        line = f"{desk.place}: nothing changed; table {digest(OLD)[:12]} is live\n"
        assert outcome == (0, "", line)
        assert [desk.get(key)["VersionId"] for key in (KEY, COMPILED)] == before

    @pytest.mark.parametrize(
        "harm",
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
    def test_but_the_compiled_form(self, desk, harm):
        """It is mended, and the table is left alone."""
        desk.publish(OLD)
        before = desk.get()["VersionId"]
        harm(desk)
        dry, wet = desk.publish(OLD, "--dry-run"), desk.publish(OLD)

        assert wet.code == 0
        what = "and its compiled form is missing or of another table"
        assert dry.err.endswith(f"is live, {what}\ndry run: nothing was uploaded\n")
        assert wet.err.endswith(f"is live, {what}\nthe compiled form was made anew\n")
        assert desk.get()["VersionId"] == before
        assert file.from_compiled(desk.get(COMPILED)["Body"], digest(OLD)) is not None

    def test_but_the_digest(self, desk):
        """The right table without its digest is not live: gateways do not take it."""
        desk.publish(OLD)
        desk.put(OLD)
        outcome = desk.publish(OLD)

        assert outcome.code == 0
        assert outcome.err.startswith(
            f"{desk.place}: no gateway takes what lies there: its metadata has no sha256; "
            "use gatewayctl publish; compared with version "
        )
        assert desk.digest() == digest(OLD)


class TestNoVersions:
    """A bucket that keeps none."""

    def test_warning(self, unversioned):
        """There is no going back, and how to change that for next time."""
        unversioned.publish(OLD)
        outcome = unversioned.publish(NEW)

        assert outcome.code == 0
        assert outcome.err.splitlines()[1:] == [
            f"{unversioned.place}: published, 5 models, table {digest(NEW)[:12]}; "
            "gateways have it after GATEWAY_ROUTING_MAX_AGE at the latest",
            "warning: the bucket keeps no versions, so there is no going back; turn them on: "
            f"aws s3api put-bucket-versioning --bucket {unversioned.bucket} "
            "--versioning-configuration Status=Enabled",
        ]

    def test_suspended(self, desk):
        """So is one that has stopped to keep them."""
        desk.publish(OLD)
        desk.s3.put_bucket_versioning(
            Bucket=desk.bucket, VersioningConfiguration={"Status": "Suspended"}
        )

        assert "warning: the bucket keeps no versions" in desk.publish(NEW).err

    def test_turned_on(self, unversioned):
        """The last table from before has a version too, which S3 calls null."""
        unversioned.publish(OLD)
        unversioned.turn_on_versions()

        assert unversioned.publish(NEW).err.endswith(" --back null\n")
