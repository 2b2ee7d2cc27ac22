"""Imports point one way, and what is foreign is known to few rooms."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).parents[2]

# Each part of the repository, and the other parts that it may import.
PARTS = {
    "app": {"chalicelib"},
    "chalicelib": set(),
    "gatewayctl": {"chalicelib"},
    "local_stack": {"chalicelib", "sagemaker_local"},
    "sagemaker_local": set(),
    "deployment": {"chalicelib"},
    "benchmarks": set(),
}

# What ships, from the right to the left: a room imports rooms of earlier lines only.
DOORS = [
    {"errors"},
    {"settings", "aws"},
    {"telemetry"},
    {"routing"},
    {"sagemaker", "payload", "auth"},
    {"gateway"},
    {"api"},
]

# A foreign package, and the rooms that may import it.
FOREIGN = {
    "chalice": {"app", "api", "errors"},
    "botocore": {"aws", "sagemaker", "routing", "auth"},
    "urllib3": {"aws", "sagemaker", "routing"},
    "yaml": {"routing"},
    "aws_lambda_powertools": {"telemetry", "auth", "api"},
    "jwt": {"auth"},
}
# Who reads the environment; a program hands it on.
ENVIRONMENT = {"chalicelib.settings", "gatewayctl.__main__"}


class Import(NamedTuple):
    line: int
    module: str


class Module(NamedTuple):
    name: str
    path: Path
    imports: list[Import]

    @property
    def part(self) -> str:
        return self.name.partition(".")[0]

    @property
    def room(self) -> str:
        return room(self.name)

    def where(self, line: int) -> str:
        return f"{self.path.relative_to(PROJECT)}:{line}"


def room(name: str) -> str:
    """The room of a module of `chalicelib`; a loose module is a room of its own."""
    return [*name.split("."), ""][1] or name


def files(part: str) -> Iterator[Path]:
    return iter(sorted([*PROJECT.glob(f"{part}.py"), *(PROJECT / part).rglob("*.py")]))


def read(path: Path) -> Module:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    name = ".".join(parts).removesuffix(".__init__")
    return Module(name, path, list(imports(ast.parse(path.read_bytes()))))


def imports(tree: ast.AST) -> Iterator[Import]:
    """Every module that is imported, also for types alone and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (Import(node.lineno, full(str(node.module), a.name)) for a in node.names)


def full(package: str, name: str) -> str:
    """What `from package import name` imports: a module of ours, or something in one."""
    path = PROJECT.joinpath(*package.split("."), name)
    return f"{package}.{name}" if path.with_suffix(".py").exists() or path.is_dir() else package


MODULES = [read(path) for part in PARTS for path in files(part)]
SHIPPED = [module for module in MODULES if module.part in {"app", "chalicelib"}]
ROOMS = [module for module in SHIPPED if module.name.startswith("chalicelib.")]
COMMANDS = [module for module in MODULES if module.part == "gatewayctl"]


@pytest.mark.parametrize("part", PARTS)
def test_parts(part):
    """What ships knows nothing of the commands, the stand-in and the tests."""
    for module in (module for module in MODULES if module.part == part):
        for line, name in module.imports:
            other = name.partition(".")[0]
            assert other == part or other in PARTS[part] or other not in {*PARTS, "tests"}, (
                f"{module.where(line)}: {part} may not import {name}"
            )


@pytest.mark.parametrize(
    "number", range(len(DOORS)), ids=lambda number: "-".join(sorted(DOORS[number]))
)
def test_doors(number):
    """A room imports itself and rooms to its right, and not its neighbours."""
    allowed = set().union(*DOORS[:number])
    for module in (module for module in ROOMS if module.room in DOORS[number]):
        for line, name in module.imports:
            assert not name.startswith("chalicelib.") or room(name) in {*allowed, module.room}, (
                f"{module.where(line)}: {module.room} may not import {name}"
            )


def test_every_room_has_a_door():
    """A new room has its place in the order, and says what it is for."""
    assert {module.room for module in ROOMS} == set().union(*DOORS)
    for package in (PROJECT / "chalicelib").glob("*/__init__.py"):
        assert ast.get_docstring(ast.parse(package.read_bytes())), f"{package} has no purpose"


@pytest.mark.parametrize("part", PARTS)
def test_no_cycles(part):
    """No two modules need each other, not even for types."""
    modules = [module for module in MODULES if module.part == part]
    names = {module.name for module in modules}
    graph = {
        module.name: {name for _, name in module.imports if name in names - {module.name}}
        for module in modules
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' → '.join(error.args[1])}")


@pytest.mark.parametrize("package", FOREIGN)
def test_foreign(package):
    """A foreign package is known to few rooms, so that it can change without the others."""
    for module in SHIPPED:
        for line, name in module.imports:
            assert name.partition(".")[0] != package or module.room in FOREIGN[package], (
                f"{module.where(line)}: only {', '.join(sorted(FOREIGN[package]))} import {package}"
            )


@pytest.mark.parametrize("part", ["app", "chalicelib", "gatewayctl"])
def test_environment(part):
    """The environment is read in one place, when it is asked for."""
    for module in (module for module in MODULES if module.part == part):
        for node in ast.walk(ast.parse(module.path.read_bytes())):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
                assert module.name in ENVIRONMENT, (
                    f"{module.where(node.lineno)}: only {' and '.join(ENVIRONMENT)} may do that"
                )
