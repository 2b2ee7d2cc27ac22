"""The sections that `gatewayctl explain --token` shows: what a token says beside the settings."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.auth.credentials import Identity, Outcome
from chalicelib.auth.json_web_tokens import (
    LONGEST_TOKEN,
    NO_GRANTS_CLAIM,
    NO_VALUE_WITH_PREFIX,
    claim_of,
    find_grants,
    is_time,
    names_audience,
)
from chalicelib.auth.principal import EVERYTHING, OK, Principal
from chalicelib.errors import quoted
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.commands.explain_sections import Section, table_section
from gatewayctl.output import distance, first_few

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.auth.json_web_tokens import TokenRules
    from chalicelib.auth.signatures import KeySet
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.command import Context

MOST_GRANTS = 20
"""How many grants the text lists; the data has all of them."""


def token_sections(
    context: Context, token: str, rules: TokenRules | None, keys: KeySet | None
) -> Iterator[Section]:
    """Show the token's parts beside the settings, and the models that its grants cover.

    Args:
        rules: None if the settings name no issuer.
        keys: The issuer's key set; None if it was not needed.
    """
    yield _settings_section(context.stage, rules)
    header, claims = _parts(token)
    if header is not None:
        yield _header_section(header)
        yield _key_section(header, keys)
    if claims is not None:
        yield from _claims_sections(context, claims, rules)


def _claims_sections(
    context: Context, claims: Mapping[str, Any], rules: TokenRules | None
) -> Iterator[Section]:
    if rules is not None:
        yield _issuer_section(claims, rules)
        yield _audience_section(claims, rules)
    yield _times_section(claims, context.now())
    yield Section("principal", [_shown(claims.get("sub"))], _data(claims.get("sub")))
    if rules is None:
        return
    try:
        file = tables.load(context.table_path())
    except stages.TableInS3 as error:
        yield _grants_section(claims, rules, None)
        yield Section("table", [f"not read: {error}"], None)
    else:
        yield _grants_section(claims, rules, file.table)
        yield table_section(file)


def _settings_section(stage: str, rules: TokenRules | None) -> Section:
    """Show the settings that decide about tokens."""
    if rules is None:
        line = f"GATEWAY_JWT_ISSUER is not set for stage {stage}, so every JWT is refused"
        return Section("settings", [line], {"stage": stage, "issuer": None})
    return Section(
        "settings",
        [
            f"stage {stage}; algorithms {_listed(rules.algorithms)}; types {_listed(rules.types)}",
            f"grants in {_listed(rules.grants_claims)}, with the prefix "
            f"{quoted(rules.grant_prefix)}",
        ],
        {"stage": stage, **rules._asdict()},
    )


def _header_section(header: Mapping[str, Any]) -> Section:
    shown = {name: header[name] for name in ("alg", "typ", "kid") if name in header}
    line = ", ".join(f"{name} {_shown(value)}" for name, value in shown.items())
    others = [quoted(name) for name in header if name not in shown]
    more = f"; also {first_few(others)}" if others else ""
    return Section(
        "header", [f"{line}{more}"], {name: _data(value) for name, value in shown.items()}
    )


def _key_section(header: Mapping[str, Any], keys: KeySet | None) -> Section:
    """Show whether the key set has the key that the token names."""
    kid = header.get("kid")
    if keys is None:
        return Section("key", ["not looked for"], {"found": None})
    if isinstance(kid, str) and kid in keys:
        return Section("key", ["found in the key set"], {"found": True})
    known = _listed(tuple(keys)) if keys else "none"
    line = f"not found; the usable keys of the key set are {known}"
    return Section("key", [line], {"found": False, "usable": list(keys)})


def _issuer_section(claims: Mapping[str, Any], rules: TokenRules) -> Section:
    found = claims.get("iss")
    same = found == rules.issuer
    end = "as" if same else f"not {quoted(rules.issuer)}, which is"
    return Section(
        "issuer",
        [f"{_shown(found)}, {end} GATEWAY_JWT_ISSUER"],
        {"found": _data(found), "accepted": same},
    )


def _audience_section(claims: Mapping[str, Any], rules: TokenRules) -> Section:
    found = claim_of(claims, rules.audience_claim)
    accepted = names_audience(found, rules.audiences)
    end = "accepted" if accepted else "refused"
    name = quoted(rules.audience_claim)
    return Section(
        "audience",
        [f"{name} is {_shown(found)}; {end}: GATEWAY_JWT_AUDIENCE is {_listed(rules.audiences)}"],
        {"claim": rules.audience_claim, "found": _data(found), "accepted": accepted},
    )


def _times_section(claims: Mapping[str, Any], now: int) -> Section:
    """Show when the token was issued and when it expires, in UTC and from now."""
    present = {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
    times = {name: _time(value) for name, value in present.items()}
    lines = [
        f"{name} {time}, {distance(present[name] - now)}"
        if time is not None
        else f"{name} is no time: {_shown(present[name])}"
        for name, time in times.items()
    ]
    return Section("times", lines or ["none"], times)


def _time(value: object) -> str | None:
    if not is_time(value):
        return None
    return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # type: ignore[call-overload]


def _grants_section(
    claims: Mapping[str, Any], rules: TokenRules, table: RoutingTable | None
) -> Section:
    """Show the grants, the models that each of them covers, and the values that are ignored."""
    found = find_grants(claims, rules)
    models = {} if table is None else _covered(found.grants, table)
    lines = [
        f"{grant}: covers {first_few(names) if names else 'no model of the table'}"
        for grant, names in models.items()
    ] or list(found.grants)
    if len(lines) > MOST_GRANTS:
        lines[MOST_GRANTS:] = [f"and {len(lines) - MOST_GRANTS:,} more"]
    if not found.grants:
        names = _listed(rules.grants_claims)
        lines.append(
            {
                NO_GRANTS_CLAIM: f"none: the token has no claim {names}",
                NO_VALUE_WITH_PREFIX: f"none: no value of {names} begins with "
                f"{quoted(rules.grant_prefix)}",
            }.get(str(found.nothing_because), "none")
        )
        held = [(name, claim_of(claims, name)) for name in rules.grants_claims]
        lines += [f"{quoted(name)} is {_shown(value)}" for name, value in held if value is not None]
    if found.ignored:
        values = first_few([quoted(value) for value in found.ignored])
        lines.append(f"ignored, because they are no grants: {values}")
    return Section(
        "grants",
        lines,
        {
            "grants": list(found.grants),
            "ignored": list(found.ignored),
            "reason": found.nothing_because,
            "models": None if table is None else models,
        },
    )


def _covered(grants: tuple[str, ...], table: RoutingTable) -> dict[str, list[str]]:
    """Return the names of the models that each grant covers."""
    by_word: dict[str, list[Any]] = {}
    for model in table.models():
        by_word.setdefault(model.name.partition("/")[0], []).append(model)
    covered = {}
    for grant in grants:
        word = grant.partition("/")[0]
        candidates = table.models() if word == EVERYTHING else by_word.get(word, [])
        holder = Principal(Outcome(OK, Identity("", (grant,), None)).context(), now=0)
        granted = holder.granted_models()
        covered[grant] = [model.name for model in candidates if granted.values(model) is not None]
    return covered


def _parts(token: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the header and the claims without checking anything; None for what is no object."""
    parts = token.split(".")
    if len(token) > LONGEST_TOKEN or len(parts) != len(("header", "claims", "signature")):
        return None, None
    return _object(parts[0]), _object(parts[1])


def _object(part: str) -> dict[str, Any] | None:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _shown(value: object) -> str:
    """Show a value of the token: texts in quotes, other values by their type."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"a list of {first_few([_shown_item(one) for one in value]) or 'nothing'}"
    if isinstance(value, bool | int | float):
        return quoted(str(value))
    return "an object"


def _shown_item(value: object) -> str:
    return "a list" if isinstance(value, list) else _shown(value)


def _data(value: object) -> object:
    """Return a value of the token for JSON: texts and lists of texts; others as they are shown."""
    is_texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return value if value is None or isinstance(value, str) or is_texts else _shown(value)


def _listed(values: tuple[str, ...]) -> str:
    return first_few([quoted(value) for value in values])
