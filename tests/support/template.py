"""The template of `make package` for any configuration, without its zips, and what SAM makes of it.

The steps are those of `chalice package`, except for the one that downloads the dependencies.
"""

from __future__ import annotations

import copy
import json
import shutil
from typing import TYPE_CHECKING, Any

import boto3
from chalice.config import Config
from chalice.constants import DEFAULT_APIGATEWAY_STAGE_NAME, DEFAULT_ENDPOINT_TYPE
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import (
    BaseDeployStep,
    BuildStage,
    InjectDefaults,
    PolicyGenerator,
    SwaggerBuilder,
)
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.package import ResourceBuilder, SAMTemplateGenerator, TemplateDeepMerger
from chalice.utils import OSUtils
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from deployment.fragment import fragment_of
from tests.support.command_line import gatewayctl
from tests.support.gateway import build_gateway
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CODE = {"Bucket": "packages", "Key": "deployment.zip"}
REGION = "us-east-1"


class Project:
    """A folder with the configuration and the policies of the project, and some keys changed."""

    def __init__(
        self, folder: Path, stage_keys: dict[str, Any], stage: str = "dev", **of_app: str
    ) -> None:
        shutil.copytree(ROOT / ".chalice", folder / ".chalice", dirs_exist_ok=True)
        self._folder, self._stage = folder, stage
        file = folder / ".chalice/config.json"
        self._config: dict[str, Any] = json.loads(file.read_bytes())
        self._config.update(of_app)
        of_stage = self._config["stages"][stage]
        functions = stage_keys.pop("lambda_functions", {})
        of_stage.update(stage_keys)
        for name, keys in functions.items():
            of_stage["lambda_functions"].setdefault(name, {}).update(keys)
        file.write_text(json.dumps(self._config))
        variables = of_stage.get("environment_variables", {})
        self._jobs = {
            name: variables[f"GATEWAY_{name.upper()}"]
            for name in ("jobs", "jobs_queue", "jobs_concurrency")
            if f"GATEWAY_{name.upper()}" in variables
        }
        if self._jobs:
            table = ("--table", str(ROOT / "routing.yaml"))
            outcome = gatewayctl("policy", "--stage", stage, *table, project=folder)
            assert outcome.code == 0, outcome.err

    def sam(self) -> Any:
        """Return the template that `make package` writes."""
        config = Config(
            self._stage,
            user_provided_params={"chalice_app": build_gateway(cors_origin="*", **self._jobs).app},
            config_from_disk=self._config,
            default_params={
                "project_dir": str(self._folder),
                "api_gateway_stage": DEFAULT_APIGATEWAY_STAGE_NAME,
                "api_gateway_endpoint_type": DEFAULT_ENDPOINT_TYPE,
            },
        )
        steps = [
            InjectDefaults(),
            _Zips(),
            PolicyGenerator(policy_gen=None, osutils=OSUtils()),
            SwaggerBuilder(swagger_generator=CFNSwaggerGenerator()),
        ]
        builder = ResourceBuilder(
            ApplicationGraphBuilder(), DependencyBuilder(), BuildStage(steps=steps)
        )
        resources = builder.construct_resources(config, self._stage)
        made = SAMTemplateGenerator(config, _Principals()).generate(resources)
        template = json.loads(json.dumps(made))
        return TemplateDeepMerger().merge(fragment_of(self._stage, self._folder), template)

    def cloudformation(self) -> Any:
        """Return the template after SAM's transformation, as CloudFormation executes it."""
        return transformed(self.sam())


def transformed(sam: Any) -> Any:
    """Apply SAM's transformation to a template whose zips are in S3."""
    sam = copy.deepcopy(sam)
    for resource in sam["Resources"].values():
        for member in ("CodeUri", "ContentUri"):
            if member in resource.get("Properties", {}):
                resource["Properties"][member] = CODE
    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), boto_session=session).translate(sam, {})


class _Zips(BaseDeployStep):
    """Names the zips as `make package` does, and builds none."""

    def handle_deploymentpackage(self, _config: Config, resource: Any) -> None:
        resource.filename = "./deployment.zip"


class _Principals:
    """The service principals of the largest partition; Chalice asks its AWS client for them."""

    def service_principal(self, service: str) -> str:
        return f"{service}.amazonaws.com"
