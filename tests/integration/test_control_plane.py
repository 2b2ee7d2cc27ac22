"""Models, configurations and endpoints: create, describe, update and delete with boto3."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import WaiterError

from tests.containers.account import INSTANCES, ROLE, VARIANT, Account, image
from tests.containers.container import failing, healthy, wrapping
from tests.support.stand_in import error_of, wait_until


@pytest.fixture
def sagemaker(account):
    return account.sagemaker


def new_config(account, *containers):
    """Create a model and an endpoint configuration, and return the configuration's name."""
    model = account.create_model(*containers)
    return account.create_config({"VariantName": VARIANT, "ModelName": model, **INSTANCES})


def in_progress(endpoint):
    """Build the error for a change of an endpoint that is changing."""
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{endpoint}"
    return {
        "Code": "ValidationException",
        "Message": f'Cannot update in-progress endpoint "{arn}".',
    }


def status_of(account, endpoint):
    return account.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"]


def assert_not_found(account, endpoint):
    """An endpoint that is not in service cannot be invoked, as if it did not exist."""
    message = account.rejection(endpoint)
    assert message == f"Endpoint {endpoint} of account 123456789012 not found."


class TestModels:
    def test_describe_model(self, sagemaker):
        """Describe returns what was created, the ARN, the time and defaults, and no tags."""
        containers = [
            {"Image": "local/sklearn", "ContainerHostname": "a", "Environment": {"A": "1"}},
            {"Image": "local/lightgbm", "ContainerHostname": "b", "Mode": "SingleModel"},
        ]
        given = {
            "ModelName": "Described-Model",
            "Containers": containers,
            "InferenceExecutionConfig": {"Mode": "Direct"},
            "ExecutionRoleArn": ROLE,
        }

        created = sagemaker.create_model(**given, Tags=[{"Key": "team", "Value": "blue"}])
        described = sagemaker.describe_model(ModelName="Described-Model")
        sagemaker.delete_model(ModelName="Described-Model")

        arn = "arn:aws:sagemaker:us-east-1:123456789012:model/described-model"
        assert created["ModelArn"] == described["ModelArn"] == arn
        assert {name: described[name] for name in given} == given
        assert described["EnableNetworkIsolation"] is False
        assert described["CreationTime"].tzinfo is not None
        error = error_of(sagemaker.describe_model, ModelName="Described-Model")
        assert error["Error"] == {
            "Code": "ValidationException",
            "Message": f'Could not find model "{arn}".',
        }

    def test_endpoint_outlives_its_model_and_configuration(self, account, container):
        """An endpoint serves and is described as before when both are deleted."""
        model = account.create_model(image(container))
        endpoint = account.create_endpoint({"AllTraffic": (model, 1)})
        account.wait_for(endpoint, "endpoint_in_service")
        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)

        account.sagemaker.delete_endpoint_config(EndpointConfigName=endpoint)
        account.sagemaker.delete_model(ModelName=model)

        assert account.invoke(endpoint, b"x")["Body"] == b"x"
        again = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert again["ProductionVariants"] == described["ProductionVariants"]


class TestEndpointConfigs:
    def test_describe_configuration(self, account):
        """Describe returns what was created; the default weight is 1."""
        sagemaker, model = account.sagemaker, account.create_model({"Image": "local/sklearn"})
        variants = [
            {"VariantName": "old", "ModelName": model, "InitialVariantWeight": 9.0, **INSTANCES},
            {"VariantName": "new", "ModelName": model, **INSTANCES},
        ]

        created = sagemaker.create_endpoint_config(
            EndpointConfigName="Described-Config", ProductionVariants=variants
        )
        described = sagemaker.describe_endpoint_config(EndpointConfigName="Described-Config")
        sagemaker.delete_endpoint_config(EndpointConfigName="Described-Config")

        arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/described-config"
        assert created["EndpointConfigArn"] == described["EndpointConfigArn"] == arn
        assert described["ProductionVariants"] == [
            variants[0],
            {**variants[1], "InitialVariantWeight": 1.0},
        ]
        error = error_of(sagemaker.describe_endpoint_config, EndpointConfigName="Described-Config")
        assert error["Error"]["Message"] == f'Could not find endpoint configuration "{arn}".'


