"""The errors of a model server, each with its HTTP status."""

from __future__ import annotations

from typing import ClassVar


class ConfigurationError(Exception):
    """An environment variable has a value that is not allowed; the server does not start."""


class ModelServerError(Exception):
    """The request cannot be served; the error's text is one sentence for the caller."""

    status: ClassVar[int]


class BadInput(ModelServerError):
    """The model cannot read the body."""

    status = 400


class CannotLoad(ModelServerError):
    """The folder contains no model that this server can load."""

    status = 400


class NotLocal(ModelServerError):
    """The request is for another host, or a web page can have made it."""

    status = 403


class NotLoaded(ModelServerError):
    """No loaded model has this name."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"No model named {name!r} is loaded; load it with POST /models.")


class NotAcceptable(ModelServerError):
    """The caller accepts no format that the model can write."""

    status = 406


class AlreadyLoaded(ModelServerError):
    """A model with this name is already in memory."""

    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"A model named {name!r} is already loaded; unload it first.")


class UnsupportedMediaType(ModelServerError):
    """The model does not read the body's content type."""

    status = 415


class OutOfMemory(ModelServerError):
    """There is no memory left; SageMaker unloads another model and tries again."""

    status = 507
