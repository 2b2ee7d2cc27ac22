"""What gatewayctl prints is printable, whatever a table, an account or an argument contains."""

import io
import json
import re
import subprocess
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings

from chalicelib.routing.reading import file
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.settings import Settings
from gatewayctl.cli import main
from gatewayctl.command import Dependencies
from gatewayctl.output import Output, columns
from local_stack.first_steps import FirstSteps
from tests.faults.rows import row
from tests.support.aws_account import AwsAccount, container
from tests.support.command_line import gatewayctl
from tests.support.hostile_texts import HOSTILE, TEXTS, assert_printable, in_yaml, tag
from tests.support.profile import LONG

pytestmark = row("M5")

ENTRY = "version: 1\nmodels:\n  a/{n}:\n    kind: mme\n    endpoint: e\n"
GOOD = "    target_model: x-{n}.tar.gz\n    parameters: {n: {one_of: [b]}}\n"
# A table with a text at each place where it may have one: in quotes, and in a tag.
PLACES = {
    "the document": "TEXT\n",
    "a tag": "version: 1\nmodels:\n  a: TAG b\n",
    "the version": "version: TEXT\n",
    "a key of the table": "TEXT: 1\n",
    "a key that comes twice": "version: 1\n? TEXT\n: 1\n? TEXT\n: 2\n",
    "a model's name": "version: 1\nmodels:\n  ? TEXT\n  : {kind: single, endpont: e}\n",
    "a model": "version: 1\nmodels:\n  a: TEXT\n",
    "a key of an entry": "version: 1\nmodels:\n  a:\n    ? TEXT\n    : [TAG 1]\n",
    "a parameter's name": ENTRY + "    parameters:\n      ? TEXT\n      : {one_of: [b]}\n",
    "a parameter's rule": ENTRY + "    parameters:\n      n: TEXT\n",
    "a key of a rule": ENTRY + "    parameters:\n      n:\n        ? TEXT\n        : 1\n",
    "a listed value": ENTRY + "    parameters: {n: {one_of: [TEXT, TEXT]}}\n",
    "a pattern": ENTRY + "    parameters: {n: {pattern: TEXT}}\n",
    "an endpoint": "version: 1\nmodels:\n  a: {kind: TEXT, endpoint: TEXT}\n",
    "a media type": ENTRY + "    content_types: [TEXT, TEXT]\n",
    "a header": ENTRY + "    pass_headers: [TEXT]\n",
    **{
        key: ENTRY + f"    {key}: TEXT\n    ? TEXT\n    : TAG TEXT\n"
        for key in ("target_model", "description", "example", "timeout_seconds", "accepts")
    },
}
KEY = {"sha256": "0" * 64, "principal": "p", "grants": ["*"], "expires": None, "disabled": False}
EXAMPLES = 200 if LONG else 5
PER_TEXT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def table_with(text, place):
    """Write a table with this text at a place."""
    return PLACES[place].replace("TEXT", in_yaml(text)).replace("TAG", tag(text))


@pytest.fixture(name="run")
def _run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return partial(gatewayctl, project=tmp_path)


def assert_findings(run, *command):
    """Check that a command prints each of its findings on one printable line, as the log does."""
    outcome, of_json = run(*command), run(*command, "--format", "json")
    assert outcome.code == of_json.code == 1
    for printed in (outcome, of_json):
        assert_printable(printed.out + printed.err)
    assert of_json.out.isascii()
    assert len(outcome.out.splitlines()) == len(of_json.data["findings"]) > 0
    assert all(line.startswith("routing.yaml:") for line in outcome.out.splitlines())
    with pytest.raises(InvalidTable) as refused:
        file.load(Path("routing.yaml"))
    assert list(refused.value.lines) == list(map(str, refused.value.problems))
    assert "\n".join(refused.value.lines) == outcome.out.rstrip("\n")


@pytest.mark.parametrize("place", PLACES)
def test_tables(run, tmp_path, place):
    """Each finding is one printable line, wherever the table has the text."""

    @PER_TEXT
    @given(text=TEXTS)
    def check(text):
        (tmp_path / "routing.yaml").write_text(table_with(text, place))
        assert_findings(run, "validate")

    for text in HOSTILE.values():
        check = example(text=text)(check)
    check()


@pytest.mark.parametrize("command", ["compile", "openapi", "policy", "diff", "explain a"])
def test_commands_that_read_a_table(run, tmp_path, command):
    """Every command reports the findings of a table in the same way."""
    text = HOSTILE["line end"] + HOSTILE["clears the screen"]
    (tmp_path / "routing.yaml").write_text(table_with(text, "a parameter's name"))

    assert_findings(run, *command.split())


