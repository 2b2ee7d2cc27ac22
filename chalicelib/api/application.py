"""The Chalice app, with the three things that Chalice has no setting for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CORSConfig, Response

from chalicelib.api.exchange import CURRENT, PRINCIPAL
from chalicelib.errors import GatewayError, InternalFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import ChaliceAuthorizer, Request

    View = Callable[..., Response]
    Register = Callable[[View], None]

APP_NAME = "inference-gateway"
ANYTHING = "*/*"


class GatewayApp(Chalice):
    """Every body is binary; every view but the open ones needs a principal; no error is lost."""

    def __init__(self, cors: CORSConfig | None) -> None:
        super().__init__(APP_NAME, configure_logs=False)
        # An explicit list would send base64 text to every browser whose first Accept is not on it.
        self.api.binary_types = [ANYTHING]
        self._cors = cors
        self._closed: set[tuple[str, str]] = set()

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """With binary types Chalice answers 400 to a request that has no Accept."""
        headers = event.get("headers") or {}
        if not any(name.lower() == "accept" for name in headers):
            headers = {**headers, "accept": ANYTHING}
        return super().__call__({**event, "headers": headers}, context)

    def view(self, path: str, method: str, authorizer: ChaliceAuthorizer) -> Register:
        """Register a view of (exchange, principal, path parameters)."""

        def register(view: View) -> None:
            self._closed.add((path, method))
            guarded = _guarded(lambda **segments: view(CURRENT.get(), PRINCIPAL.get(), **segments))
            self._route(path, method, authorizer=authorizer)(guarded)

        return register

    def open_view(self, path: str, method: str) -> Register:
        """Register a view of (exchange), which anybody may have."""

        def register(view: View) -> None:
            self._route(path, method)(_guarded(lambda: view(CURRENT.get())))

        return register

    def is_closed(self, request: Request) -> bool:
        """Whether a view would answer that needs a principal; a wrong method has no view."""
        return (request.path, request.method) in self._closed

    def _route(self, path: str, method: str, **settings: Any) -> Callable[[View], View]:
        """Which content types a view takes is the table's business, not Chalice's."""
        route: Callable[[View], View] = self.route(
            path, methods=[method], content_types=[], cors=self._cors, **settings
        )
        return route


def _guarded(view: View) -> View:
    """Chalice would log an unforeseen exception with its text, and that may be a caller's data."""

    def guarded(**parameters: str) -> Response:
        try:
            return view(**parameters)
        except GatewayError:
            raise
        except Exception as error:
            raise InternalFailure from error

    return guarded
