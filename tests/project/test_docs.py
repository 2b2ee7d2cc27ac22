"""The documentation says what the code does."""

import json
import re
from pathlib import Path

import pytest

from chalicelib import errors
from chalicelib.routing.headers import PASSED, RETURNED
from chalicelib.routing.reading.document import MANDATORY, TABLE, parse
from chalicelib.routing.reading.keys import (
    OPTIONS,
    RULE,
    keys_of_kind,
    model_keys,
    target_keys,
)
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.table import Model
from chalicelib.routing.targets import KINDS
from chalicelib.sagemaker import upstream_errors

DOCS = Path(__file__).parents[2] / "docs"
ROUTING = (DOCS / "routing-table.md").read_text(encoding="utf-8")
ERRORS = (DOCS / "errors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", ROUTING, re.DOTALL)


def rows(text, heading):
    """The cells of each row of the Markdown table whose first heading this is."""
    _, _, rest = text.partition(f"| {heading} |")
    assert rest, f"no table starts with | {heading} |"
    lines = rest.splitlines()[2:]
    body = lines[: next((n for n, line in enumerate(lines) if not line.startswith("|")), None)]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in body]


def code(cell):
    return cell.strip().strip("`")


class TestRoutingTable:
    """docs/routing-table.md"""

    @pytest.mark.parametrize("example", EXAMPLES)
    def test_examples(self, example):
        """Every example is a table that can be used as it stands."""
        assert len(parse(example.encode(), "routing-table.md")) >= 1

    def test_examples_show_every_key(self):
        """There is an example of everything that a table can say, but the shrinking."""
        shown = set(re.findall(r"([a-z_]+):", "".join(EXAMPLES)))

        assert shown >= (TABLE.keys() | model_keys().keys() | RULE.keys()) - {"allow_shrink"}
        assert all(f"kind: {kind}" in EXAMPLES[0] for kind in KINDS)

    def test_every_key_is_documented(self):
        """Each key has its row, in the section where it belongs, and no row is left over."""
        section = re.split(r"^## ", ROUTING, flags=re.MULTILINE)
        by_title = {text.split("\n", 1)[0]: text for text in section}
        documented = {
            title: {code(row[0]) for row in rows(by_title[title], "key")}
            for title in ("The top level", "What a model must say", "Parameters", "Options")
        }

        assert documented["The top level"] == set(TABLE)
        assert documented["What a model must say"] == {"kind"} | set(target_keys())
        assert documented["Parameters"] == {"parameters"} | set(RULE)
        assert documented["Options"] == {"description", "example"} | set(OPTIONS)

    def test_defaults(self):
        """The defaults that are documented are those that are built in."""
        (options,) = [text for text in ROUTING.split("\n## ") if text.startswith("Options")]
        documented = {code(key): code(default) for key, default, _ in rows(options, "key")}
        built_in = {key: spelled(value) for key, value in Model.built_in().items()}

        assert {key: documented[key] for key in built_in} == built_in
        assert documented["accepts"] == "the model's `content_types"

    def test_mandatory(self):
        """What a table cannot do without is said to be mandatory."""
        top = rows(ROUTING, "key")

        assert {code(row[0]) for row in top if row[1] == "mandatory"} == set(MANDATORY)

    def test_kinds(self):
        """Each kind is explained, and each target key says for which kinds it is."""
        (section,) = [text for text in ROUTING.split("\n## ") if text.startswith("What a model")]
        for key, kinds, _ in rows(section, "key"):
            having = [kind for kind in KINDS if code(key) in keys_of_kind(kind)]
            assert kinds.startswith("all") or [k for k in KINDS if f"`{k}`" in kinds] == having

        assert [code(kind) for kind, _ in rows(section, "kind")] == list(KINDS)

    def test_headers(self):
        """The headers that may pass are those that are documented."""
        by_key = {code(row[0]): row[2] for row in rows(ROUTING.split("## Options")[1], "key")}

        assert tuple(re.findall(r"`([a-z-]+)`", by_key["pass_headers"])) == tuple(PASSED)
        assert tuple(re.findall(r"`([a-z-]+)`", by_key["return_headers"])) == tuple(RETURNED)

    def test_problems(self):
        """The problems that are shown are those that one gets."""
        broken = EXAMPLES[0].replace("target_model: iris", "target_modle: iris")
        with pytest.raises(InvalidTable) as caught:
            parse(broken.encode(), "routing.yaml")

        assert f"$ gatewayctl validate\n{caught.value}\n```" in ROUTING


def spelled(value):
    """A default as it would stand in a table."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


class TestErrors:
    """docs/errors.md"""

    def family(self, base=errors.GatewayError):
        for child in base.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from self.family(child)
                if hasattr(child, "slug"):
                    yield child

    def test_every_error_is_documented(self):
        """Each error has one row with its status, and whether and when to come back."""
        documented = {
            code(slug): (number, retryable, retry_after)
            for number, slug, _, retryable, retry_after in rows(ERRORS, "status")
        }
        real = {
            error.slug: (
                status(error),
                "yes" if error.retryable else "no",
                str(error.retry_after_seconds or ""),
            )
            for error in self.family()
        }

        assert documented == real

    def test_every_retry_is_documented(self):
        """Each error that a call of SageMaker can end with has its pause, or none."""
        documented = {
            code(slug): (pause, retried.startswith("no"))
            for slug, pause, retried in rows(ERRORS, "type | pause in seconds")
        }

        assert documented == {
            error.slug: (str(error.retry_pause_seconds or ""), error.retry_pause_seconds is None)
            for error in self.family()
            if error in errors_of_calls()
        }

    def test_example(self):
        """The problem that is shown is what a caller gets."""
        (example,) = re.findall(r"```json\n(.*?)```", ERRORS, re.DOTALL)
        problem = errors.UnknownModel("chrun").problem("6f1f7f0e-5f0c-4f0e-9b0e-0d9c1f3d2b1a")

        assert example == json_text(problem)


def errors_of_calls():
    """Every error that a call of SageMaker can end with."""
    return {
        *upstream_errors.ERRORS.values(),
        *upstream_errors.STATUSES.values(),
        *(error for _, error in upstream_errors.FAILED_CALLS),
        errors.ModelTimedOut,
        errors.ModelRejectedInput,
        errors.ModelFailed,
        errors.ModelUnavailable,
        errors.UpstreamRejected,
        errors.UpstreamResponseTooLarge,
    }


def status(error):
    """The status as it is documented: the container's own, where it is passed on."""
    if error is errors.ModelRejectedInput:
        *most, last = sorted(error.statuses)
        return f"the container's: {', '.join(map(str, most))} or {last}"
    return str(error.status)


def json_text(value):
    return json.dumps(value, indent=2) + "\n"
