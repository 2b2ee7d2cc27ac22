"""Pages of a List operation: filters, order and tokens."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Summary = dict[str, Any]

DEFAULT_PAGE_LENGTH = 10

# Request member: the summary's member, and whether a summary passes, given both values.
_TIME_FILTERS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "CreationTimeAfter": ("CreationTime", lambda at, limit: at > limit),
    "CreationTimeBefore": ("CreationTime", lambda at, limit: at < limit),
    "LastModifiedTimeAfter": ("LastModifiedTime", lambda at, limit: at > limit),
    "LastModifiedTimeBefore": ("LastModifiedTime", lambda at, limit: at < limit),
}


def list_page(
    summaries: Iterable[Summary], request: Mapping[str, Any], noun: str
) -> dict[str, Any]:
    """Filter, sort and page the summaries of a List operation, newest first by default.

    Args:
        noun: Start of the member names, as "Endpoint" in `EndpointName`.

    Raises:
        InvalidInput: NextToken does not come from this operation.
    """
    chosen = [summary for summary in summaries if _passes(summary, request, noun)]
    sort_by = {"Name": f"{noun}Name", "Status": f"{noun}Status"}.get(
        request.get("SortBy", "CreationTime"), "CreationTime"
    )
    descending = request.get("SortOrder", "Descending") == "Descending"
    chosen.sort(key=lambda summary: (summary[sort_by], summary[f"{noun}Name"]), reverse=descending)
    return page(f"{noun}s", chosen, request, DEFAULT_PAGE_LENGTH)


def page(
    member: str, items: Sequence[Summary], request: Mapping[str, Any], default_length: int
) -> dict[str, Any]:
    """Return the page that NextToken and MaxResults ask for.

    Raises:
        InvalidInput: NextToken does not come from this operation.
    """
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", default_length)
    more = {"NextToken": _token(end)} if end < len(items) else {}
    return {member: items[start:end], **more}


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
