"""Which object of S3 a table is to be."""

from __future__ import annotations

from chalicelib.routing.reading.file import compiled_key
from chalicelib.settings import S3Location, routing_location
from gatewayctl.report import WrongUse

SUFFIXES = ("yaml", "yml")


def location(text: str) -> S3Location:
    """The object that this names. When it cannot be a table: WrongUse."""
    try:
        found = routing_location(text)
    except ValueError:
        found = None
    if not isinstance(found, S3Location):
        raise WrongUse(f"{text!r} names no object; write s3://<bucket>/<key>.yaml")
    stem, _, suffix = found.key.rpartition(".")
    if suffix == "json":
        better = f"s3://{found.bucket}/{stem}.yaml"
        raise WrongUse(f"{text} would be its own compiled form; name it {better}")
    if suffix not in SUFFIXES:
        raise WrongUse(f"{text} does not end in .yaml or .yml; name it {text}.yaml")
    if compiled_key(found.key) != f"{stem}.json":
        rule = "a key is made of names with one '/' between two, and none of them is '.'"
        raise WrongUse(f"{text} is a key whose compiled form would not be found; {rule}")
    return found
