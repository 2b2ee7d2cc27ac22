"""What `gatewayctl publish` does not let through, and how it is tried first."""

import pytest

from tests.support.publish_desk import COMPILED, KEY, Desk, digest, yaml

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


class TestRefused:
    """What no gateway would take is not uploaded; all that is wrong is said."""

    def untouched(self, desk):
        return desk.digest() == digest(OLD) and len(desk.run("--list").out.splitlines()) == 2

    def test_bad_table(self, desk):
        """Its findings are those of `validate`."""
        desk.publish(OLD)

        assert desk.publish(BROKEN) == (1, FINDINGS, "")
        assert self.untouched(desk)

    def test_bad_table_needs_no_aws(self, desk):
        """They are found before anybody asks for a region or a credential."""
        desk.url = "http://127.0.0.1:1"

        assert desk.publish(BROKEN) == (1, FINDINGS, "")

    def test_too_few(self, desk):
        """The rule is the gateway's own; the difference is shown all the same."""
        desk.publish(OLD)
        outcome = desk.publish(FEWER)

        assert outcome.code == 1
        assert outcome.out.splitlines() == [
            *(f"models.{name}: removed, kind single, endpoint {name}" for name in "bcde"),
            f"routing.yaml: {GONE}",
        ]
        assert outcome.err == "routing.yaml: 1 models, 4 removed\nnothing was published\n"
        assert self.untouched(desk)

    def test_too_few_as_data(self, desk):
        """So that a pipeline can show it."""
        desk.publish(OLD)
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

    def test_fewer_are_meant(self, desk):
        """A table that says so may lose all the others; the next one had better not say it."""
        desk.publish(OLD)
        outcome = desk.publish(yaml("a", more="allow_shrink: true\n"))

        assert outcome.code == 0
        assert "allow_shrink: false → true" in outcome.out
        assert (
            "warning: allow_shrink: true lets every later table lose models too; take it out soon"
            in outcome.err
        )

    @pytest.mark.parametrize(
        ("harm", "why"),
        [
            pytest.param(
                lambda desk: desk.put(FEWER),
                "no gateway takes what lies there: its metadata has no sha256; "
                "use gatewayctl publish",
                id="by-hand",
            ),
            pytest.param(
                lambda desk: desk.put(NEW[:40], sha256=digest(NEW)),
                "no gateway takes what lies there: it is not what the sha256 in its metadata says",
                id="in-part",
            ),
            pytest.param(
                lambda desk: desk.put("version: 2", sha256=digest("version: 2")),
                "no gateway takes what lies there: it is no table by the rules of today",
                id="no-table",
            ),
            pytest.param(lambda desk: desk.delete(), "it was deleted", id="deleted"),
        ],
    )
    def test_too_few_beside_a_bad_one(self, desk, harm, why):
        """Running gateways have the last good table, so that is what a new one is compared with."""
        desk.publish(OLD)
        version = desk.get()["VersionId"]
        harm(desk)
        outcome = desk.publish(FEWER)

        assert outcome.code == 1
        assert GONE in outcome.out
        assert outcome.err.startswith(f"{desk.place}: {why}; compared with version {version}\n")
        mended = desk.publish(NEW)
        assert (mended.code, mended.out) == (0, "models.a.endpoint: a → a-next\n")
        assert f"--back {version}\n" in mended.err

    def test_nothing_good_was_ever_there(self, desk):
        """There is nothing to compare with, and nothing to go back to."""
        desk.put("version: 2")
        outcome = desk.publish(OLD)

        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err.splitlines()[0].endswith("; compared with nothing")
        assert "--back" not in outcome.err


class TestDryRun:
    """Everything is checked and shown, and nothing is uploaded."""

    def test_good(self, desk):
        """The changes, and that it was only a try."""
        desk.publish(OLD)
        before = [desk.get(key)["VersionId"] for key in (KEY, COMPILED)]
        outcome = desk.publish(NEW, "--dry-run")

        assert outcome == (
            0,
            "models.a.endpoint: a → a-next\n",
            "routing.yaml: 5 models, 1 changed\ndry run: nothing was uploaded\n",
        )
        assert [desk.get(key)["VersionId"] for key in (KEY, COMPILED)] == before

    def test_refused(self, desk):
        """A pipeline can let it decide."""
        desk.publish(OLD)

        assert desk.publish(FEWER, "--dry-run").code == 1
