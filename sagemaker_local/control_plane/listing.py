"""What every List operation has in common: filters, order, pages."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DEFAULT_PAGE_LENGTH = 10

Summary = dict[str, Any]

# Request member → whether a summary passes, given the summary's value and the member's.
_TIME_FILTERS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "CreationTimeAfter": ("CreationTime", lambda at, bound: at > bound),
    "CreationTimeBefore": ("CreationTime", lambda at, bound: at < bound),
    "LastModifiedTimeAfter": ("LastModifiedTime", lambda at, bound: at > bound),
    "LastModifiedTimeBefore": ("LastModifiedTime", lambda at, bound: at < bound),
}


def page(summaries: Iterable[Summary], request: Mapping[str, Any], noun: str) -> dict[str, Any]:
    """One page, for a resource whose members begin with `noun`, as in `EndpointName`.

    SageMaker's order is by creation, newest first, unless the request says otherwise.
    """
    chosen = [summary for summary in summaries if _passes(summary, request, noun)]
    by = {"Name": f"{noun}Name", "Status": f"{noun}Status"}.get(
        request.get("SortBy", "CreationTime"), "CreationTime"
    )
    descending = request.get("SortOrder", "Descending") == "Descending"
    chosen.sort(key=lambda summary: (summary[by], summary[f"{noun}Name"]), reverse=descending)
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", DEFAULT_PAGE_LENGTH)
    more = {"NextToken": _token(end)} if end < len(chosen) else {}
    return {f"{noun}s": chosen[start:end], **more}


def _passes(summary: Summary, request: Mapping[str, Any], noun: str) -> bool:
    if request.get("NameContains", "").lower() not in summary[f"{noun}Name"].lower():
        return False
    if request.get("StatusEquals", summary.get(f"{noun}Status")) != summary.get(f"{noun}Status"):
        return False
    return all(
        passes(summary[member], float(request[name]))
        for name, (member, passes) in _TIME_FILTERS.items()
        if name in request
    )


def _token(offset: int) -> str:
    return urlsafe_b64encode(f"page:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        kind, _, number = urlsafe_b64decode(token).decode().partition(":")
        offset = int(number) if kind == "page" else -1
    except ValueError:
        offset = -1
    if offset < 0:
        raise InvalidInput("Invalid NextToken.")  # UNVERIFIED
    return offset
