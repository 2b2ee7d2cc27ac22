"""`deployment.bytecode`: a zip whose modules need no compiling."""

import importlib
import sys
from importlib.util import cache_from_source
from zipfile import ZipFile

import pytest

from deployment import bytecode

MODULE = "said = 'by the source'\n"


@pytest.fixture
def package(tmp_path):
    """Writes a zip of these files."""

    def write(files):
        path = tmp_path / "deployment.zip"
        with ZipFile(path, "w") as zipped:
            for name, content in files.items():
                zipped.writestr(name, content)
        return path

    return write


def names(path):
    with ZipFile(path) as zipped:
        return zipped.namelist()


def test_every_module_gets_its_bytecode(package):
    """Beside its source, as Python looks for it; other files stay as they are."""
    path = package({"app.py": MODULE, "lib/a.py": MODULE, "lib/table": "data"})

    assert bytecode.add(path) == 5
    assert names(path) == [
        cache_from_source("app.py"),
        "app.py",
        cache_from_source("lib/a.py"),
        "lib/a.py",
        "lib/table",
    ]


def test_bytecode_is_used_whatever_the_source_looks_like(package, tmp_path, monkeypatch):
    """Dates do not survive a zip: what is compiled counts, and nothing is compared."""
    path = package({"never_compare.py": MODULE})
    bytecode.add(path)
    with ZipFile(path) as zipped:
        zipped.extractall(tmp_path / "task")
    (tmp_path / "task/never_compare.py").write_text("a syntax error")
    monkeypatch.syspath_prepend(tmp_path / "task")

    assert importlib.import_module("never_compare").said == "by the source"
    del sys.modules["never_compare"]


def test_other_bytecode_is_left_out(package):
    """What the machine that packaged had compiled for itself, perhaps for another Python."""
    path = package({"app.py": MODULE})
    with ZipFile(path, "a") as zipped:
        zipped.writestr("__pycache__/app.cpython-39.pyc", b"old")
        zipped.writestr("__pycache__/gone.cpython-311.pyc", b"old")

    bytecode.add(path)

    assert names(path) == [cache_from_source("app.py"), "app.py"]


def test_twice_is_once(package):
    """A zip that has its bytecode stays the same, byte for byte."""
    path = package({"app.py": MODULE, "lib/a.py": MODULE})
    bytecode.add(path)
    once = path.read_bytes()

    bytecode.add(path)

    assert path.read_bytes() == once


def test_module_that_cannot_be_compiled(package, capsys):
    """It is named, and the zip is left as it was."""
    path = package({"app.py": MODULE, "broken.py": "a syntax error"})
    before = path.read_bytes()

    with pytest.raises(ValueError, match="not every module"):
        bytecode.add(path)

    assert "broken.py" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_command_says_what_it_made(package, capsys):
    """The zip's size and the number of its files, which have limits on Lambda."""
    path = package({"app.py": MODULE})

    bytecode.main([str(path)])

    assert capsys.readouterr().out == f"{path}: 0.0 MB, 2 files\n"
