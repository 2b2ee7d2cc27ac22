"""Imports point one way, and what is foreign comes in through few doors."""

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

# What ships, from the bottom up: a module imports what is below it, and what is in its own package.
LAYERS = [
    {"errors", "spelling", "targets", "messages", "media_types", "deadline"},
    {"settings", "parameters", "strict_json", "record", "upstream_errors", "warmth"},
    {"routing", "metrics", "trust", "answers"},
    {"connections"},
    {"aws"},
    {"auth", "retries", "invoke_endpoint"},
    {"client"},
    {"telemetry", "table", "admission"},
    {"s3_object", "runtime"},
    {"refreshed"},
    {"sources"},
    {"gateway"},
    {"api"},
]

# What is foreign, and the modules or packages that may know it.
DOORS = {
    "chalice": {"app", "chalicelib.api", "chalicelib.errors"},
    "botocore": {
        "chalicelib.aws",
        "chalicelib.connections",
        "chalicelib.invoke_endpoint",
        "chalicelib.runtime",
        "chalicelib.s3_object",
        "chalicelib.trust",
        "chalicelib.upstream_errors",
        "chalicelib.auth.key_secret",
    },
    "urllib3": {
        "chalicelib.connections",
        "chalicelib.runtime",
        "chalicelib.s3_object",
        "chalicelib.trust",
        "chalicelib.upstream_errors",
    },
    "yaml": {"chalicelib.table.nodes"},
    "aws_lambda_powertools": {
        "chalicelib.telemetry",
        "chalicelib.metrics",
        "chalicelib.auth",
        "chalicelib.api.authorizers",
    },
    "jwt": {"chalicelib.auth"},
}
# Modules that read the environment; the programs hand it on.
ENVIRONMENT = ["chalicelib.settings", "gatewayctl.__main__"]


class Import(NamedTuple):
    line: int
    module: str


class Module(NamedTuple):
    name: str
    path: Path
    imports: list[Import]

    def where(self, line: int) -> str:
        return f"{self.path.relative_to(PROJECT)}:{line}"


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


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def layer(module: str) -> int:
    noun = module.split(".")[1]
    for height, nouns in enumerate(LAYERS):
        if noun in nouns:
            return height
    return pytest.fail(f"{module} has no place in LAYERS of {Path(__file__).name}: give it one")


MODULES = [read(path) for part in PARTS for path in files(part)]
SHIPPED = [module for module in MODULES if within(module.name, {"app", "chalicelib"})]
OURS = [module for module in MODULES if within(module.name, {"app", "chalicelib", "gatewayctl"})]
NOUNS = [module for module in SHIPPED if module.name.startswith("chalicelib.")]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_parts(module):
    """What ships knows nothing of the commands, the stand-in and the tests."""
    own = module.name.split(".")[0]
    for line, name in module.imports:
        part = name.split(".")[0]
        assert part == own or part in PARTS[own] or part not in {*PARTS, "tests"}, (
            f"{module.where(line)}: {own} may not import {name}"
        )


@pytest.mark.parametrize("module", NOUNS, ids=lambda module: module.name)
def test_layers(module):
    """A module imports only what is below it."""
    for line, name in module.imports:
        if name.startswith("chalicelib.") and name.split(".")[1] != module.name.split(".")[1]:
            assert layer(name) < layer(module.name), (
                f"{module.where(line)}: {name} is not below {module.name}"
            )


@pytest.mark.parametrize("part", ["chalicelib", "gatewayctl"])
def test_no_circles(part):
    """No two modules need each other, not even for types."""
    modules = [module for module in MODULES if within(module.name, {part})]
    names = {module.name for module in modules}
    graph = {
        module.name: {name for _, name in module.imports if name in names - {module.name}}
        for module in modules
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' → '.join(error.args[1])}")


@pytest.mark.parametrize("module", SHIPPED, ids=lambda module: module.name)
def test_doors(module):
    """A foreign package is known to few modules, so that it can change without us."""
    for line, name in module.imports:
        door = DOORS.get(name.split(".")[0])
        assert door is None or within(module.name, door), (
            f"{module.where(line)}: {name} may be imported only by {', '.join(sorted(door))}"
        )


@pytest.mark.parametrize("module", OURS, ids=lambda module: module.name)
def test_environment(module):
    """The environment is read in one place, when it is asked for."""
    for node in ast.walk(ast.parse(module.path.read_bytes())):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
            assert module.name in ENVIRONMENT, (
                f"{module.where(node.lineno)}: only {' and '.join(ENVIRONMENT)} may do that"
            )
