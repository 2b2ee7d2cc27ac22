"""A policy allows every call of its table, and beside them only what it says it allows."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.table import file
from gatewayctl.policy import document, width
from gatewayctl.policy.needs import calls
from gatewayctl.policy.place import Place
from tests import random_tables
from tests.profile import LONG
from tests.unit.policy import invocations, words
from tests.unit.policy.invocations import ARGUMENTS, is_allowed
from tests.unit.policy.tables import TABLES

TABLES_TRIED = 2_000 if LONG else 150
PLACE = Place("aws", "eu-west-1", "123456789012")
LIMITS = st.just(document.LIMIT) | st.integers(1_000, 4_000)
SPELLINGS = pytest.mark.parametrize("spelling", [str.lower, str], ids=["lower", "as-given"])


class Oracle:
    """What may be called by the table, and by the lines that are printed about its policy."""

    def __init__(self, table, handler):
        self.calls = [_lower(call) for call in invocations.of_table(table)]
        self.lines = [words.read(line) for line in width.of_folds(handler.calls)]
        for model in table.models():
            lists = {one.name: getattr(one.rule, "values", ()) for one in model.parameters}
            self.lines += [words.read(line, lists) for line in width.of_patterns([model])]

    def allows(self, call):
        call = _lower(call)
        return self._endpoint(call["EndpointName"], _arguments(call)) and self._component(call)

    def _endpoint(self, name, arguments):
        """Arguments that no call of ours gives this endpoint are left to SageMaker to refuse."""
        ours = [_arguments(call) for call in self.calls if call["EndpointName"] == name]
        of_ours = {key: arguments[key] for said in ours for key in said if key in arguments}
        return of_ours in ours or any(
            line.covers(name, of_ours if line.one_endpoint else arguments) for line in self.lines
        )

    def _component(self, call):
        name = call.get("InferenceComponentName")
        return (
            name is None
            or any(name == one.get("InferenceComponentName") for one in self.calls)
            or any(line.component and re.fullmatch(line.component, name) for line in self.lines)
        )


def made(table, limit=document.LIMIT):
    """The handler's policy, and what it should allow."""
    handler = document.handler(calls(table.models()), PLACE, limit=limit)
    return handler.document, Oracle(table, handler)


@SPELLINGS
@given(table=TABLES, limit=LIMITS)
@settings(max_examples=TABLES_TRIED, deadline=None)
def test_tables_that_crowd_onto_few_endpoints(spelling, table, limit):
    """Whether folded or not, and whichever way SageMaker spells names in ARNs."""
    policy, oracle = made(table, limit)
    named = invocations.of_table(table)

    for call in named:
        assert is_allowed(policy, call, spelling=spelling), call
    for call in invocations.beside(named):
        assert oracle.allows(call) or not is_allowed(policy, call, spelling=spelling), call


@given(text=random_tables.TABLES)
@settings(max_examples=TABLES_TRIED, deadline=None)
def test_tables_of_all_options(text):
    """As above, for the tables that other tests have."""
    table = file.parse(text.encode(), "routing.yaml")
    policy, oracle = made(table)

    for call in invocations.of_table(table):
        assert is_allowed(policy, call), call
    for call in invocations.beside(invocations.of_table(table)):
        assert oracle.allows(call) or not is_allowed(policy, call), call


def _arguments(call):
    return {name: call[name] for name in ARGUMENTS if name in call}


def _lower(call):
    """Names of endpoints and components, in which the case does not count."""
    return {name: value.lower() if name not in ARGUMENTS else value for name, value in call.items()}
