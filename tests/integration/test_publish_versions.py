"""`gatewayctl publish --list` and `--back`: tables that were live before."""

import re
import subprocess

import pytest

from chalicelib.routing.reading import file
from tests.support.publish_desk import COMPILED, KEY, Desk, digest, yaml

FIRST = yaml("a", "b", "c", "d", "e")
SECOND = FIRST.replace("endpoint: a", "endpoint: a-next")
THIRD = yaml("a", "b", "c", "d", "e", "f", "g")


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


def published(desk, *tables):
    """The version of each."""
    return [desk.publish(table, "--format", "json").data["version"] for table in tables]


class TestBack:
    """An earlier table becomes the newest one."""

    def test_back(self, desk):
        """With its own digest, and its compiled form made anew."""
        first, second = published(desk, FIRST, SECOND)
        outcome = desk.run("--back", first)

        assert (outcome.code, outcome.out) == (0, "models.a.endpoint: a-next → a\n")
        assert f"to go back: gatewayctl publish {desk.place} --back {second}\n" in (outcome.err)
        assert desk.get()["Body"] == FIRST.encode()
        assert desk.get()["VersionId"] not in {first, second}
        assert file.from_compiled(desk.get(COMPILED)["Body"], digest(FIRST)) is not None

    def test_and_forth(self, desk):
        """The way back that was printed can be walked."""
        first, _ = published(desk, FIRST, SECOND)
        there = desk.run("--back", first)
        (back,) = re.findall(r"--back (\S+)\n", there.err)

        assert desk.run("--back", back).out == "models.a.endpoint: a → a-next\n"
        assert desk.get()["Body"] == SECOND.encode()

    def test_dry_run(self, desk):
        """It can be looked at first."""
        first, _ = published(desk, FIRST, SECOND)

        assert desk.run("--back", first, "--dry-run").out == "models.a.endpoint: a-next → a\n"
        assert desk.get()["Body"] == SECOND.encode()

    def test_to_what_is_live(self, desk):
        """Nothing changes."""
        (version,) = published(desk, FIRST)

        assert "nothing changed" in desk.run("--back", version).err

    def test_after_a_deletion(self, desk):
        """A table that somebody deleted comes back."""
        (version,) = published(desk, FIRST)
        desk.delete()

        assert desk.run("--back", version).code == 0
        assert desk.get()["Body"] == FIRST.encode()

    def test_rules_of_today(self, desk):
        """What was a table once need not be one now."""
        old = "version: 0\n"
        version = desk.put(old, sha256=digest(old))
        published(desk, FIRST)
        outcome = desk.run("--back", version)

        where = f"{desk.place} as of {version}"
        assert outcome.code == 1
        assert outcome.out.splitlines() == [
            f"{where}:1: version: must be 1, the only version that there is, not 0",
            f"{where}:1: models: missing; a table has at least one model",
        ]
        assert desk.get()["Body"] == FIRST.encode()

    def test_too_few(self, desk):
        """Gateways would refuse it like any other; the way out is printed, and leads there."""
        first, _ = published(desk, FIRST, THIRD)
        outcome = desk.run("--back", first)

        assert outcome.code == 1
        assert "2 of 7 models are gone (f, g), which is more than a fifth" in outcome.out
        assert outcome.err.splitlines()[-1] == (
            f"to go back all the same: aws s3api get-object --bucket {desk.bucket} --key {KEY} "
            f"--version-id {first} earlier.yaml && "
            r"printf '\nallow_shrink: true\n' >> earlier.yaml && "
            f"gatewayctl publish {desk.place} --table earlier.yaml"
        )
        assert desk.get()["Body"] == THIRD.encode()
        earlier = desk.s3.get_object(Bucket=desk.bucket, Key=KEY, VersionId=first)["Body"].read()
        (desk.folder / "earlier.yaml").write_bytes(earlier)
        printf = outcome.err.partition(" && ")[2].partition(" && ")[0]
        subprocess.run(printf, shell=True, cwd=desk.folder, check=True)
        assert desk.run("--table", "earlier.yaml").code == 0

    @pytest.mark.parametrize(
        ("metadata", "flaw"),
        [
            pytest.param({}, "its metadata has no sha256; use gatewayctl publish", id="none"),
            pytest.param(
                {"sha256": "0" * 64},
                "it is not what the sha256 in its metadata says",
                id="of-another",
            ),
        ],
    )
    def test_not_vouched_for(self, desk, metadata, flaw):
        """A version that may be there in part only is not taken without a look at it."""
        version = desk.put(SECOND, **metadata)
        published(desk, FIRST)
        outcome = desk.run("--back", version)

        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err == (
            f"gatewayctl publish: {desk.place} as of {version}: {flaw}; if it is right "
            f"all the same: aws s3api get-object --bucket {desk.bucket} --key {KEY} "
            f"--version-id {version} earlier.yaml && "
            f"gatewayctl publish {desk.place} --table earlier.yaml\n"
        )

    @pytest.mark.parametrize("what", ["nonsense", "a deletion"])
    def test_no_version(self, desk, what):
        """There is nothing to go back to."""
        published(desk, FIRST)
        version = what
        if what == "a deletion":
            version = desk.s3.delete_object(Bucket=desk.bucket, Key=KEY)["VersionId"]

        assert desk.run("--back", version) == (
            1,
            "",
            f"gatewayctl publish: {desk.place} has no version {version}; "
            "--list shows those that it has\n",
        )


