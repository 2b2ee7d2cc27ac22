"""What AWS charges for a million calls, from the measured costs of one.

The prices are the list prices of us-east-1 after the free tier, in USD, as of November 2026. Tax,
data transfer, the metrics and SageMaker itself are not in them.
"""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import scenarios
from benchmarks.packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.scenarios import Results, Start

CALLS = 1_000_000
API_GATEWAY_USD = 3.50
"""For a million calls of a REST API. Source: aws.amazon.com/api-gateway/pricing."""

REQUESTS_USD = 0.20
GB_SECOND_USD = 0.0000166667
"""On x86. Source of both: aws.amazon.com/lambda/pricing."""

LOG_GB_USD = 0.50
"""Source: aws.amazon.com/cloudwatch/pricing."""

MODEL_SECONDS = 0.050
LAMBDA_LINES_BYTES = 270
"""About the size of the three lines that Lambda writes for each call: START, END and REPORT."""

MEMORY_MB = 1024
ONE_CPU_MB = 1769
"""The memory size with which a function has one CPU.

Source: Lambda developer guide, "Configure Lambda function memory".
"""


def rows(results: Results) -> list[list[str]]:
    """Return a table with a column for the five-line handler and one for the gateway."""
    names = [name for name in (scenarios.FIVE_LINES, scenarios.GATEWAY) if name in results]
    columns = [_charges(results[name], name == scenarios.GATEWAY) for name in names]
    lines = [["USD for a million calls", *names]]
    for title in columns[0]:
        lines.append([title, *(f"{column[title]:.2f}" for column in columns)])
    lines.append(["together", *(f"{sum(column.values()):.2f}" for column in columns)])
    return lines


def _charges(starts: Sequence[Start], has_access_log: bool) -> dict[str, float]:
    """Return each charge in USD.

    The time of the function's own work is its CPU time, divided by its share of a CPU.
    """
    own_seconds = median(start.warm_cpu() for start in starts) * ONE_CPU_MB / MEMORY_MB
    own_log_bytes = median(start.log_bytes / len(start.warm) for start in starts)
    access_line_bytes = _access_line_bytes() if has_access_log else 0
    log_bytes = own_log_bytes + LAMBDA_LINES_BYTES + access_line_bytes
    return {
        "API Gateway": API_GATEWAY_USD,
        "Lambda, for the requests": REQUESTS_USD,
        f"Lambda, while the model works for {MODEL_SECONDS * 1000:.0f} ms": _usd(MODEL_SECONDS),
        "Lambda, for the handler's own CPU time": _usd(own_seconds),
        "CloudWatch, for the log": log_bytes * CALLS / 1e9 * LOG_GB_USD,
    }


def _usd(seconds: float) -> float:
    return seconds * CALLS * MEMORY_MB / 1024 * GB_SECOND_USD


def _access_line_bytes() -> int:
    """Return about the size of the line that API Gateway writes: that of its format."""
    fragment = json.loads((ROOT / "deployment/fragment.json").read_bytes())
    setting = fragment["Resources"]["RestAPI"]["Properties"]["AccessLogSetting"]
    return len(setting["Fn::If"][1]["Format"])
