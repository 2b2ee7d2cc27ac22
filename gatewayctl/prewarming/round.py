"""All the touches of one command: so many at once, each told of when it is over."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from gatewayctl.prewarming.outcome import Outcome
from gatewayctl.report import NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gatewayctl.prewarming.selection import Candidate

WAITING_SECONDS = 10.0
MOST_NAMED = 4


class Round:
    """Ends when every model is touched, on Ctrl-C, or when AWS cannot be reached."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        say: Callable[[str], object],
        waiting_seconds: float = WAITING_SECONDS,
    ) -> None:
        self.outcomes: list[Outcome] = []
        self.not_reachable: NotReachable | None = None
        self._say = say
        self._waiting_seconds = waiting_seconds
        self._many = len(candidates)
        self._left = deque(candidates)
        self._under_way: dict[str, float] = {}
        self._news: SimpleQueue[str | Outcome | NotReachable | None] = SimpleQueue()
        self._stopped = threading.Event()

    def pause(self, seconds: float) -> bool:
        """Wait in a touch; true as soon as there is no use in going on."""
        return self._stopped.wait(seconds)

    def go(self, touch: Callable[[Candidate], Outcome], at_once: int) -> None:
        """Touch them all; what comes of it is in `outcomes` and `not_reachable`."""
        # A call may take a minute. Daemons do not keep a process from ending, as a pool's threads
        # would after Ctrl-C; and what they know they tell the main thread, which alone prints.
        workers = [
            threading.Thread(target=self._work, args=(touch,), daemon=True)
            for _ in range(min(at_once, self._many))
        ]
        with suppress(KeyboardInterrupt):
            self._say(f"touching {self._many} models, {len(workers)} at once")
            for worker in workers:
                worker.start()
            self._listen(len(workers))
        self._stopped.set()

    def _work(self, touch: Callable[[Candidate], Outcome]) -> None:
        try:
            while not self._stopped.is_set() and (candidate := self._next()):
                self._news.put(candidate.path)
                self._news.put(touch(candidate))
        except NotReachable as error:
            self._news.put(error)
        finally:
            self._news.put(None)

    def _next(self) -> Candidate | None:
        try:
            return self._left.popleft()
        except IndexError:
            return None

    def _listen(self, working: int) -> None:
        """Until the last worker has ended, or one has found that there is no AWS."""
        says_next = time.monotonic() + self._waiting_seconds
        while working:
            try:
                news = self._news.get(timeout=max(says_next - time.monotonic(), 0.0))
            except Empty:
                self._say(self._waiting())
                says_next += self._waiting_seconds
                continue
            match news:
                case None:
                    working -= 1
                case str():
                    self._under_way[news] = time.monotonic()
                case Outcome():
                    del self._under_way[news.path]
                    self.outcomes.append(news)
                    self._say(f"[{len(self.outcomes)}/{self._many}] {news}")
                case NotReachable():
                    self.not_reachable = news
                    return

    def _waiting(self) -> str:
        now = time.monotonic()
        named = [f"{path} ({now - since:.0f} s)" for path, since in self._under_way.items()]
        more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        return f"waiting for {', '.join(named[:MOST_NAMED])}{more}; {len(self._left)} to go"
