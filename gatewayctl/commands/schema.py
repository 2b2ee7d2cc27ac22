"""`gatewayctl schema`: writes the JSON Schema of routing tables, for editors.

The schema is made from the keys and rules of the parser. It accepts every routing table that the
parser accepts, and some others, because a schema cannot express all rules of the parser. Editors
read YAML 1.2, where `007` is a number; the parser reads a text, so `TEXT` admits numbers. Draft 7
is the newest draft that yaml-language-server supports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.routing.parameters import LONGEST_VALUE, MOST_PARAMETERS
from chalicelib.routing.reading import values
from chalicelib.routing.reading.document import MANDATORY, TABLE, VERSION
from chalicelib.routing.reading.keys import (
    LONGEST_TARGET_NAME,
    MOST_TARGETS,
    OPTIONS,
    RULE,
    SEVERAL,
    SHARED,
    TARGET_NAME,
    WEIGHT,
    TargetText,
    keys_of_kind,
    model_keys,
    named_target_keys,
    target_keys,
    template_keys,
)
from chalicelib.routing.reading.patterns import LONGEST_PATTERN
from chalicelib.routing.table import Model
from chalicelib.routing.targets import KINDS, LONGEST_NAME, NAME, TARGET_MODEL, keys_of
from gatewayctl.command import command, out_option
from gatewayctl.output import json_text, replace_file
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from chalicelib.routing.reading.values import Check
    from gatewayctl.command import Context

    Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
TITLE = "The routing table of an inference gateway for Amazon SageMaker"

# The parser also accepts `null` as a text. The schema does not, so that an editor reports a missing
# value.
TEXT: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
TEXT_OR_NULL: Schema = {"type": [*TEXT["type"], "null"]}

_PARAMETER = "[a-z][a-z0-9_]*"
_ARTIFACT = rf"(?!\.{{1,2}}(/|$))([A-Za-z0-9!_.'()+=@,~-]|\{{{_PARAMETER}\}})+"
_MEDIA_TYPE = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_ROLE = "[A-Za-z0-9_+=,.@-]"
_FIRST = rf"(?=[^/]{{1,{LONGEST_NAME}}}(/|$))[a-z0-9](-*[a-z0-9])*"

# These are regular expressions of JSON Schema; a test compares them with the parser's own. For a
# check that has no row here, the schema accepts any text.
GRAMMARS: dict[Check, Schema] = {
    TargetText(NAME): {
        **TEXT,
        "pattern": "^[a-zA-Z0-9](-*[a-zA-Z0-9])*$",
        "maxLength": LONGEST_NAME,
    },
    TargetText(TARGET_MODEL): {**TEXT, "pattern": f"^/?{_ARTIFACT}(/{_ARTIFACT})*$"},
    values.boolean: {"type": "boolean"},
    values.description: {**TEXT, "maxLength": values.LONGEST_DESCRIPTION},
    values.example: {},
    values.media_type: {"type": "string", "pattern": f"^{_MEDIA_TYPE}/{_MEDIA_TYPE}$"},
    values.parameter_value: {
        **TEXT_OR_NULL,
        "pattern": r"^(?!\.{1,2}$)[A-Za-z0-9._~-]+$",
        "maxLength": LONGEST_VALUE,
    },
    values.pattern: {**TEXT, "maxLength": LONGEST_PATTERN},
    values.region: {
        "type": "string",
        "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]$",
        "maxLength": values.LONGEST_REGION,
    },
    values.role_arn: {
        "type": "string",
        "pattern": f"^arn:aws(-cn|-us-gov)?:iam::[0-9]{{12}}:role/({_ROLE}+/)*{_ROLE}{{1,64}}$",
        "maxLength": values.LONGEST_ROLE_ARN,
    },
}

# The descriptions of a target's keys are in `chalicelib.routing.targets`.
DESCRIPTIONS = {
    "version": "Of the table's format",
    "defaults": "What holds for every model that does not say otherwise",
    "models": "The models by the names that callers write after /predict/",
    "allow_shrink": "Lets a table from S3 replace one that has many more models",
    "kind": "What the endpoint is",
    "region": "The Region of the endpoint, if it is not the gateway's own",
    "role_arn": "The role that the gateway assumes to call it, as in another account",
    "targets": "Several targets of this name, each with a name of its own",
    "weight": "Its share of the calls, in relation to the weights of the others",
    "sticky": "What keeps a caller at one target; without it, each request goes by chance",
    "fallback": "The targets that stand in for one that fails, in this order",
    "parameters": "A rule for each {parameter} in the model's name",
    "one_of": "The values that it may have",
    "pattern": "A regular expression that has to match the whole value",
    "description": "For GET /models",
    "example": "A request body, for GET /models/<model>: JSON, or a text for other types",
    "content_types": "The media types that callers may send",
    "accepts": "The media types that it can answer; without it, its content_types",
    "timeout_seconds": "By then the caller has an answer, or a 504",
    "max_attempts": "The first one included",
    "cold_start": "wait: attempts on a cold artifact count against the deadline only",
    "cold_seconds": "How long a cold artifact is waited for while a fallback is warm",
    "pass_headers": "What goes from caller to model",
    "return_headers": "What goes from model to caller",
    "expose_model_errors": "Shows callers the model's own words when it fails",
    "metrics": "false: no metrics of this model, only the sums of all models",
}


@command("schema")
@out_option
def schema(_: Context, *, out: Path | None) -> Report:
    """Write the JSON Schema of a routing table, for editors."""
    content = table_schema()
    text = json_text(content)
    if out is None:
        return Report(ExitCode.FINE, lines=text.split("\n"), notes=(), data=content)
    replace_file(out, f"{text}\n".encode())
    return Report(ExitCode.FINE, [str(out)], notes=(), data={"schema": str(out)})


def table_schema() -> Schema:
    """Return the JSON Schema of a routing table."""
    templates = template_keys()
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
            "target": {
                **_members(named_target_keys()),
                "allOf": [_of_kind(kind, besides=SHARED) for kind in KINDS],
            },
            "plain": _parameterised(0, 0),
            "template": _parameterised(
                1,
                MOST_PARAMETERS,
                "parameters",
                *(templates if len(templates) == 1 else ()),
            ),
        },
    }


def _members(keys: Iterable[str], composed: Schema | None = None) -> Schema:
    """Return the schema of an object with these keys and no others."""
    checks = {**TABLE, **model_keys(), **RULE, **WEIGHT}
    descriptions = DESCRIPTIONS | _target_descriptions()
    built_in = Model.built_in()
    properties = {}
    for key in keys:
        one = (composed or {}).get(key) or _value(checks[key])
        default = {"default": built_in[key]} if key in built_in else {}
        properties[key] = {"description": descriptions[key], **one, **default}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _target_descriptions() -> dict[str, str]:
    return {
        name: key.description for target in KINDS.values() for name, key in keys_of(target).items()
    }


def _value(check: Check) -> Schema:
    if isinstance(check, values.Number):
        kind = "integer" if check.whole else "number"
        return {"type": kind, "minimum": check.least, "maximum": check.most}
    if isinstance(check, values.Choice):
        return {"type": "string", "enum": list(check.allowed)}
    if isinstance(check, values.ListOf):
        # The parser compares texts; a schema would compare numbers, and take 7 and 007 as equal.
        same = {} if check.item is values.parameter_value else {"uniqueItems": True}
        least = {} if check.may_be_empty else {"minItems": 1}
        return {"type": "array", "items": _value(check.item), **least, **same}
    return GRAMMARS.get(check, TEXT)


def _models() -> Schema:
    """Return the schema of `models`; an entry's name decides whether it has parameters."""
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
        **_members(model_keys(), {"parameters": rules, "targets": _targets()}),
        "if": {"required": ["targets"]},
        "then": {
            "properties": {key: False for key in target_keys() if key not in SHARED},
            "allOf": [
                *(_lacking(key) for key in ("kind", "endpoint")),
                *(_inherited(kind) for kind in KINDS),
            ],
        },
        "else": {
            "required": ["kind"],
            "properties": dict.fromkeys(SEVERAL, False),
            "allOf": [_of_kind(kind) for kind in KINDS],
        },
    }


