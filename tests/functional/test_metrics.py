"""Metrics: which requests count, and under which model."""

import pytest

from chalicelib.api.factory import create_app
from chalicelib.auth.api_keys import ApiKeys
from chalicelib.auth.credentials import BadCredential, Identity
from chalicelib.auth.key_document import ApiKey
from chalicelib.aws.refreshed import Refreshed, StoreUnavailable
from chalicelib.errors import (
    ModelFailed,
    ModelNotReady,
    ModelRejectedInput,
    UpstreamFailed,
    UpstreamThrottled,
)
from chalicelib.routing.reading import file
from chalicelib.sagemaker.answers import InferenceResponse
from chalicelib.settings import Settings
from tests.support.clients import TOKEN, LambdaClient, LocalClient
from tests.support.emf import MetricsLog, read
from tests.support.gateway import (
    IDENTITY,
    JSON,
    BuiltGateway,
    FakeRuntime,
    FakeScheme,
    FixedTable,
    table,
)
from tests.support.ports import free_port

GOOD = {**JSON, "Authorization": f"Bearer {TOKEN}"}
BAD = {**JSON, "Authorization": "Bearer bad"}
AWAY = {**JSON, "Authorization": "Bearer away"}
NARROW = {**JSON, "Authorization": "Bearer narrow"}
CREDENTIALS = {
    TOKEN: IDENTITY,
    "bad": BadCredential("unknown-key"),
    "away": StoreUnavailable("timeout"),
    "narrow": Identity("narrow", ("iris",), None),
}

# What a model answers, by its endpoint; all others echo.
ERRORS = {
    "churn-prod": ModelNotReady(),
    "nlp": UpstreamThrottled(),
    "wine-pipeline": UpstreamFailed(),
    "shared": ModelRejectedInput(422),
    "half-open": ModelFailed(400),
}


def answer(target, request):
    error = ERRORS.get(target["EndpointName"])
    if error is not None:
        raise error
    return InferenceResponse(request.body, request.content_type)


class Retrying(FakeRuntime):
    """Needs a second attempt for one endpoint."""

    def invoke(self, resolved, request, deadline, record):
        record.attempts += resolved.target.endpoint == "attributes"
        return super().invoke(resolved, request, deadline, record)


def gateway(door=LambdaClient, *, source=None, scheme=None, **settings):
    """Build a gateway whose metrics can be read."""
    books = MetricsLog(**settings)
    runtime = Retrying(answer)
    app = create_app(
        Settings.from_env({}),
        source=source or FixedTable(table()),
        runtime=runtime,
        schemes=[scheme or FakeScheme(CREDENTIALS)],
        telemetry=books.telemetry,
    )
    return BuiltGateway(app, runtime, books, door(app))


@pytest.mark.parametrize("door", [LocalClient, LambdaClient])
@pytest.mark.parametrize(
    ("path", "headers", "status", "model", "counted"),
    [
        ("iris", GOOD, 200, "iris", ()),
        ("house-price/houston", GOOD, 200, "house-price/{city}", ()),
        ("house-price/paris", GOOD, 400, "house-price/{city}", ("4XX",)),
        ("nothing", GOOD, 404, "(unknown)", ("4XX",)),
        ("nothing/at/all", GOOD, 404, "(unknown)", ("4XX",)),
        ("churn", NARROW, 404, "(unknown)", ("4XX",)),
        ("churn", GOOD, 503, "churn", ("5XX", "ModelNotReady")),
        ("sentiment", GOOD, 503, "sentiment", ("5XX", "Throttles")),
        ("wine-grade", GOOD, 502, "wine-grade", ("5XX",)),
        ("summary", GOOD, 422, "summary", ("4XX",)),
        ("half-open", GOOD, 502, "half-open", ("5XX",)),
        ("attributes", GOOD, 200, "attributes", ("Retries",)),
    ],
)
def test_a_prediction(door, path, *, headers, status, model, counted):
    """A prediction counts under its entry in the table, by the gateway's own status."""
    house = gateway(door)
    assert house.post(f"/predict/{path}", b"{}", headers).status == status

    names = {f"Invocation{name}Errors" if name.endswith("XX") else name for name in counted}
    sums = house.log.sums(model=model)
    assert {name: sums[name] for name in sums if not name.endswith("Latency")} == {
        "Invocations": 1,
        **dict.fromkeys(names, 1),
    }
    assert house.log.sums() == sums


