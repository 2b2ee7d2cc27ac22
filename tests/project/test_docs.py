"""The tables of the documentation list what the code has, and its examples are valid."""

import json
import re
from pathlib import Path

import pytest
import yaml

from chalicelib import errors
from chalicelib.routing.headers import PASSED, RETURNED
from chalicelib.routing.reading.document import MANDATORY, TABLE, parse
from chalicelib.routing.reading.keys import (
    OPTIONS,
    PLACE,
    RULE,
    SEVERAL,
    WEIGHT,
    keys_of_kind,
    model_keys,
    target_keys,
)
from chalicelib.routing.table import Model
from chalicelib.routing.targets import KINDS
from chalicelib.sagemaker import upstream_errors
from chalicelib.settings import SETTINGS
from tests.support.problems import family

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = [*sorted(PROJECT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
ROUTING = (DOCS / "routing-table.md").read_text(encoding="utf-8")
ERRORS = (DOCS / "errors.md").read_text(encoding="utf-8")
TABLES = re.findall(r"```yaml\n(.*?)```", ROUTING, re.DOTALL)
CLASSES = [error for error in family() if hasattr(error, "slug")]


def rows(text, heading):
    """Return the cells of each row of the Markdown table whose first heading this is."""
    _, _, rest = text.partition(f"| {heading} |")
    assert rest, f"no table starts with | {heading} |"
    lines = rest.splitlines()[2:]
    body = lines[: next((n for n, line in enumerate(lines) if not line.startswith("|")), None)]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in body]


def code(cell):
    return cell.strip().strip("`")


def section(text, title):
    """Return the text under a heading of level 2 or 3, up to the next one."""
    parts = re.split(r"^#{2,3} ", text, flags=re.MULTILINE)
    (only,) = [part for part in parts if part.split("\n", 1)[0] == title]
    return only


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_examples(page):
    """Every example in JSON or YAML can be parsed; it may be one member of an object."""
    text = page.read_text(encoding="utf-8")
    for language, example in re.findall(r"^```(json|yaml)\n(.*?)^```", text, re.DOTALL | re.M):
        if language == "json":
            json.loads(example if example[0] in "{[" else f"{{{example}}}")
        else:
            yaml.safe_load(example)


class TestRoutingTable:
    """docs/routing-table.md"""

    def test_tables(self):
        """Every example is a valid routing table, and together they show every key."""
        for example in TABLES:
            assert len(parse(example.encode(), "routing-table.md")) >= 1

        keys = set(re.findall(r"([a-z_]+):", "".join(TABLES)))
        assert keys >= (TABLE.keys() | model_keys().keys() | RULE.keys()) - {"allow_shrink"}
        assert all(f"kind: {kind}" in TABLES[0] for kind in KINDS)

    @pytest.mark.parametrize(
        ("title", "keys"),
        [
            ("The top level", set(TABLE)),
            ("What a model must say", {"kind", *target_keys()}),
            ("Another Region or account", set(PLACE)),
            ("Several targets", {"targets", *WEIGHT, *SEVERAL}),
            ("Parameters", {"parameters", *RULE}),
            ("Options", {"description", "example", *OPTIONS}),
        ],
    )
    def test_keys(self, title, keys):
        """Each key has one row in the section where it belongs, and there is no other row."""
        assert {code(row[0]) for row in rows(section(ROUTING, title), "key")} == keys

    def test_defaults(self):
        """The documented defaults are the built-in ones."""
        options = rows(section(ROUTING, "Options"), "key")
        documented = {code(key): code(default) for key, default, _ in options}
        built_in = {key: as_yaml(value) for key, value in Model.built_in().items()}

        assert {key: documented[key] for key in built_in} == built_in

    def test_mandatory_keys(self):
        """The keys that a table must have are marked as mandatory."""
        top = rows(ROUTING, "key")

        assert {code(row[0]) for row in top if row[1] == "mandatory"} == set(MANDATORY)

    def test_kinds(self):
        """Each kind has a row, and the row of a target key names the kinds that have it."""
        text = section(ROUTING, "What a model must say")
        for key, kinds, _ in rows(text, "key"):
            having = [kind for kind in KINDS if code(key) in keys_of_kind(kind)]
            assert kinds.startswith("all") or [k for k in KINDS if f"`{k}`" in kinds] == having

        assert [code(kind) for kind, _ in rows(text, "kind")] == list(KINDS)

    def test_headers(self):
        """The rows of `pass_headers` and `return_headers` list all possible headers."""
        options = {code(row[0]): row[2] for row in rows(section(ROUTING, "Options"), "key")}

        assert tuple(re.findall(r"`([a-z-]+)`", options["pass_headers"])) == tuple(PASSED)
        assert tuple(re.findall(r"`([a-z-]+)`", options["return_headers"])) == tuple(RETURNED)


def as_yaml(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


class TestSettings:
    """docs/settings.md"""

    def test_variables(self):
        """Each setting has one row with its default."""
        page = (DOCS / "settings.md").read_text(encoding="utf-8")
        documented = {code(row[0]): code(row[1]) for row in rows(page, "variable")}

        defaults = {setting.variable: setting.default for setting in SETTINGS}
        defaults["GATEWAY_JWT_JWKS_URL"] = "from the issuer's discovery document"

        assert documented.items() >= defaults.items()
        assert {name for name in documented if name.startswith("GATEWAY_")} <= defaults.keys()


class TestErrors:
    """docs/errors.md"""

    def test_errors(self):
        """Each error has one row with its status, `retryable` and Retry-After."""
        documented = {
            code(slug): (number, retryable, retry_after)
            for number, slug, _, retryable, retry_after in rows(ERRORS, "status")
        }

        assert documented == {
            error.slug: (
                status(error),
                "yes" if error.retryable else "no",
                str(error.retry_after_seconds or ""),
            )
            for error in CLASSES
        }

    def test_fallbacks(self):
        """docs/targets.md lists the errors after which another target may answer."""
        page = (DOCS / "targets.md").read_text(encoding="utf-8")

        documented = {code(row[0]) for row in rows(page, "after")}
        assert documented == {error.slug for error in CLASSES if error.falls_back}

    def test_retries(self):
        """Each error that a call of SageMaker can end with has one row with its pause."""
        documented = {
            code(slug): (pause, retried.startswith("no"))
            for slug, pause, retried in rows(ERRORS, "type | pause in seconds")
        }

        assert documented == {
            error.slug: (str(error.retry_pause_seconds or ""), error.retry_pause_seconds is None)
            for error in errors_of_calls()
        }

    def test_example(self):
        """The example of a problem is what a caller gets."""
        (example,) = re.findall(r"```json\n(.*?)```", ERRORS, re.DOTALL)
        instance = "6f1f7f0e-5f0c-4f0e-9b0e-0d9c1f3d2b1a"

        assert json.loads(example) == errors.UnknownModel("chrun").problem(instance)


def errors_of_calls():
    return {
        *upstream_errors.ERRORS.values(),
        *upstream_errors.STATUSES.values(),
        *(error for _, error in upstream_errors.FAILED_CALLS),
        errors.ModelTimedOut,
        errors.ModelRejectedInput,
        errors.ModelFailed,
        errors.ModelUnavailable,
        errors.NoSuchArtifact,
        errors.PayloadTooLarge,
        errors.UpstreamRejected,
        errors.UpstreamResponseTooLarge,
    }


def status(error):
    """Return the status as the table has it; a rejected input keeps the container's status."""
    if error is errors.ModelRejectedInput:
        *most, last = sorted(error.statuses)
        return f"the container's: {', '.join(map(str, most))} or {last}"
    return str(error.status)
