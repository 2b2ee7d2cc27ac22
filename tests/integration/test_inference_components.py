"""Inference components with boto3: create, describe, scale to nothing and back, delete."""

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


def test_a_component_is_described(account, container, endpoint, component):
    """With its endpoint, its copies, and the image that was resolved."""
    described = describe(account, component)

    arn = "arn:aws:sagemaker:us-east-1:123456789012:inference-component/"
    assert described["InferenceComponentArn"] == arn + component
    assert described["EndpointName"] == endpoint
    assert described["VariantName"] == VARIANT
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    deployed = described["Specification"]["Container"]["DeployedImage"]
    assert deployed["SpecifiedImage"] == container.url


def test_to_no_copies_and_back(account, endpoint, component):
    """Without a copy there is no capacity; with one it answers again."""
    for copies in (0, 2):
        account.sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=component, DesiredRuntimeConfig={"CopyCount": copies}
        )
        wait_for(account, component, "InService")
        runtime = describe(account, component)["RuntimeConfig"]
        assert runtime == {"DesiredCopyCount": copies, "CurrentCopyCount": copies}
        if not copies:
            error = error_of(account.invoke, endpoint, InferenceComponentName=component)
            assert "no capacity to process this request" in error["Error"]["Message"]

    answer = account.invoke(endpoint, b"x", InferenceComponentName=component)
    assert (answer["Body"], answer["InvokedProductionVariant"]) == (b"x", VARIANT)


def test_a_call_that_is_under_way_gets_its_answer(account, container, endpoint, component):
    """The last copy goes when it has nothing more to do."""
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


def test_a_component_may_host_a_model(account, container, endpoint):
    """One made by CreateModel."""
    model = account.create_model(image(container))

    component = account.create_component(endpoint, {"ModelName": model})
    wait_for(account, component, "InService")

    answer = account.invoke(endpoint, b"x", InferenceComponentName=component)
    assert answer["Body"] == b"x"


def test_a_component_that_cannot_start_is_failed(account, endpoint, component):
    """With the reason; the endpoint and its other components go on."""
    failing = account.create_component(endpoint, {"Container": {"Image": "nobodys:1"}})
    wait_for(account, failing, "Failed")

    assert "cannot run image nobodys:1" in describe(account, failing)["FailureReason"]
    assert (
        account.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"
    )
    answer = account.invoke(endpoint, b"x", InferenceComponentName=component)
    assert answer["Body"] == b"x"


def test_a_deleted_component_is_unknown(account, endpoint, component):
    """To the control plane and to callers."""
    account.sagemaker.delete_inference_component(InferenceComponentName=component)
    list_components = account.sagemaker.list_inference_components
    wait_until(lambda: not list_components(EndpointNameEquals=endpoint)["InferenceComponents"])

    error = error_of(describe, account, component)
    assert error["Error"]["Code"] == "ValidationException"
    error = error_of(account.invoke, endpoint, InferenceComponentName=component)
    assert error["Error"]["Code"] == "ValidationError"
