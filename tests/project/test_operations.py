"""docs/operations.md says of everything that is written down what it means."""

import ast
import json
import re
from pathlib import Path

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from chalicelib.api.authorizers import TTL_SECONDS
from chalicelib.auth import issuer, json_web_tokens, schemes, signatures
from chalicelib.auth.schemes import EXPIRES_AFTER_SECONDS
from chalicelib.settings import Settings
from chalicelib.telemetry import log, metrics
from chalicelib.telemetry.log import RequestRecord
from tests.project.test_docs import DOCS, code, rows

PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
AUTH = Path(schemes.__file__).parent
USD, HOURS = 0.30, 24


def calls(path):
    """Every call in a module."""
    return [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]


def texts(node):
    """The texts that an expression may be."""
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def written(member):
    """The calls of one of the two that write: `self._logger.…`, `self._metrics.…`."""
    for call in calls(Path(log.__file__)):
        if ast.unparse(call.func).startswith(f"self.{member}."):
            yield call


def log_lines():
    """Each message with its keys."""
    return {
        call.args[0].value: {keyword.arg for keyword in call.keywords}
        for call in written("_logger")
    }


def units():
    """Every metric with its unit."""
    record = RequestRecord("id")
    per_model = {name: unit for name, _, unit in log._measures(record)}
    others = {}
    for call in written("_metrics"):
        if call.func.attr == "gateway":
            name, _, *unit = call.args
            others[name.value] = getattr(metrics, unit[0].id) if unit else metrics.COUNT
    return per_model, others


def section(title):
    """The text under a heading, up to the next of its kind."""
    parts = [part for part in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)]
    (only,) = [part for part in parts if part.split("\n", 1)[0] == title]
    return only


def reasons(kind):
    """What the package of authentication gives as a reason for one kind of refusal."""
    found = set()
    for path in AUTH.glob("*.py"):
        for call in calls(path):
            if ast.unparse(call.func) == kind and not isinstance(call.args[0], ast.JoinedStr):
                found |= texts(call.args[0])
    return found


class TestMetrics:
    def test_every_metric(self):
        """Each has its row, with its unit, and no row is left over."""
        per_model, others = units()
        documented = {code(name): unit for name, unit, _ in rows(PAGE, "metric")}

        assert documented == {**per_model, **others}
        assert list(documented)[: len(per_model)] == list(per_model)
        assert f"`{metrics.NAMESPACE}`" in PAGE
        assert f"`{metrics.UNKNOWN_MODEL}`" in PAGE
        assert f"`{log.LOCAL_SERVICE}`" in PAGE

    def test_costs(self):
        """The sums are right."""
        per_model, others = units()
        assert len(per_model) == 8
        table = {number: price for _, number, price in rows(PAGE, "models")}
        always = 3

        assert table == {
            "8,000": f"{1_000 * len(per_model) * USD:,.0f}",
            "3,000": f"{1_000 * always * USD:,.0f}",
            "3,000 ÷ 24": f"{1_000 * always * USD / HOURS:.2f}",
            f"{len(per_model) + len(others)}": f"{(len(per_model) + len(others)) * USD:.2f}",
        }


class TestLog:
    @pytest.mark.parametrize("message", sorted(log_lines()))
    def test_every_line(self, message):
        """Each kind of line has its section, with a row for each of its keys."""
        documented = {code(key) for key, _ in rows(section(message), "key")}

        assert documented == log_lines()[message]

    def test_reasons_of_credentials(self):
        """Each reason for a 401 has its row, and no row is left over."""
        of_outcome = {
            keyword.value.value
            for call in calls(AUTH / "credentials.py")
            for keyword in call.keywords
            if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant)
        }
        of_tokens = {reason for _, reason in signatures._REASONS}
        documented = [code(reason) for reason, _ in rows(section("credential"), "reason")]

        assert set(documented) == reasons("BadCredential") | of_outcome | of_tokens
        assert len(set(documented)) == len(documented)

    def test_reasons_of_stores(self):
        """So has each reason for a failure of a store that is ours to word."""
        documented = {code(reason) for reason, _ in rows(section("store failed"), "reason")}

        assert reasons("FetchFailed") | reasons("StoreUnavailable") <= documented


class TestNumbers:
    def test_revocation(self):
        """How long a revoked key is let in."""
        settings = Settings.from_env({})

        assert f"**{TTL_SECONDS} seconds**" in section("How fast a key is revoked")
        assert f"secret; {settings.keys_max_age} seconds unless set" in PAGE
        assert f"{signatures.LEEWAY_SECONDS} seconds of leeway" in PAGE

    def test_stores(self):
        """How long a store may be away, and when it is tried again."""
        line = " ".join(section("store failed").split())

        assert f"in force for {EXPIRES_AFTER_SECONDS / 3600:.0f} hours" in line
        assert f"after {schemes.KEYS_COOLDOWN_SECONDS:.0f} seconds for `keys`" in line
        assert f"and {schemes.JWKS_COOLDOWN_SECONDS:.0f} for `jwks`" in line
        assert f"within {issuer.FETCH_SECONDS} seconds" in line
        assert f"more than {issuer.MAX_BYTES:,} bytes" in line
        assert f"{json_web_tokens.LONGEST_TOKEN:,} characters" in PAGE


@pytest.mark.parametrize(
    ("service", "operation", "example"),
    [
        pytest.param("cloudwatch", "PutMetricAlarm", EXAMPLES[0], id="failures"),
        pytest.param("cloudwatch", "PutMetricAlarm", EXAMPLES[1], id="keys"),
        pytest.param("logs", "PutMetricFilter", EXAMPLES[2], id="filter"),
    ],
)
def test_examples(service, operation, example):
    """AWS would take them, and the metrics in them are ours."""
    shape = Session().get_service_model(service).operation_model(operation).input_shape
    per_model, others = units()

    assert ParamValidator().validate(example, shape).generate_report() == ""
    named = set(re.findall(r'"MetricName": "(\w+)"', json.dumps(example)))
    assert named <= {**per_model, **others}.keys()
    assert len(EXAMPLES) == 3
