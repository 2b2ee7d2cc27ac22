"""A start of the gateway needs no network, no region and no credentials."""

from chalicelib.api.factory import create_app
from chalicelib.settings import Settings
from tests.support.clients import LambdaClient
from tests.support.gateway import BuiltGateway, FakeScheme, Log
from tests.support.problems import assert_problem


def start(**environ):
    log = Log()
    app = create_app(Settings.from_env(environ), schemes=[FakeScheme()], telemetry=log.telemetry)
    return BuiltGateway(app, None, log, LambdaClient(app))


def test_no_region():
    """The function that predicts starts without a region; the first request gets the error."""
    gateway = start(_HANDLER="app.app")

    assert gateway.get("/health").status == 200
    assert_problem(gateway.predict("iris"), 500, "gateway-misconfigured")


def test_no_credentials_for_the_table():
    """A table in S3 that nobody may read gives a gateway that answers 503 and logs the reason."""
    gateway = start(GATEWAY_ROUTING="s3://bucket/routing.yaml")

    assert_problem(gateway.get("/health"), 503, "routing-unavailable")
    (failure,) = [
        line for line in gateway.log.lines if line["message"] == "routing table not fetched"
    ]
    assert failure["reason"] == "NoCredentialsError"
