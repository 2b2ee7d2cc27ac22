"""Who called what: from lines of the log, and from queries of CloudWatch Logs Insights."""

import io
import json
import tracemalloc
from itertools import repeat
from random import Random

import boto3
import pytest
from botocore.stub import ANY, Stubber

from gatewayctl.costs import usage_query
from gatewayctl.costs.usage import CalledTarget, Pattern, Period, Use, User
from gatewayctl.costs.usage_log import read
from gatewayctl.joined_lines import parsed
from gatewayctl.log_query import MOST_ROWS, LogQuery
from tests.support.insights import events, run
from tests.support.memory import allocated_by
from tests.support.profile import LONG
from tests.support.request_lines import access_line, credential_line, line

GROUP = "/aws/lambda/inference-gateway-dev"
TEN = 1_777_888_800
"""10:00:00 of the lines, in seconds since the epoch."""
A, B = (CalledTarget("tabular", f"TargetModel={name}.tar.gz") for name in "ab")
SESSION = boto3.Session("test", "test", region_name="eu-north-1")


def call(target="TargetModel=a.tar.gz", time="10:00:00", **members):
    written = {
        "timestamp": f"2026-05-04 {time},123+0000",
        "endpoint": "tabular",
        "target": target,
        "principal": "shop",
        "model_ms": 100.2,
        "bytes_in": 20,
        "bytes_out": 5,
        **members,
    }
    return line(**written)


def counted(*lines, **options):
    return read(io.BytesIO("".join(f"{one}\n" for one in lines).encode()), "the log", **options)


class Lines:
    """A stream of lines that are made while they are read."""

    def __init__(self, lines):
        self._lines = iter(lines)

    def readline(self, _):
        return next(self._lines, b"")


