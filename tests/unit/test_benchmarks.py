"""`benchmarks`: what stands in the tables is what was measured."""

import json
import socket
import ssl

import pytest

from benchmarks import events, page, upstream
from benchmarks.figures import Ratio, digits
from benchmarks.loopback import Loopback, message


def test_ratios_are_taken_round_by_round():
    """A machine that is slow for a while is slow for both, and the ratio does not move."""
    ratio = Ratio.of([1.0, 10.0, 1.0, 1.0], [2.0, 20.0, 2.0, 2.0])

    assert (ratio.lower, ratio.median, ratio.upper) == (0.5, 0.5, 0.5)


def test_ratio_says_where_half_of_the_rounds_lie():
    """Its spread stands beside it, so that a noisy run looks like one."""
    ratio = Ratio.of([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)

    assert str(ratio) == "**3.00** (2.00\N{EN DASH}4.00)"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.7261, "0.73"), (7.261, "7.26"), (72.61, "72.6"), (726.1, "726"), (7261, "7,261")],
)
def test_digits(value, written):
    """As many as were measured."""
    assert digits(value) == written


class TestPage:
    """What `make bench` writes of docs/performance.md."""

    TEXT = "before\n<!-- bench: a -->\nold\nrows\n<!-- end -->\n<!-- bench: b -->\n<!-- end -->\n"

    def test_only_the_blocks_are_written(self):
        """What people wrote around them stays as it is, and so does a second run."""
        once = page.filled(self.TEXT, {"a": "new", "b": "too"})

        assert once == (
            "before\n<!-- bench: a -->\nnew\n<!-- end -->\n<!-- bench: b -->\ntoo\n<!-- end -->\n"
        )
        assert page.filled(once, {"a": "new", "b": "too"}) == once

    @pytest.mark.parametrize("blocks", [{"a": ""}, {"a": "", "b": "", "c": ""}])
    def test_every_block_has_its_place(self, blocks):
        """Neither is a table lost nor an old one left."""
        with pytest.raises(ValueError, match=r"has places for \['a', 'b'\]"):
            page.filled(self.TEXT, blocks)


class TestLoopback:
    """The server that stands where AWS is."""

    @pytest.mark.parametrize("size", [0, 1, 100_000])
    def test_answers_on_one_connection(self, size):
        """Whole bodies, one after the other, as a client that keeps its connection sends them."""
        with (
            Loopback(lambda _, body: message("200 OK", body[::-1])) as server,
            socket.create_connection(("127.0.0.1", server.port), 10) as client,
        ):
            for letter in (b"a", b"b"):
                body = letter * size + b"."
                client.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                assert received(client) == body[::-1]

    def test_tls(self, tmp_path):
        """Trusted by whoever trusts its certificate, by name."""
        context, root = upstream.certificate(tmp_path)
        trusting = ssl.create_default_context(cafile=str(root))
        with (
            upstream.aws("", context) as server,
            socket.create_connection(("127.0.0.1", server.port), 10) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            client.sendall(b"POST /endpoints/a/invocations HTTP/1.1\r\n\r\n")
            assert json.loads(received(client)) == {"predictions": [0]}
            assert server.url == f"https://localhost:{server.port}"


def received(client):
    with client.makefile("rb") as file:
        for line in iter(file.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return file.read(length)


@pytest.mark.parametrize("size", [1_000, 1_000_000, 4_500_000])
def test_bodies_have_about_their_size(size):
    """A row more or less."""
    assert abs(len(events.instances(size)) - size) < 100


def test_key_is_one_of_the_document():
    """What the authorizer is asked about is there to be found."""
    keys = json.loads(events.key_document(100))["keys"]

    assert len(keys) == 100
    assert events.KEY.split("_")[1] in keys
