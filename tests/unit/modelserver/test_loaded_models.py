"""Loading, invoking and unloading models at the same time."""

import asyncio
import threading

import pytest

from sagemaker_local.modelserver.errors import AlreadyLoaded, CannotLoad, NotLoaded, OutOfMemory
from sagemaker_local.modelserver.loaded_models import LoadedModels
from sagemaker_local.modelserver.models import InferenceRequest, InferenceResponse

REQUEST = InferenceRequest("text/csv", "", b"1")


class SlowModel:
    """A model that responds when the test sets `may_respond`."""

    def __init__(self) -> None:
        self.was_called = threading.Event()
        self.may_respond = threading.Event()

    def respond(self, _request: InferenceRequest) -> InferenceResponse:
        self.was_called.set()
        self.may_respond.wait(10)
        return InferenceResponse("text/csv", b"1\n")


class SlowLoader:
    """A load function that returns, or raises CannotLoad, when the test sets `may_finish`."""

    def __init__(self, *, fails: bool = False) -> None:
        self.may_finish = threading.Event()
        self.loads = 0
        self._fails = fails

    def __call__(self, _folder: object) -> SlowModel:
        self.loads += 1
        self.may_finish.wait(10)
        if self._fails:
            raise CannotLoad("no")
        return SlowModel()


def test_unloading_waits_for_calls_in_flight():
    """A request that has started is completed; the name is gone at once, the memory afterwards."""

    async def scenario():
        model = SlowModel()
        models = LoadedModels(lambda _folder: model)
        await models.load("a", "/a")
        call = asyncio.create_task(models.invoke("a", REQUEST))
        await asyncio.to_thread(model.was_called.wait, 10)
        unload = asyncio.create_task(models.unload("a"))
        await asyncio.sleep(0)
        with pytest.raises(NotLoaded):
            await models.invoke("a", REQUEST)
        assert not unload.done()
        model.may_respond.set()
        await unload
        assert call.done()
        return await call

    assert asyncio.run(scenario()).body == b"1\n"


@pytest.mark.parametrize(
    ("fails", "expected"),
    [(False, [type(None), AlreadyLoaded]), (True, [CannotLoad, CannotLoad])],
)
def test_a_second_load_waits_for_the_first(fails, expected):
    """Two loads of one name at the same time load the model once, also if the load fails."""

    async def scenario():
        loader = SlowLoader(fails=fails)
        models = LoadedModels(loader)
        loads = [asyncio.create_task(models.load("a", "/a")) for _ in range(2)]
        await asyncio.sleep(0)
        loader.may_finish.set()
        results = await asyncio.gather(*loads, return_exceptions=True)
        return loader.loads, [type(result) for result in results]

    assert asyncio.run(scenario()) == (1, expected)


def test_a_loading_model_counts_towards_the_capacity():
    """The capacity includes models that are being loaded."""

    async def scenario():
        loader = SlowLoader()
        models = LoadedModels(loader, capacity=1)
        first = asyncio.create_task(models.load("a", "/a"))
        await asyncio.sleep(0)
        with pytest.raises(OutOfMemory, match="room for 1"):
            await models.load("b", "/b")
        loader.may_finish.set()
        await first

    asyncio.run(scenario())


def test_one_model_does_not_wait_for_another():
    """A slow load does not delay other requests to the container."""

    async def scenario():
        loader = SlowLoader()
        models = LoadedModels(loader)
        loading = asyncio.create_task(models.load("a", "/a"))
        await asyncio.sleep(0)
        page = models.page()
        loader.may_finish.set()
        await loading
        return page.models, models.page().models

    assert asyncio.run(scenario()) == ([], [("a", "/a")])
