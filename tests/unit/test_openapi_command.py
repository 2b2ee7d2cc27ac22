"""`gatewayctl openapi`: from arguments to a document, on stdout or in a file."""

import io
import json
import re
from typing import NamedTuple

import pytest

from chalicelib.routing.reading import file as table_file
from gatewayctl.cli import main
from gatewayctl.openapi.document import document
from tests.support.gateway import TABLE


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(name="run")
def _run(tmp_path, monkeypatch):
    """Runs the command in a folder with a table."""
    (tmp_path / "routing.yaml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        out, err = io.StringIO(), io.StringIO()
        code = main(["openapi", *arguments], {}, tmp_path, out, err)
        return Outcome(int(code), out.getvalue(), err.getvalue())

    return run


class TestCommand:
    """As it is typed."""

    def test_stdout(self, run):
        """The document and nothing else; as data it is the same."""
        outcome = run()
        described = document(table_file.parse(TABLE.encode(), "routing.yaml"), None)

        assert (outcome.code, outcome.err) == (0, "")
        assert json.loads(outcome.out) == described
        assert run("--format", "json") == outcome

    @pytest.mark.parametrize("url", ["https://gateway.example.com/api", "http://127.0.0.1:8000/"])
    def test_server(self, run, url):
        """Where the gateway answers; without it a client has to say."""
        assert json.loads(run("--server", url).out)["servers"] == [{"url": url.rstrip("/")}]
        assert "servers" not in json.loads(run().out)

    @pytest.mark.parametrize(
        "url", ["", "gateway.example.com", "ftp://a", "https://", "https://a/?b", "https://{a}/"]
    )
    def test_no_server(self, run, url):
        """What is no address is refused."""
        assert run("--server", url) == (
            2,
            "",
            f"gatewayctl openapi: --server is {url!r}; "
            "it must be a URL such as https://gateway.example.com/api\n",
        )

    def test_out(self, run, tmp_path):
        """Into a file; what is printed says so."""
        outcome = run("--out", "api.json")

        assert (outcome.code, outcome.out) == (0, "api.json\n")
        assert re.fullmatch(
            r"api\.json: 12 models of routing\.yaml, table [0-9a-f]{12}\n", outcome.err
        )
        assert (tmp_path / "api.json").read_text() == run().out
        assert json.loads(run("--out", "api.json", "--format", "json").out)["models"] == 12

    def test_no_place_to_write(self, run):
        """Where it cannot be written, it says so."""
        assert run("--out", "none/api.json") == (
            2,
            "",
            "gatewayctl openapi: none/api.json cannot be written: No such file or directory\n",
        )

    def test_bad_table(self, run, tmp_path):
        """A bad table has no API; what is wrong with it is said instead."""
        (tmp_path / "bad.yaml").write_text("version: 1\nmodels: {a: {kind: single}}\n")

        assert run("--table", "bad.yaml") == (
            1,
            "bad.yaml:2: models.a.endpoint: missing; kind single needs it\n",
            "",
        )
