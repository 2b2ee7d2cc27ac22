"""Grants of keys: whether a grant covers a model of the table, for random small tables."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.auth.key_document import ApiKey
from chalicelib.routing.table import RoutingTable, row_key
from gatewayctl.grants import grant_problems
from gatewayctl.publishing.emptied_grants import emptied_keys
from tests.support.profile import LONG

VALUES = ("red", "green", "blue")
FIRSTS = ("a", "b")


def row(parameters):
    """Return a model whose parameters have these values."""
    rules = {f"p{n}": {"one_of": list(values)} for n, values in enumerate(parameters)}
    artifact = "-".join(f"{{{name}}}" for name in rules) or "artifact"
    return {
        "kind": "mme",
        "target": {"endpoint": "e", "target_model": artifact},
        "parameters": rules,
    }


PARAMETERS = st.lists(st.sets(st.sampled_from(VALUES), min_size=1), max_size=2)
MODELS = st.lists(st.tuples(st.sampled_from(FIRSTS), PARAMETERS), min_size=1, max_size=4)
TABLES = MODELS.map(
    lambda models: {row_key(first, len(values)): row(values) for first, values in models}
)
GRANTS = st.lists(st.sampled_from([*VALUES, "*"]), max_size=2).flatmap(
    lambda values: st.sampled_from([*FIRSTS, "*"]).map(lambda first: "/".join([first, *values]))
)


def paths(rows):
    """Yield every path that leads to a model."""
    for key, one in rows.items():
        choices = [rule["one_of"] for rule in one["parameters"].values()]
        yield from ([key.split("/")[0], *values] for values in product(*choices))


def covers(grant, path):
    """Whether a grant covers a path: the rule, written a second time."""
    wanted = grant.split("/")
    return grant == "*" or (
        len(wanted) == len(path)
        and all(one in ("*", segment) for one, segment in zip(wanted, path, strict=True))
    )


@settings(max_examples=5_000 if LONG else 200, deadline=None)
@given(TABLES, GRANTS)
def test_exactly_those_that_cover_a_path(rows, grant):
    """A grant is accepted if and only if it covers a path to some model."""
    table = RoutingTable("", {}, rows)
    leads_somewhere = any(covers(grant, path) for path in paths(rows))

    assert (not list(grant_problems([grant], table, "routing.yaml"))) == leads_somewhere


@settings(max_examples=5_000 if LONG else 200, deadline=None)
@given(TABLES, GRANTS)
def test_advice_leads_somewhere(rows, grant):
    """The suggested grant is one that would be accepted."""
    table = RoutingTable("", {}, rows)
    for problem in grant_problems([grant], table, "routing.yaml"):
        if "did you mean " in problem:
            meant = problem.split("did you mean ")[1].removesuffix("?")
            assert not list(grant_problems([meant], table, "routing.yaml"))


@settings(max_examples=5_000 if LONG else 200, deadline=None)
@given(TABLES, TABLES, st.lists(GRANTS, min_size=1, unique=True))
def test_emptied_by_another_table(old, new, grants):
    """A new table empties exactly the grants that cover a path of the old one alone."""
    key = ApiKey("abcd1234", b"", "p", tuple(grants), None, disabled=False)
    tables = (RoutingTable("", {}, old), RoutingTable("", {}, new))
    found = list(emptied_keys("secret", {key.key_id: key}, tables, now=0))

    before, after = ([g for g in grants if any(covers(g, p) for p in paths(t))] for t in (old, new))
    expected = [grant for grant in before if grant not in after]
    assert [grant for one in found for grant in one.grants] == expected
    assert all(one.can_call == bool(after) for one in found)