@pytest.mark.parametrize("door", [LocalClient, LambdaClient])
@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/models", GOOD, 200),
        ("GET", "/models/iris", GOOD, 200),
        ("GET", "/models/nothing", GOOD, 404),
        ("GET", "/health", {}, 200),
        ("GET", "/", {}, 200),
        ("GET", "/page/main.js", {}, 200),
        ("PUT", "/predict/iris", GOOD, 405),
        ("POST", "/predict/iris", AWAY, 503),
        ("GET", "/models", AWAY, 503),
    ],
)
def test_not_a_prediction(door, method, path, headers, status):
    """Only predictions of known callers count."""
    house = gateway(door)

    assert house.client.send(method, path, headers, b"{}").status == status
    assert house.log.blobs == []


@pytest.mark.parametrize("door", [LocalClient, LambdaClient])
@pytest.mark.parametrize(("method", "path"), [("POST", "/predict/iris"), ("GET", "/models")])
def test_unauthorized(door, method, path):
    """A refused credential counts for the gateway as a whole."""
    house = gateway(door)
    assert house.client.send(method, path, BAD, b"{}").status == 401

    (blob,) = house.log.blobs
    assert (blob.dimensions, blob.values) == ([["service"]], {"Unauthorized": 1})


def test_per_model_off():
    """Without metrics per model the sums are the same."""
    house = gateway(per_model=False)
    for path in ("iris", "churn", "nothing"):
        house.post(f"/predict/{path}", b"{}", GOOD)

    assert all(blob.dimensions == [["service"]] for blob in house.log.blobs)
    assert house.log.sums()["Invocations"] == 3


def test_setting(capsys):
    """GATEWAY_METRICS_PER_MODEL decides about metrics per model."""
    for value, dimensions in (("on", [["service"], ["service", "model"]]), ("off", [["service"]])):
        settings = Settings.from_env({"GATEWAY_METRICS_PER_MODEL": value})
        source = FixedTable(table())
        app = create_app(settings, source=source, runtime=FakeRuntime(), schemes=[FakeScheme()])
        LambdaClient(app).send("POST", "/predict/iris", JSON, b"{}")

        (line,) = [text for text in capsys.readouterr().out.splitlines() if "_aws" in text]
        (blob,) = read(f"{line}\n")
        assert blob.dimensions == dimensions


class TestPerPrincipal:
    """GATEWAY_METRICS_PER_PRINCIPAL."""

    @pytest.mark.parametrize("per_model", [True, False])
    def test_dimensions(self, per_model):
        """Each principal has the metrics of its predictions, for all models together."""
        house = gateway(per_model=per_model, per_principal=True)
        for path, headers in [("iris", GOOD), ("churn", GOOD), ("iris", NARROW), ("iris", BAD)]:
            house.post(f"/predict/{path}", b"{}", headers)

        of_models = [["service", "model"]] if per_model else []
        for blob in house.log.blobs[:3]:
            assert blob.dimensions == [["service"], *of_models, ["service", "principal"]]
        assert house.log.blobs[3].dimensions == [["service"]]  # nobody knows who it was
        assert house.log.sums()["Invocations"] == 3
        assert house.log.sums(principal="tests")["Invocations"] == 2
        assert house.log.sums(principal="tests")["Invocation5XXErrors"] == 1
        assert house.log.sums(principal="narrow")["Invocations"] == 1

    def test_principal_that_is_not_ascii(self):
        """CloudWatch takes only ASCII, so other characters are escaped."""
        known = {TOKEN: Identity("größe", ("*",), None)}
        house = gateway(scheme=FakeScheme(known), per_principal=True)
        house.post("/predict/iris", b"{}", GOOD)

        assert house.log.sums(principal=r"gr\xf6\xdfe")["Invocations"] == 1
        assert house.log.requests[0]["principal"] == "größe"

    def test_setting(self, capsys):
        """It is off unless the setting says `on`."""
        for value, has in (("on", True), ("off", False), (None, False)):
            environ = {} if value is None else {"GATEWAY_METRICS_PER_PRINCIPAL": value}
            source = FixedTable(table())
            app = create_app(
                Settings.from_env(environ),
                source=source,
                runtime=FakeRuntime(),
                schemes=[FakeScheme()],
            )
            LambdaClient(app).send("POST", "/predict/iris", JSON, b"{}")

            (line,) = [text for text in capsys.readouterr().out.splitlines() if "_aws" in text]
            (blob,) = read(f"{line}\n")
            assert (["service", "principal"] in blob.dimensions) == has


