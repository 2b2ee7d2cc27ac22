"""`gatewayctl keys`: issues, lists, updates, disables and rotates API keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from chalicelib.auth.key_document import LONGEST_COMMENT, ApiKey
from chalicelib.auth.principal import is_grant
from chalicelib.errors import quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import api_keys
from gatewayctl.command import Group, command, secret_option
from gatewayctl.commands import keys_text
from gatewayctl.grants import grant_problems
from gatewayctl.key_store import KeyDocument, KeyStore
from gatewayctl.report import ExitCode, Refused, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatewayctl.api_keys import NewKey
    from gatewayctl.command import Context

NO_SECRET = "there is no such secret, or it has no value: gateways answer 503 to every API key"
GRACE_RULE = "30m, 24h, 7d, or 0 for none"
END_RULE = (
    "a period from now such as 12h or 30d, a day such as 2027-06-30, which ends at midnight UTC, "
    "a time such as 2027-06-30T12:00:00Z, or never"
)

id_argument = click.argument("key_id", metavar="ID")


def _grants_option(*, required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--grants",
        required=required,
        metavar='"a b/*"',
        help="The models that it may call, with spaces between them.",
    )


expires_option = click.option(
    "--expires", metavar="WHEN", help=f"{END_RULE[0].upper()}{END_RULE[1:]}."
)
comment_option = click.option(
    "--comment",
    metavar="TEXT",
    help=f"For the people who look after keys; at most {LONGEST_COMMENT} characters.",
)


@command("issue")
@click.option("--principal", required=True, metavar="P", help="Who will hold the key.")
@_grants_option(required=True)
@expires_option
@comment_option
@secret_option
def issue(
    context: Context,
    *,
    principal: str,
    grants: str,
    expires: str | None,
    comment: str | None,
    secret: str | None,
) -> Report:
    """Make a key, and show it once.

    The key alone goes to stdout. Without --expires the key does not expire.
    """
    now = context.now()
    end = api_keys.NEVER if expires is None else expires
    changes = _changes(grants, end, comment, context, principal=principal)
    stored = _read(context, secret, now)
    new = api_keys.new_key(context.dependencies.random, stored.keys)
    created = api_keys.timestamp(now)
    key = ApiKey(new.key_id, new.digest, disabled=False, created=created, **changes)
    notes = [keys_text.shown_once(context.stage), *stored.save(key)]
    return _new_key_report(new, key, notes, now, secret=stored.secret)


@command("update")
@id_argument
@_grants_option(required=False)
@expires_option
@comment_option
@secret_option
def update(
    context: Context,
    *,
    key_id: str,
    grants: str | None,
    expires: str | None,
    comment: str | None,
    secret: str | None,
) -> Report:
    """Change the grants, the expiry or the comment of a key. ID is its id, see keys list.

    The key itself stays the same. --grants replaces all its grants; --comment "" removes its
    comment. With --expires, an expired key is valid again.
    """
    now = context.now()
    changes = _changes(grants, expires, comment, context)
    if not changes:
        raise WrongUse("give at least one of --grants, --expires and --comment")
    stored = _read(context, secret, now)
    old = stored.find(key_id)
    key = replace(old, **changes)
    if changes.keys() != {"comment"} and api_keys.has_ended(key, now):
        raise Refused([keys_text.why_ended(key, now)])
    notes = ["it was like this before; nothing was written"]
    if key != old:
        notes = [*keys_text.differences(old, key, now, context.stage), *stored.save(key)]
    data = {**api_keys.as_data(key, now), "before": api_keys.as_data(old, now)}
    return Report(
        ExitCode.FINE,
        lines=[],
        notes=[keys_text.about(key, now), *notes],
        data={**data, "secret": stored.secret},
    )


@command("list")
@secret_option
def list_(context: Context, *, secret: str | None) -> Report:
    """List the keys by principal."""
    now = context.now()
    store = KeyStore(context.secret_name(secret), context.connect)
    stored = store.read()
    keys = sorted(stored.keys.values(), key=lambda key: (key.principal, key.key_id))
    notes = [f"{store.name}: {len(keys)} keys"]
    if stored.version is None:
        notes.append(NO_SECRET)
    return Report(
        ExitCode.FINE,
        lines=list(keys_text.table(keys, now)),
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
    who = f"key {key.key_id} of {key.principal}"
    done = f"{who} is disabled; gateways refuse it within {keys_text.lag(context.stage)}"
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
    created = api_keys.timestamp(now)
    successor = replace(old, key_id=new.key_id, digest=new.digest, created=created)
    end = now + seconds if old.expires is None else min(old.expires, now + seconds)
    old = replace(old, expires=end)
    notes = [keys_text.shown_once(context.stage)]
    saved = stored.save(old, successor)
    until = api_keys.timestamp(old.expires)
    ends = f"it is the successor of key {old.key_id}, which is good until {until}"
    replaced = api_keys.as_data(old, now)
    notes += [ends, *saved]
    return _new_key_report(new, successor, notes, now, replaces=replaced, secret=stored.secret)


keys = Group(
    "keys",
    [issue, list_, update, disable, rotate],
    help="Issue, list, update, disable or rotate API keys.",
)


def _read(context: Context, secret: str | None, now: int) -> KeyDocument:
    return KeyDocument(KeyStore(context.secret_name(secret), context.connect), now)


def _new_key_report(new: NewKey, key: ApiKey, notes: list[str], now: int, **more: object) -> Report:
    """Report a new key; stdout has nothing but the key, so that a program can read it."""
    return Report(
        ExitCode.FINE,
        lines=[new.text],
        notes=[keys_text.about(key, now), *notes],
        data={"key": new.text, **api_keys.as_data(key, now), **more},
    )


def _changes(
    grants: str | None, expires: str | None, comment: str | None, context: Context, **more: Any
) -> dict[str, Any]:
    """Return the members of an `ApiKey` that the options give.

    Raises:
        Refused: The gateway would refuse one of them, or a grant covers no model.
    """
    changes: dict[str, Any] = {**more}
    checked = {**more}
    reasons: list[str] = []
    if grants is not None:
        names = changes["grants"] = tuple(dict.fromkeys(grants.split()))
        checked["grants"] = [name for name in names if is_grant(name)]
        reasons += _grant_problems(names, context)
    if expires is not None:
        changes["expires"], problems = _end(expires, context.now())
        reasons += problems
    if comment is not None:
        changes["comment"] = comment or None
        checked |= {"comment": comment} if comment else {}
    if reasons := [*api_keys.problems(**checked), *reasons]:
        raise Refused(reasons)
    return changes


def _end(text: str, now: int) -> tuple[int | None, list[str]]:
    """Return when a key ends, and why it cannot end then."""
    try:
        end = api_keys.end_of(text, now)
    except api_keys.NotAnEnd:
        return None, [f"--expires is {quoted(text)}; it must be {END_RULE}"]
    if end is None or end > now:
        return end, []
    time = api_keys.timestamp(now)
    return None, [f"--expires is {quoted(text)}, which is in the past; it is now {time}"]


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
