"""Imports point in one direction, and each foreign package is imported by few packages only."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).parents[2]

# Each part of the project, and the other parts that it may import.
PARTS = {
    "app": {"chalicelib"},
    "chalicelib": set(),
    "gatewayctl": {"chalicelib"},
    "local_stack": {"chalicelib", "deployment", "gatewayctl", "sagemaker_local"},
    "sagemaker_local": set(),
    "deployment": {"chalicelib", "gatewayctl"},
    "benchmarks": set(),
}

# The packages and single modules of chalicelib. Each may import those of earlier lines only.
LAYERS = [
    {"errors"},
    {"settings", "aws"},
    {"telemetry"},
    {"routing"},
    {"sagemaker", "payload", "auth"},
    {"gateway"},
    {"jobs"},
    {"api"},
]

# The packages of gatewayctl, and the others that each may import. Loose modules serve all of them.
ROOMS = {
    "account": set(),
    "policy": set(),
    "publishing": set(),
    "costs": {"account", "policy"},
    "advice": {"account", "costs"},
    "commands": {"account", "policy", "publishing", "costs", "advice"},
}

# Each third-party package, and the packages of chalicelib that may import it.
THIRD_PARTY = {
    "chalice": {"app", "api", "errors"},
    "botocore": {"aws", "sagemaker", "routing", "auth", "jobs"},
    "urllib3": {"aws", "sagemaker", "routing", "jobs"},
    "yaml": {"routing"},
    "aws_lambda_powertools": {"telemetry", "auth", "api"},
    "jwt": {"auth"},
}
# The modules that may read the environment.
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
    def package(self) -> str:
        return package_of(self.name)

    def at(self, line: int) -> str:
        return f"{self.path.relative_to(PROJECT)}:{line}"


def package_of(name: str) -> str:
    """Return the package in `chalicelib`, or the module's own name if it is in none."""
    return [*name.split("."), ""][1] or name


def files(part: str) -> Iterator[Path]:
    return iter(sorted([*PROJECT.glob(f"{part}.py"), *(PROJECT / part).rglob("*.py")]))


def read(path: Path) -> Module:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    name = ".".join(parts).removesuffix(".__init__")
    return Module(name, path, list(imports(ast.parse(path.read_bytes()))))


def imports(tree: ast.AST) -> Iterator[Import]:
    """Yield every imported module, also those for types only and those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (Import(node.lineno, full(str(node.module), a.name)) for a in node.names)


def full(package: str, name: str) -> str:
    """Return the module that `from package import name` needs."""
    path = PROJECT.joinpath(*package.split("."), name)
    return f"{package}.{name}" if path.with_suffix(".py").exists() or path.is_dir() else package


MODULES = [read(path) for part in PARTS for path in files(part)]
SHIPPED = [module for module in MODULES if module.part in {"app", "chalicelib"}]
CHALICELIB = [module for module in SHIPPED if module.name.startswith("chalicelib.")]


@pytest.mark.parametrize("part", PARTS)
def test_parts(part):
    """What ships imports nothing of the commands, the local SageMaker and the tests."""
    for module in (module for module in MODULES if module.part == part):
        for line, name in module.imports:
            other = name.partition(".")[0]
            assert other == part or other in PARTS[part] or other not in {*PARTS, "tests"}, (
                f"{module.at(line)}: {part} may not import {name}"
            )


@pytest.mark.parametrize("number", range(len(LAYERS)), ids=lambda n: "-".join(sorted(LAYERS[n])))
def test_layers(number):
    """A package imports packages of earlier layers only, and none of its own layer."""
    allowed = set().union(*LAYERS[:number])
    for module in (module for module in CHALICELIB if module.package in LAYERS[number]):
        for line, name in module.imports:
            assert not name.startswith("chalicelib.") or package_of(name) in {
                *allowed,
                module.package,
            }, f"{module.at(line)}: {module.package} may not import {name}"


def test_packages():
    """Each package has its layer, and a docstring that says what it is for."""
    assert {module.package for module in CHALICELIB} == set().union(*LAYERS)
    for package in (PROJECT / "chalicelib").glob("*/__init__.py"):
        assert ast.get_docstring(ast.parse(package.read_bytes())), f"{package} has no docstring"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms(room):
    """A package of the command line imports few others, so that each can be read by itself."""
    for module in (module for module in MODULES if module.name.startswith(f"gatewayctl.{room}.")):
        for line, name in module.imports:
            part, other = [*name.split("."), ""][:2]
            assert part != "gatewayctl" or other not in {*ROOMS} - {room} - ROOMS[room], (
                f"{module.at(line)}: {room} may not import {name}"
            )


def test_all_rooms():
    """Each package of the command line has its rule."""
    assert {path.parent.name for path in PROJECT.glob("gatewayctl/*/__init__.py")} == {*ROOMS}


@pytest.mark.parametrize("part", PARTS)
def test_no_cycles(part):
    """No two modules import each other, not even for types."""
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


@pytest.mark.parametrize("package", THIRD_PARTY)
def test_third_party(package):
    """A third-party package is imported by few packages, so that others do not depend on it."""
    allowed = THIRD_PARTY[package]
    for module in SHIPPED:
        for line, name in module.imports:
            assert name.partition(".")[0] != package or module.package in allowed, (
                f"{module.at(line)}: only {', '.join(sorted(allowed))} may import {package}"
            )


@pytest.mark.parametrize("part", ["app", "chalicelib", "gatewayctl"])
def test_environment(part):
    """Few modules read the environment; all others get what they need as arguments."""
    for module in (module for module in MODULES if module.part == part):
        for node in ast.walk(ast.parse(module.path.read_bytes())):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
                assert module.name in ENVIRONMENT, (
                    f"{module.at(node.lineno)}: only {' and '.join(ENVIRONMENT)} may do that"
                )
