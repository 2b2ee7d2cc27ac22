"""What every List operation does with its filters, its order and its pages."""

import base64

import pytest

from sagemaker_local.control_plane.listing import page
from sagemaker_local.errors import InvalidInput

NAMES = ["beta", "Alpha", "gamma-alpha"]


def thing(name, *, created=0.0, modified=None, status="InService"):
    return {
        "ThingName": name,
        "ThingStatus": status,
        "CreationTime": created,
        "LastModifiedTime": created if modified is None else modified,
    }


THINGS = [
    thing("beta", created=2.0, modified=9.0, status="Failed"),
    thing("Alpha", created=1.0),
    thing("gamma-alpha", created=3.0, status="Creating"),
]


def names(things=THINGS, **request):
    return [summary["ThingName"] for summary in page(things, request, "Thing")["Things"]]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, ["gamma-alpha", "beta", "Alpha"], id="newest-first"),
        pytest.param({"SortOrder": "Ascending"}, ["Alpha", "beta", "gamma-alpha"], id="oldest"),
        pytest.param(
            {"SortBy": "Name", "SortOrder": "Ascending"},
            ["Alpha", "beta", "gamma-alpha"],
            id="name",
        ),
        pytest.param({"SortBy": "Name"}, ["gamma-alpha", "beta", "Alpha"], id="name-descending"),
        pytest.param(
            {"SortBy": "Status", "SortOrder": "Ascending"},
            ["gamma-alpha", "beta", "Alpha"],
            id="status",
        ),
    ],
)
def test_order(request_, expected):
    """By creation, newest first, unless the request says otherwise."""
    assert names(**request_) == expected


def test_things_of_one_moment_have_an_order():
    """Their names decide, so that pages do not overlap."""
    twins = [thing(name) for name in ("b", "a", "c")]

    assert names(twins) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({"NameContains": "ALPHA"}, {"Alpha", "gamma-alpha"}, id="name-in-any-case"),
        pytest.param({"NameContains": "delta"}, set(), id="no-such-name"),
        pytest.param({"StatusEquals": "Failed"}, {"beta"}, id="status"),
        pytest.param({"CreationTimeAfter": 1.5}, {"beta", "gamma-alpha"}, id="created-after"),
        pytest.param({"CreationTimeBefore": 1.5}, {"Alpha"}, id="created-before"),
        pytest.param({"LastModifiedTimeAfter": 8}, {"beta"}, id="modified-after"),
        pytest.param({"LastModifiedTimeBefore": 2.5}, {"Alpha"}, id="modified-before"),
        pytest.param({"CreationTimeAfter": 2.0}, {"gamma-alpha"}, id="after-is-not-at"),
        pytest.param(
            {"CreationTimeAfter": 1.5, "StatusEquals": "Creating", "NameContains": "a"},
            {"gamma-alpha"},
            id="all-at-once",
        ),
    ],
)
def test_filters(request_, expected):
    """Each narrows the list further."""
    assert set(names(**request_)) == expected


@pytest.mark.parametrize(
    ("count", "length", "expected"),
    [(0, 3, [0]), (3, 3, [3]), (4, 3, [3, 1]), (7, 3, [3, 3, 1]), (25, None, [10, 10, 5])],
)
def test_pages(count, length, expected):
    """MaxResults at a time, ten without it; the last page has no token, and none is lost."""
    things = [thing(f"t{number:02}", created=number) for number in range(count)]
    request = {} if length is None else {"MaxResults": length}

    pages = [page(things, request, "Thing")]
    while "NextToken" in pages[-1]:
        pages.append(page(things, {**request, "NextToken": pages[-1]["NextToken"]}, "Thing"))

    assert [len(answer["Things"]) for answer in pages] == expected
    listed = [summary["ThingName"] for answer in pages for summary in answer["Things"]]
    assert listed == [summary["ThingName"] for summary in reversed(things)]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "\u00e4",
        "AAAA",
        base64.b64encode(b"page:-1").decode(),
        base64.b64encode(b"page:x").decode(),
        base64.b64encode(b"leaf:1").decode(),
        base64.b64encode(b"page:" + b"9" * 5000).decode(),
    ],
)
def test_a_token_that_is_none_of_ours(token):
    """Is refused, and does no harm."""
    with pytest.raises(InvalidInput, match="Invalid NextToken"):
        names(NextToken=token)


def test_a_token_beyond_the_end():
    """What was there when it was given may be gone."""
    token = page([thing(str(n)) for n in range(3)], {"MaxResults": 2}, "Thing")["NextToken"]

    assert page([], {"NextToken": token}, "Thing") == {"Things": []}
