"""`deployment.bytecode`: adding compiled modules to a zip."""

import importlib
import sys
from importlib.util import cache_from_source
from zipfile import ZipFile

import pytest

from deployment import bytecode

MODULE = "origin = 'the source in the zip'\n"


@pytest.fixture
def package(tmp_path):
    """A function that writes a zip with these files."""

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


def test_every_module_gets_bytecode(package):
    """Each module has its bytecode where Python looks for it; other files are unchanged."""
    path = package({"app.py": MODULE, "lib/a.py": MODULE, "lib/table": "data"})

    assert bytecode.add(path) == 5
    assert names(path) == [
        cache_from_source("app.py"),
        "app.py",
        cache_from_source("lib/a.py"),
        "lib/a.py",
        "lib/table",
    ]


def test_bytecode_is_not_compared_with_its_source(package, tmp_path, monkeypatch):
    """Python uses the bytecode whatever the source's date is, because a zip loses dates."""
    path = package({"never_compare.py": MODULE})
    bytecode.add(path)
    with ZipFile(path) as zipped:
        zipped.extractall(tmp_path / "task")
    (tmp_path / "task/never_compare.py").write_text("a syntax error")
    monkeypatch.syspath_prepend(tmp_path / "task")

    assert importlib.import_module("never_compare").origin == "the source in the zip"
    del sys.modules["never_compare"]


def test_other_bytecode_is_removed(package):
    """Bytecode that was in the zip before is removed, because it may be for another Python."""
    path = package({"app.py": MODULE})
    with ZipFile(path, "a") as zipped:
        zipped.writestr("__pycache__/app.cpython-39.pyc", b"old")
        zipped.writestr("__pycache__/gone.cpython-311.pyc", b"old")

    bytecode.add(path)

    assert names(path) == [cache_from_source("app.py"), "app.py"]


def test_second_run(package):
    """A second run changes no byte of the zip."""
    path = package({"app.py": MODULE, "lib/a.py": MODULE})
    bytecode.add(path)
    first = path.read_bytes()

    bytecode.add(path)

    assert path.read_bytes() == first


def test_module_that_cannot_be_compiled(package, capsys):
    """The command prints the module's name, and the zip is unchanged."""
    path = package({"app.py": MODULE, "broken.py": "a syntax error"})
    before = path.read_bytes()

    with pytest.raises(ValueError, match="not every module"):
        bytecode.add(path)

    assert "broken.py" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_output(package, capsys):
    """The command prints the zip's size and number of files, which Lambda limits."""
    path = package({"app.py": MODULE})

    bytecode.main([str(path)])

    assert capsys.readouterr().out == f"{path}: 0.0 MB, 2 files\n"
