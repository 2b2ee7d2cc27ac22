"""The authorizer: it says who, never no.

A deny would be a bare 403 without CORS, and a 503 cannot be said by an authorizer at all; so it
always allows, and the outcome travels in the context to the middleware, which answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import AuthResponse, AuthRoute

from chalicelib.auth.outcome import outcome_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalice.app import AuthRequest, Chalice, ChaliceAuthorizer

    from chalicelib.auth.identity import Scheme
    from chalicelib.telemetry.log import Telemetry

TTL_SECONDS = 60
NOBODY = "nobody"
# The policy is cached by token, and used for every route that the token comes to.
ALL_ROUTES: list[str | AuthRoute] = ["*"]


class AuthorizerFailed(Exception):
    """When the authorizer has a bug; what it was is in the log."""


def register(app: Chalice, schemes: Sequence[Scheme], telemetry: Telemetry) -> ChaliceAuthorizer:
    """Lambda knows it as `app.authorize`. It raises for bugs alone."""

    def authorize(request: AuthRequest) -> AuthResponse:
        try:
            outcome = outcome_of(request.token, schemes)
        except Exception as error:
            # Lambda writes down what it raises, and the text of a bug may hold the credential.
            telemetry.bug(error)
            raise AuthorizerFailed from None
        telemetry.credential(outcome)
        principal = outcome.identity.principal if outcome.identity else NOBODY
        return AuthResponse(ALL_ROUTES, principal, outcome.context())

    authorizer: ChaliceAuthorizer = app.authorizer(ttl_seconds=TTL_SECONDS)(authorize)
    return authorizer
