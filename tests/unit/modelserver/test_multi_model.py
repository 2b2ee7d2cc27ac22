"""A container with many models, over HTTP."""

from concurrent.futures import ThreadPoolExecutor

import pytest

ROWS = b'{"instances": [[1, 2, 3]]}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module", name="running")
def _running(start):
    return start("sklearn", SAGEMAKER_MULTI_MODEL="true")


@pytest.fixture(name="server")
def _server(running):
    """A server without models; what a test loads is unloaded after the test."""
    yield running
    for name in ("b2", "c3"):
        running.request("DELETE", f"/models/{name}")


def test_life_of_a_model(server, folders):
    """A model can be loaded, listed, shown, invoked and unloaded."""
    description = {"modelName": "b2", "modelUrl": str(folders["sum"])}

    assert server.request("GET", "/ping").status == 200
    assert server.request("GET", "/models").json() == {"models": []}
    assert server.load("b2", folders["sum"]).status == 200
    assert server.request("GET", "/models").json() == {"models": [description]}
    assert server.request("GET", "/models/b2").json() == description
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
    """A name that is not loaded gets a 404 with the name."""
    response = server.request(method, path, ROWS if method == "POST" else b"", JSON)

    assert response.status == 404
    assert "'x'" in response.json()["error"]


def test_loading_one_name_several_times(server, folders):
    """Of several loads of one name, one succeeds and the others get 409."""
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: server.load("c3", folders["sum"]).status, range(8)))

    assert sorted(statuses) == [200, *[409] * 7]
    assert server.log().count("loaded 'c3' in ") == 1


@pytest.mark.parametrize(
    ("folder", "status", "message"),
    [
        ("empty", 400, "holds no model.joblib"),
        ("multiclass", 400, "holds no model.joblib"),
        ("unfitted", 400, "the StandardScaler does not know its n_features_in_; fit it first"),
        ("no-model", 400, "dict"),
        ("broken", 400, "AttributeError: first line second line"),
        ("hungry", 507, "no memory left"),
    ],
)
def test_artifacts_that_cannot_be_loaded(server, folders, folder, status, message):
    """The response gives the folder and the reason in one line, and the name stays free."""
    response = server.load("d4", folders[folder])

    assert response.status == status
    assert message in response.json()["error"]
    assert str(folders[folder]) in response.json()["error"]
    assert "\n" not in response.json()["error"]
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
    """A load request without a name or a folder that can be loaded gets a 400 with a sentence."""
    response = server.request("POST", "/models", body)

    assert response.status == 400
    assert response.json()["error"]


def test_capacity(start, folders):
    """A full container responds with 507; unloading a model makes room for another."""
    server = start("sklearn", SAGEMAKER_MULTI_MODEL="true", SAGEMAKER_LOCAL_CONTAINER_CAPACITY="2")

    statuses = [server.load(name, folders["sum"]).status for name in ("a", "b", "c")]
    loaded_already = server.load("a", folders["sum"]).status
    server.request("DELETE", "/models/a")
    retried = server.load("c", folders["sum"]).status

    assert (statuses, loaded_already, retried) == ([200, 200, 507], 409, 200)
    assert "507 POST /models: OutOfMemory\n" in server.log()


def test_path_of_single_model_containers(server):
    """`/invocations` gets a 404 with the path that this container has instead."""
    response = server.request("POST", "/invocations", ROWS, JSON)

    assert response.status == 404
    assert "/models/{model_name}/invoke" in response.json()["error"]


def test_unusual_names(server, folders):
    """A name may be any text, and a line break in it does not add a line to the log."""
    response = server.load("odd/näme\nloaded 'x'", folders["sum"])
    path = "/models/odd%2Fn%C3%A4me%0Aloaded%20'x'"

    assert response.status == 200
    assert server.request("GET", path).json()["modelName"] == "odd/näme\nloaded 'x'"
    assert server.request("DELETE", path).status == 200
    assert "\nloaded 'x'" not in server.log()


def test_pages(start, folders):
    """The list has pages of a hundred models; the last page has no token."""
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
