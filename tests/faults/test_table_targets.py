"""Targets that point elsewhere, and keys that do not belong together (R7, R8)."""

import json
import posixpath
import re

import pytest

from chalicelib.routing.reading import file
from chalicelib.routing.reading.keys import keys_of_kind, target_keys
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.targets import KINDS
from tests.faults.clients import SageMaker
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.gateway import FixedTable
from tests.support.vectors import vectors

GOOD = {
    "endpoint": "churn-prod",
    "target_variant": "green",
    "target_model": "iris-v1.tar.gz",
    "target_container_hostname": "sklearn",
    "inference_component": "summary-v2",
}
ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/",
    "https://evil.example.com",
    "//evil.example.com",
    "evil.example.com:443",
    "user@evil.example.com",
    "169.254.169.254",
    "[::1]:4599",
    "127.0.0.1:4599",
    "localhost:8080/",
    "file:///etc/passwd",
    "s3://other-bucket/model.tar.gz",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/other",
    "..",
    "../other",
    "/other",
    "other/",
    "a/../../other",
    "a/./other",
    "a//other",
    "..\\other",
    "..%2fother",
    "%2e%2e",
    "other?x=1",
    "other#x",
    "other;x",
    "other/invocations",
    "a b",
    "a\tb",
    "a\r\nHost: evil.example.com",
    "a\r\n b",
    "a\x00",
    "ａ",  # noqa: RUF001 (a look-alike is the point)
    "*",
    "a*",
    "?",
    "{model}",
    "${jndi:ldap://evil.example.com}",
    "$(id)",
    "`id`",
    "a" * 1025,
]
NOT_KEYS = ["endpoint_url", "url", "host", "account", "proxy", "scopes"]


def table(kind, **target):
    """Parse a table with one model, `m`."""
    entry = {"kind": kind, **target}
    members = ", ".join(f"{key}: {json.dumps(value)}" for key, value in entry.items())
    return file.parse(f"version: 1\nmodels: {{m: {{{members}}}}}".encode(), "routing.yaml")


def needed(kind):
    """Return the mandatory keys of this kind."""
    return {key: GOOD[key] for key, mandatory in keys_of_kind(kind).items() if mandatory}


def taken(kind, **target):
    """Parse the table; return None if it is refused."""
    try:
        return table(kind, **target)
    except InvalidTable:
        return None


def stays_here(key, text):
    """Check by other means than the parser that it is a name, or a path below its folder."""
    if key != "target_model":
        return re.sub("[A-Za-z0-9]-+(?=[A-Za-z0-9])", "a", text).isalnum() and len(text) <= 63
    below = posixpath.join("/prefix", text)
    return posixpath.normpath(below) == below and len(text) <= 1024 and " " not in text


@row("R7")
@pytest.mark.parametrize("kind", KINDS)
def test_elsewhere(kind, seen):
    """A target cannot contain an address, a step upwards or a line end."""
    texts = ELSEWHERE + vectors("blns.json")
    wrong = []
    for key in keys_of_kind(kind):
        for text in texts:
            given = taken(kind, **{**needed(kind), key: text})
            fine = stays_here(key, text) and text.isascii() and text.isprintable()
            if given is not None and not fine:
                wrong.append((key, text))
        assert taken(kind, **{**needed(kind), key: GOOD[key]}) is not None

    assert wrong == []
    seen(f"{len(texts)} texts in every key of a target: 0 bad ones taken")


@row("R7")
def test_what_is_taken(seen):
    """A text that a table accepts is sent to SageMaker exactly as it stands."""
    called = 0
    with SageMaker() as sagemaker:
        for key, kind in [("endpoint", "single"), ("target_model", "mme")]:
            for text in ELSEWHERE + vectors("blns.json"):
                given = taken(kind, **{**needed(kind), key: text})
                if given is None:
                    continue
                gateway = sagemaker.behind(LambdaClient, source=FixedTable(given))
                assert gateway.predict("m").status == 200
                (request,) = sagemaker.requests
                endpoint = text if key == "endpoint" else GOOD["endpoint"]
                assert request.path == f"/endpoints/{endpoint}/invocations"
                assert request.headers["Host"] == sagemaker.url.removeprefix("http://")
                model = request.headers.get_all("X-Amzn-SageMaker-Target-Model", [])
                assert model == ([text] if key == "target_model" else [])
                called += 1

    assert called > 0
    seen(f"{called} texts that are names: each on the wire as it stands")


@row("R7")
@pytest.mark.parametrize("kind", KINDS)
def test_no_address(kind, seen):
    """A table has no key for the address of AWS."""
    for key in NOT_KEYS:
        with pytest.raises(InvalidTable, match=f"{key}: unknown key"):
            table(kind, **needed(kind), **{key: "http://169.254.169.254"})
    seen("no key for an address")


@row("R8")
@pytest.mark.parametrize("key", target_keys())
@pytest.mark.parametrize("kind", KINDS)
def test_key_of_another_kind(kind, key, seen):
    """A key of another kind is refused; the message names the kinds that have it."""
    own = keys_of_kind(kind)
    target = {**needed(kind), key: GOOD[key]}

    if key in own:
        assert len(table(kind, **target)) == 1
        return
    kinds = " and ".join(other for other in KINDS if key in keys_of_kind(other))
    refused = f"{key}: does not belong to kind {kind}, only to {kinds}"
    with pytest.raises(InvalidTable, match=refused):
        table(kind, **target)
    seen("refused, with the kinds that have the key")


@row("R8")
@pytest.mark.parametrize(
    ("kind", "key"), [(kind, key) for kind in KINDS for key in needed(kind)], ids="-".join
)
def test_missing_key(kind, key, seen):
    """A model without a mandatory key of its kind is refused."""
    target = needed(kind)
    del target[key]

    with pytest.raises(InvalidTable, match=f"{key}: missing; kind {kind} needs it"):
        table(kind, **target)
    seen("refused where a key is missing")
