"""A model that the first request loads: `SAGEMAKER_LOCAL_LOAD_LATE`."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sagemaker_local.modelserver.errors import CannotLoad
from sagemaker_local.modelserver.models import InferenceRequest, LateModel

REQUEST = InferenceRequest("application/json", "*/*", b"[]")


class Echo:
    def respond(self, request):
        return request.body


def test_once():
    """Requests that come together wait for one load."""
    loads = []

    def load():
        loads.append(1)
        return Echo()

    model = LateModel(load)
    assert loads == []
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(model.respond, [REQUEST] * 8))
    assert (answers, loads) == ([b"[]"] * 8, [1])


def test_failure():
    """A load that fails is the error of its request, and the next request tries again."""
    answers = [CannotLoad("no model"), Echo()]

    def load():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    model = LateModel(load)
    with pytest.raises(CannotLoad, match="no model"):
        model.respond(REQUEST)
    assert model.respond(REQUEST) == b"[]"
