"""The body of a response without a connection."""


class FakeBody:
    """Like boto3's body: returns pieces, or raises an error between them."""

    def __init__(self, *pieces):
        self._pieces = list(pieces)
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def read(self, *_):
        raise AssertionError("waits for all of it, however slowly it comes")

    def read1(self, size):
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        assert len(piece) <= size
        return piece
