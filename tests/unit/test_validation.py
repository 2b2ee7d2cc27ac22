"""The regular expressions of botocore's service models."""

import re

import pytest

from sagemaker_local.control_plane.protocol import OPERATIONS
from sagemaker_local.validation import service_model, violations


@pytest.mark.parametrize("operation", OPERATIONS)
def test_patterns_compile(operation):
    """Every pattern of an operation's input is translated from Java to Python."""
    shape = service_model("sagemaker").operation_model(operation).input_shape
    for name, pattern in _patterns(shape):
        try:
            violations(service_model("sagemaker").shape_for(name), "a")
        except re.error as error:
            pytest.fail(f"{name}: {pattern}: {error}")


def _patterns(shape):
    if "pattern" in shape.metadata:
        yield shape.name, shape.metadata["pattern"]
    for child in _children(shape):
        yield from _patterns(child)


def _children(shape):
    match shape.type_name:
        case "structure":
            return shape.members.values()
        case "list":
            return [shape.member]
        case "map":
            return [shape.key, shape.value]
    return []
