"""The queue of an asynchronous endpoint: turns, and requests that wait too long."""

import asyncio
import contextlib

from sagemaker_local.async_definitions import AsyncConfig
from sagemaker_local.hosting.artifacts import S3Location
from sagemaker_local.hosting.async_queue import AsyncQueue, AsyncRequest, Turns
from sagemaker_local.hosting.container_client import ContainerResponse
from sagemaker_local.hosting.models import Invocation

LONG_SECONDS = 3600


class Objects:
    """Keeps what is written, by key."""

    def __init__(self):
        self.written = {}

    async def write(self, location, body, content_type, kms_key_id):
        self.written[location.key] = body
        return True


def queued(name, ttl_seconds):
    return AsyncRequest(
        invocation=Invocation("e", "r", name.encode()),
        inference_id=name,
        config=AsyncConfig(),
        input=None,
        output=S3Location("b", f"{name}.out"),
        failure=S3Location("b", f"{name}-error.out"),
        ttl_seconds=ttl_seconds,
    )


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


def test_request_that_expires_in_the_queue():
    """It leaves a failure object and never reaches the container; the one behind it does."""

    async def scenario():
        objects, gate, called = Objects(), asyncio.Event(), []

        async def process(invocation):
            called.append(invocation.body)
            await gate.wait()
            return ContainerResponse(200, {}, invocation.body)

        queue = AsyncQueue("e", process, objects, lambda: 1)
        for name, ttl in (("first", LONG_SECONDS), ("late", 0.01), ("last", LONG_SECONDS)):
            queue.add(queued(name, ttl))
        await until(lambda: "late-error.out" in objects.written)
        before = list(called)
        gate.set()
        await until(lambda: "last.out" in objects.written)
        await queue.close()
        return before, called, objects.written

    before, called, written = asyncio.run(scenario())

    assert before == [b"first"]
    assert called == [b"first", b"last"]
    assert b"expired" in written["late-error.out"]
    assert set(written) == {"first.out", "late-error.out", "last.out"}


def test_time_out_at_work():
    """A request that had its turn has not expired, whatever times out while it is worked on."""

    async def scenario():
        objects = Objects()

        async def process(invocation):
            raise TimeoutError

        queue = AsyncQueue("e", process, objects, lambda: 1)
        queue.add(queued("a", LONG_SECONDS))
        await until(lambda: objects.written)
        await queue.close()
        return objects.written

    assert b"expired" not in asyncio.run(scenario())["a-error.out"]


def test_turns_follow_the_capacity():
    """Turns are given in order; more of them when the capacity grows, none when it is 0."""

    async def scenario():
        capacity, started, gate = [0], [], asyncio.Event()
        turns = Turns(lambda: capacity[0])

        async def take(number):
            async with turns.turn(LONG_SECONDS):
                started.append(number)
                await gate.wait()

        tasks = [asyncio.create_task(take(number)) for number in range(4)]
        seen = []
        for capacity[0] in (0, 1, 3):
            turns.give()
            for _ in range(10):
                await asyncio.sleep(0)
            seen.append(list(started))
        gate.set()
        await asyncio.gather(*tasks)
        return seen, started

    seen, started = asyncio.run(scenario())

    assert seen == [[], [0], [0, 1, 2]]
    assert started == [0, 1, 2, 3]


def test_cancelled_turn_goes_to_the_next():
    """A request that is dropped, waiting or at work, does not keep a place."""

    async def scenario():
        turns, done = Turns(lambda: 1), []

        async def take(number):
            async with turns.turn(LONG_SECONDS):
                done.append(number)
                if number < 2:
                    await asyncio.Event().wait()

        tasks = [asyncio.create_task(take(number)) for number in range(3)]
        await until(lambda: done)
        for task in (tasks[1], tasks[0]):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await tasks[2]
        return done

    assert asyncio.run(scenario()) == [0, 2]


def test_close_drops_everything():
    """Closing cancels what is at work and what waits, and writes nothing."""

    async def scenario():
        objects, called = Objects(), []

        async def process(invocation):
            called.append(invocation.body)
            await asyncio.Event().wait()

        queue = AsyncQueue("e", process, objects, lambda: 1)
        for name in ("a", "b"):
            queue.add(queued(name, LONG_SECONDS))
        await until(lambda: called)
        await queue.close()
        return called, objects.written

    assert asyncio.run(scenario()) == ([b"a"], {})