class TestEndpoints:
    def test_from_creation_to_deletion(self, account, container):
        """boto3's waiters see an endpoint come into service, and see its deletion."""
        container.ping = failing(503)
        model = account.create_model(image(container))

        endpoint = account.create_endpoint({"one": (model, 3), "two": (model, 1)})
        creating = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert_not_found(account, endpoint)
        assert not container.invocations
        container.ping = healthy
        account.wait_for(endpoint, "endpoint_in_service")
        serving = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        account.delete_endpoint(endpoint)

        arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{endpoint}"
        assert creating["EndpointStatus"] == "Creating"
        assert "ProductionVariants" not in creating
        assert serving["EndpointArn"] == creating["EndpointArn"] == arn
        assert serving["EndpointConfigName"] == endpoint
        assert serving["LastModifiedTime"] > serving["CreationTime"]
        assert [
            (variant["VariantName"], variant["CurrentWeight"], variant["CurrentInstanceCount"])
            for variant in serving["ProductionVariants"]
        ] == [("one", 3.0, 1), ("two", 1.0, 1)]
        error = error_of(account.sagemaker.describe_endpoint, EndpointName=endpoint)
        assert error["Error"]["Code"] == "ValidationException"
        assert error["Error"]["Message"] == f'Could not find endpoint "{arn}".'
        assert_not_found(account, endpoint)

    def test_endpoint_that_cannot_start(self, account):
        """The endpoint becomes Failed, FailureReason names the image, and it cannot be invoked."""
        model = account.create_model({"Image": "somebody/elses:1.0"})
        endpoint = account.create_endpoint({"AllTraffic": (model, 1)})

        with pytest.raises(WaiterError, match="terminal failure state"):
            account.wait_for(endpoint, "endpoint_in_service")

        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert described["EndpointStatus"] == "Failed"
        assert "cannot run image somebody/elses:1.0" in described["FailureReason"]
        assert_not_found(account, endpoint)

    def test_name_of_a_deleted_endpoint(self, account, container):
        """A new endpoint may have the name of a deleted one."""
        first = account.deploy(image(container))
        account.delete_endpoint(first)

        account.sagemaker.create_endpoint(EndpointName=first, EndpointConfigName=first)
        account.wait_for(first, "endpoint_in_service")

        assert account.invoke(first, b"again")["Body"] == b"again"
        account.delete_endpoint(first)


