"""Targets in another Region or account: the role, its credentials, and the clients."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.aws.deadline import Deadline
from chalicelib.routing.targets import Place
from chalicelib.sagemaker.elsewhere import MOST_CLIENTS, ClientsElsewhere
from chalicelib.sagemaker.runtime import SageMakerRuntime
from tests.faults.outcome import predict
from tests.support import sts
from tests.support.canary import CANARY
from tests.support.gateway import FixedTable, build_gateway, table
from tests.support.http_server import WHOLE, StubServer, response
from tests.support.ports import free_port
from tests.support.problems import assert_problem

ROLE = f"arn:aws:iam::222233334444:role/{CANARY}"
TABLE = f"""\
version: 1
models:
  other:
    kind: single
    endpoint: other
    region: eu-west-1
    role_arn: "{ROLE}"
  own: {{kind: single, endpoint: own}}
  ireland: {{kind: single, endpoint: e, region: eu-west-1}}
  both:
    kind: single
    targets:
      away: {{endpoint: away, role_arn: "{ROLE}", weight: 1}}
      here: {{endpoint: here}}
    fallback: [here]
"""
DENIED = sts.denied(
    f"User: arn:aws:sts::1:assumed-role/x is not authorized to perform: sts:AssumeRole on: {ROLE}"
)

LATER = "2100-01-01T00:00:00Z"


def soon():
    """Return a deadline that is far away from now; a constant would count from the import on."""
    return Deadline.after(600)


def session(key="KEY", expiration=LATER):
    return sts.credentials(key, expiration)


class Aws:
    """STS and SageMaker at one address; STS gives a new key each time."""

    def __init__(self, server):
        self.server = server
        self.seconds = 3_600
        self.refusal = None
        self.hangs_for = 0
        self.asked = []
        self.keys = []
        server.reply = self._reply

    def _reply(self, request):
        if b"Action=AssumeRole" not in request.body:
            self.keys.append(request.headers["Authorization"].split("/")[0].split("=")[1])
            return WHOLE
        self.asked.append(request)
        time.sleep(self.hangs_for)
        if self.refusal is not None:
            return self.refusal
        return sts.assumed(f"KEY{len(self.asked)}", seconds=self.seconds)

    def scope(self):
        """Return Region and service of the last signature."""
        return self.server.requests[-1].headers["Authorization"].split("/")[2:4]


@pytest.fixture(name="aws")
def _aws(monkeypatch):
    with StubServer() as server:
        sts.set_environment(monkeypatch, server.url)
        yield Aws(server)


@pytest.fixture(name="house")
def _house(aws):
    assert aws
    runtime = SageMakerRuntime()
    return build_gateway(source=FixedTable(table(TABLE)), runtime=runtime)


def assert_no_names(house, received):
    everything = received.body.decode() + str(received.headers) + house.log.text
    for text in (CANARY, "arn:", "222233334444"):
        assert text not in everything


class TestRoles:
    """Calls by the role of another account."""

    def test_role(self, house, aws):
        """The role is assumed once, in the gateway's Region, and signs the calls."""
        for _ in range(3):
            assert house.predict("other").status == 200

        (asked,) = aws.asked
        assert b"RoleSessionName=inference-gateway" in asked.body
        assert ROLE.replace(":", "%3A").replace("/", "%2F").encode() in asked.body
        assert asked.headers["Authorization"].split("/")[2:4] == ["us-east-1", "sts"]
        assert aws.keys == ["KEY1"] * 3
        assert aws.server.requests[-1].headers["X-Amz-Security-Token"] == "token"
        assert aws.scope() == ["eu-west-1", "sagemaker"]
        assert_no_names(house, house.predict("other"))

    def test_own(self, house, aws):
        """A model without a role is called by the gateway's own."""
        house.predict("own")
        house.predict("ireland")

        assert (aws.asked, aws.keys) == ([], ["OWNKEY", "OWNKEY"])
        assert aws.scope() == ["eu-west-1", "sagemaker"]

    def test_expiring(self, house, aws):
        """Credentials that are about to expire are replaced, while requests go on."""
        aws.seconds = 5
        for _ in range(4):
            assert house.predict("other").status == 200

        assert len(set(aws.keys)) == 4
        aws.seconds = 3_600
        for _ in range(3):
            assert house.predict("other").status == 200
        assert len(set(aws.keys[4:])) == 1

    def test_refused(self, house, aws, capsys):
        """A role that STS refuses is the operator's business, and is named nowhere."""
        aws.refusal = DENIED

        received = house.predict("other")

        assert_problem(received, 500, "gateway-misconfigured")
        assert house.log.requests[0]["reason"] == "STS answers AccessDenied to AssumeRole"
        assert_no_names(house, received)
        captured = capsys.readouterr()
        assert CANARY not in captured.out + captured.err

    def test_refused_later(self, house, aws, capsys):
        """The same when the credentials are refreshed."""
        aws.seconds = 5
        assert house.predict("other").status == 200
        aws.refusal = DENIED

        assert_problem(house.predict("other"), 500, "gateway-misconfigured")
        captured = capsys.readouterr()
        assert CANARY not in captured.out + captured.err
        aws.refusal = None
        assert house.predict("other").status == 200

    def test_refused_does_not_fall_back(self, house, aws):
        """No other target answers for a role that STS refuses."""
        aws.refusal = DENIED

        assert_problem(house.predict("both"), 500, "gateway-misconfigured")

    @pytest.mark.parametrize(
        ("status", "code", "slug"),
        [
            (500, "InternalFailure", "upstream-unreachable"),
            (503, "ServiceUnavailable", "upstream-unreachable"),
            (400, "Throttling", "upstream-throttled"),
        ],
    )
    def test_failing(self, house, aws, status, code, slug):
        """If STS fails, another target answers; without one, the caller may try again."""
        aws.refusal = response(
            status, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>".encode()
        )

        assert_problem(house.predict("other"), 503, slug)
        assert house.predict("both").headers["x-target"] == "here"
        assert house.log.requests[-1]["fallback_after"] == slug

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, ""),
            (200, "<html/>"),
            (200, "garbage"),
            (200, "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>"),
            (200, session(expiration="soon")),
            (200, session(expiration="2020-01-01T00:00:00Z")),
            (200, session(key="")),
            (200, session(key="KEY\nX: 1")),
            (200, session().replace("<SessionToken>token</SessionToken>", "")),
            (302, ""),
            (404, "garbage"),
            (503, "garbage"),
        ],
    )
    def test_unusable(self, house, aws, status, body):
        """If what STS answers is of no use, another target answers, as if STS were away."""
        aws.refusal = response(status, body.encode(), sts.XML)

        assert_problem(house.predict("other"), 503, "upstream-unreachable")
        assert house.predict("both").headers["x-target"] == "here"

    @pytest.mark.parametrize("minutes", [2, 14])
    def test_failing_before_it_matters(self, house, aws, minutes):
        """While the credentials are still good, requests do not depend on STS."""
        aws.seconds = 60 * minutes
        assert house.predict("other").status == 200
        aws.refusal, asked = response(503, b"", sts.XML), len(aws.asked)

        assert [house.predict("other").status for _ in range(3)] == [200] * 3
        assert len(aws.asked) == asked + 1
        assert len(set(aws.keys)) == 1

    def test_hanging_before_it_matters(self, house, aws):
        """Nor are they late: an STS that hangs takes half of the time of one of them."""
        aws.seconds = 60 * 14
        assert house.predict("other").status == 200
        aws.hangs_for = 2

        outcomes = [predict(house, "other", timeout_ms=2_000) for _ in range(3)]

        assert [outcome.response.status for outcome in outcomes] == [200] * 3
        assert sum(outcome.seconds for outcome in outcomes) < 2

    def test_nobody_else_waits(self, house, aws):
        """While a request waits for STS, others go on, and have their own deadlines."""
        aws.hangs_for = 4
        with ThreadPoolExecutor(5) as threads:
            first = threads.submit(predict, house, "other", timeout_ms=8_000)
            time.sleep(0.5)
            names = ["other", "both", "own", "ireland"]
            others = {n: threads.submit(predict, house, n, timeout_ms=2_200) for n in names}
            found = {name: one.result() for name, one in others.items()}

        assert_problem(first.result().response, 503, "upstream-unreachable")
        assert_problem(found["other"].response, 503, "upstream-unreachable")
        statuses = {name: outcome.response.status for name, outcome in found.items()}
        assert statuses == {"other": 503, "both": 200, "own": 200, "ireland": 200}
        assert max(outcome.seconds for outcome in found.values()) < first.result().seconds

    def test_away(self, house, monkeypatch):
        """If STS is not there, another target answers; without one, the caller may try again."""
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")

        assert_problem(house.predict("other"), 503, "upstream-unreachable")
        assert house.predict("both").headers["x-target"] == "here"

    def test_hanging(self, house, monkeypatch):
        """An STS that hangs does not outlast the request."""
        with StubServer(lambda connection: connection.recv(1)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
            outcome = predict(house, "other", timeout_ms=500)

        assert_problem(outcome.response, 503, "upstream-unreachable")
        assert outcome.seconds < 2


class TestClients:
    """One client for each pair of Region and role."""

    def test_one_for_each(self):
        """Each place has its own client, which is made once."""
        made = []
        clients = ClientsElsewhere(lambda **given: made.append(given) or object())
        places = [Place("eu-west-1"), Place("eu-west-1", ROLE), Place(None, ROLE)]

        found = [[clients.client(place, soon()) for place in places] for _ in range(3)]

        assert found[0] == found[1] == found[2]
        assert made == [
            {"region_name": "eu-west-1"},
            {"region_name": "eu-west-1", "role_arn": ROLE},
            {"role_arn": ROLE},
        ]

    def test_at_most_twenty(self):
        """Beyond twenty, the client that was used longest ago is forgotten."""
        made = []
        clients = ClientsElsewhere(lambda **given: made.append(given["region_name"]) or object())
        places = [Place(f"r{number}") for number in range(MOST_CLIENTS + 1)]
        for place in places[:-1]:
            clients.client(place, soon())
        clients.client(places[0], soon())
        clients.client(places[-1], soon())

        made.clear()
        clients.client(places[0], soon())
        clients.client(places[1], soon())

        assert made == ["r1"]

    def test_threads(self):
        """Requests that need a client at the same time share the one that is made."""
        made = []

        def make_client(**given):
            made.append(given)
            time.sleep(0.2)
            return object()

        clients = ClientsElsewhere(make_client)
        with ThreadPoolExecutor(8) as threads:
            found = threads.map(lambda _: clients.client(Place("eu-west-1"), soon()), range(8))

        assert len(set(found)) == len(made) == 1
