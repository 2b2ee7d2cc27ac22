"""The Lambda authorizer: it says who is calling, and leaves the refusal to the middleware.

Its policy always allows, because API Gateway keeps the policy for a minute and uses it for every
route. The outcome of the check is in the policy's context. The middleware reads the context and
answers 401 or 503 with the gateway's own error body, also under `chalice local`, which has no
gateway responses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import AuthResponse, AuthRoute

from chalicelib.auth.credentials import check_authorization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalice.app import AuthRequest, Chalice, ChaliceAuthorizer

    from chalicelib.auth.credentials import Scheme
    from chalicelib.telemetry.log import Telemetry

TTL_SECONDS = 60
NOBODY = "nobody"
ALL_ROUTES: list[str | AuthRoute] = ["*"]


class AuthorizerFailed(Exception):
    """The authorizer has a bug; the log says where."""


def register(app: Chalice, schemes: Sequence[Scheme], telemetry: Telemetry) -> ChaliceAuthorizer:
    """Add the authorizer to the app; Lambda calls it as `app.authorize`.

    The authorizer raises only AuthorizerFailed. API Gateway then refuses the request and caches
    no policy.
    """

    def authorize(request: AuthRequest) -> AuthResponse:
        try:
            outcome = check_authorization(request.token, schemes)
        except Exception as error:
            # Lambda logs the text of an exception, and the text of this one may hold the token.
            telemetry.bug(error)
            raise AuthorizerFailed from None
        caller = outcome.identity
        principal, key_id = (caller.principal, caller.key_id) if caller else (None, None)
        telemetry.credential(
            outcome=outcome.verdict, reason=outcome.reason, principal=principal, key_id=key_id
        )
        return AuthResponse(ALL_ROUTES, principal or NOBODY, outcome.context())

    authorizer: ChaliceAuthorizer = app.authorizer(ttl_seconds=TTL_SECONDS)(authorize)
    return authorizer
