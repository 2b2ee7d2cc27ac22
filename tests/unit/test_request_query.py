"""Counting calls with CloudWatch Logs Insights, against botocore's own model of the service."""

import boto3
import pytest
from botocore.stub import ANY, Stubber

from gatewayctl.log_query import MOST_ROWS, LogQuery
from gatewayctl.report import NotReachable, WrongUse
from gatewayctl.request_log import Call
from gatewayctl.request_query import count

GROUP = "/aws/lambda/inference-gateway-dev"
START, END = 1_777_888_800, 1_777_892_400


SESSION = boto3.Session("test", "test", region_name="eu-north-1")


class Desk:
    """A client whose responses are given beforehand."""

    def __init__(self):
        client = SESSION.client("logs")
        self.stubber = Stubber(client)
        self.stubber.activate()
        self.said, self.pauses = [], []
        self.query = LogQuery(client, GROUP, self.said.append, self.pauses.append)

    def expect(self, start, end, *answers):
        """Expect a query of a period, and the requests for its results."""
        expected = {
            "logGroupName": GROUP,
            "startTime": start,
            "endTime": end,
            "queryString": ANY,
            "limit": MOST_ROWS,
        }
        self.stubber.add_response("start_query", {"queryId": f"q{start}"}, expected)
        for answer in answers:
            self.stubber.add_response("get_query_results", answer, {"queryId": f"q{start}"})

    def calls(self, model="churn"):
        found = count(self.query, model, START, END)
        self.stubber.assert_no_pending_responses()
        return found


@pytest.fixture(name="desk")
def _desk():
    return Desk()


def row(**members):
    values = {"first_target": "v7", "target_name": "v8", "status": "200", **members}
    return [{"field": name, "value": value} for name, value in values.items()]


def complete(*rows):
    return {"status": "Complete", "results": list(rows)}


def test_calls(desk):
    """Each row is a number of equal calls; while a query runs there is progress."""
    running = {"status": "Running", "results": [], "statistics": {"recordsScanned": 12_345.0}}
    desk.expect(
        START,
        END,
        {"status": "Scheduled", "results": []},
        running,
        complete(
            row(milliseconds="12", calls="950"),
            row(milliseconds="13.0", calls="1", status="503", slug="x", artifact="loaded"),
            row(milliseconds="0", calls="2", fallback_after="model-not-ready", slug=""),
        ),
    )

    assert desk.calls() == {
        Call("v7", "v8", None, 200, None, None, 12): 950,
        Call("v7", "v8", None, 503, "x", "loaded", 13): 1,
        Call("v7", "v8", "model-not-ready", 200, None, None, 0): 2,
    }
    period = "from 2026-05-04 10:00:00Z to 2026-05-04 11:00:00Z"
    assert desk.said == [
        f"CloudWatch Logs reads {GROUP} {period}: 0 lines read",
        f"CloudWatch Logs reads {GROUP} {period}: 12,345 lines read",
    ]
    assert len(desk.pauses) == 2


def test_query(desk):
    """The query counts the lines of one model that a file would count."""
    sent = []
    desk.query._client.meta.events.register(
        "before-parameter-build.logs.StartQuery", lambda params, **_: sent.append(params)
    )
    desk.expect(START, END, complete())

    assert desk.calls("house-price/{city}") == {}
    assert sent[0]["queryString"] == (
        'filter (message = "request" or (message = "job" and outcome in ["succeeded", "failed"]))'
        ' and model = "house-price/{city}"'
        " and ispresent(first_target) and attempts > 0"
        " | fields floor(model_ms + 0.5) as milliseconds"
        " | stats count(*) as calls by first_target, target_name, fallback_after, status, slug,"
        " artifact, milliseconds"
    )


def test_too_many_rows(desk):
    """If one query returns no more rows, each half of the period is queried."""
    full = [row(milliseconds=str(number), calls="1") for number in range(MOST_ROWS)]
    middle = (START + END) // 2
    desk.expect(START, END, complete(*full))
    desk.expect(START, middle, complete(*full[:6_000], row(milliseconds="1", calls="4")))
    desk.expect(middle + 1, END, complete(*full[6_000:]))

    found = desk.calls()
    assert sum(found.values()) == MOST_ROWS + 4
    assert found[Call("v7", "v8", None, 200, None, None, 1)] == 5


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout", "Unknown"])
def test_query_that_ends_otherwise(desk, status):
    """A query that is not complete counts nothing."""
    desk.expect(START, END, {"status": status, "results": []})

    with pytest.raises(NotReachable, match=f"{GROUP} ended as {status}; try again"):
        desk.calls()


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        ("ResourceNotFoundException", WrongUse, f"there is no log group {GROUP}; name the stage"),
        ("AccessDeniedException", NotReachable, "answers StartQuery with AccessDeniedException"),
        ("LimitExceededException", NotReachable, "LimitExceededException: "),
    ],
)
def test_refusals(desk, code, error, text):
    """What CloudWatch Logs refuses is said with the way out."""
    desk.stubber.add_client_error("start_query", code, "the message", http_status_code=400)

    with pytest.raises(error, match=text):
        desk.calls()
