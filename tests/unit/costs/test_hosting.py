"""What runs where: read from an account, and kept in a file."""

import json

import pytest
from hypothesis import given, settings

from gatewayctl.costs import hosting as hosting_file
from gatewayctl.costs.hosting import (
    Boundary,
    EndpointHosting,
    Occupant,
    Reserved,
    Serverless,
    VariantHosting,
)
from gatewayctl.costs.hosting_read import read
from gatewayctl.report import WrongUse
from tests.support.aws_account import IMAGE, NOW, VARIANT, container
from tests.support.made_up_costs import ACCOUNTS

INSTANCES = (VariantHosting(VARIANT, "ml.m5.large", 2),)


def only(account):
    """Read the only endpoint of an account."""
    found = read(account.reader())
    assert found.unread == ()
    (one,) = found.all
    return one


def with_data(url, hostname=None):
    return {**container(hostname), "ModelDataUrl": url}


class TestAccount:
    """Reading an account."""

    def test_single(self, account):
        """One model takes the memory of its artifact, and has a role and a network."""
        account.buckets["models"] = ["churn/model.tar.gz", "churn/model.tar.gz.old"]
        account.sizes.update({"churn/model.tar.gz": 700, "churn/model.tar.gz.old": 9})
        account.model("churn", with_data("s3://models/churn/model.tar.gz"))
        role = "arn:aws:iam::123456789012:role/hosting"
        network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
        account.models["churn"] |= {"ExecutionRoleArn": role, "VpcConfig": network}
        account.endpoint("churn", "churn")
        assert only(account) == EndpointHosting(
            "churn",
            "single",
            INSTANCES,
            (Occupant("", 700, IMAGE),),
            Boundary((IMAGE,), (role,), ("sg-1", "subnet-1")),
            NOW.timestamp(),
        )

    def test_multi_model(self, account):
        """Each artifact below the prefix may take memory, and nothing else does."""
        account.buckets["models"] = ["tabular/a.tar.gz", "tabular/b.tar.gz", "tabular/readme.md"]
        account.sizes["tabular/a.tar.gz"] = 10
        account.endpoint("tabular", account.model("t", container(prefix="s3://models/tabular/")))
        found = only(account)
        assert found.kind == "mme"
        assert found.occupants == (
            Occupant("TargetModel=a.tar.gz", 10, IMAGE, is_resident=False),
            Occupant("TargetModel=b.tar.gz", None, IMAGE, is_resident=False),
        )

    def test_containers(self, account):
        """Containers that calls name are there one by one, those of a pipeline together."""
        account.buckets["models"] = ["a", "b"]
        account.sizes.update({"a": 1, "b": 2})
        each = [with_data(f"s3://models/{name}", name) for name in "ab"]
        account.endpoint("nlp", account.model("direct", *each, mode="Direct"))
        account.endpoint("steps", account.model("serial", *each, mode="Serial"))
        direct, serial = read(account.reader()).all
        assert (direct.kind, serial.kind) == ("mce", "pipeline")
        assert [(one.target, one.artifact_bytes) for one in direct.occupants] == [
            ("TargetContainerHostname=a", 1),
            ("TargetContainerHostname=b", 2),
        ]
        assert [(one.target, one.artifact_bytes) for one in serial.occupants] == [("", 3)]

    def test_components(self, account):
        """Components take what all of their copies reserve."""
        account.endpoint("shared")
        account.component("llm", "shared", CurrentCopyCount=3, DesiredCopyCount=3)
        account.components["llm"]["Specification"] = {
            "Container": {"DeployedImage": {"SpecifiedImage": IMAGE}},
            "ComputeResourceRequirements": {
                "NumberOfCpuCoresRequired": 0.5,
                "MinMemoryRequiredInMb": 1024,
            },
        }
        found = only(account)
        assert found.kind == "component"
        reserved = Reserved(3, 1.5, 0.0, 3_072)
        assert found.occupants == (
            Occupant("InferenceComponentName=llm", None, IMAGE, reserved=reserved),
        )

    def test_serverless_and_async(self, account):
        """A serverless variant has memory, and an asynchronous endpoint may have no instance."""
        account.endpoint("ocr", account.model("ocr", container()))
        (variant,) = account.configurations["ocr"]["ProductionVariants"]
        del variant["InstanceType"], variant["InitialInstanceCount"]
        variant["ServerlessConfig"] = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
        del account.endpoints["ocr"]["ProductionVariants"]
        output = {"OutputConfig": {"S3OutputPath": "s3://models/out"}}
        account.endpoint("reports", "ocr", AsyncInferenceConfig=output)
        account.endpoints["reports"]["ProductionVariants"][0]["CurrentInstanceCount"] = 0
        ocr, reports = read(account.reader()).all
        assert ocr.serverless == Serverless(2048)
        assert (reports.kind, reports.instances) == ("async", 0)

    def test_shadow(self, account):
        """A shadow variant costs money, too, and is marked as one that answers nobody."""
        account.endpoint("churn", account.model("churn", container()))
        shadow = {"VariantName": "next", "ModelName": "churn", "InstanceType": "ml.g4dn.xlarge"}
        account.configurations["churn"]["ShadowProductionVariants"] = [
            {**shadow, "InitialInstanceCount": 1}
        ]
        now = [{"VariantName": "next", "CurrentInstanceCount": 3}]
        account.endpoints["churn"]["ShadowProductionVariants"] = now
        next_one = VariantHosting("next", "ml.g4dn.xlarge", 3, is_shadow=True)
        assert only(account).variants == (*INSTANCES, next_one)

    def test_failed(self, account):
        """An endpoint that could not be created has no instances."""
        account.endpoint("churn", account.model("churn", container()), EndpointStatus="Failed")
        assert only(account).instances == 0

    def test_denied(self, account):
        """What a permission hides is unknown, and named; the rest is read."""
        account.model("churn", with_data("s3://models/churn.tar.gz"))
        account.endpoint("churn", "churn")
        account.denied.add("ListObjectsV2")
        found = read(account.reader())
        (one,) = found.all
        assert one.occupants[0].artifact_bytes is None
        assert not one.boundary.is_known
        assert found.unread == (
            "the bucket models cannot be read without the IAM permission s3:ListBucket",
        )


