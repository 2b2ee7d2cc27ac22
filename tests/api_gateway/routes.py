"""From a path as it came to a resource and its parameters. Nothing is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def match(resources: Iterable[str], path: str) -> tuple[str, dict[str, str]] | None:
    """The resource with the most literal segments, and what stands for its parameters."""
    segments = _segments(path)
    found = [(resource, _fit(_segments(resource), segments)) for resource in resources]
    fitting = [(resource, parameters) for resource, parameters in found if parameters is not None]
    return min(fitting, key=lambda match: _places_of_parameters(match[0]), default=None)


def _fit(resource: list[str], segments: list[str]) -> dict[str, str] | None:
    """The parameters, if the segments are as many as the resource's and fit them."""
    if len(resource) != len(segments):
        return None
    pairs = list(zip(resource, segments, strict=True))
    if not all(value if _is_parameter(part) else part == value for part, value in pairs):
        return None
    return {part[1:-1]: value for part, value in pairs if _is_parameter(part)}


def _places_of_parameters(resource: str) -> list[bool]:
    """Sorts `/a/{b}` before `/{a}/b`."""
    return [_is_parameter(part) for part in _segments(resource)]


def _segments(path: str) -> list[str]:
    """A slash at the end does not count."""
    return path.rstrip("/").split("/")[1:]


def _is_parameter(part: str) -> bool:
    return part.startswith("{") and part.endswith("}")
