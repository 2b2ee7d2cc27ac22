"""`deployment.bytecode`: adding compiled modules to a zip."""

import importlib
import marshal
import sys
from importlib.util import cache_from_source
from zipfile import ZipFile

import pytest

from deployment import bytecode

MODULE = "origin = 'the source in the zip'\n"


@pytest.fixture
def package(tmp_path):
    """A function that writes a zip with these files."""

    def write(files, name="deployment.zip"):
        path = tmp_path / name
        with ZipFile(path, "w") as zipped:
            for file, content in files.items():
                zipped.writestr(file, content)
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


@pytest.mark.parametrize(
    ("name", "root"), [("deployment.zip", "/var/task"), ("layer-deployment.zip", "/opt")]
)
def test_path_in_bytecode(package, name, root):
    """A traceback names the file where Lambda has it, for a function and for a layer."""
    module = "python/lib/python3.11/site-packages/lib/a.py"
    path = package({module: MODULE}, name)

    bytecode.add(path)

    with ZipFile(path) as zipped:
        compiled = zipped.read(cache_from_source(module))
    assert marshal.loads(compiled[16:]).co_filename == f"{root}/{module}"


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
    """The command prints each zip's size and number of files, which Lambda limits."""
    path = package({"app.py": MODULE})
    layer = package({"python/a.py": MODULE, "python/b": "data"}, "layer-deployment.zip")

    bytecode.main([str(path), str(layer)])

    printed = f"{path}: 0.0 MB, 2 files\n{layer}: 0.0 MB, 3 files\n"
    assert capsys.readouterr().out == printed
