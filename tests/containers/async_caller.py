"""Calls an asynchronous endpoint, and reads its results from a bucket of its own."""

import uuid

from tests.containers.account import INSTANCES, VARIANT, image
from tests.support.stand_in import error_of, wait_until


class Caller:
    """A caller of one asynchronous endpoint, whose results are in a bucket of its own."""

    def __init__(self, account, container, *, instances=1, concurrent=None, **output):
        self.account = account
        self.bucket = f"async-{uuid.uuid4().hex}"
        account.s3.create_bucket(Bucket=self.bucket)
        paths = {"S3OutputPath": self.url("out/"), "S3FailurePath": self.url("failed")}
        given = {**paths, **output}
        config = {"OutputConfig": {k: v for k, v in given.items() if v is not None}}
        if concurrent:
            config["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": concurrent}
        self.config = config
        self.model = account.create_model(image(container))
        self.endpoint = account.start_endpoint(self.new_config(instances))
        account.wait_for(self.endpoint, "endpoint_in_service")

    def url(self, key):
        return f"s3://{self.bucket}/{key}"

    def new_config(self, instances=1):
        variant = {"VariantName": VARIANT, "ModelName": self.model, **INSTANCES}
        variant["InitialInstanceCount"] = instances
        return self.account.create_config(variant, AsyncInferenceConfig=self.config)

    def invoke(self, **members):
        return self.account.runtime.invoke_endpoint_async(EndpointName=self.endpoint, **members)

    def error(self, **members):
        call = self.account.runtime.invoke_endpoint_async
        return error_of(call, **{"EndpointName": self.endpoint, **members})["Error"]

    def find(self, url):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            return self.account.s3.get_object(Bucket=bucket, Key=key)
        except self.account.s3.exceptions.NoSuchKey:
            return None

    def object(self, url):
        """Wait until the object exists."""
        wait_until(lambda: self.find(url) is not None)
        return self.find(url)

    def result(self, accepted):
        assert self.find(accepted["FailureLocation"]) is None
        return self.object(accepted["OutputLocation"])["Body"].read()

    def failure(self, accepted):
        text = self.object(accepted["FailureLocation"])["Body"].read().decode()
        assert self.find(accepted["OutputLocation"]) is None
        return text
