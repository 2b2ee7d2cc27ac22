"""A container with many models: SageMaker's multi-model contract."""

from concurrent.futures import ThreadPoolExecutor

import pytest

ROWS = b'{"instances": [[1, 2, 3]]}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module", name="server")
def _server(start):
    return start("sklearn", SAGEMAKER_MULTI_MODEL="true")


@pytest.fixture(name="loaded")
def _loaded(server, folders):
    """The server with one model in memory, named `a1`."""
    server.load("a1", folders["sum"])
    yield server
    server.request("DELETE", "/models/a1")


def test_nothing_is_loaded_at_the_start(server):
    """SageMaker's health check asks for the list as well as for a ping."""
    assert server.request("GET", "/ping").status == 200
    assert server.request("GET", "/models").json() == {"models": []}


def test_life_of_a_model(server, folders):
    """Load, list, show, invoke, unload; then it is gone."""
    description = {"modelName": "b2", "modelUrl": str(folders["sum"])}

    assert server.load("b2", folders["sum"]).status == 200
    assert {"models": [description]} == server.request("GET", "/models").json()
    assert description == server.request("GET", "/models/b2").json()
    invoked = server.request("POST", "/models/b2/invoke", ROWS, JSON)
    assert invoked.json() == {"predictions": [6.0]}
    assert server.request("DELETE", "/models/b2").status == 200
    assert server.request("GET", "/models").json() == {"models": []}
    assert "loaded 'b2' in " in server.log()
    assert "unloaded 'b2'\n" in server.log()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/models/x"), ("DELETE", "/models/x"), ("POST", "/models/x/invoke")],
)
def test_unknown_models(server, method, path):
    """A model that is not loaded is a 404 that names it."""
    response = server.request(method, path, ROWS if method == "POST" else b"", JSON)

    assert response.status == 404
    assert "'x'" in response.json()["error"]


def test_loading_twice(loaded, folders):
    """A name that is taken is a 409."""
    assert loaded.load("a1", folders["sum"]).status == 409


def test_loading_at_once(server, folders):
    """Requests for one name at one time are one load: one succeeds, the rest come second."""
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: server.load("c3", folders["sum"]).status, range(8)))

    assert [200, *[409] * 7] == sorted(statuses)
    assert server.log().count("loaded 'c3' in ") == 1


@pytest.mark.parametrize(
    ("folder", "status", "said"),
    [
        ("empty", 400, "holds no model.joblib"),
        ("unfitted", 400, "fit it first"),
        ("no-model", 400, "dict"),
        ("broken", 400, "AttributeError: first line second line"),
        ("hungry", 507, "no memory left"),
    ],
)
def test_artifacts_that_cannot_be_loaded(server, folders, folder, status, said):
    """The reason comes in one sentence, and the name stays free."""
    response = server.load("d4", folders[folder])

    assert status == response.status
    assert said in response.json()["error"]
    assert server.request("GET", "/models/d4").status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"model_name": "x"}',
        b'{"url": "/tmp"}',
        b'{"model_name": "", "url": "/tmp"}',
        b'{"model_name": 1, "url": "/tmp"}',
        b'{"model_name": "x", "url": null}',
        b'{"model_name": "x", "url": "/nowhere"}',
        b'{"model_name": "x", "url": "a\\u0000b"}',
        b'{"model_name": "x", "url": "\\ud800"}',
        b"\xff",
    ],
)
def test_bad_load_requests(server, body):
    """A request that names no loadable folder is a 400, in a sentence."""
    response = server.request("POST", "/models", body)

    assert response.status == 400
    assert response.json()["error"]


def test_capacity(start, folders):
    """A full container answers 507; unloading makes room, as SageMaker expects."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_LOCAL_CONTAINER_CAPACITY="2")

    statuses = [server.load(name, folders["sum"]).status for name in ("a", "b", "c")]
    taken = server.load("a", folders["sum"]).status
    server.request("DELETE", "/models/a")
    retried = server.load("c", folders["sum"]).status

    assert (statuses, taken, retried) == ([200, 200, 507], 409, 200)
    assert "507 POST /models: OutOfMemory\n" in server.log()


def test_invocations_belong_to_single_models(server):
    """The other kind's path says where to go instead."""
    response = server.request("POST", "/invocations", ROWS, JSON)

    assert response.status == 404
    assert "/models/{model_name}/invoke" in response.json()["error"]


def test_odd_names(server, folders):
    """A name is opaque: any text works, and cannot forge a line of the log."""
    response = server.load("odd/näme\nloaded 'x'", folders["sum"])
    path = "/models/odd%2Fn%C3%A4me%0Aloaded%20'x'"

    assert response.status == 200
    assert server.request("GET", path).json()["modelName"] == "odd/näme\nloaded 'x'"
    assert server.request("DELETE", path).status == 200
    assert "\nloaded 'x'" not in server.log()


def test_pages(start, folders):
    """The list comes a hundred at a time, until no token is left."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true")
    names = [f"model-{place:03}" for place in range(101)]
    for name in reversed(names):
        server.load(name, folders["sum"])

    first = server.request("GET", "/models").json()
    token = first["nextPageToken"]
    second = server.request("GET", f"/models?next_page_token={token}").json()

    assert [model["modelName"] for model in first["models"]] == names[:100]
    assert [model["modelName"] for model in second["models"]] == names[100:]
    assert "nextPageToken" not in second
