"""What a policy should allow: what its table names, and what is printed about it."""

import re

from gatewayctl.policy import width
from tests.unit.policy import invocations, words
from tests.unit.policy.invocations import ARGUMENTS


class Oracle:
    """Which calls there may be; it never looks at the policy."""

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


def _arguments(call):
    return {name: call[name] for name in ARGUMENTS if name in call}


def _lower(call):
    """Names of endpoints and components, in which the case does not count."""
    return {name: value.lower() if name not in ARGUMENTS else value for name, value in call.items()}
