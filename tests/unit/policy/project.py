"""A project folder on which `gatewayctl policy` runs, with or without credentials."""

import json

import boto3
import botocore.session
from botocore.credentials import CredentialResolver
from botocore.stub import Stubber

from gatewayctl.command import Dependencies
from tests.support.command_line import gatewayctl

SECRET = "GATEWAY_KEYS_SECRET"
HANDLER, AUTHORIZER = ".chalice/policy-dev.json", ".chalice/policy-dev-authorize.json"
WORKER = ".chalice/policy-dev-work.json"
AUTHORIZE = {"iam_policy_file": "policy-dev-authorize.json"}
WORK = {"iam_policy_file": "policy-dev-work.json", "lambda_timeout": 900}
JOBS = {"GATEWAY_JOBS": "s3://acme-jobs/ml/dev", "GATEWAY_JOBS_QUEUE": "acme-work"}
ACCOUNT = "123456789012"
TABLE = """\
version: 1
models:
  churn: {kind: single, endpoint: churn-prod}
  price/{city}/{year}:
    kind: mme
    endpoint: Housing
    target_model: "{city}/{year}.tar.gz"
    parameters:
      city: {one_of: [houston, austin]}
      year: {pattern: "20[0-9]{2}"}
"""


def nobody_asks(service):
    raise AssertionError(f"{service} was asked")


def no_credentials(service):
    """Make a client as `gatewayctl.aws.client` does, without credentials but with a region."""
    session = botocore.session.Session()
    session.set_config_variable("region", "eu-west-1")
    session.register_component("credential_provider", CredentialResolver([]))
    return session.create_client(service)


def credentials(arn, region="eu-west-1"):
    """Return what makes a client whose caller has this ARN."""

    def connect(service):
        client = boto3.Session("test", "test", region_name=region).client(service)
        stubber = Stubber(client)
        caller = {"UserId": "u", "Account": arn.split(":")[4], "Arn": arn}
        stubber.add_response("get_caller_identity", caller)
        stubber.activate()
        return client

    return connect


class Project:
    """A folder with a table and Chalice's configuration."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".chalice").mkdir()
        (folder / "routing.yaml").write_text(TABLE)
        self.configure({})

    def configure(self, variables, **stage):
        functions = {"lambda_functions": {"authorize": AUTHORIZE, "work": WORK}}
        dev = {"environment_variables": variables, **functions, **stage}
        stages = {"dev": dev, "bare": {"environment_variables": {SECRET: ""}}, "local": {}}
        config = {"version": "2.0", "app_name": "gw", "autogen_policy": False, "stages": stages}
        (self.folder / ".chalice/config.json").write_text(json.dumps(config))

    def run(self, *arguments, credentials=no_credentials, **environ):
        return gatewayctl(
            *("policy", *arguments),
            project=self.folder,
            dependencies=Dependencies(credentials),
            **environ,
        )

    def read(self, file=HANDLER):
        return json.loads((self.folder / file).read_text())

    def written(self):
        return sorted(path.name for path in self.folder.glob(".chalice/policy*"))

    def arns(self, file=HANDLER):
        """Every resource of a policy."""
        resources = [one["Resource"] for one in self.read(file)["Statement"]]
        return [arn for some in resources for arn in ([some] if isinstance(some, str) else some)]
