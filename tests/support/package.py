"""The package that `make package` builds, from a copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

BUILD_SECONDS = 300.0
NOT_OF_THE_PROJECT = shutil.ignore_patterns(
    ".git", ".venv", ".local", ".hypothesis", ".*_cache", "__pycache__", "build", "deployments"
)


@dataclass(frozen=True)
class Package:
    """A project whose package was built into `build/`."""

    project: Path

    @property
    def zip(self) -> Path:
        return self.project / "build/deployment.zip"

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The files of the zip, by name."""
        with ZipFile(self.zip) as zipped:
            return {name: zipped.read(name) for name in zipped.namelist()}

    @cached_property
    def template(self) -> Any:
        return json.loads((self.project / "build/sam.json").read_bytes())["Resources"]

    @property
    def function(self) -> Any:
        return self.template["APIHandler"]["Properties"]

    @property
    def authorizer(self) -> Any:
        """The second function of the same zip."""
        return self.template["Authorize"]["Properties"]

    @property
    def api(self) -> Any:
        """The REST API as a Swagger document."""
        return self.template["RestAPI"]["Properties"]["DefinitionBody"]

    def unpack(self, folder: Path) -> Path:
        """Unpack the zip read-only, as Lambda does."""
        with ZipFile(self.zip) as zipped:
            zipped.extractall(folder)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        return folder


def copy_project(folder: Path, source: Path = ROOT) -> Path:
    """Copy the files of a project, without anything that was built."""
    shutil.copytree(source, folder, symlinks=True, ignore=NOT_OF_THE_PROJECT)
    for compiled in (folder / "chalicelib").glob("*.json"):
        compiled.unlink()
    return folder


def build_with_jobs(folder: Path, **settings: str) -> None:
    """Build the package of a copy of the project whose stage dev has jobs."""
    project = copy_project(folder)
    file = project / ".chalice/config.json"
    config = json.loads(file.read_bytes())
    config["stages"]["dev"]["environment_variables"].update(settings)
    file.write_text(json.dumps(config))
    subprocess.run(
        [sys.executable, "-m", "gatewayctl", "policy", "--stage", "dev"],
        cwd=project,
        check=True,
        timeout=BUILD_SECONDS,
    )
    build(project)


def build(project: Path) -> Package:
    """Run `make package` for the stage dev, with the virtual environment of the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(
        [
            *("make", "--silent", "package", "STAGE=dev"),
            *(f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed"),
        ],
        cwd=project,
        env={**own, "PYTHONHASHSEED": "0"},
        check=True,
        timeout=BUILD_SECONDS,
    )
    return Package(project)
