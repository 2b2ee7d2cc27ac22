"""The JSON Schema of a routing table, for editors: made from the registry that the parser reads.

Editors judge while somebody types, and know less than the parser: what the parser takes the schema
takes too, and not the other way round. They read YAML 1.2, where `007` is a number, and here it is
a text: hence `TEXT`. Draft 7 is the newest that yaml-language-server knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.routing.parameters import LONGEST_VALUE
from chalicelib.routing.reading import values
from chalicelib.routing.reading.document import MANDATORY, TABLE, VERSION
from chalicelib.routing.reading.entry import MOST_PARAMETERS
from chalicelib.routing.reading.keys import MODEL, OPTIONS, RULE, TARGET, of_kind
from chalicelib.routing.reading.patterns import LONGEST_PATTERN
from chalicelib.routing.table import Model
from chalicelib.routing.targets import KINDS, LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.routing.reading.values import Check

    Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
TITLE = "The routing table of an inference gateway for Amazon SageMaker"

# The parser takes `null` for a text, too; a schema that did would not miss a forgotten value.
TEXT: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
TEXT_OR_NULL: Schema = {"type": [*TEXT["type"], "null"]}

_PARAMETER = "[a-z][a-z0-9_]*"
_ARTIFACT = rf"(?!\.{{1,2}}(/|$))([A-Za-z0-9!_.'()+=@,~-]|\{{{_PARAMETER}\}})+"
_MEDIA_TYPE = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_FIRST = rf"(?=[^/]{{1,{LONGEST_NAME}}}(/|$))[a-z0-9](-*[a-z0-9])*"

# In the regular expressions of JSON Schema; a test holds them against the parser's own.
GRAMMARS: dict[Check, Schema] = {
    values.boolean: {"type": "boolean"},
    values.description: {**TEXT, "maxLength": values.LONGEST_DESCRIPTION},
    values.example: {},
    values.media_type: {"type": "string", "pattern": f"^{_MEDIA_TYPE}/{_MEDIA_TYPE}$"},
    values.name: {
        **TEXT,
        "pattern": "^[a-zA-Z0-9](-*[a-zA-Z0-9])*$",
        "maxLength": LONGEST_NAME,
    },
    values.parameter_value: {
        **TEXT_OR_NULL,
        "pattern": r"^(?!\.{1,2}$)[A-Za-z0-9._~-]+$",
        "maxLength": LONGEST_VALUE,
    },
    values.pattern: {**TEXT, "maxLength": LONGEST_PATTERN},
    values.target_model: {**TEXT, "pattern": f"^{_ARTIFACT}(/{_ARTIFACT})*$"},
}

DESCRIPTIONS = {
    "version": "Of the table's format",
    "defaults": "What holds for every model that does not say otherwise",
    "models": "The models by the names that callers write after /predict/",
    "allow_shrink": "Lets a table from S3 replace one that has many more models",
    "kind": "What the endpoint is",
    "endpoint": "The endpoint's name",
    "target_variant": "The production variant that takes the call",
    "target_model": "The artifact, relative to the endpoint's S3 prefix; {parameter} is filled in",
    "target_container_hostname": "The container",
    "inference_component": "The component",
    "parameters": "A rule for each {parameter} in the model's name",
    "one_of": "The values that it may have",
    "pattern": "A regular expression that has to match the whole value",
    "description": "For GET /models",
    "example": "A request body, for GET /models/<model>",
    "content_types": "The media types that callers may send",
    "accepts": "The media types that it can answer; without it, its content_types",
    "timeout_seconds": "By then the caller has an answer, or a 504",
    "max_attempts": "The first one included",
    "cold_start": "wait: attempts on a cold artifact count against the deadline only",
    "pass_headers": "What goes from caller to model",
    "return_headers": "What goes from model to caller",
    "expose_model_errors": "Shows callers the model's own words when it fails",
}


def schema() -> Schema:
    """The schema of a table."""
    composed = {
        "version": {"const": VERSION},
        "defaults": _members(OPTIONS),
        "models": _models(),
    }
    return {
        "$schema": DRAFT,
        "title": TITLE,
        **_members(TABLE, composed),
        "required": list(MANDATORY),
        "definitions": {
            "rule": {**_members(RULE), "minProperties": 1, "maxProperties": 1},
            "model": _model(),
            "plain": _parameterised(0, 0),
            "template": _parameterised(1, MOST_PARAMETERS, "parameters", "target_model"),
        },
    }


def _members(keys: Iterable[str], composed: Schema | None = None) -> Schema:
    """An object with these keys and no others."""
    checks = {**TABLE, **MODEL, **RULE}
    built_in = Model.built_in()
    properties = {}
    for key in keys:
        one = (composed or {}).get(key) or _value(checks[key])
        default = {"default": built_in[key]} if key in built_in else {}
        properties[key] = {"description": DESCRIPTIONS[key], **one, **default}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(check: Check) -> Schema:
    if isinstance(check, values.Number):
        kind = "integer" if check.whole else "number"
        return {"type": kind, "minimum": check.least, "maximum": check.most}
    if isinstance(check, values.Choice):
        return {"type": "string", "enum": list(check.allowed)}
    if isinstance(check, values.ListOf):
        # Only texts that are written differently are different, and a schema sees 7 and 007.
        same = {} if check.item is values.parameter_value else {"uniqueItems": True}
        least = {} if check.may_be_empty else {"minItems": 1}
        return {"type": "array", "items": _value(check.item), **least, **same}
    return GRAMMARS[check]


def _models() -> Schema:
    """A name with parameters is a template, and a template has a rule for each of them."""
    parameters = rf"(/\{{{_PARAMETER}\}})"
    return {
        "type": "object",
        "minProperties": 1,
        "patternProperties": {
            f"^{_FIRST}$": {"$ref": "#/definitions/plain"},
            f"^{_FIRST}{parameters}{{1,{MOST_PARAMETERS}}}$": {"$ref": "#/definitions/template"},
        },
        "additionalProperties": False,
    }


def _model() -> Schema:
    rules = {"type": "object", "additionalProperties": {"$ref": "#/definitions/rule"}}
    return {
        **_members(MODEL, {"parameters": rules}),
        "required": ["kind"],
        "allOf": [_of_kind(kind) for kind in KINDS],
    }


def _of_kind(kind: str) -> Schema:
    keys = of_kind(kind)
    return {
        "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
        "then": {
            "required": [key for key, mandatory in keys.items() if mandatory],
            "properties": {key: False for key in TARGET if key not in keys},
        },
    }


def _parameterised(least: int, most: int, *required: str) -> Schema:
    """A model whose name has so many parameters."""
    return {
        "allOf": [{"$ref": "#/definitions/model"}],
        "required": list(required),
        "properties": {"parameters": {"minProperties": least, "maxProperties": most}},
    }
