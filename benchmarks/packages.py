"""Builds the packages that are compared, with the usual tools, and unpacks them."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
BASELINES = Path(__file__).parent / "baselines"
# The libraries of Lambda's runtime: AWS's runtime client and boto3, with their requirements.
RUNTIME_PARTS = (
    *("awslambdaric", "simplejson", "snapshot-restore-py"),
    *("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"),
)
NOT_OF_THE_PROJECT = shutil.ignore_patterns(
    ".git", ".venv", ".local", ".hypothesis", ".*_cache", "__pycache__", "build", "deployments"
)


@dataclass(frozen=True)
class Package:
    """An unpacked function: its folder, handler, environment variables, and the size of its zip."""

    folder: Path
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    zip_bytes: int = 0
    zip_files: int = 0


def runtime(folder: Path) -> Path:
    """Copy and compile the libraries of Lambda's runtime."""
    folder.mkdir()
    for name in RUNTIME_PARTS:
        part = distribution(name)
        tops = {file.parts[0] for file in part.files or ()} - {"..", "__pycache__"}
        for top in (Path(str(part.locate_file(top))) for top in tops):
            copy = shutil.copytree if top.is_dir() else shutil.copy2
            copy(top, folder / top.name)
    compileall.compile_dir(folder, quiet=2)
    return folder


def single_file(name: str, folder: Path) -> Package:
    """Make a package of a single baseline module, as written in Lambda's console."""
    folder.mkdir()
    shutil.copy2(BASELINES / f"{name}.py", folder / "app.py")
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    return Package(folder, "app.handler", zip_bytes=archive.stat().st_size, zip_files=1)


def chalice_powertools(folder: Path) -> Package:
    """Build the handler with Chalice and Powertools, with plain `chalice package`."""
    project = folder.with_name(f"{folder.name}-project")
    (project / ".chalice").mkdir(parents=True)
    shutil.copy2(BASELINES / "chalice_powertools.py", project / "app.py")
    (project / "requirements.txt").write_text(_requirement("aws-lambda-powertools"))
    config = {"version": "2.0", "app_name": "naive", "stages": {"dev": {}}}
    (project / ".chalice/config.json").write_text(json.dumps(config))
    environ = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
    chalice = [sys.executable, "-c", "from chalice.cli import main; main()"]
    subprocess.run(
        [*chalice, "package", "build"], cwd=project, env=environ, check=True, stdout=sys.stderr
    )
    return unpacked(project / "build/deployment.zip", folder, "app.app")


def gateway(folder: Path, source: Path = ROOT) -> Package:
    """Run `make package` in a copy of the project."""
    project = folder.with_name(f"{folder.name}-project")
    shutil.copytree(source, project, symlinks=True, ignore=NOT_OF_THE_PROJECT)
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    arguments = [f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed"]
    subprocess.run(
        ["make", "--silent", "package", "STAGE=dev", *arguments],
        cwd=project,
        env=own,
        check=True,
        stdout=sys.stderr,
    )
    template = json.loads((project / "build/sam.json").read_bytes())["Resources"]
    properties = template["APIHandler"]["Properties"]
    package = unpacked(project / "build/deployment.zip", folder, properties["Handler"])
    return replace(package, environment=properties["Environment"]["Variables"])


def revision(name: str, folder: Path) -> Path:
    """Write the files of a commit of this project to a folder."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", name], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


def without_bytecode(package: Package, folder: Path) -> Package:
    """Copy a package without its bytecode, as plain `chalice deploy` uploads it."""
    shutil.copytree(package.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    with ZipFile(archive) as zipped:
        count = len([name for name in zipped.namelist() if not name.endswith("/")])
    return replace(package, folder=folder, zip_bytes=archive.stat().st_size, zip_files=count)


def unpacked(archive: Path, folder: Path, handler: str) -> Package:
    """Unpack a zip, and return it as a package."""
    with ZipFile(archive) as zipped:
        zipped.extractall(folder)
        count = len(zipped.namelist())
    return Package(folder, handler, zip_bytes=archive.stat().st_size, zip_files=count)


def _requirement(name: str) -> str:
    """Return the line of requirements.txt that pins a library."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return next(f"{line.split()[0]}\n" for line in lines if line.startswith(f"{name}=="))
