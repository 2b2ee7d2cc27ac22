"""The gateway's log as calls of one model: which lines count, and which are damaged."""

import io
from datetime import UTC, datetime

import pytest

from gatewayctl.log_file import LONGEST_LINE
from gatewayctl.request_log import Call, read
from tests.support.request_lines import line

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC).timestamp()
CALL = Call("v8", "v8", None, 200, None, None, 12)


def calls(*lines, since=None):
    """Return the calls in these lines, and how many lines are damaged."""
    text = "".join(f"{one}\n" for one in lines).encode("utf-8", "surrogateescape")
    found = read(io.BytesIO(text), "churn", since=since)
    assert found.lines == len(lines)
    return found.calls, found.damaged


@pytest.mark.parametrize(
    ("members", "call"),
    [
        ({}, CALL),
        ({"model_ms": 12.5}, CALL._replace(milliseconds=13)),
        ({"model_ms": 7}, CALL._replace(milliseconds=7)),
        (
            {"status": 502, "slug": "model-error"},
            CALL._replace(status=502, slug="model-error"),
        ),
        (
            {"first_target": "v7", "fallbacks": 1, "fallback_after": "upstream-error"},
            CALL._replace(first_target="v7", fallback_after="upstream-error"),
        ),
        ({"artifact": "loaded"}, CALL._replace(artifact="loaded")),
        ({"unknown": {"later": [1, 2]}}, CALL),
    ],
)
def test_call(members, call):
    """What is counted of a line."""
    assert calls(line(**members)) == ({call: 1}, 0)


@pytest.mark.parametrize(
    "other",
    [
        "",
        "START RequestId: 1f1c0e4e Version: $LATEST",
        "REPORT RequestId: 1f1c0e4e Duration: 12.30 ms Billed Duration: 13 ms {",
        line(model="iris"),
        line(message="credential"),
        line(message=None, _aws={"Timestamp": 1}, Invocations=1),
        line(target_name=None),
        line(attempts=0, status=415),
        '["request", {}]',
        '{"time": "2026-05-04T10:00:00Z", "type": "platform.start", "record": {"status": "x"}}',
    ],
)
def test_other_lines(other):
    """Lines of others, of other models, and of requests that called no target do not count."""
    assert calls(other, line()) == ({CALL: 1}, 0)


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-05-04T10:00:00.123Z ",
        "2026-05-04T10:00:00.123000+00:00 2026/05/04/[$LATEST]0123456789abcdef ",
        "\x1b[32m2026-05-04\x1b[0m\t",
    ],
)
def test_prefix(prefix):
    """A time and the name of a stream may stand before the JSON."""
    assert calls(f"{prefix}{line()}\r") == ({CALL: 1}, 0)


@pytest.mark.parametrize(
    "damaged",
    [
        line()[:-1],
        line()[:40],
        line() + line(),
        f"{line()[:30]}\x00{line()[30:]}",
        line().replace("churn", "\udcff"),
        line(status="200"),
        line(model_ms=None).replace("200", "200.5"),
        line(model_ms=True),
        line(target_name=["v8"]),
        '{"message":' * 90_000,
        line(status="200")[:-1],
        line(status="200").replace("churn", "\udcff"),
        line(status="200")[:-1] + ', "a": ' + "[" * 100_000,
        line(attempts=0).replace('"attempts": 0', f'"attempts": {"9" * 5_000}'),
    ],
)
def test_damaged_lines(damaged):
    """A line that cannot be read is counted as such, and the others are read."""
    assert calls(line(), damaged, line()) == ({CALL: 2}, 1)


def test_commands():
    """A command that `make run` prints has an object in quotes, which is no damaged line."""
    command = "  --data-raw '{\"instances\": [[1]]}'"
    assert calls(command, "ready: x ", " ", line()) == ({CALL: 1}, 0)


def test_long_line():
    """A line without an end is read in parts, so that it needs no more memory than one part."""
    text = b'{"message": "' + b"x" * 3 * LONGEST_LINE + b"\n" + line().encode()

    found = read(io.BytesIO(text), "churn")
    assert (found.calls, found.damaged, found.lines) == ({CALL: 1}, 1, 5)


@pytest.mark.parametrize(
    ("timestamp", "counts"),
    [
        ("2026-05-04 10:00:00,000+0000", True),
        ("2026-05-04 12:00:00,000+0200", True),
        ("2026-05-04 09:59:59,999+0000", False),
        ("2026-05-04 10:00:00,000+0200", False),
    ],
)
def test_since(timestamp, counts):
    """Earlier lines do not count, in whatever time zone they are written."""
    assert calls(line(timestamp=timestamp), since=NOW) == ({CALL: 1} if counts else {}, 0)


def test_unreadable_time():
    """A line without a time that can be read is damaged."""
    assert calls(line(timestamp="yesterday")) == ({}, 1)
    assert calls(line(timestamp="yesterday"), since=NOW) == ({}, 1)


def test_progress():
    """There is a line of progress for many lines, and equal calls are kept once."""
    said = []
    found = read(io.BytesIO(f"{line()}\n".encode() * 100_001), "churn", progress=said.append)

    assert said == ["50,000 lines read", "100,000 lines read"]
    assert found.calls == {CALL: 100_001}
