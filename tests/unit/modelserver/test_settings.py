"""The container's environment, read once."""

from pathlib import Path

import pytest

from sagemaker_local.modelserver.errors import ConfigurationError
from sagemaker_local.modelserver.settings import Settings


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, Settings(8080, Path("/opt/ml/model"), multi_model=False, capacity=None)),
        ({"SAGEMAKER_BIND_TO_PORT": "9000"}, Settings(port=9000)),
        ({"SM_MODEL_DIR": "/models"}, Settings(model_folder=Path("/models"))),
        ({"SAGEMAKER_MULTI_MODEL": "True"}, Settings(multi_model=True)),
        ({"SAGEMAKER_MULTI_MODEL": "false"}, Settings()),
        ({"SAGEMAKER_LOCAL_CONTAINER_CAPACITY": "3"}, Settings(capacity=3)),
        ({"SAGEMAKER_BIND_TO_PORT": "", "SM_MODEL_DIR": ""}, Settings()),
    ],
)
def test_settings(env, expected):
    """Unset and empty mean SageMaker's own defaults."""
    assert expected == Settings.from_env(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "0"),
        ("SAGEMAKER_BIND_TO_PORT", "65536"),
        ("SAGEMAKER_BIND_TO_PORT", "-1"),
        ("SAGEMAKER_BIND_TO_PORT", "²"),
        ("SAGEMAKER_BIND_TO_PORT", "9" * 5000),
        ("SAGEMAKER_MULTI_MODEL", "1"),
        ("SAGEMAKER_LOCAL_CONTAINER_CAPACITY", "many"),
    ],
)
def test_bad_settings(name, value):
    """A value that makes no sense is refused by name."""
    with pytest.raises(ConfigurationError, match=f"{name} is '{value[:5]}"):
        Settings.from_env({name: value})
