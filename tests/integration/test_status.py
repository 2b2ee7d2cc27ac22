"""`gatewayctl status` beside a bucket and a secret: the published table, and the API keys."""

import json
import re
import time

import pytest

from gatewayctl.api_keys import timestamp
from gatewayctl.command import Dependencies
from tests.support.command_line import gatewayctl
from tests.support.http_server import StubServer, response
from tests.support.publish_desk import Desk, digest, yaml

OLD, NEW = yaml("a", "b", "c", "d", "e"), yaml("a", "b", "c", "d", "e", "f")
DAY = 86_400


@pytest.fixture(name="desk")
def _desk(sagemaker_local, tmp_path):
    desk = Desk(sagemaker_local, tmp_path)
    yield desk
    desk.close()


@pytest.fixture(name="run")
def _run(desk):
    """Run the command for a gateway that answers `/health` as this one does."""
    secret = f"status/{desk.bucket}"
    settings = {"GATEWAY_ROUTING": desk.place, "GATEWAY_KEYS_SECRET": secret}
    config = {"app_name": "gw", "stages": {"dev": {}, "local": {"environment_variables": settings}}}
    (desk.folder / ".chalice").mkdir()
    (desk.folder / ".chalice" / "config.json").write_text(json.dumps(config))

    def run(gateway, *arguments, later=0):
        with StubServer() as server, desk.environment() as environment:
            server.reply = lambda request: response(200, gateway.get("/health").body)
            environment.chdir(desk.folder)
            needed = Dependencies(desk._connect, clock=lambda: time.time() + later)
            return gatewayctl(
                *("status", server.url, "--stage", "local", *arguments),
                project=desk.folder,
                dependencies=needed,
                AWS_ENDPOINT_URL=desk.url,
            )

    run.secret = secret
    return run


def first(outcome, name):
    """Return the first line about a section."""
    return next(line for line in outcome.out.splitlines() if re.search(rf"\b{name}\b", line))


class TestTable:
    """The table in force beside the published one."""

    def test_published(self, desk, run):
        """The published table is in force."""
        desk.publish(OLD)
        gateway, _ = desk.gateway()

        line = first(run(gateway, later=240), "table")
        assert line == (
            f"table    {digest(OLD)[:12]}, 5 models, published 4 minutes ago to {desk.place}"
        )

    @pytest.mark.parametrize(("later", "sort"), [(10, "warning"), (240, "wrong")])
    def test_not_followed(self, desk, run, later, sort):
        """A gateway may keep the table before for its maximum age, and no longer."""
        desk.publish(OLD)
        gateway, _ = desk.gateway()
        health = gateway.get("/health")
        desk.publish(NEW)

        class Stuck:
            def get(self, path):
                return health

        line = first(run(Stuck(), later=later), "table")
        assert line.startswith(f"{sort}: table: table {digest(NEW)[:12]} of {desk.place} was ")
        assert line.endswith(" ago, in force: the one before")

    def test_degraded(self, desk, run):
        """A published table that the gateway refuses is wrong twice: degraded, and not in force."""
        desk.publish(OLD)
        gateway, _ = desk.gateway()
        desk.put("version: 2\n", sha256=digest("version: 2\n"))

        outcome = run(gateway, later=100)
        assert outcome.code == 1
        degraded, other, *_ = outcome.out.splitlines()[:2]
        assert degraded.startswith("wrong: table: the gateway is degraded, for ")
        assert other.endswith(" ago, in force: the one before")

    def test_nothing_stored(self, desk, run):
        """A table that was deleted is wrong, although the gateway still has it."""
        desk.publish(OLD)
        gateway, _ = desk.gateway()
        desk.delete()

        assert f"wrong: table: {desk.place}: no table is stored there" in run(gateway).out


class TestKeys:
    """The keys in the stage's secret."""

    @pytest.fixture(name="gateway")
    def _gateway(self, desk):
        desk.publish(OLD)
        return desk.gateway()[0]

    @pytest.fixture(name="put")
    def _put(self, sagemaker_local, run):
        client = sagemaker_local.client("secretsmanager")

        def put(*ends, created=None):
            entries = {
                f"key{number:05}": {
                    "sha256": f"{number:064x}",
                    "principal": f"shop-{number}",
                    "grants": ["a"],
                    "expires": end and timestamp(int(time.time() + end)),
                    "disabled": False,
                    **({"created": created} if created else {}),
                }
                for number, end in enumerate(ends)
            }
            client.create_secret(Name=run.secret, SecretString=json.dumps({"keys": entries}))

        yield put
        client.close()

    def test_states(self, run, gateway, put):
        """Keys that expire soon or have expired lately are named; others are only counted."""
        put(None, 3.5 * DAY, 90 * DAY, -2.5 * DAY, -40 * DAY, created="2026-01-01T00:00:00Z")

        outcome = run(gateway)
        assert outcome.code == 0
        soon, late, *_ = outcome.out.splitlines()
        assert soon == "warning: keys: 1 expiring soon: key00001 of shop-1 in 3 days"
        assert late == "warning: keys: 1 expired lately: key00003 of shop-3 2 days ago"
        line = outcome.out.splitlines()[-2]
        assert line.startswith(
            f"keys     2 active, 1 expiring, 2 expired, in {run.secret}; the oldest is of "
        )

    def test_none(self, run, gateway):
        """Without a secret no API key works."""
        outcome = run(gateway)

        assert outcome.code == 1
        assert f"wrong: keys: there is no secret {run.secret}, or it has no value" in outcome.out

    def test_json(self, run, gateway, put):
        """`--format json` has the ids."""
        put(3.5 * DAY, -1 * DAY)

        data = run(gateway, "--format", "json").data
        assert (data["keys"]["expiring"], data["keys"]["expired_lately"]) == (
            ["key00000"],
            ["key00001"],
        )
        assert data["table"]["published"]["sha256"] == digest(OLD)
