"""`gatewayctl keys`: issues, lists, disables and rotates API keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from chalicelib.auth.key_document import ApiKey
from chalicelib.auth.principal import EVERYTHING, GRANT_RULE, OK, Principal, is_grant
from chalicelib.errors import closest, quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.table import row_key
from gatewayctl import api_keys, tables
from gatewayctl.command import Group, command, secret_option
from gatewayctl.key_store import KeyDocument, KeyStore
from gatewayctl.output import columns
from gatewayctl.report import ExitCode, Refused, Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.api_keys import NewKey
    from gatewayctl.command import Context

HEADINGS = ("id", "principal", "state", "expires", "grants")
LAG = "60 s + GATEWAY_KEYS_MAX_AGE"
NO_SECRET = "there is no such secret, or it has no value: gateways answer 503 to every API key"
GRACE_RULE = "30m, 24h, 7d, or 0 for none"
END_RULE = (
    "a day such as 2027-06-30, which ends at midnight UTC, or a time such as 2027-06-30T12:00:00Z"
)

id_argument = click.argument("key_id", metavar="ID")


@command("issue")
@click.option("--principal", required=True, metavar="P", help="Who will hold the key.")
@click.option(
    "--grants",
    required=True,
    metavar='"a b/*"',
    help="The models that it may call, with spaces between them.",
)
@click.option("--expires", metavar="DATE", help=f"{END_RULE[0].upper()}{END_RULE[1:]}.")
@secret_option
def issue(
    context: Context, *, principal: str, grants: str, expires: str | None, secret: str | None
) -> Report:
    """Make a key, and show it once.

    The key alone goes to stdout. Without --expires the key does not expire.
    """
    now = context.now()
    names = tuple(dict.fromkeys(grants.split()))
    end = None if expires is None else api_keys.end_of(expires)
    reasons = [
        *api_keys.problems(principal, [name for name in names if is_grant(name)]),
        *_grant_problems(names, context),
        *_end_problems(expires, end, now),
    ]
    if reasons:
        raise Refused(reasons)
    stored = _read(context, secret, now)
    new = api_keys.new_key(context.dependencies.random, stored.keys)
    key = ApiKey(new.key_id, new.digest, principal, names, end, disabled=False)
    return _new_key_report(new, key, stored.save(key), now, secret=stored.secret)


@command("list")
@secret_option
def list_(context: Context, *, secret: str | None) -> Report:
    """List the keys by principal."""
    now = context.now()
    store = KeyStore(context.secret_name(secret), context.connect)
    stored = store.read()
    keys = sorted(stored.keys.values(), key=lambda key: (key.principal, key.key_id))
    rows = [HEADINGS, *(_cells(key, now) for key in keys)]
    notes = [f"{store.name}: {len(keys)} keys"]
    if stored.version is None:
        notes.append(NO_SECRET)
    return Report(
        ExitCode.FINE,
        lines=columns(rows) if keys else [],
        notes=notes,
        data={"keys": [api_keys.as_data(key, now) for key in keys], "secret": store.name},
    )


@command("disable")
@id_argument
@secret_option
def disable(context: Context, *, key_id: str, secret: str | None) -> Report:
    """End a key for good. ID is the id of the key, see keys list."""
    now = context.now()
    stored = _read(context, secret, now)
    key = stored.find(key_id)
    if key.disabled:
        raise Refused([f"the key {key.key_id} is disabled already"])
    key = replace(key, disabled=True)
    notes = stored.save(key)
    done = f"key {key.key_id} of {key.principal} is disabled; gateways refuse it within {LAG}"
    data = {**api_keys.as_data(key, now), "secret": stored.secret}
    return Report(ExitCode.FINE, lines=[], notes=[done, *notes], data=data)


@command("rotate")
@id_argument
@click.option(
    "--grace",
    default="24h",
    show_default=True,
    metavar="PERIOD",
    help=f"How long the old key stays good: {GRACE_RULE}.",
)
@secret_option
def rotate(context: Context, *, key_id: str, grace: str, secret: str | None) -> Report:
    """Make a key's successor, and let the old key run out. ID is its id, see keys list."""
    now = context.now()
    seconds = api_keys.seconds_of(grace)
    if seconds is None:
        raise Refused([f"--grace is {quoted(grace)}; it must be like {GRACE_RULE}"])
    stored = _read(context, secret, now)
    old = stored.find(key_id)
    if api_keys.has_ended(old, now):
        raise Refused([f"the key {old.key_id} is {api_keys.state(old, now)}; issue a new one"])
    new = api_keys.new_key(context.dependencies.random, stored.keys)
    successor = replace(old, key_id=new.key_id, digest=new.digest)
    end = now + seconds if old.expires is None else min(old.expires, now + seconds)
    old = replace(old, expires=end)
    notes = stored.save(old, successor)
    ends = f"key {old.key_id} is good until {api_keys.timestamp(old.expires)}"
    replaced = api_keys.as_data(old, now)
    return _new_key_report(
        new, successor, [ends, *notes], now, replaces=replaced, secret=stored.secret
    )