def test_forged_finding(run, tmp_path):
    """A text cannot add a line, hide a finding or pass for another part of its line."""
    forged = tag("a is fine\x1b[8m\nrouting.yaml:9: b: warning: nothing")
    (tmp_path / "routing.yaml").write_text(f"version: 1\nmodels:\n  a: {forged} c\n")

    first, *_ = run("validate").out.splitlines()
    assert first == (
        "routing.yaml:3: models.a: the tag "
        r"'a is fine\x1b[8m\nrouting.yaml:9: b: warning: nothing' is not allowed; remove it"
    )


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_examples(run, tmp_path, text):
    """OpenAPI and the curl commands of the first steps repeat an example: safe, and complete."""
    shown = f"{text[:60]}\x7f".replace("\udc9b", "")  # YAML has no surrogates
    path = tmp_path / "routing.yaml"
    path.write_text(f"{ENTRY}{GOOD}    example: {{{in_yaml(shown)}: {in_yaml(shown)}}}\n")

    outcome = run("openapi")
    assert outcome.code == 0
    assert outcome.out.isascii()
    assert_printable(outcome.out)
    assert json.dumps({shown: shown}) in json.dumps(outcome.data)
    assert_printable(run("validate").err)
    assert_printable(run("explain", "a/b").out)
    steps = FirstSteps("http://gateway", path, None, has_page=False, has_jobs=True)
    assert_printable("\n".join(steps.lines(file.load(path))))

    csv = f"content_types: [text/csv]\n    example: {in_yaml(shown)}"
    path.write_text(f"{ENTRY}{GOOD}    {csv}\n")
    assert run("openapi").out.isascii()
    commands = [command for _, command in steps.calls(list(file.load(path).models()))]
    assert_printable("\n".join(commands))
    assert len(commands) == ("\0" not in shown)  # no argument can hold U+0000
    for command in commands:
        _, _, argument = command.partition("--data-raw ")
        shell = ["bash", "-c", f"printf %s {argument}"]
        printed = subprocess.run(shell, check=True, stdout=subprocess.PIPE)
        assert printed.stdout.decode() == shown


