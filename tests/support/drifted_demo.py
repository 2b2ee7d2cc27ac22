"""The demo account with some more endpoints, before and after its resources were changed by hand.

`TABLE` matches the account before the changes. Each model is changed in one way, with boto3, and
`CHANGES` has the finding that the commands should report for it.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.containers.account import INSTANCES, RESOURCES, ROLE, VARIANT
from tests.support.command_line import gatewayctl
from tests.support.paths import ROOT
from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.container import Container
    from tests.support.command_line import Outcome
    from tests.support.stand_in import StandIn

BUCKET = "inference-gateway-demo"
OTHER_BUCKET = "inference-gateway-other"
PREFIX = f"s3://{BUCKET}"
NOWHERE = {"Image": "nobodys:1"}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}

MORE = """
  churn:
    kind: single
    endpoint: churn
    target_variant: green

  spam:
    kind: single
    endpoint: spam

  claims:
    kind: single
    endpoint: claims

  ranking:
    kind: component
    endpoint: ranking
    inference_component: ranker

  topics/{language}:
    kind: mme
    endpoint: topics
    target_model: "{language}-v1.tar.gz"
    parameters:
      language: {pattern: "[a-z]{2}"}

  mood:
    kind: mme
    endpoint: mood
    target_model: mood-v1.tar.gz

  idle:
    kind: component
    endpoint: shared
    inference_component: idle

  orphan:
    kind: single
    endpoint: orphan
"""
TABLE = (ROOT / "routing.yaml").read_text().rstrip() + "\n" + MORE


class Change(NamedTuple):
    """A change to a model, and the finding about it."""

    done: str
    place: str
    """A part of the table's line that the finding is on."""
    path: str
    text: str
    is_warning: bool = False

    @property
    def line(self) -> int:
        lines = TABLE.splitlines()
        model = self.path.split(".")[1]
        start = lines.index(next(one for one in lines if one.startswith(f"  {model}:")))
        return next(n for n, one in enumerate(lines[start:], start + 1) if self.place in one)


CHANGES = [
    Change(
        "deleted its endpoint",
        "endpoint: digit-reader",
        "models.digit.endpoint",
        "there is no endpoint 'digit-reader' in us-east-1; did you mean digit-reader-v2?",
    ),
    Change(
        "renamed its container",
        "target_container_hostname: lightgbm",
        "models.diabetes-boosted.target_container_hostname",
        "there is no container 'lightgbm' on endpoint diabetes; did you mean lightgbm-4?",
    ),
    Change(
        "moved its artifact",
        "target_model: iris-v1.tar.gz",
        "models.iris.target_model",
        f"there is no artifact 'iris-v1.tar.gz' under {PREFIX}/tabular/; "
        "did you mean old/iris-v1.tar.gz?",
    ),
    Change(
        "deleted one artifact of its ten",
        "digit: {one_of:",
        "models.is-digit/{digit}.parameters.digit.one_of[7]",
        f"there is no artifact 'is-7-v1.tar.gz' under {PREFIX}/digits/; "
        "did you mean is-9-v1.tar.gz?",
    ),
    Change(
        "deleted its inference component",
        "inference_component: diabetes-component",
        "models.diabetes-component.inference_component",
        "there is no inference component 'diabetes-component' on endpoint shared; "
        "known here: idle, ranker",
    ),
    Change(
        "made its pipeline an endpoint of containers that are called by name",
        "kind: pipeline",
        "models.wine-grade.kind",
        "endpoint wine-pipeline is of kind mce, not pipeline: "
        "a call names one of its containers, preprocess, grade",
    ),
    Change(
        "made the pipeline of its fallback an endpoint of containers that are called by name",
        "two-containers: {kind: pipeline",
        "models.wine-release.targets.two-containers.kind",
        "endpoint wine-pipeline is of kind mce, not pipeline: "
        "a call names one of its containers, preprocess, grade",
    ),
    Change(
        "dropped its variant",
        "target_variant: green",
        "models.churn.target_variant",
        "there is no variant 'green' of endpoint churn; known here: blue",
    ),
    Change(
        "let its endpoint fail",
        "endpoint: spam",
        "models.spam.endpoint",
        "endpoint spam is Failed and takes no calls; "
        "see aws sagemaker describe-endpoint --endpoint-name spam",
    ),
    Change(
        "made its endpoint asynchronous",
        "kind: single",
        "models.claims.kind",
        "endpoint claims is of kind async, not single: it is for asynchronous inference",
    ),
    Change(
        "moved its inference component to another endpoint",
        "inference_component: ranker",
        "models.ranking.inference_component",
        "inference component ranker is on endpoint shared, not on ranking",
    ),
    Change(
        "emptied the prefix of its artifacts",
        'target_model: "{language}-v1.tar.gz"',
        "models.topics/{language}.target_model",
        f"there is no artifact '{{language}}-v1.tar.gz' under s3://{OTHER_BUCKET}/topics/",
    ),
    Change(
        "changed the prefix of its endpoint to a bucket that is gone",
        "target_model: mood-v1.tar.gz",
        "models.mood.target_model",
        "the bucket no-such-bucket does not exist, and s3://no-such-bucket/mood/ would be in it",
    ),
    Change(
        "scaled its inference component to zero",
        "inference_component: idle",
        "models.idle.inference_component",
        "inference component idle has no copy now; calls fail until there is one",
        is_warning=True,
    ),
    Change(
        "deleted the model behind its endpoint",
        "endpoint: orphan",
        "models.orphan.endpoint",
        "the model orphan does not exist, "
        "and endpoint orphan needs it to start on another instance",
        is_warning=True,
    ),
]

