"""Fixtures of the tests of leaks: a gateway full of secrets, and the search for them."""

import io
import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.functional.leaks.scene import SECRETS, Scene
from tests.support.clients import LambdaClient, LocalClient
from tests.support.http_server import StubServer
from tests.support.issuer_server import Issuer
from tests.support.tokens import Key

AWS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


@pytest.fixture(scope="package", name="_stage", params=[LocalClient, LambdaClient])
def _the_stage(request):
    key = Key("rsa", "RS256", rsa.generate_private_key(65537, 2048))
    with StubServer() as store, StubServer() as sagemaker, Issuer() as issuer:
        yield Scene(request.param, key, store, sagemaker, issuer)


@pytest.fixture
def scene(_stage, monkeypatch):
    """A gateway with all servers around it, with each client."""
    for name, value in {**AWS, "AWS_ENDPOINT_URL_SECRETS_MANAGER": _stage.store.url}.items():
        monkeypatch.setenv(name, value)
    _stage.begin()
    return _stage


@pytest.fixture
def library_log():
    """Everything that libraries log, at any level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def assert_nothing_leaks(scene, library_log, capfd):
    """Search all output for the secrets; `model_answers` excepts bodies."""

    def check(*, jwt="", other="", model_answers=False):
        told = [f"{response.headers}" for response in scene.responses]
        if not model_answers:
            told += [response.body.decode() for response in scene.responses]
        seen = {
            "log": scene.log.text,
            "metrics": scene.log.metrics.getvalue(),
            "log of libraries": library_log.getvalue(),
            "stdout and stderr": "".join(capfd.readouterr()),
            "answers": "\n".join(told),
        }
        assert scene.log.text
        hidden = {
            **SECRETS,
            "other": other,
            **{f"token, part {n}": part for n, part in enumerate(jwt.split("."))},
        }
        found = [
            f"{name} in {place}"
            for place, text in seen.items()
            for name, value in hidden.items()
            if value and value in text
        ]
        assert found == []

    return check
