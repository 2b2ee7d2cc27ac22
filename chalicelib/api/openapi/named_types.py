"""Prepares the bodies of operations for generators of clients.

Many generators look at the first media type of a body only. And they name the type of an object
that stands inside an operation after the first operation that has it, also for all others.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from chalicelib.routing.headers import is_json

if TYPE_CHECKING:
    from chalicelib.api.openapi.components import Components, Node

LONGEST_WORDS = 48
DIGEST_DIGITS = 8
TYPES = {"any", "boolean", "list", "number", "object", "string"}


def for_generators(content: Node, components: Components) -> Node:
    """Return the content of a body with JSON first, and a component for every object in it.

    Args:
        content: A schema, and perhaps an example, by media type.
    """
    return {
        name: {**content[name], "schema": _named(content[name]["schema"], components)}
        for name in sorted(content, key=lambda name: not is_json(name))
    }


def _named(schema: Node, components: Components) -> Node:
    match schema:
        case {"type": "array", "items": items}:
            return {**schema, "items": _named(items, components)}
        case {"type": "object", "properties": members} if members:
            named = {name: _named(member, components) for name, member in members.items()}
            return components.refer("schemas", type_name(schema), {**schema, "properties": named})
        case _:
            return schema


def type_name(schema: Node) -> str:
    """Name the type of an object after its members and their types.

        {"instances": [[5.1]]}                     InstancesNumberListList
        {"inputs": "Hello", "parameters": {...}}   InputsStringParametersObject_0b3f6a21

    The name depends on the schema only: not on the model, and not on other models. It ends with a
    digest of the schema if another schema could have the same words.
    """
    members = schema["properties"]
    words = "".join(f"{_capitals(name)}{_type_words(member)}" for name, member in members.items())
    is_clear = len(words) <= LONGEST_WORDS and "Object" not in words
    if is_clear and all(map(_is_clear, "_".join(members).split("_"))):
        return words
    digest = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
    return f"{words[:LONGEST_WORDS].lstrip('0123456789')}_{digest[:DIGEST_DIGITS]}"


def _is_clear(word: str) -> bool:
    """Whether a word of a member's name can be told from its neighbours in a type's name."""
    return re.fullmatch("[a-z]{2,}", word) is not None and word not in TYPES


def _capitals(name: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in re.findall("[A-Za-z0-9]+", name))


def _type_words(schema: Node) -> str:
    if "items" in schema:
        return f"{_type_words(schema['items'])}List"
    return str(schema.get("type", "any")).capitalize()