UNNAMED = [
    ("diabetes", "container", "lightgbm-4"),
    ("digit-reader-v2", "endpoint", "digit-reader-v2"),
    ("shared", "inference component", "ranker"),
    ("tabular", "artifact", "old/iris-v1.tar.gz"),
    ("wine-pipeline", "container", "grade"),
    ("wine-pipeline", "container", "preprocess"),
]


def without_progress(text: str) -> str:
    """Remove the lines about progress, which a command prints only if it takes long."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.endswith((" listed\n", " read\n")))


class DriftedDemo:
    """A local SageMaker with the demo; `container` serves the endpoints that are added."""

    def __init__(self, stand_in: StandIn, container: Container, folder: Path) -> None:
        self._sagemaker, self._s3 = stand_in.client("sagemaker"), stand_in.client("s3")
        self._image = {"Image": container.url}
        self._numbers = count(2)
        self._url, self._folder = stand_in.url, folder
        (folder / "routing.yaml").write_text(TABLE)
        self._complete()
        self.before = [self.run("validate", "--live"), self.run("diff")]
        """The outcomes before the changes."""
        self._drift()

    def close(self) -> None:
        self._sagemaker.close()
        self._s3.close()

    def run(self, command: str, *arguments: str) -> Outcome:
        """Run `gatewayctl …` on this SageMaker."""
        options = [command, "--calls-per-second", "1000", *arguments]
        with pytest.MonkeyPatch.context() as environment:
            for name, value in (*CREDENTIALS.items(), ("AWS_ENDPOINT_URL", self._url)):
                environment.setenv(name, value)
            environment.chdir(self._folder)
            outcome = gatewayctl(*options, project=self._folder)
        return outcome._replace(err=without_progress(outcome.err))

    def _complete(self) -> None:
        """Create the resources that `MORE` names."""
        self._s3.create_bucket(Bucket=OTHER_BUCKET)
        for key in ("topics/de-v1.tar.gz", "mood/mood-v1.tar.gz"):
            self._s3.put_object(Bucket=OTHER_BUCKET, Key=key, Body=b"")
        self._create("churn", {"blue": self._model("churn"), "green": "churn"})
        self._create("spam", {VARIANT: self._model("spam")})
        self._create("claims", {VARIANT: self._model("claims")})
        self._create("orphan", {VARIANT: self._model("orphan")})
        self._create("ranking", {VARIANT: None})
        for name in ("topics", "mood"):
            model = self._model(name, self._on_demand(f"s3://{OTHER_BUCKET}/{name}/"))
            self._create(name, {VARIANT: model})
        self._wait()
        self._component("ranker", "ranking")
        self._component("idle", "shared")
        self._wait()

    def _drift(self) -> None:
        """Make the changes of `CHANGES`."""
        self._delete("digit-reader")
        self._create("digit-reader-v2", {VARIANT: self._model("digit-reader-v2")})
        self._rename_container("diabetes", "lightgbm", "lightgbm-4")
        self._move("tabular/iris-v1.tar.gz", "tabular/old/iris-v1.tar.gz")
        self._s3.delete_object(Bucket=BUCKET, Key="digits/is-7-v1.tar.gz")
        self._delete_component("diabetes-component")
        self._change_model("wine-pipeline", InferenceExecutionConfig={"Mode": "Direct"})
        self._update("churn", {"blue": "churn"})
        self._delete("spam")
        self._create("spam", {VARIANT: self._model("spam-2", NOWHERE)})
        self._delete("claims")
        output = {"OutputConfig": {"S3OutputPath": f"{PREFIX}/out/"}}
        self._create("claims", {VARIANT: "claims"}, AsyncInferenceConfig=output)
        self._delete_component("ranker")
        self._s3.delete_object(Bucket=OTHER_BUCKET, Key="topics/de-v1.tar.gz")
        self._update("mood", {VARIANT: self._model_of_a_deleted_bucket("mood-2")})
        self._sagemaker.update_inference_component_runtime_config(
            InferenceComponentName="idle", DesiredRuntimeConfig={"CopyCount": 0}
        )
        self._sagemaker.delete_model(ModelName="orphan")
        self._wait()
        self._component("ranker", "shared")
        self._wait()

    def _on_demand(self, prefix: str) -> dict[str, Any]:
        return {**self._image, "Mode": "MultiModel", "ModelDataUrl": prefix}

    def _model(self, name: str, container: dict[str, Any] | None = None) -> str:
        self._sagemaker.create_model(
            ModelName=name, PrimaryContainer=container or self._image, ExecutionRoleArn=ROLE
        )
        return name

    def _model_of_a_deleted_bucket(self, name: str) -> str:
        bucket, key = "no-such-bucket", "mood/mood-v1.tar.gz"
        self._s3.create_bucket(Bucket=bucket)
        self._s3.put_object(Bucket=bucket, Key=key, Body=b"")
        model = self._model(name, self._on_demand(f"s3://{bucket}/mood/"))
        self._s3.delete_object(Bucket=bucket, Key=key)
        self._s3.delete_bucket(Bucket=bucket)
        return model

    def _configuration(self, endpoint: str, variants: dict[str, str | None], **more: Any) -> str:
        name = f"{endpoint}-{next(self._numbers)}"
        given = [
            {"VariantName": variant, **({"ModelName": model} if model else {}), **INSTANCES}
            for variant, model in variants.items()
        ]
        role = {} if all(variants.values()) else {"ExecutionRoleArn": ROLE}
        self._sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=given, **role, **more
        )
        return name

    def _create(self, name: str, variants: dict[str, str | None], **more: Any) -> None:
        configuration = self._configuration(name, variants, **more)
        self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=configuration)

    def _update(self, name: str, variants: dict[str, str | None]) -> None:
        configuration = self._configuration(name, variants)
        self._sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=configuration)

    def _delete(self, name: str) -> None:
        self._sagemaker.delete_endpoint(EndpointName=name)
        wait_until(lambda: name not in self._listed("Endpoint"))

    def _change_model(self, name: str, **changes: Any) -> None:
        """Replace a model, because a model cannot be changed."""
        described = self._sagemaker.describe_model(ModelName=name)
        kept = {key: described[key] for key in ("Containers", "InferenceExecutionConfig")}
        self._sagemaker.create_model(
            ModelName=f"{name}-2", ExecutionRoleArn=ROLE, **{**kept, **changes}
        )
        self._update(name, {VARIANT: f"{name}-2"})

    def _rename_container(self, endpoint: str, old: str, new: str) -> None:
        described = self._sagemaker.describe_model(ModelName=endpoint)["Containers"]
        renamed = [
            {**one, "ContainerHostname": new} if one["ContainerHostname"] == old else one
            for one in described
        ]
        self._change_model(endpoint, Containers=renamed)

    def _move(self, old: str, new: str) -> None:
        self._s3.copy_object(Bucket=BUCKET, Key=new, CopySource={"Bucket": BUCKET, "Key": old})
        self._s3.delete_object(Bucket=BUCKET, Key=old)

    def _component(self, name: str, endpoint: str) -> None:
        specification = {"Container": self._image, "ComputeResourceRequirements": RESOURCES}
        self._sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName=endpoint,
            VariantName=VARIANT,
            Specification=specification,
            RuntimeConfig={"CopyCount": 1},
        )

    def _delete_component(self, name: str) -> None:
        self._sagemaker.delete_inference_component(InferenceComponentName=name)
        wait_until(lambda: name not in self._listed("InferenceComponent"))

    def _wait(self) -> None:
        """Wait until no resource changes any more."""
        nouns = ("Endpoint", "InferenceComponent")

        def statuses() -> set[str]:
            return {status for noun in nouns for status in self._listed(noun).values()}

        wait_until(lambda: not {"Creating", "Updating"} & statuses())

    def _listed(self, noun: str) -> dict[str, str]:
        """Return the status of each resource by name."""
        operation = {"Endpoint": "list_endpoints"}.get(noun, "list_inference_components")
        pages = self._sagemaker.get_paginator(operation).paginate()
        things = (thing for page in pages for thing in page[f"{noun}s"])
        return {thing[f"{noun}Name"]: thing[f"{noun}Status"] for thing in things}