class TestUpdate:
    def test_old_configuration_serves_until_the_new_one_is_ready(self, account, start_container):
        """The status is Updating until the new container is healthy."""
        old, new = start_container(answer=wrapping("old")), start_container(answer=wrapping("new"))
        endpoint = account.deploy(image(old))
        new.ping = failing(503)
        config = new_config(account, image(new))

        account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        wait_until(lambda: new.requests)
        assert status_of(account, endpoint) == "Updating"
        assert account.invoke(endpoint, b"x")["Body"] == b"old(x)"

        new.ping = healthy
        account.wait_for(endpoint, "endpoint_in_service")
        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert described["EndpointConfigName"] == config
        assert account.invoke(endpoint, b"x")["Body"] == b"new(x)"

    def test_request_in_progress(self, account, start_container):
        """A request gets its response from the old container, after the update too."""
        old, new = start_container(), start_container()
        old.answer = old.hang
        endpoint = account.deploy(image(old))
        config = new_config(account, image(new))

        with ThreadPoolExecutor(1) as threads:
            call = threads.submit(account.invoke, endpoint, b"early")
            wait_until(lambda: old.invocations)
            account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
            account.wait_for(endpoint, "endpoint_in_service")
            assert account.invoke(endpoint, b"late")["Body"] == b"late"
            old.hang_gate.set()

            assert call.result()["Body"] == b"early"
        assert [request.body for request in new.invocations] == [b"late"]

    def test_request_in_progress_in_a_pipeline(self, account, start_container):
        """A request passes through the rest of the old pipeline after the update."""
        first, second, new = (start_container() for _ in range(3))
        first.answer, second.answer = first.hang, second.hang
        endpoint = account.deploy(image(first), image(second))
        config = new_config(account, image(new))

        with ThreadPoolExecutor(1) as threads:
            call = threads.submit(account.invoke, endpoint, b"early")
            wait_until(lambda: first.invocations)
            account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
            account.wait_for(endpoint, "endpoint_in_service")
            first.hang_gate.set()
            wait_until(lambda: second.invocations)
            account.invoke(endpoint, b"late")
            second.hang_gate.set()

            assert call.result()["Body"] == b"early"

    def test_failed_update(self, account, container):
        """The endpoint keeps its configuration, and has a FailureReason until the next update."""
        endpoint = account.deploy(image(container))
        bad = new_config(account, {"Image": "somebody/elses:1.0"})

        account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=bad)
        account.wait_for(endpoint, "endpoint_in_service")

        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert described["EndpointConfigName"] == endpoint
        assert "cannot run image somebody/elses:1.0" in described["FailureReason"]
        assert account.invoke(endpoint, b"x")["Body"] == b"x"

        account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
        account.wait_for(endpoint, "endpoint_in_service")
        described = account.sagemaker.describe_endpoint(EndpointName=endpoint)
        assert "FailureReason" not in described

    def test_update_of_an_endpoint_in_progress(self, account, start_container):
        """An endpoint that is Creating cannot be updated."""
        container = start_container(ping=failing(503))
        config = new_config(account, image(container))
        endpoint = account.start_endpoint(config)

        error = error_of(
            account.sagemaker.update_endpoint, EndpointName=endpoint, EndpointConfigName=config
        )

        container.ping = healthy

        assert error["Error"] == in_progress(endpoint)

    def test_delete_of_an_endpoint_in_progress(self, account, start_container):
        """An endpoint that is Creating or Updating cannot be deleted."""
        sagemaker, old, new = account.sagemaker, start_container(), start_container()
        old.ping = new.ping = failing(503)
        endpoint = account.start_endpoint(new_config(account, image(old)))
        assert error_of(sagemaker.delete_endpoint, EndpointName=endpoint)["Error"] == in_progress(
            endpoint
        )

        old.ping = healthy
        account.wait_for(endpoint, "endpoint_in_service")
        config = new_config(account, image(new))
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        error = error_of(sagemaker.delete_endpoint, EndpointName=endpoint)
        new.ping = healthy

        assert error["Error"] == in_progress(endpoint)

    def test_delete_during_an_update(self, account, start_container):
        """Old models are unloaded, even if a request to them is still in progress."""
        old, new = start_container(), start_container()
        old_models = account.multi_model(old, {"a.tar.gz": {"a": b""}})
        endpoint = account.deploy(old_models)
        account.invoke(endpoint, TargetModel="a.tar.gz")
        old.answer = old.hang
        config = new_config(account, image(new))

        with ThreadPoolExecutor(1) as threads:
            threads.submit(account.invoke, endpoint, TargetModel="a.tar.gz")
            wait_until(lambda: len(old.invocations) == 2)
            account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
            account.wait_for(endpoint, "endpoint_in_service")
            account.delete_endpoint(endpoint)
            left = old.models.copy()
            old.hang_gate.set()
        assert not left


class TestRegions:
    def test_regions_are_separate(self, sagemaker_local, account, container):
        """Two regions may have endpoints of one name, and neither shows those of the other."""
        session = boto3.Session("test", "test", region_name="ap-south-1")
        with contextlib.closing(Account(session, sagemaker_local.url)) as elsewhere:
            endpoint = account.deploy(image(container))
            error = error_of(elsewhere.sagemaker.describe_endpoint, EndpointName=endpoint)
            assert ":ap-south-1:" in error["Error"]["Message"]
            assert_not_found(elsewhere, endpoint)

            model = elsewhere.create_model(image(container))
            config = elsewhere.create_config({"VariantName": "v", "ModelName": model, **INSTANCES})
            created = elsewhere.sagemaker.create_endpoint(
                EndpointName=endpoint, EndpointConfigName=config
            )
            elsewhere.wait_for(endpoint, "endpoint_in_service")

            assert ":ap-south-1:" in created["EndpointArn"]
            assert elsewhere.invoke(endpoint)["InvokedProductionVariant"] == "v"
            elsewhere.delete_endpoint(endpoint)
            assert account.invoke(endpoint)["InvokedProductionVariant"] == VARIANT
