"""What clients change and read by themselves: weights, capacities, capture, and other names."""

import pytest

from tests.containers.account import INSTANCES, VARIANT, image
from tests.containers.container import wrapping
from tests.support.stand_in import error_of

CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
}


def described(account, endpoint):
    return account.sagemaker.describe_endpoint(EndpointName=endpoint)


def capacities(account, endpoint):
    """Return each variant's weights and instance counts."""
    members = ("CurrentWeight", "DesiredWeight", "CurrentInstanceCount", "DesiredInstanceCount")
    return {
        variant["VariantName"]: tuple(variant[member] for member in members)
        for variant in described(account, endpoint)["ProductionVariants"]
    }


def update_weights(account, endpoint, **weights):
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": name, **members} for name, members in weights.items()
        ],
    )


class TestDescription:
    def test_production_variants(self, account, container):
        """DescribeEndpoint has the images, and echoes scaling and routing."""
        scaling = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
        routing = {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
        model = account.create_model(image(container))
        config = account.create_config(
            {
                "VariantName": VARIANT,
                "ModelName": model,
                **INSTANCES,
                "ManagedInstanceScaling": scaling,
                "RoutingConfig": routing,
            }
        )
        endpoint = account.start_endpoint(config)
        account.wait_for(endpoint, "endpoint_in_service")

        (variant,) = described(account, endpoint)["ProductionVariants"]

        (deployed,) = variant["DeployedImages"]
        assert deployed["SpecifiedImage"] == deployed["ResolvedImage"] == container.url
        assert deployed["ResolutionTime"].tzinfo is not None
        assert (variant["ManagedInstanceScaling"], variant["RoutingConfig"]) == (scaling, routing)

    def test_data_capture(self, account, container):
        """The configuration echoes it, and DescribeEndpoint summarizes it."""
        model = account.create_model(image(container))
        config = account.create_config(
            {"VariantName": VARIANT, "ModelName": model, **INSTANCES}, DataCaptureConfig=CAPTURE
        )
        endpoint = account.start_endpoint(config)
        account.wait_for(endpoint, "endpoint_in_service")

        echoed = account.sagemaker.describe_endpoint_config(EndpointConfigName=config)
        assert echoed["DataCaptureConfig"] == CAPTURE
        assert described(account, endpoint)["DataCaptureConfig"] == {
            "EnableCapture": True,
            "CaptureStatus": "Started",
            "CurrentSamplingPercentage": 20,
            "DestinationS3Uri": "s3://bucket/captured",
            "KmsKeyId": "",
        }

    def test_deployment_configuration(self, account, container):
        """DescribeEndpoint has the one of the last update, unless an update retains it."""
        sagemaker = account.sagemaker
        endpoint = account.deploy(image(container))
        names = {"EndpointName": endpoint, "EndpointConfigName": endpoint}
        policy = {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            "WaitIntervalInSeconds": 60,
        }
        for members, expected in (
            ({"DeploymentConfig": {"RollingUpdatePolicy": policy}}, policy),
            ({"RetainDeploymentConfig": True}, policy),
            ({}, None),
        ):
            sagemaker.update_endpoint(**names, **members)
            account.wait_for(endpoint, "endpoint_in_service")
            last = described(account, endpoint).get("LastDeploymentConfig", {})
            assert last.get("RollingUpdatePolicy") == expected


class TestWeights:
    @pytest.fixture
    def endpoint(self, account, start_container):
        models = {
            name: account.create_model(image(start_container(answer=wrapping(name))))
            for name in ("old", "new")
        }
        return account.deploy_variants({"old": (models["old"], 1), "new": (models["new"], 0)})

    def test_update(self, account, endpoint):
        """Weights and counts are desired while the endpoint is Updating, and then they apply."""
        assert account.invoke(endpoint, b"x")["Body"] == b"old(x)"

        update_weights(account, endpoint, old={"DesiredWeight": 0}, new={"DesiredInstanceCount": 3})
        assert described(account, endpoint)["EndpointStatus"] == "Updating"
        assert capacities(account, endpoint) == {"old": (1, 0, 1, 1), "new": (0, 0, 1, 3)}
        error = error_of(update_weights, account, endpoint, old={"DesiredWeight": 5})
        assert error["Error"]["Message"].startswith("Cannot update in-progress endpoint ")
        account.wait_for(endpoint, "endpoint_in_service")
        update_weights(account, endpoint, new={"DesiredWeight": 2})
        account.wait_for(endpoint, "endpoint_in_service")

        assert capacities(account, endpoint) == {"old": (0, 0, 1, 1), "new": (2, 2, 3, 3)}
        assert account.invoke(endpoint, b"x")["Body"] == b"new(x)"
        variants = account.sagemaker.describe_endpoint_config(EndpointConfigName=endpoint)
        weights = [one["InitialVariantWeight"] for one in variants["ProductionVariants"]]
        assert weights == [1, 0]

    def test_properties_that_an_update_retains(self, account, endpoint):
        """RetainAllVariantProperties keeps weights and counts but the excluded ones."""
        names = {"EndpointName": endpoint, "EndpointConfigName": endpoint}
        changed = {"DesiredWeight": 4, "DesiredInstanceCount": 2}
        excluded = [{"VariantPropertyType": "DesiredWeight"}]
        for members, expected in (
            ({"RetainAllVariantProperties": True}, (4, 4, 2, 2)),
            (
                {
                    "RetainAllVariantProperties": True,
                    "ExcludeRetainedVariantProperties": excluded,
                },
                (1, 1, 2, 2),
            ),
            ({}, (1, 1, 1, 1)),
        ):
            update_weights(account, endpoint, old=changed)
            account.wait_for(endpoint, "endpoint_in_service")
            account.sagemaker.update_endpoint(**names, **members)
            account.wait_for(endpoint, "endpoint_in_service")
            assert capacities(account, endpoint)["old"] == expected

    def test_serverless(self, account, container):
        """The concurrency of a serverless variant can be changed."""
        model = account.create_model(image(container))
        serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 5}
        config = account.create_config(
            {"VariantName": VARIANT, "ModelName": model, "ServerlessConfig": serverless}
        )
        endpoint = account.start_endpoint(config)
        account.wait_for(endpoint, "endpoint_in_service")

        update_weights(
            account, endpoint, **{VARIANT: {"ServerlessUpdateConfig": {"MaxConcurrency": 9}}}
        )
        account.wait_for(endpoint, "endpoint_in_service")

        (variant,) = described(account, endpoint)["ProductionVariants"]
        assert variant["CurrentServerlessConfig"] == {**serverless, "MaxConcurrency": 9}
        assert variant["DesiredServerlessConfig"] == {**serverless, "MaxConcurrency": 9}