OPTED_OUT = """\
version: 1
defaults: {metrics: false}
models:
  quiet: {kind: single, endpoint: churn-prod}
  split: {kind: single, targets: {a: {endpoint: e, weight: 1}, b: {endpoint: f, weight: 1}}}
  loud: {kind: single, endpoint: e, metrics: true}
"""


@pytest.mark.parametrize("per_model", [True, False])
@pytest.mark.parametrize("form", ["yaml", "compiled"])
def test_entry_without_metrics(form, per_model):
    """`metrics: false` leaves an entry out of the metrics by model and target, not of the sums."""
    parsed = table(OPTED_OUT)
    if form == "compiled":
        parsed = file.from_compiled(file.compiled(parsed), parsed.digest)
    house = gateway(source=FixedTable(parsed), per_model=per_model)
    for path in ("quiet", "split", "loud", "nothing"):
        house.post(f"/predict/{path}", b"{}", GOOD)

    quiet, split, loud, unknown = house.log.blobs
    assert quiet.dimensions == split.dimensions == [["service"]]
    of_models = [["service"], ["service", "model"]] if per_model else [["service"]]
    assert loud.dimensions == unknown.dimensions == of_models
    assert not {"model", "target"} & {*quiet.members, *split.members}
    assert house.log.sums()["Invocations"] == 4
    assert [line.get("model") for line in house.log.requests] == ["quiet", "split", "loud", None]


def test_table_rejected():
    """A refused table counts once; predictions without a table count as failed."""
    books = MetricsLog()
    settings = Settings.from_env({"GATEWAY_ROUTING": "file:nothing.yaml"})
    app = create_app(settings, schemes=[FakeScheme()], telemetry=books.telemetry)

    (blob,) = books.blobs
    assert (blob.dimensions, blob.values) == ([["service"]], {"TableRejected": 1})

    assert LambdaClient(app).send("POST", "/predict/iris", GOOD, b"{}").status == 503
    assert books.sums(model="(unknown)")["Invocation5XXErrors"] == 1


def test_key_store_unreadable(monkeypatch):
    """Each look at a store of credentials that gives nothing counts once; later callers do not."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    books = MetricsLog()
    app = create_app(Settings.from_env({}), source=FixedTable(table()), telemetry=books.telemetry)

    for _ in range(3):
        key = {"Authorization": f"Bearer gw_abcdefgh_{'s' * 43}"}
        assert LambdaClient(app).send("GET", "/models", key, b"").status == 503

    (blob,) = books.blobs
    assert (blob.dimensions, blob.values) == ([["service"]], {"KeyStoreUnreadable": 1})


class TestKeyStoreAge:
    """The age of the keys with which a credential was checked."""

    KEY = f"gw_abcdefgh_{'s' * 43}"

    @pytest.fixture(name="time")
    def _time(self):
        return [1_000.0]

    @pytest.fixture(name="house")
    def _house(self, time):
        books = MetricsLog()
        known = {"abcdefgh": ApiKey("abcdefgh", bytes(32), "p", (), None, disabled=False)}
        keys = Refreshed(
            lambda: known, max_age_seconds=60, cooldown_seconds=10, clock=lambda: time[0]
        )
        scheme = ApiKeys(keys, lambda: time[0], books.telemetry.key_store_age)
        schemes = [scheme, FakeScheme(CREDENTIALS)]
        source = FixedTable(table())
        app = create_app(
            Settings.from_env({}), source=source, schemes=schemes, telemetry=books.telemetry
        )
        return BuiltGateway(app, None, books, LambdaClient(app))

    def ages(self, house):
        return [blob.values["KeyStoreAgeSeconds"] for blob in house.log.blobs if blob.units]

    def ask(self, house, token):
        house.client.event("GET", "/models", {"Authorization": f"Bearer {token}"})

    def test_age(self, house, time):
        """The authorizer publishes the age for the service alone."""
        for passed in (0.0, 12.5, 47.0, 1.0):
            time[0] += passed
            self.ask(house, self.KEY)

        assert self.ages(house) == [12.5, 59.5]
        assert all(blob.dimensions == [["service"]] for blob in house.log.blobs)

    def test_others(self, house, time):
        """A credential without a key says nothing about the age of the keys."""
        self.ask(house, self.KEY)
        time[0] += 86_000
        for token in (TOKEN, "bad", "gw_malformed"):
            self.ask(house, token)

        assert self.ages(house) == []
