"""Inference components: create, describe, scale, delete and invoke with boto3."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.containers.account import VARIANT, image
from tests.containers.container import echo
from tests.support.stand_in import error_of, wait_until


@pytest.fixture
def endpoint(account):
    return account.deploy_for_components()


@pytest.fixture
def component(account, container, endpoint):
    component = account.create_component(endpoint, {"Container": image(container)})
    wait_for(account, component, "InService")
    return component


def describe(account, component):
    return account.sagemaker.describe_inference_component(InferenceComponentName=component)


def wait_for(account, component, status):
    wait_until(lambda: describe(account, component)["InferenceComponentStatus"] == status)


def test_describe(account, container, endpoint, component):
    """Describe returns the endpoint, the copies and the deployed image."""
    described = describe(account, component)

    arn = "arn:aws:sagemaker:us-east-1:123456789012:inference-component/"
    assert described["InferenceComponentArn"] == arn + component
    assert described["EndpointName"] == endpoint
    assert described["VariantName"] == VARIANT
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    deployed = described["Specification"]["Container"]["DeployedImage"]
    assert deployed["SpecifiedImage"] == container.url


def test_scale(account, endpoint, component):
    """A component without copies has no capacity; with copies it responds again."""
    for copies in (0, 2):
        account.sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=component, DesiredRuntimeConfig={"CopyCount": copies}
        )
        wait_for(account, component, "InService")
        runtime = describe(account, component)["RuntimeConfig"]
        assert runtime == {"DesiredCopyCount": copies, "CurrentCopyCount": copies}
        if not copies:
            message = account.rejection(endpoint, InferenceComponentName=component)
            assert "no capacity to process this request" in message

    answer = account.invoke(endpoint, b"x", InferenceComponentName=component)
    assert (answer["Body"], answer["InvokedProductionVariant"]) == (b"x", VARIANT)


def test_request_in_progress(account, container, endpoint, component):
    """The last copy is stopped after its current requests."""
    container.answer = container.hang
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(account.invoke, endpoint, b"x", InferenceComponentName=component)
        wait_until(lambda: container.invocations)
        container.answer = echo
        account.sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=component, DesiredRuntimeConfig={"CopyCount": 0}
        )
        wait_until(lambda: not has_capacity(account, endpoint, component))
        container.hang_gate.set()

        assert call.result()["Body"] == b"x"
    wait_for(account, component, "InService")


def has_capacity(account, endpoint, component):
    try:
        account.invoke(endpoint, InferenceComponentName=component)
    except account.runtime.exceptions.ValidationError as error:
        return "no capacity" not in error.response["Error"]["Message"]
    return True


def test_model(account, container, endpoint):
    """A component may host a model of CreateModel."""
    model = account.create_model(image(container))

    component = account.create_component(endpoint, {"ModelName": model})
    wait_for(account, component, "InService")

    answer = account.invoke(endpoint, b"x", InferenceComponentName=component)
    assert answer["Body"] == b"x"


def test_component_that_cannot_start(account, endpoint, component):
    """The component becomes Failed; the endpoint and its other components continue to serve."""
    failing = account.create_component(endpoint, {"Container": {"Image": "nobodys:1"}})
    wait_for(account, failing, "Failed")

    assert "cannot run image nobodys:1" in describe(account, failing)["FailureReason"]
    assert (
        account.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"
    )
    answer = account.invoke(endpoint, b"x", InferenceComponentName=component)
    assert answer["Body"] == b"x"


def test_delete(account, endpoint, component):
    """A deleted component cannot be described or invoked."""
    account.sagemaker.delete_inference_component(InferenceComponentName=component)
    list_components = account.sagemaker.list_inference_components
    wait_until(lambda: not list_components(EndpointNameEquals=endpoint)["InferenceComponents"])

    error = error_of(describe, account, component)
    assert error["Error"]["Code"] == "ValidationException"
    assert "not found" in account.rejection(endpoint, InferenceComponentName=component)


class TestRejectedRequests:
    @pytest.mark.parametrize(
        ("members", "text"),
        [
            ({}, "Inference Component Name header is required for endpoints to which you plan"),
            (
                {"InferenceComponentName": "absent"},
                "Inference Component absent not found in endpoint ",
            ),
        ],
    )
    def test_wrong_name(self, account, endpoint, members, text):
        """InferenceComponentName has to name a component of the endpoint."""
        assert account.rejection(endpoint, **members).startswith(text)

    def test_component_of_another_endpoint(self, account, component):
        """A component can be invoked only through its own endpoint."""
        other = account.deploy_for_components()

        assert "not found" in account.rejection(other, InferenceComponentName=component)

    def test_wrong_variant(self, account, endpoint, component):
        """TargetVariant has to name the variant of the component."""
        members = {"InferenceComponentName": component, "TargetVariant": "absent"}

        message = account.rejection(endpoint, **members)

        assert message == f"Variant absent not found in endpoint {endpoint}."

    def test_endpoint_of_models(self, account, container):
        """An endpoint whose variants host models rejects InferenceComponentName."""
        endpoint = account.deploy(image(container))

        message = account.rejection(endpoint, InferenceComponentName="any")

        assert "does not host inference components" in message
        assert not container.invocations
