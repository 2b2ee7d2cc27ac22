"""`gatewayctl publish --list` and `--back`: earlier versions of a table."""

import re
import subprocess

import pytest

from tests.support.publish_desk import KEY, Desk, digest, yaml

FIRST = yaml("a", "b", "c", "d", "e")
SECOND = FIRST.replace("endpoint: a", "endpoint: a-next")
THIRD = yaml("a", "b", "c", "d", "e", "f", "g")


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


def published(desk, *tables):
    """Publish tables, and return their versions."""
    return [desk.publish(table, "--format", "json").data["version"] for table in tables]


class TestBack:
    """`--back` publishes the table of an earlier version again."""

    def test_back(self, desk):
        """The earlier table is stored as a new version; the printed way back leads back."""
        first, second = published(desk, FIRST, SECOND)
        outcome = desk.run("--back", first)

        assert (outcome.code, outcome.out) == (0, "models.a.endpoint: a-next → a\n")
        assert f"to go back: gatewayctl publish {desk.place} --back {second}\n" in (outcome.err)
        assert desk.get()["Body"] == FIRST.encode()
        assert desk.get()["VersionId"] not in {first, second}
        assert desk.is_compiled(FIRST)
        (back,) = re.findall(r"--back (\S+)\n", outcome.err)
        assert desk.run("--back", back).out == "models.a.endpoint: a → a-next\n"
        assert desk.get()["Body"] == SECOND.encode()

    def test_after_a_deletion(self, desk):
        """A deleted table can be published again."""
        (version,) = published(desk, FIRST)
        desk.delete()

        assert desk.run("--back", version).code == 0
        assert desk.get()["Body"] == FIRST.encode()

    def test_rules_of_today(self, desk):
        """A version that is not a table by today's rules is refused."""
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
        """A smaller table is refused; the printed commands publish it with allow_shrink."""
        first, _ = published(desk, FIRST, THIRD)
        outcome = desk.run("--back", first)

        assert outcome.code == 1
        assert "2 of 7 models are gone (f, g), which is more than a fifth" in outcome.out
        assert outcome.err.splitlines()[-1] == (
            f"to go back anyway: aws s3api get-object --bucket {desk.bucket} --key {KEY} "
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
        ("metadata", "problem"),
        [
            pytest.param({}, "its metadata has no sha256; use gatewayctl publish", id="none"),
            pytest.param(
                {"sha256": "0" * 64},
                "it is not what the sha256 in its metadata says",
                id="of-another",
            ),
        ],
    )
    def test_without_digest(self, desk, metadata, problem):
        """A version without a correct digest is refused; the printed commands publish it."""
        version = desk.put(SECOND, **metadata)
        published(desk, FIRST)
        outcome = desk.run("--back", version)

        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err == (
            f"gatewayctl publish: {desk.place} as of {version}: {problem}; to publish it "
            f"anyway: aws s3api get-object --bucket {desk.bucket} --key {KEY} "
            f"--version-id {version} earlier.yaml && "
            f"gatewayctl publish {desk.place} --table earlier.yaml\n"
        )

    @pytest.mark.parametrize("what", ["nonsense", "a deletion"])
    def test_no_version(self, desk, what):
        """A version that does not exist, or is a deletion, is refused."""
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
    """`--list` shows the newest versions."""

    def test_versions(self, desk):
        """The newest version comes first and the live one is marked; other keys are not listed."""
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
        assert outcome.err.startswith(f"{desk.place}: 2 versions; ")

    def test_json(self, desk):
        """`--format json` prints the same; an upload without gatewayctl has no digest."""
        (first,) = published(desk, FIRST)
        second = desk.put(SECOND)
        assert desk.run("--list").out.splitlines()[1].split()[2:] == ["none", "unknown", "live"]
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

    def test_nothing(self, desk):
        """A place without a table, or whose table was deleted, has no live version."""
        assert desk.run("--list") == (
            0,
            "",
            f"{desk.place}: 0 versions; at most 20 are listed\n"
            f"{desk.place}: no table is stored there now\n",
        )
        published(desk, FIRST)
        desk.delete()
        outcome = desk.run("--list")
        assert len(outcome.out.splitlines()) == 2
        assert outcome.err.endswith(": no table is stored there now\n")

    def test_many(self, desk):
        """At most 20 versions are listed."""
        for number in range(25):
            desk.put(str(number), sha256=digest(str(number)))
        outcome = desk.run("--list")

        assert len(outcome.out.splitlines()) == 1 + 20
        assert digest("24")[:12] in outcome.out.splitlines()[1]
