"""What is a grant, and which grants a token's claim holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.json_web_tokens import grants_of
from chalicelib.auth.principal import OK, Principal, is_grant


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "iris",
        "is-digit/7",
        "house-price/*",
        "*/houston",
        "translate/*/de",
        "a/b.c/D_~-",
        "x" * 63,
    ],
)
def test_a_grant(text):
    """A path after `/predict/`, any segment of which may be `*`."""
    assert is_grant(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "iris/",
        "/iris",
        "a//b",
        "Iris",
        "ir*",
        "**",
        "?",
        "iris wine",
        "iris\n",
        "house-price/%2e",
        "house-price/{city}",
        "a/b/c/d",
        "-iris",
        "x" * 64,
        "a/" + "x" * 64,
        "ïris",
        "a/٣",
    ],
)
def test_no_grant(text):
    """What no model's path could match is a mistake, and not a grant."""
    assert not is_grant(text)


@pytest.mark.parametrize(
    ("claim", "prefix", "grants"),
    [
        ("model:iris openid model:wine", "model:", ("iris", "wine")),
        (["model:iris", "email", "model:wine"], "model:", ("iris", "wine")),
        ("model:house-price:houston", "model:", ("house-price/houston",)),
        ("model:house-price/*", "model:", ("house-price/*",)),
        ("gateway/iris gateway/is-digit:7 other/wine", "gateway/", ("iris", "is-digit/7")),
        ("gateway/model:iris", "gateway/model:", ("iris",)),
        ("iris openid", "", ("iris", "openid")),
        ("model:*", "model:", ("*",)),
        ("model:iris model:iris", "model:", ("iris",)),
        ("model: model:Iris model:a:b:c:d  model:iris", "model:", ("iris",)),
        ("model:model:iris", "model:", ("model/iris",)),
        (["model:iris model:*", "model:wine"], "model:", ("wine",)),
        (["model:iris", 7, None, ["model:wine"], {"model:wine": 1}], "model:", ("iris",)),
        ("model:iris\nmodel:wine", "model:", ()),
        ("MODEL:iris", "model:", ()),
        (None, "model:", ()),
        ({"model:iris": True}, "", ()),
        (7, "", ()),
        (True, "", ()),
    ],
)
def test_granted_by(claim, prefix, grants):
    """Values with the prefix are grants if they can be; everything else is somebody else's."""
    assert grants_of(claim, prefix) == grants


@given(st.lists(st.text(alphabet="aZ*/:. 0-", max_size=8)), st.sampled_from(["", "a:"]))
def test_whatever_a_claim_holds(values, prefix):
    """Grants come out that can stand in a list with spaces, and mean there what they mean alone."""
    for claim in (values, " ".join(values)):
        grants = grants_of(claim, prefix)
        assert tuple(" ".join(grants).split()) == grants
        assert all(is_grant(grant) for grant in grants)
        context = {"outcome": OK, "principal": "somebody", "grants": " ".join(grants)}
        may_call = Principal(context, now=0).may_call
        assert may_call("no/such/model/anywhere") == ("*" in grants)
