"""A policy allows every call of its table, and otherwise only what folds and patterns include."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.routing.reading import file
from gatewayctl.policy import documents
from gatewayctl.policy.functions import Function
from gatewayctl.policy.place import Place
from tests.support import random_tables
from tests.support.profile import LONG
from tests.unit.policy.oracle import Oracle, calls_beside, calls_of, is_allowed
from tests.unit.policy.tables import TABLES

TABLES_TRIED = 2_000 if LONG else 90
HANDLER = Function("inference-gateway-dev", ".chalice/policy-dev.json")
PLACE = Place("aws", "eu-west-1", "123456789012")
LIMITS = st.just(documents.LIMIT) | st.integers(1_000, 4_000)
SPELLINGS = pytest.mark.parametrize("spelling", [str.lower, str], ids=["lower", "as-given"])


def made(table, limit=documents.LIMIT):
    """Return the handler's policy, those of the roles, and what they should allow."""
    models = list(table.models())
    handler = documents.handler_policy(models, HANDLER, PLACE, limit=limit)
    roles = {
        arn: documents.role_policy(models, arn, PLACE, limit=limit)
        for arn in documents.roles_of(models)
    }
    by_role = {arn: made.document for arn, made in roles.items()}
    return handler.document, by_role, Oracle(table, handler, roles)


@SPELLINGS
@given(table=TABLES, limit=LIMITS)
@settings(max_examples=TABLES_TRIED, deadline=None)
def test_tables_that_crowd_onto_few_endpoints(spelling, table, limit):
    """It holds with and without folds, for both spellings in ARNs, and across accounts."""
    policy, roles, oracle = made(table, limit)
    named = calls_of(table)

    def allowed(call):
        return is_allowed(policy, call, spelling=spelling, roles=roles)

    for call in named:
        assert allowed(call), call
    for call in calls_beside(named):
        assert oracle.allows(call) or not allowed(call), call


@given(text=random_tables.TABLES)
@settings(max_examples=TABLES_TRIED // 3, deadline=None)
def test_tables_of_all_options(text):
    """It holds for tables with all options."""
    table = file.parse(text.encode(), "routing.yaml")
    policy, roles, oracle = made(table)

    for call in calls_of(table):
        assert is_allowed(policy, call, roles=roles), call
    for call in calls_beside(calls_of(table)):
        assert oracle.allows(call) or not is_allowed(policy, call, roles=roles), call
