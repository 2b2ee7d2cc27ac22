"""YAML as editors read it: version 1.2, where `no` and `1:30` are texts and `007` is a number."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml


class Loader(yaml.SafeLoader):
    """PyYAML's, with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for tag, pattern, first in (
    ("null", r"null|Null|NULL|~|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    firsts = [character.replace("\0", "") for character in first]
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), firsts)

Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def load(text: str) -> Any:
    """What an editor holds against a schema."""
    return yaml.load(text, Loader)
