"""What a model server refuses, each with its HTTP status.

ModelServerError
├── BadInput               400
├── CannotLoad             400
├── NotLoaded              404
├── NotAcceptable          406
├── AlreadyLoaded          409
├── UnsupportedMediaType   415
└── OutOfMemory            507

ConfigurationError         the server does not start; never rendered to a caller
"""

from __future__ import annotations

from typing import ClassVar


class ConfigurationError(Exception):
    """An environment variable does not hold what it should."""


class ModelServerError(Exception):
    """A refusal: its text is one sentence for the caller."""

    status: ClassVar[int]


class BadInput(ModelServerError):
    """The body is not what the model reads."""

    status = 400


class CannotLoad(ModelServerError):
    """The folder holds no model that this server can load."""

    status = 400


class NotLoaded(ModelServerError):
    """No loaded model has this name."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"No model named {name!r} is loaded; load it with POST /models.")


class NotAcceptable(ModelServerError):
    """The caller accepts nothing that a model can answer."""

    status = 406


class AlreadyLoaded(ModelServerError):
    """A model of this name is in memory."""

    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"A model named {name!r} is already loaded; unload it first.")


class UnsupportedMediaType(ModelServerError):
    """The body's content type is not one that the model reads."""

    status = 415


class OutOfMemory(ModelServerError):
    """There is no room; SageMaker unloads another model and tries again."""

    status = 507