def test_calls_of_the_python_sdk(account, container):
    """`Predictor.update_endpoint` makes a configuration of the described one and its tags."""
    sagemaker, endpoint = account.sagemaker, account.deploy(image(container))
    current = described(account, endpoint)["EndpointConfigName"]
    existing = sagemaker.describe_endpoint_config(EndpointConfigName=current)
    tags = sagemaker.list_tags(ResourceArn=existing["EndpointConfigArn"])["Tags"]

    new = account.create_config(
        *existing["ProductionVariants"], DataCaptureConfig=CAPTURE, Tags=tags
    )
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    account.wait_for(endpoint, "endpoint_in_service")

    assert described(account, endpoint)["EndpointConfigName"] == new
    assert account.invoke(endpoint, b"x")["Body"] == b"x"


def test_names_in_another_case(account, container):
    """One resource has one name in every case; InvokeEndpoint needs the one of its creation."""
    sagemaker, model = account.sagemaker, account.create_model(image(container))
    config = account.create_config(
        {"VariantName": VARIANT, "ModelName": model.upper(), **INSTANCES}
    )
    endpoint = f"Case-{model}"
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config.upper())
    account.wait_for(endpoint.lower(), "endpoint_in_service")

    assert described(account, endpoint.upper())["EndpointName"] == endpoint
    assert sagemaker.describe_model(ModelName=model.upper())["ModelName"] == model
    assert account.invoke(endpoint, b"x")["Body"] == b"x"
    assert "not found" in account.rejection(endpoint.lower())
    account.delete_endpoint(endpoint.upper())