def _targets() -> Schema:
    name = f"^(?=.{{1,{LONGEST_TARGET_NAME}}}$){TARGET_NAME}$"
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MOST_TARGETS,
        "patternProperties": {name: {"$ref": "#/definitions/target"}},
        "additionalProperties": False,
        # Not all of them without a weight.
        "not": {"additionalProperties": {"properties": {"weight": {"const": 0}}}},
    }


def _lacking(key: str) -> Schema:
    """Each target needs a key that the entry does not have beside `targets`."""
    return {"if": {"not": {"required": [key]}}, "then": _in_each_target({"required": [key]})}


def _inherited(kind: str) -> Schema:
    """A target without a kind has the one beside `targets`."""
    rest = _keys_of(kind, besides=SHARED)
    return {
        "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
        "then": _in_each_target({"if": {"not": {"required": ["kind"]}}, "then": rest}),
    }


def _in_each_target(schema: Schema) -> Schema:
    return {"properties": {"targets": {"additionalProperties": schema}}}


def _of_kind(kind: str, besides: Iterable[str] = ()) -> Schema:
    return {
        "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
        "then": _keys_of(kind, besides),
    }


def _keys_of(kind: str, besides: Iterable[str]) -> Schema:
    """Return the schema of what has the keys of this kind; `besides` need not be there."""
    keys = keys_of_kind(kind)
    return {
        "required": [key for key, mandatory in keys.items() if mandatory and key not in besides],
        "properties": {key: False for key in target_keys() if key not in keys},
    }


def _parameterised(least: int, most: int, *required: str) -> Schema:
    """Return the schema of an entry whose name has between `least` and `most` parameters."""
    return {
        "allOf": [{"$ref": "#/definitions/model"}],
        "required": list(required),
        "properties": {"parameters": {"minProperties": least, "maxProperties": most}},
    }