def hostile_account(text):
    """Return an account whose owner wrote this text wherever an account has one."""
    account = AwsAccount()
    many = account.model(f"m{text}", container(prefix=f"s3://b/{text}/"))
    direct = account.model(f"d{text}", container(f"h{text}"), container(f"i{text}"), mode="Direct")
    account.endpoint("e", many)
    account.endpoint(f"e{text}", many)
    account.endpoint("f", {f"v{text}": many, f"w{text}": direct})
    account.endpoint(f"g{text}", direct, EndpointStatus=f"Failed{text}")
    account.endpoint("h", {"v": f"gone{text}"})
    account.endpoint("i", None)
    account.endpoint("j", account.model("j", container()))
    account.component(f"c{text}", "i", status=f"Failed{text}")
    account.component(f"d{text}", "i")
    account.buckets["b"] = [f"{text}/{name}{text}.tar.gz" for name in "abc"]
    account.buckets["b"] += [f"{text}/{text}", f"{text}/iris-v1.tar.gz", f"{text}/iris-v2.tar.gz"]
    return account


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_accounts(run, tmp_path, text):
    """A line about an account is one printable line, and an imported table a valid table."""
    account = hostile_account(text.replace("\udc9b", "")[:500])  # in no request, nor in XML
    run = partial(run, dependencies=Dependencies(connect=account.connect))
    fast = "--calls-per-second=1000000"
    (tmp_path / "routing.yaml").write_text(
        "version: 1\nmodels:\n"
        + "".join(f"  {one}: {{kind: single, endpoint: {one}}}\n" for one in "efghi")
        + f"  {ENTRY.partition('  ')[2]}{GOOD}"
    )

    for command in ("diff", "validate --live"):
        outcome = run(*command.split(), fast)
        assert_printable(outcome.out + outcome.err)
        data = run(*command.split(), fast, "--format", "json").data
        assert outcome.code == 1
        assert len(outcome.out.splitlines()) == sum(map(len, data.values())) > 3
    outcome = run("import", fast)
    assert outcome.code == 0
    assert_printable(outcome.out + outcome.err)
    models = run("import", fast, "--format", "json").data["models"]
    assert yaml.safe_load(outcome.out) == {"version": 1, "models": models}
    assert {"iris", "j"} <= models.keys()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_refusals_of_aws(run, text):
    """An error code of AWS, and its message, are in one printable line."""
    account = AwsAccount()
    account.faults["ListEndpoints"] = [text]
    outcome = run("import", dependencies=Dependencies(connect=account.connect))

    assert outcome.code == 3
    assert_printable(outcome.err)
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_comments_of_keys(run, text):
    """A comment is refused, or printed in quotes on a line of its own."""
    account = AwsAccount()
    account.secret = json.dumps({"keys": {"abcd1234": {**KEY, "comment": text}}})
    outcome = run(
        "keys", "list", "--secret", "k", dependencies=Dependencies(connect=account.connect)
    )

    assert_printable(outcome.out + outcome.err)
    if outcome.code == 0:
        assert outcome.out.splitlines()[2].strip() == f"'{text}'"
    else:
        assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_key_documents(run, text):
    """A key document of somebody else leads to printable lines, one for each reason."""
    account = AwsAccount()
    keys = {text: KEY, "abcd1234": {**KEY, "principal": text, "grants": [text]}}
    account.secret = json.dumps({"keys": keys})
    outcome = run(
        "keys", "list", "--secret", "k", dependencies=Dependencies(connect=account.connect)
    )

    assert outcome.code == 1
    assert_printable(outcome.err)
    assert len(outcome.err.splitlines()) == 3


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "command",
    [
        "{}",
        "validate {}",
        "validate --stage {}",
        "validate --{}",
        "validate --format {}",
        "validate --table {}",
        "validate --live --calls-per-second {}",
        "compile {}",
        "explain {}",
        "explain a/b --grants {}",
        "explain a/b --accept {}",
        "explain a/b --content-type {}",
        "openapi --server {}",
        "import --endpoint {}",
        "import --out {}",
        "publish {}",
        "publish s3://bucket/{}",
        "keys list --secret {}",
        "keys disable {}",
        "keys update {} --comment p",
        "keys update abcd1234 --comment {}",
        "keys update abcd1234 --expires {}",
        "prewarm {}",
    ],
)
def test_arguments(run, tmp_path, command, text):
    """A command repeats its arguments in printable lines."""
    text = text.replace("\x00", "")[:200]
    (tmp_path / "routing.yaml").write_text(ENTRY + GOOD)
    account = AwsAccount()
    account.secret = json.dumps({"keys": {}})
    arguments = [part.format(text) for part in command.split()]
    outcome = run(*arguments, dependencies=Dependencies(connect=account.connect))

    assert_printable(outcome.out + outcome.err)
    errors = [line for line in outcome.err.splitlines() if line]
    assert len(errors) <= (3 if errors and errors[0].startswith("Usage: ") else 1)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_names_of_files(run, tmp_path, text):
    """The name of a file is printable in each of its findings."""
    name = f"{text[:100]}.yaml".replace("\x00", "").replace("/", "")
    (tmp_path / name).write_text("version: 2\n")

    outcome = run("validate", name)
    assert outcome.code == 1
    assert_printable(outcome.out)
    assert len(outcome.out.splitlines()) == 2
    with pytest.raises(InvalidTable) as refused:
        file.load(Path(name))
    assert outcome.out.splitlines() == list(map(str, refused.value.problems))


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_terminal(tmp_path, monkeypatch, text):
    """With colours, only the colours of gatewayctl itself are escape sequences."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routing.yaml").write_text(table_with(text, "a key of the table"))
    out = Terminal()
    main(["validate"], {"TERM": "xterm-256color"}, tmp_path, out, Terminal())

    assert_printable(re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()))
    if text == HOSTILE["markup of rich"]:
        assert text in out.getvalue()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_progress(text):
    """Lines of progress, and cells of columns, are printable too."""
    err = io.StringIO()
    times = iter((0.0, 10.0))
    Output(io.StringIO(), err, {}, clock=lambda: next(times)).progress(text)

    assert_printable(err.getvalue())
    assert len(err.getvalue().splitlines()) == 1
    assert_printable("\n".join(columns([["a", text], [text, "b"]])))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_settings(text):
    """A mistake in a setting is one printable line, which the start of the gateway prints."""
    wrong = {"GATEWAY_CORS_ORIGIN": text, f"GATEWAY_ROUTIN{text[:3]}": "x"}
    with pytest.raises(Exception, match="GATEWAY_CORS_ORIGIN") as raised:
        Settings.from_env(wrong)

    assert_printable(str(raised.value))
    assert len(str(raised.value).splitlines()) == len(raised.value.lines) <= 2
