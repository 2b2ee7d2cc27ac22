"""Clients for targets in another Region or account, each made when it is first needed."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalicelib.errors import UpstreamUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.aws.deadline import Deadline
    from chalicelib.routing.targets import Place

MOST_CLIENTS = 20
"""Each has connections and credentials of its own. Beyond these, the one that was used longest ago
is forgotten."""

WAIT_SECONDS = 3.0
"""The longest time to wait for another request that is making the same client."""


class ClientsElsewhere:
    """One client for each place.

    Args:
        make_client: Makes a client, with the arguments `region_name` and `role_arn`.
    """

    def __init__(self, make_client: Callable[..., Any]) -> None:
        self._make_client = make_client
        self._making: dict[Place, threading.Lock] = {}
        self._lock = threading.Lock()
        self._clients: dict[Place, Any] = {}

    def client(self, place: Place, deadline: Deadline) -> Any:
        """Return the client of a place; a role is assumed within the deadline.

        Raises:
            GatewayError: STS refuses the role, or cannot be reached.
        """
        client = self._known(place)
        if client is None:
            with self._turn(place, deadline), deadline.in_force():
                client = self._known(place) or self._make_client(**_settings(place))
                self._keep(place, client)
        return client

    @contextmanager
    def _turn(self, place: Place, deadline: Deadline) -> Iterator[None]:
        """Let one request at a time make the client of a place; others need not wait for STS.

        Raises:
            UpstreamUnreachable: It takes too long for the deadline.
        """
        with self._lock:
            making = self._making.setdefault(place, threading.Lock())
        seconds = deadline.step(WAIT_SECONDS).remaining_seconds
        if not making.acquire(timeout=max(seconds, 0)):
            raise UpstreamUnreachable
        try:
            yield
        finally:
            making.release()

    def _known(self, place: Place) -> Any:
        """Return the client of a place if there is one, and make it the newest."""
        with self._lock:
            client = self._clients.pop(place, None)
            if client is not None:
                self._clients[place] = client
            return client

    def _keep(self, place: Place, client: Any) -> None:
        with self._lock:
            self._clients[place] = client
            if len(self._clients) > MOST_CLIENTS:
                del self._clients[next(iter(self._clients))]


def _settings(place: Place) -> dict[str, str]:
    settings = {"region_name": place.region, "role_arn": place.role_arn}
    return {name: value for name, value in settings.items() if value is not None}