class TestFile:
    """The file that stands for an account."""

    @settings(deadline=None)
    @given(ACCOUNTS)
    def test_round_trip(self, tmp_path_factory, account):
        """What is written is what is read."""
        path = tmp_path_factory.mktemp("hosting") / "endpoints.json"
        path.write_text(hosting_file.text(account))
        assert hosting_file.read_file(path) == account

    def test_by_hand(self, tmp_path):
        """A few lines by hand are enough."""
        path = tmp_path / "endpoints.json"
        variant = {"name": "AllTraffic", "instance_type": "ml.c5.large", "instances": 1}
        one = {"name": "churn", "kind": "single", "variants": [variant]}
        path.write_text(json.dumps({"version": 1, "endpoints": [one]}))
        assert hosting_file.read_file(path).endpoints["churn"].instances == 1

    @pytest.mark.parametrize(
        ("endpoint", "why"),
        [
            pytest.param({}, "missing required field `name`", id="name"),
            pytest.param(
                {"name": "a", "kind": None, "variants": [{"name": "v", "instances": -1}]},
                "negative",
                id="negative",
            ),
            pytest.param({"name": "a", "kind": None, "variants": 1}, "variants", id="variants"),
        ],
    )
    def test_broken(self, tmp_path, endpoint, why):
        """A file that is none of endpoints is refused with the member and what is expected."""
        path = tmp_path / "endpoints.json"
        path.write_text(json.dumps({"version": 1, "endpoints": [endpoint]}))
        with pytest.raises(WrongUse, match=why):
            hosting_file.read_file(path)

    def test_twice(self, tmp_path):
        """An endpoint may not be there twice."""
        path = tmp_path / "endpoints.json"
        one = {"name": "churn", "kind": "single", "variants": []}
        path.write_text(json.dumps({"version": 1, "endpoints": [one, one]}))
        with pytest.raises(WrongUse, match="twice"):
            hosting_file.read_file(path)
