"""Random routing tables: models of every kind, with any options."""

import json

from hypothesis import assume
from hypothesis import strategies as st

from chalicelib.routing.headers import PASSED

NOT_FOR_CALLERS = "not-for-callers"
"""A text that is in every name of SageMaker's, and in no other name."""

FIRSTS = st.from_regex(r"[a-z0-9](-{0,2}[a-z0-9]){0,6}", fullmatch=True)
PARAMETERS = st.lists(
    st.from_regex(r"[a-z][a-z0-9_]{0,4}", fullmatch=True), max_size=2, unique=True
)
RULES = st.one_of(
    st.fixed_dictionaries(
        {
            "one_of": st.lists(
                st.from_regex(r"[a-z0-9~]{1,5}", fullmatch=True), min_size=1, unique=True
            )
        }
    ),
    st.fixed_dictionaries(
        {"pattern": st.sampled_from(["[a-z]{2}", r"v\d+\-x", "a|b.", r"[\w\-]+"])}
    ),
)
MEDIA_TYPES = st.lists(
    st.sampled_from(["application/json", "application/vnd.a+json", "text/csv", "image/png"]),
    min_size=1,
    unique=True,
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)
EXAMPLES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS | st.just("$ref"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("$ref"), inner),
    max_leaves=6,
)
OPTIONS = {
    "description": TEXTS,
    "content_types": MEDIA_TYPES,
    "accepts": MEDIA_TYPES,
    "example": EXAMPLES,
    "expose_model_errors": st.booleans(),
    "metrics": st.booleans(),
    "pass_headers": st.lists(st.sampled_from(list(PASSED)), unique=True),
    "return_headers": st.lists(st.sampled_from(["custom-attributes", "session-id"]), unique=True),
}
TARGETS = st.sampled_from(
    [
        {"kind": "single"},
        {"kind": "single", "target_variant": f"{NOT_FOR_CALLERS}-variant"},
        {"kind": "mce", "target_container_hostname": f"{NOT_FOR_CALLERS}-container"},
        {"kind": "pipeline"},
        {"kind": "component", "inference_component": f"{NOT_FOR_CALLERS}-component"},
    ]
)


@st.composite
def entries(draw):
    """A name and its entry; everything that callers must not see contains the mark."""
    first, names = draw(FIRSTS), draw(PARAMETERS)
    entry = {
        "endpoint": f"{NOT_FOR_CALLERS}-endpoint",
        **draw(st.fixed_dictionaries({}, optional=OPTIONS)),
    }
    if names:
        entry |= {"kind": "mme", "parameters": {name: draw(RULES) for name in names}}
        entry["target_model"] = f"{NOT_FOR_CALLERS}/{''.join(f'{{{name}}}' for name in names)}"
    elif draw(st.booleans()):
        entry |= draw(TARGETS)
    else:
        some = draw(st.dictionaries(FIRSTS, TARGETS, min_size=1, max_size=3))
        entry["targets"] = {name: {**target, "weight": 1} for name, target in some.items()}
        entry["fallback"] = list(some)
    assume(NOT_FOR_CALLERS not in f"{first}{names}{entry.get('example')}{entry.get('description')}")
    return "/".join([first, *(f"{{{name}}}" for name in names)]), entry


def key(named):
    """Return the key that two entries of a table must not share."""
    name, _ = named
    return name.split("/")[0], name.count("/")


TABLES = st.lists(entries(), min_size=1, max_size=4, unique_by=key).map(
    lambda named: json.dumps({"version": 1, "models": dict(named)}, ensure_ascii=False)
)
