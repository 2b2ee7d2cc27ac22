"""What `gatewayctl advise` prints: the totals, the advice with its reasons, and the endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.advice.facts import HOURS_A_MONTH
from gatewayctl.advice.risks import risks
from gatewayctl.advice.rules_alone import RULES as ALONE
from gatewayctl.advice.rules_shared import DEFAULT, SHARING
from gatewayctl.commands.advise_data import endpoint_data
from gatewayctl.costs.money import with_cents
from gatewayctl.output import aligned, first_few, measured, percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.advice.decision import Decision
    from gatewayctl.advice.facts import Account, Host
    from gatewayctl.advice.rule import Condition, Rule, Verdict
    from gatewayctl.advice.sharing import Shared
    from gatewayctl.advice.summary import Advice, Totals

UNKNOWN = "unknown"
NOTHING = "-"
LEAST_AN_HOUR = 0.0001
"""The least amount that is written for an hour."""
YES, NO = "yes", "no"
WIDTH = len("would have to be true") + 2


def cost(amount: float | None) -> str:
    """Write an amount of money."""
    return UNKNOWN if amount is None else with_cents(amount)


def totals_lines(found: Totals, account: Account) -> list[str]:
    """Return what all endpoints cost as they are, with one for each model, and as advised."""
    rows = [
        ("", f"{account.currency}/hour", f"{account.currency}/month"),
        *(
            (name, per_hour(amount), cost(amount))
            for name, amount in (
                ("one endpoint for each model", found.each_alone),
                ("as it is now", found.now),
                ("as advised", found.advised),
            )
        ),
    ]
    return [f"the traffic of {account.period_hours:,.0f} hours", "", *aligned(rows)]


def per_hour(a_month: float | None) -> str:
    """Write what an hour costs of what a month costs."""
    if a_month is None:
        return UNKNOWN
    an_hour = a_month / HOURS_A_MONTH
    if 0 < an_hour < LEAST_AN_HOUR:
        return f"less than {LEAST_AN_HOUR}"
    return f"{an_hour:,.4f}".rstrip("0").rstrip(".")


def endpoints_lines(account: Account) -> list[str]:
    """Return a table of the endpoints."""
    return aligned(endpoint_rows(account))


def endpoint_rows(account: Account) -> list[tuple[str, ...]]:
    """Return the cells of the table of endpoints, and its header first."""
    names = sorted({one.endpoint for one in account.models})
    header = (
        *("endpoint", "instances", "type", "models", f"{account.currency}/month", "busy"),
        *("busiest minute", "p99 ms", "cold"),
    )
    return [header, *(_endpoint_row(account, account.endpoints[name]) for name in names)]


def _endpoint_row(account: Account, one: Host) -> tuple[str, ...]:
    numbers = endpoint_data(account, one)
    busy, peak, cold = (numbers[name] for name in ("busy_share", "peak_at_work", "cold_share"))
    return (
        one.name,
        NOTHING if one.instances is None else str(one.instances),
        one.instance_type or ("serverless" if one.is_serverless else UNKNOWN),
        str(numbers["models"]),
        cost(one.cost_a_month),
        UNKNOWN if busy is None else percent(busy),
        UNKNOWN if peak is None else _at_once(peak),
        UNKNOWN if numbers["calls"] is None else _milliseconds(numbers["p99_ms"]),
        NOTHING if cold is None else measured(cold),
    )


def _at_once(peak: float) -> str:
    return f"{peak:,.{2 if peak >= 1 else 3}f} at once" if peak else NOTHING


def _milliseconds(p99: float | None) -> str:
    return NOTHING if p99 is None else f"{p99:,.0f}"


def advice_lines(advice: Sequence[Advice], *, in_full: bool) -> Iterator[str]:
    """Yield the advice with its reasons.

    Args:
        in_full: Whether the rules that were ruled out are told, too.
    """
    for one in advice:
        yield ""
        yield title(one)
        more = _ruled_out(one.first, ALONE) if in_full else ()
        said = [*blocks(one), *more]
        width = max(WIDTH, *(len(name) + 2 for name, _ in said))
        for name, lines in said:
            for number, line in enumerate(lines):
                yield f"  {name if number == 0 else '':{width}}{line}"


def title(one: Advice) -> str:
    """Return the models and the advice in one line."""
    names = first_few(one.names)
    if one.first.option is None:
        return f"{names}: unknown, because something has to be measured first"
    amount = f", {_saving(one.saves, one.currency)}"
    if one.first.stays:
        return f"{names}: stays {one.first.now}{_other_instances(one, amount)}"
    if one.shared is not None and len(one.shared.replaced) > 1:
        gone = plural(len(one.shared.replaced), "endpoint")
        return f"{names}: one {one.first.option} endpoint instead of {gone}{amount}"
    return f"{names}: {one.first.option} instead of {one.first.now}{amount}"


def _other_instances(one: Advice, amount: str) -> str:
    """Say how many instances an endpoint needs that stays; nothing if it has so many."""
    needed, present = one.shared, one.first.deciding.case.endpoint.instances
    if needed is None or needed.instances == present:
        return ""
    return f", on {plural(needed.instances, 'instance')} instead of {present}{amount}"


def _saving(amount: float | None, currency: str) -> str:
    """Write what is saved in a month, or what it costs more."""
    if amount is None:
        return "and what it costs is unknown"
    if abs(amount) < 0.005:
        return "for the same money"
    if amount > 0:
        return f"saves {with_cents(amount)} {currency} a month"
    return f"costs {with_cents(-amount)} {currency} a month more"


def blocks(one: Advice) -> list[tuple[str, list[str]]]:
    """Return what is said of an advice: names, and their lines."""
    return _unknown(one) if one.first.option is None else _known(one)


def _known(one: Advice) -> list[tuple[str, list[str]]]:
    rule = one.first.deciding.rule
    found = [
        ("rule", [rule.says, f"{rule.page}, {rule.url}"]),
        ("because", [condition_line(each) for each in one.first.deciding.conditions]),
    ]
    found.append(("would have to be true", one.to_confirm))
    shared = one.shared
    if shared is not None and (until := holds_until(shared, one.currency)):
        found.append(("holds until", [until]))
    found.append(("risks", [*risks(one)]))
    if rule is DEFAULT:
        found += _ruled_out(one.first, SHARING)
    if shared is not None or rule is DEFAULT:
        found.append(("not together with", [*apart(one.first)]))
    if all(each.model.traffic and not each.model.traffic.calls for each in one.decisions):
        found.append(("calls", ["none in this time: are these models needed at all?"]))
    return [(name, lines) for name, lines in found if lines]


def _unknown(one: Advice) -> list[tuple[str, list[str]]]:
    rule = one.first.deciding.rule
    measures = [f"{each.text}: {each.found}" for each in one.first.unknown]
    how = list(dict.fromkeys(each.measure for each in one.first.unknown))
    return [
        ("the question", [rule.says, f"{rule.page}, {rule.url}"]),
        ("unknown", measures),
        ("measure", how),
    ]


def _ruled_out(decision: Decision, rules: Sequence[Rule]) -> Iterator[tuple[str, list[str]]]:
    """Yield why some rules do not hold for a model."""
    for verdict in decision.verdicts:
        if verdict.holds is False and verdict.rule in rules:
            yield f"not {verdict.rule.option}", [*failures(verdict)]


def failures(verdict: Verdict) -> list[str]:
    """Return the conditions that rule an option out."""
    return [condition_line(each) for each in verdict.conditions if each.holds is False]


def condition_line(one: Condition) -> str:
    """Return a condition with what was found."""
    answer = {True: YES, False: NO, None: UNKNOWN}[one.holds]
    return f"{one.text}: {answer}, {one.found}"


def holds_until(shared: Shared, currency: str) -> str:
    """Say up to which load the costs are these; nothing if there are no calls."""
    most, factor = shared.most_calls_a_second, shared.times_the_load
    if most is None or factor is None:
        return ""
    after = plural(shared.instances + 1, "instance")
    if factor < 1:
        return "the busiest minute has more calls at once than vCPUs already: some wait"
    return (
        f"{most:,.1f} calls a second, {factor:,.1f} times the busiest minute; "
        f"then {after}, {cost(shared.cost_a_month / shared.instances * (shared.instances + 1))} "
        f"{currency} a month"
    )


def apart(decision: Decision) -> Iterator[str]:
    """Yield which models with the same image may not share an endpoint, and why."""
    reasons: dict[str, list[str]] = {}
    for name, differences in decision.apart.items():
        reasons.setdefault(", ".join(differences), []).append(name)
    for why, names in reasons.items():
        verb = "differs" if "," not in why else "differ"
        yield f"{first_few(names)}: {why} {verb}"