class TestComponents:
    @pytest.fixture
    def component(self, account, start_container):
        endpoint = account.deploy_for_components()
        specification = {"Container": image(start_container(answer=wrapping("old")))}
        component = account.create_component(endpoint, specification)
        account.wait_for_component(component)
        return endpoint, component

    def update(self, account, component, **members):
        account.sagemaker.update_inference_component(InferenceComponentName=component, **members)
        account.wait_for_component(component)
        return account.sagemaker.describe_inference_component(InferenceComponentName=component)

    def test_another_container(self, account, start_container, component):
        """A specification replaces what it names, and the rest stays."""
        endpoint, name = component
        new = start_container(answer=wrapping("new"))
        resources = {"MinMemoryRequiredInMb": 256}

        self.update(account, name, Specification={"Container": image(new)})
        assert account.invoke(endpoint, b"x", InferenceComponentName=name)["Body"] == b"new(x)"
        updated = self.update(
            account,
            name,
            Specification={"ComputeResourceRequirements": resources},
            RuntimeConfig={"CopyCount": 2},
        )

        assert updated["Specification"]["ComputeResourceRequirements"] == resources
        assert updated["Specification"]["Container"]["DeployedImage"]["SpecifiedImage"] == new.url
        assert updated["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
        assert account.invoke(endpoint, b"x", InferenceComponentName=name)["Body"] == b"new(x)"

    def test_model_instead_of_a_container(self, account, container, component):
        """A component may change to a model of CreateModel, and back to a container."""
        endpoint, name = component
        model = account.create_model(image(container))

        changed = self.update(account, name, Specification={"ModelName": model})["Specification"]
        assert (changed["ModelName"], "Container" in changed) == (model, False)
        assert account.invoke(endpoint, b"x", InferenceComponentName=name)["Body"] == b"x"
        back = self.update(account, name, Specification={"Container": image(container)})
        assert "ModelName" not in back["Specification"]

    def test_failed_update(self, account, component):
        """The component keeps its model, and has a FailureReason until the next update."""
        endpoint, name = component

        failed = self.update(
            account,
            name,
            Specification={"Container": {"Image": "nobodys:1"}},
            RuntimeConfig={"CopyCount": 3},
        )
        assert "cannot run image nobodys:1" in failed["FailureReason"]
        assert failed["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
        assert account.invoke(endpoint, b"x", InferenceComponentName=name)["Body"] == b"old(x)"

        updated = self.update(account, name, RuntimeConfig={"CopyCount": 2})
        assert "FailureReason" not in updated

    def test_refusals(self, account, component):
        """AWS refuses each of these calls; what clients compare is in the text."""
        endpoint, name = component
        sagemaker, this = account.sagemaker, {"InferenceComponentName": name}
        in_other_case = {"InferenceComponentName": name.upper()}

        assert "Specify Specification or RuntimeConfig." in text_of(
            sagemaker.update_inference_component, **this
        )
        assert "does not offer adapters" in text_of(
            sagemaker.update_inference_component,
            **this,
            Specification={"BaseInferenceComponentName": "base"},
        )
        assert f"because it has inference components: {name}." in text_of(
            sagemaker.delete_endpoint, EndpointName=endpoint
        )
        sagemaker.update_inference_component(**in_other_case, RuntimeConfig={"CopyCount": 0})
        assert "UPDATE_IN_PROGRESS" in text_of(sagemaker.delete_inference_component, **this)
        account.wait_for_component(name)
        sagemaker.delete_inference_component(**in_other_case)
        text = text_of(sagemaker.delete_inference_component, **this)
        assert "DELETE_IN_PROGRESS" in text or "Could not find inference component" in text


def text_of(call, **members):
    """Return the text of the error."""
    error = error_of(call, **members)
    assert error["Error"]["Code"] == "ValidationException"
    return error["Error"]["Message"]