keys = Group(
    "keys",
    [issue, list_, disable, rotate],
    help="Issue, list, disable or rotate API keys.",
)


def _read(context: Context, secret: str | None, now: int) -> KeyDocument:
    return KeyDocument(KeyStore(context.secret_name(secret), context.connect), now)


def _new_key_report(new: NewKey, key: ApiKey, notes: list[str], now: int, **more: object) -> Report:
    """Report a new key; stdout has nothing but the key, so that a program can read it."""
    until = f"until {api_keys.timestamp(key.expires)}" if key.expires else "without expiry"
    about = f"key {key.key_id} of {key.principal}, {until}: {' '.join(key.grants)}"
    once = "it is shown this once; gateways know it after GATEWAY_KEYS_MAX_AGE at the latest"
    return Report(
        ExitCode.FINE,
        lines=[new.text],
        notes=[about, once, *notes],
        data={"key": new.text, **api_keys.as_data(key, now), **more},
    )


def _cells(key: ApiKey, now: int) -> tuple[str, ...]:
    expires = api_keys.timestamp(key.expires) or "never"
    return key.key_id, key.principal, api_keys.state(key, now), expires, " ".join(key.grants)


def _end_problems(text: str | None, end: int | None, now: int) -> Iterator[str]:
    if text is None:
        return
    if end is None:
        yield f"--expires is {quoted(text)}; it must be {END_RULE}"
    elif end <= now:
        time = api_keys.timestamp(now)
        yield f"--expires is {quoted(text)}, which is in the past; it is now {time}"


def _grant_problems(grants: tuple[str, ...], context: Context) -> Iterator[str]:
    if not grants:
        yield "--grants is empty; a key without a grant can call nothing"
        return
    path = context.table_path()
    try:
        table = table_file.load(path)
    except InvalidTable as error:
        yield from map(str, error.problems)
    else:
        yield from grant_problems(grants, table, str(path))


def grant_problems(grants: Sequence[str], table: RoutingTable, file: str) -> Iterator[str]:
    """Yield a line for each grant that is invalid, or that covers no model of the table."""
    for grant in grants:
        if not is_grant(grant):
            yield f"{quoted(grant)} is not a grant; a grant is {GRANT_RULE}"
        elif not _covers_a_model(grant, table):
            meant = _meant(grant, table)
            advice = f"; did you mean {meant}?" if meant else ""
            yield f"no model of {file} could match the grant {quoted(grant)}{advice}"


def _covers_a_model(grant: str, table: RoutingTable) -> bool:
    """Whether the gateway would show a model to a caller who has this grant alone."""
    holder = Principal({"outcome": OK, "principal": "", "grants": grant}, now=0)
    granted = holder.granted_models()
    models = table.models(keys=granted.row_keys())
    return any(granted.values(model) is not None for model in models)


def _meant(grant: str, table: RoutingTable) -> str | None:
    """Return the closest name of a model, or the closest values for a model with parameters."""
    first, *values = grant.split("/")
    if row_key(first, len(values)) not in table.rows:
        return closest(grant, table.rows)
    parameters = table.find(grant).model.parameters
    meant = [
        value if value == EVERYTHING else tables.closest_value(value, parameter)
        for value, parameter in zip(values, parameters, strict=True)
    ]
    return "/".join([first, *filter(None, meant)]) if all(meant) else None
