"""The Lambda authorizer: it says who is calling, and leaves the refusal to the middleware.

Its policy always allows, because API Gateway keeps the policy for a minute and uses it for every
route. The outcome of the check is in the policy's context. The middleware reads the context and
answers 401 or 503 with the gateway's own error body, also under `chalice local`, which has no
gateway responses.

On Lambda, a credential that cannot be checked now is a failure of the authorizer instead. API
Gateway does not keep a failure, so the next request asks again, and its gateway response is the
same 503.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from chalice.app import AuthResponse, AuthRoute

from chalicelib.auth.credentials import check_authorization
from chalicelib.auth.principal import UNAUTHORIZED, UNAVAILABLE
from chalicelib.telemetry.request_record import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalice.app import AuthRequest, Chalice, ChaliceAuthorizer

    from chalicelib.auth.credentials import Scheme
    from chalicelib.telemetry.log import Telemetry

TTL_SECONDS = 60
NOBODY = "nobody"

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Lambda's request id, which Chalice does not hand to an authorizer. `chalice local` sets none."""


@contextmanager
def called_as(request_id: str | None) -> Iterator[None]:
    """Give the authorizer Lambda's request id of its own call."""
    mark = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(mark)


ALL_ROUTES: list[str | AuthRoute] = ["*"]

# Without wildcards in it, because the policy is made of this text.
METHOD_ARN = re.compile(r"arn:[^:*]+:execute-api:[^:*]+:[^:*]+:[^:/*]+/[^/*]+/.+", re.DOTALL)
DENY_ALL = {
    "principalId": NOBODY,
    "context": {"outcome": UNAUTHORIZED},
    "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}],
    },
}
"""The result for a question that API Gateway does not ask."""


class AuthorizerFailed(Exception):
    """The authorizer has no result; the log says why, and this text says nothing of the token."""


def register(
    app: Chalice,
    schemes: Sequence[Scheme],
    telemetry: Telemetry,
    other_event: Callable[[Any, Any], Any],
    *,
    on_lambda: bool,
) -> ChaliceAuthorizer:
    """Add the authorizer to the app; Lambda calls it as `app.authorize`.

    The authorizer raises only AuthorizerFailed. API Gateway then refuses the request and caches
    no policy.

    Args:
        other_event: Handles an event that is no question to an authorizer.
        on_lambda: Whether API Gateway caches results, and has a response for a failure.
    """

    def authorize(request: AuthRequest) -> AuthResponse:
        request_id = _request_id.get()
        try:
            outcome = check_authorization(request.token, schemes)
        except Exception as error:
            # Lambda logs the text of an exception, and the text of this one may hold the token.
            telemetry.bug(error, request_id)
            raise AuthorizerFailed("a bug") from None
        principal = outcome.identity and outcome.identity.principal
        telemetry.credential(
            request_id=request_id,
            outcome=outcome.verdict,
            reason=outcome.reason,
            principal=principal,
            key_id=outcome.key_id,
            grants=outcome.number_of_grants,
        )
        if on_lambda and outcome.verdict == UNAVAILABLE:
            raise AuthorizerFailed("the credential cannot be checked now")
        return AuthResponse(ALL_ROUTES, principal or NOBODY, outcome.context(request_id))

    authorizer: ChaliceAuthorizer = app.authorizer(ttl_seconds=TTL_SECONDS)(authorize)

    def handle(event: Any, context: Any) -> Any:
        if not isinstance(event, dict) or not event.keys() & {"authorizationToken", "methodArn"}:
            return other_event(event, context)
        request_id = identifier(getattr(context, "aws_request_id", None))
        token, arn = event.get("authorizationToken"), event.get("methodArn")
        if isinstance(token, str) and isinstance(arn, str) and METHOD_ARN.fullmatch(arn):
            question = {"type": "TOKEN", "authorizationToken": token, "methodArn": arn}
            with called_as(request_id):
                return authorizer(question, context)
        telemetry.event_refused("malformed question to the authorizer", request_id)
        return DENY_ALL

    app.handler_map[authorizer.name] = handle
    return authorizer
