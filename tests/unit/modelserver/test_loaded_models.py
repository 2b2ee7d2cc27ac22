"""Loading, invoking and unloading when they happen at the same time."""

import asyncio
import threading

import pytest

from sagemaker_local.modelserver.errors import AlreadyLoaded, CannotLoad, NotLoaded, OutOfMemory
from sagemaker_local.modelserver.frameworks import Answer, Invocation
from sagemaker_local.modelserver.loaded_models import LoadedModels

QUESTION = Invocation("text/csv", "", b"1")


class SlowModel:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def answer(self, _invocation: Invocation) -> Answer:
        self.asked.set()
        self.let_go.wait(10)
        return Answer("text/csv", b"1\n")


class SlowLoader:
    """Loads when it is let go, and fails if it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.let_go = threading.Event()
        self.loads = 0
        self._fails = fails

    def __call__(self, _folder: object) -> SlowModel:
        self.loads += 1
        self.let_go.wait(10)
        if self._fails:
            raise CannotLoad("no")
        return SlowModel()


def test_unloading_waits_for_calls_in_flight():
    """A call that has begun is answered; memory is free, and the name gone, after it."""

    async def scenario():
        model = SlowModel()
        models = LoadedModels(lambda _folder: model)
        await models.load("a", "/a")
        call = asyncio.create_task(models.invoke("a", QUESTION))
        await asyncio.to_thread(model.asked.wait, 10)
        unload = asyncio.create_task(models.unload("a"))
        await asyncio.sleep(0)
        with pytest.raises(NotLoaded):
            await models.invoke("a", QUESTION)
        assert not unload.done()
        model.let_go.set()
        await unload
        assert call.done()
        return await call

    assert asyncio.run(scenario()).body == b"1\n"


@pytest.mark.parametrize(
    ("fails", "expected"),
    [(False, [type(None), AlreadyLoaded]), (True, [CannotLoad, CannotLoad])],
)
def test_a_second_load_waits_for_the_first(fails, expected):
    """Two loads of one name are one load, whatever becomes of it."""

    async def scenario():
        loader = SlowLoader(fails=fails)
        models = LoadedModels(loader)
        loads = [asyncio.create_task(models.load("a", "/a")) for _ in range(2)]
        await asyncio.sleep(0)
        loader.let_go.set()
        outcomes = await asyncio.gather(*loads, return_exceptions=True)
        return loader.loads, [type(outcome) for outcome in outcomes]

    assert (1, expected) == asyncio.run(scenario())


def test_a_model_on_its_way_takes_room():
    """Capacity counts what is being loaded, or two loads at once would exceed it."""

    async def scenario():
        loader = SlowLoader()
        models = LoadedModels(loader, capacity=1)
        first = asyncio.create_task(models.load("a", "/a"))
        await asyncio.sleep(0)
        with pytest.raises(OutOfMemory, match="room for 1"):
            await models.load("b", "/b")
        loader.let_go.set()
        await first

    asyncio.run(scenario())


def test_one_model_does_not_wait_for_another():
    """A load that takes long leaves the rest of the container alone."""

    async def scenario():
        loader = SlowLoader()
        models = LoadedModels(loader)
        loading = asyncio.create_task(models.load("a", "/a"))
        await asyncio.sleep(0)
        page = models.page()
        loader.let_go.set()
        await loading
        return page.models, models.page().models

    assert asyncio.run(scenario()) == ([], [("a", "/a")])
