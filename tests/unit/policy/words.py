"""What is printed of a policy, read as a person reads it: which calls it says are allowed."""

import re
from typing import NamedTuple

ARGUMENTS = {"artifact": "TargetModel", "container": "TargetContainerHostname"}

START = r"(?: under (?P<{0}_folder>\S+/)| that begins with (?P<{0}_start>\S+))?"
NOUN = "(?P<noun>artifact|container)"
WHERE = rf"(?:endpoint (?P<endpoint>\S+)|every endpoint{START.format('endpoint')})"
SENTENCES = [
    re.compile(rf"{what} \(.*\)")
    for what in (
        rf"every {NOUN}{START.format('value')} of {WHERE}",
        rf"every {NOUN} like (?P<like>\S+) of {WHERE}",
        rf"{NOUN} (?P<value>\S+) of {WHERE}",
        rf"every endpoint{START.format('endpoint')}, without a target",
        rf"every (?P<component>inference component){START.format('component')}",
    )
]


class Allowed(NamedTuple):
    """Expressions of what may be called, and of the one argument that it is called with."""

    endpoint: str
    component: str
    argument: str | None
    value: str
    one_endpoint: bool

    def covers(self, endpoint, arguments):
        return (
            re.fullmatch(self.endpoint, endpoint) is not None
            and arguments.keys() == ({self.argument} if self.argument else set())
            and all(re.fullmatch(self.value, value) for value in arguments.values())
        )


def read(sentence, lists=None):
    """What a line says; in that of a pattern, `{parameter}` is a value from a list of the table.

    That a line can be understood at all is half of the test.
    """
    (match,) = [match for form in SENTENCES if (match := form.fullmatch(sentence))]
    said = {"noun": None, "component": None} | match.groupdict()
    if said["component"]:
        return Allowed("", _start(said, "component"), None, "", False)
    endpoint = said.get("endpoint")
    return Allowed(
        endpoint=re.escape(endpoint) if endpoint else _start(said, "endpoint"),
        component="",
        argument=ARGUMENTS.get(said["noun"]),
        value=_value(said, lists or {}),
        one_endpoint=endpoint is not None,
    )


def _value(said, lists):
    if "value" in said:
        return re.escape(said["value"])
    if "like" in said:
        expression = re.escape(said["like"]).replace(r"\*", ".*")
        for name, values in lists.items():
            expression = expression.replace(
                rf"\{{{name}\}}", f"({'|'.join(map(re.escape, values))})"
            )
        return expression
    return _start(said, "value")


def _start(said, name):
    return re.escape(said.get(f"{name}_folder") or said.get(f"{name}_start") or "") + ".*"