class TestList:
    """What there is to go back to."""

    def test_versions(self, desk):
        """The newest first, the live one marked; a longer key is another table."""
        first, second = published(desk, FIRST, SECOND)
        desk.put("else", f"{KEY}.bak")
        outcome = desk.run("--list")
        lines = [line.split() for line in outcome.out.splitlines()]

        assert outcome.code == 0
        assert lines[0] == ["version", "date", "table", "models"]
        assert [(line[0], *line[2:]) for line in lines[1:]] == [
            (second, digest(SECOND)[:12], "5", "live"),
            (first, digest(FIRST)[:12], "5"),
        ]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line[1]) for line in lines[1:])
        assert outcome.err.startswith(f"{desk.place}: 2 versions, ")

    def test_json(self, desk):
        """The same as data; a version that was put there by hand has neither."""
        (first,) = published(desk, FIRST)
        second = desk.put(SECOND)
        data = desk.run("--list", "--format", "json").data
        dates = [one.pop("date") for one in data["versions"]]

        assert dates == sorted(dates, reverse=True)
        assert data == {
            "location": desk.place,
            "versions": [
                {"version": second, "sha256": None, "models": None, "live": True},
                {"version": first, "sha256": digest(FIRST), "models": 5, "live": False},
            ],
        }

    def test_by_hand(self, desk):
        """It says so where nobody knows."""
        version = desk.put(SECOND)

        assert desk.run("--list").out.splitlines()[1].split()[2:] == ["none", "unknown", "live"]
        assert version

    def test_nothing(self, desk):
        """A place where there never was a table."""
        assert desk.run("--list") == (
            0,
            "",
            f"{desk.place}: 0 versions, of at most 20 that are looked at\n"
            f"{desk.place}: nothing lies there now\n",
        )

    def test_deleted(self, desk):
        """Versions outlive their table."""
        published(desk, FIRST)
        desk.delete()
        outcome = desk.run("--list")

        assert len(outcome.out.splitlines()) == 2
        assert outcome.err.endswith(": nothing lies there now\n")

    def test_many(self, desk):
        """The oldest of many are left out."""
        for number in range(25):
            desk.put(str(number), sha256=digest(str(number)))
        outcome = desk.run("--list")

        assert len(outcome.out.splitlines()) == 1 + 20
        assert digest("24")[:12] in outcome.out.splitlines()[1]