class TestLog:
    """Lines of a file."""

    def test_sums(self):
        """Calls are added up by target, entry and principal."""
        usage = counted(
            call(),
            call(model_ms=299.6, attempts=2, status=503, artifact="loaded"),
            call(principal=None, model="iris"),
            call("TargetModel=b.tar.gz", target_name=None),
        )
        assert usage.uses == {
            User(A, "churn", "shop"): Use(2, 3, 400, 1, 1, 40, 10),
            User(A, "iris", ""): Use(1, 1, 100, 0, 0, 20, 5),
            User(B, "churn", "shop"): Use(1, 1, 100, 0, 0, 20, 5),
        }
        assert usage.of_place()[A] == Use(3, 4, 500, 1, 1, 60, 15)
        assert usage.of_endpoint()["tabular"].calls == 4

    def test_peaks(self):
        """The busiest minute of each target is known, and the calls of each endpoint by hour."""
        usage = counted(
            call(time="10:00:01"),
            call(time="10:00:59", model_ms=900.0),
            call("TargetModel=b.tar.gz", time="10:00:30"),
            call(time="10:01:00"),
            call(time="12:30:00"),
        )
        assert usage.patterns[A] == Pattern(1_000, 100, 900, active_hours=2, largest_in=20)
        assert usage.hours == {"tabular": {TEN // 3600: 4, TEN // 3600 + 2: 1}}
        assert usage.period == Period(TEN + 1, TEN + 9_000)

    def test_sequences(self):
        """A call that comes within two seconds after another one of its principal may be a step."""
        usage = counted(
            call(time="10:00:00"),
            call("TargetModel=b.tar.gz", time="10:00:01"),
            call(time="10:00:30"),
            call("TargetModel=b.tar.gz", time="10:00:31", principal="other"),
            call("TargetModel=b.tar.gz", time="10:00:40"),
            call(time="10:00:20"),
        )
        assert usage.sequences == {(A, B): 1}

    def test_sequences_within_a_second(self):
        """The next step begins when the last one has ended; calls at the same time are no steps."""
        second = {"target": "TargetModel=b.tar.gz", "model_ms": 30.0}
        usage = counted(
            call(timestamp="2026-05-04 10:00:00,960+0000"),
            call(timestamp="2026-05-04 10:00:01,000+0000", **second),
            call(timestamp="2026-05-04 10:00:30,960+0000"),
            call(timestamp="2026-05-04 10:00:30,980+0000", **second),
        )
        assert usage.sequences == {(A, B): 1}

    def test_refusals(self):
        """What is refused because of its size, or ends because of its time, is counted."""
        usage = counted(
            call(slug="payload-too-large", status=413, attempts=0, endpoint=None),
            call(slug="upstream-timeout", status=504),
        )
        assert usage.too_large == {"churn": 1}
        assert usage.patterns[A].timed_out == 1

    def test_order(self):
        """The order of the lines does not matter: streams of a log may follow each other."""
        lines = [call(time=f"{hour:02}:{minute:02}:07") for hour in (9, 10) for minute in range(60)]
        shuffled = Random(1).sample(lines, len(lines))
        assert counted(*shuffled) == counted(*lines)

    def test_jobs(self):
        """The delivery of a job is a call of its own; the request that submitted it is none."""
        usage = counted(call(attempts=0, job="j"), call(message="job", job="j", model_ms=65_432.0))
        assert usage.uses == {User(A, "churn", "shop"): Use(1, 1, 65_432, 0, 0, 20, 5)}
        assert usage.patterns[A].p99_ms == 65_000

    def test_other_lines(self):
        """Lines of others count for the period alone, and damaged ones are counted as such."""
        usage = counted(
            "START RequestId: 1f1c0e4e",
            access_line(),
            credential_line(),
            call(slug="unknown-model", endpoint=None, attempts=0),
            '{"level":"INFO","message":"request","times',
            f"2026-05-04T10:00:00 stream {call(time='11:00:00')}",
        )
        assert [one.calls for one in usage.uses.values()] == [1]
        assert (usage.source, usage.damaged) == ("the log: 6 lines", 1)
        assert usage.period == Period(TEN, TEN + 3600)

    @pytest.mark.parametrize(
        "members",
        [
            {"model_ms": -500.0},
            {"model_ms": 1e300},
            {"attempts": -1},
            {"bytes_in": -1},
            {"bytes_out": 10**30},
            {"timestamp": "0001-01-01 00:00:00,000+2359"},
            {"timestamp": "1970-01-01 00:00:00,000+0000"},
            {"timestamp": "9999-12-31 23:59:59,000-2359"},
        ],
        ids=str,
    )
    def test_impossible(self, members):
        """A line with a number or a time that no call can have is damaged, and spoils no sum."""
        usage = counted(call(), json.dumps({**json.loads(call()), **members}))
        assert usage.damaged == 1
        assert usage.uses == counted(call()).uses
        assert usage.patterns == counted(call()).patterns
        assert usage.period == Period(TEN, TEN)

    def test_since(self):
        """Earlier lines do not count if the period begins later."""
        usage = counted(call(), call(time="11:00:00"), since=TEN + 60)
        assert usage.of_place()[A].calls == 1
        assert usage.period == Period(TEN + 60, TEN + 3600)

    def test_memory(self):
        """A log of many lines needs no more memory than one of a few with the same callers."""
        thousands = 1_000 if LONG else 50

        def most(number):
            at_the_end = []

            def many():
                for _ in range(number):
                    yield from repeat(f"{call()}\n".encode(), 1_000)
                at_the_end.append(allocated_by("gatewayctl"))

            tracemalloc.start()
            try:
                usage = read(Lines(many()), "the log")
            finally:
                tracemalloc.stop()
            return at_the_end[0], usage.source

        few, _ = most(1)
        held, source = most(thousands)
        assert source == f"the log: {thousands * 1_000:,} lines"
        assert held < few + 100_000

    def test_covered(self):
        """A log that begins more than a day after the period covers only what follows."""
        usage = counted(call(), call(time="11:00:00"), since=TEN - 3 * 86_400)
        assert usage.covered == Period(TEN, TEN + 3600)
        usage = counted(call(), call(time="11:00:00"), since=TEN - 3600)
        assert usage.covered == usage.period == Period(TEN - 3600, TEN + 3600)

    def test_empty(self):
        """A log without a call has no period."""
        assert counted().uses == {}
        assert counted().period.seconds == 0


class Desk:
    """CloudWatch Logs, whose answers to queries are given beforehand."""

    def __init__(self):
        client = SESSION.client("logs")
        self.stubber = Stubber(client)
        self.stubber.activate()
        self.log = LogQuery(client, GROUP, lambda line: None, lambda seconds: None)

    def answer(self, query, *rows, first=TEN, last=TEN + 3600):
        expected = {
            "logGroupName": GROUP,
            "startTime": first,
            "endTime": last,
            "queryString": query,
            "limit": MOST_ROWS,
        }
        self.stubber.add_response("start_query", {"queryId": "q"}, expected)
        cells = [[{"field": name, "value": value} for name, value in row.items()] for row in rows]
        answer = {"status": "Complete", "results": cells}
        self.stubber.add_response("get_query_results", answer, {"queryId": ANY})


@pytest.fixture(name="desk")
def _desk():
    return Desk()


def use_row(calls="3", **members):
    return {
        "endpoint": "tabular",
        "place": A.target,
        "entry": "churn",
        "caller": "shop",
        "load": "-",
        "calls": calls,
        "tries": calls,
        "busy": "300.4",
        "failed": "0",
        "received": "60",
        "sent": "15",
        **members,
    }


def test_query(desk):
    """The same comes from Logs Insights, where AWS adds up."""
    desk.answer(
        usage_query.USES,
        use_row(),
        use_row("1", load="loaded", failed="1", busy="100"),
        use_row(place="-", caller="-", endpoint="churn"),
    )
    desk.answer(
        usage_query.HOURS,
        {"endpoint": "tabular", "hour": "2026-05-04 10:00:00.000", "calls": "4"},
    )
    of_place = {"endpoint": "tabular", "place": A.target}
    desk.answer(usage_query.PLACES, {**of_place, "p50": "100", "p99": "900.0", "largest": "2000"})
    desk.answer(usage_query.PLACE_PEAKS, {**of_place, "peak_busy": "1000"})
    desk.answer(usage_query.PLACE_HOURS, {**of_place, "active_hours": "7"})

    usage = usage_query.read(desk.log, TEN, TEN + 3600)
    desk.stubber.assert_no_pending_responses()
    assert usage.uses == {
        User(A, "churn", "shop"): Use(4, 4, 400, 1, 1, 120, 30),
        User(CalledTarget("churn", ""), "churn", ""): Use(3, 3, 300, 0, 0, 60, 15),
    }
    assert usage.patterns == {A: Pattern(1_000, 100, 900, active_hours=7, largest_in=2_000)}
    assert usage.hours == {"tabular": {TEN // 3600: 4}}


class Evaluated:
    """Queries that are run on the lines of a log, as Logs Insights does."""

    group = GROUP

    def __init__(self, *lines):
        self._events = [
            {**event, "@timestamp": int(1000 * parsed("", text).seconds)}
            for text in lines
            for event in events(text)
        ]

    def rows(self, query, first, last):
        return run(query, self._events)


def test_same():
    """A file and Logs Insights give the same numbers for the same lines."""
    lines = [
        call(target, f"{hour}:{minute:02}:0{number}", model_ms=float(10 * minute), **members)
        for hour in (10, 12)
        for minute in (0, 1, 59)
        for number, (target, members) in enumerate(
            [
                ("TargetModel=a.tar.gz", {}),
                ("TargetModel=a.tar.gz", {"principal": None, "status": 502}),
                ("TargetModel=b.tar.gz", {"artifact": "loaded", "attempts": 2}),
                (None, {"message": "job", "endpoint": "churn"}),
                (None, {"endpoint": None, "attempts": 0, "status": 404}),
            ]
        )
    ]
    of_file = counted(*lines)
    of_query = usage_query.read(Evaluated(*lines), TEN, TEN + 10_800)
    assert of_query.uses == of_file.uses
    assert of_query.hours == of_file.hours
    for place, pattern in of_file.patterns.items():
        assert of_query.patterns[place].peak_busy_ms == pattern.peak_busy_ms
        assert of_query.patterns[place].active_hours == pattern.active_hours


def test_many_rows(desk):
    """Where one query cannot return all rows, the period is halved, and nothing counts twice."""
    full = [use_row("1", entry=f"m{number}") for number in range(MOST_ROWS)]
    desk.answer(usage_query.USES, *full)
    desk.answer(usage_query.USES, use_row("1"), last=TEN + 1800)
    desk.answer(usage_query.USES, use_row("2"), first=TEN + 1801)
    desk.answer(usage_query.HOURS)
    desk.answer(usage_query.PLACES)
    desk.answer(usage_query.PLACE_PEAKS)
    desk.answer(usage_query.PLACE_HOURS)
    assert usage_query.read(desk.log, TEN, TEN + 3600).of_place()[A].calls == 3
