"""The Chalice app, with the three things that Chalice has no setting for."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CORSConfig, Response

from chalicelib.api.exchange import CURRENT
from chalicelib.errors import GatewayError, InternalFailure

if TYPE_CHECKING:
    from collections.abc import Callable

APP_NAME = "inference-gateway"
ANYTHING = "*/*"


class GatewayApp(Chalice):
    """Every body is binary; every view gets its exchange; no exception of a view is lost."""

    def __init__(self, cors: CORSConfig | None) -> None:
        super().__init__(APP_NAME, configure_logs=False)
        # An explicit list would send base64 text to every browser whose first Accept is not on it.
        self.api.binary_types = [ANYTHING]
        self._cors = cors

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """With binary types Chalice answers 400 to a request that has no Accept."""
        headers = event.get("headers") or {}
        if not any(name.lower() == "accept" for name in headers):
            headers = {**headers, "accept": ANYTHING}
        return super().__call__({**event, "headers": headers}, context)

    def view(self, path: str, method: str) -> Callable[[Callable[..., Response]], None]:
        """Register a view of (exchange, path parameters); which content types is the table's."""

        def register(view: Callable[..., Response]) -> None:
            route = self.route(path, methods=[method], content_types=[], cors=self._cors)
            route(_guarded(view))

        return register


def _guarded(view: Callable[..., Response]) -> Callable[..., Response]:
    """Chalice would log an unforeseen exception with its text, and that may be a caller's data."""

    @wraps(view)
    def guarded(**parameters: str) -> Response:
        try:
            return view(CURRENT.get(), **parameters)
        except GatewayError:
            raise
        except Exception as error:
            raise InternalFailure from error

    return guarded
