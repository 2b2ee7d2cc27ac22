"""The app with the settings of the stage `local`, as `chalice local` loads it.

A routing table in a file follows the file, in the gateway and in the worker.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice.cli.factory import CLIFactory

from chalicelib.routing import sources
from chalicelib.settings import FileLocation, Settings
from local_stack.followed_table import FollowedTable
from local_stack.rest_api import STAGE

if TYPE_CHECKING:
    from chalice.config import Config

ROOT = Path(__file__).parents[1]


class Stage(NamedTuple):
    """What is known of the stage before its app is loaded."""

    config: Config
    settings: Settings
    table: FollowedTable | None
    """The table, if it is in a file."""

    def app(self) -> Any:
        """Load the app, which writes its lines to standard output."""
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
        return self.config.chalice_app


def read() -> Stage:
    """Read the settings, and let the app take a table in a file from a `FollowedTable`.

    Raises:
        ConfigurationError: A setting is wrong.
    """
    config = CLIFactory(str(ROOT), environ=os.environ).create_config_obj(chalice_stage_name=STAGE)
    settings = Settings.from_env({**os.environ, **config.environment_variables})
    followed = None
    if isinstance(settings.routing, FileLocation):
        followed = FollowedTable(settings.routing.path)
        sources.SOURCES[FileLocation] = lambda *_: followed
    return Stage(config, settings, followed)
