"""The bucket, the queues and the worker in the template of a stage with `GATEWAY_JOBS`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gatewayctl.report import WrongUse
from tests.support.iam import allows
from tests.support.monitored import Monitored
from tests.support.template import Project

SECRET = {"GATEWAY_KEYS_SECRET": "inference-gateway/dev/keys"}
SETTINGS = {"GATEWAY_JOBS": "s3://acme-jobs/ml/dev", "GATEWAY_JOBS_QUEUE": "acme-work"}
QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:acme-work"
API_ORIGIN = "https://RestAPI.execute-api.us-east-1.amazonaws.com"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c"
BUCKET, POLICY, QUEUE = "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SQS::Queue"
OF_JOBS = {
    *("JobsBucket", "JobsBucketPolicy", "JobsQueue", "JobsDeadLetterQueue", "JobsKeyPolicy"),
    *("Work", "WorkRole", "WorkLogGroup"),
}


def template(folder, settings=SETTINGS, functions=None, **keys):
    """Return the template of a stage with these settings."""
    if functions:
        keys["lambda_functions"] = functions
    return Project(folder, {"environment_variables": {**SECRET, **settings}, **keys}).sam()


@pytest.fixture(name="made")
def _made(tmp_path):
    """Return a function that makes the resources of a stage for parameters of the stack."""

    def made(parameters=(), **keys):
        return Monitored(template(tmp_path, **keys), dict(parameters))

    return made


def test_without_the_setting(tmp_path):
    """A stage without jobs has nothing of them, and everything else is the same."""
    folders = [tmp_path / "with", tmp_path / "without"]
    for folder in folders:
        folder.mkdir()
    with_jobs, without = template(folders[0]), template(folders[1], {})

    assert with_jobs["Resources"].keys() - without["Resources"].keys() == OF_JOBS
    assert without["Resources"].keys() < with_jobs["Resources"].keys()
    for section in ("Parameters", "Conditions", "Outputs"):
        assert not any("Job" in name or "Work" in name for name in without[section])
        assert without[section].items() <= with_jobs[section].items()
    same = without["Resources"].keys() - {"APIHandler", "Authorize", "ApiHandlerRole", "RestAPI"}
    for name in same:
        assert without["Resources"][name] == with_jobs["Resources"][name], name
    assert without["Resources"]["AuthorizeRole"] == with_jobs["Resources"]["AuthorizeRole"]


class TestBucket:
    """The bucket, as CloudFormation makes it."""

    def test_private(self, made):
        """The bucket has the name of the setting; nobody else reaches it; it is encrypted."""
        bucket = made().of(BUCKET)["JobsBucket"]

        assert bucket["BucketName"] == "acme-jobs"
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"] == {
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
        }
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert "VersioningConfiguration" not in bucket  # old versions would not expire

    def test_tls(self, made):
        """Its policy denies everything that comes without TLS, and allows nothing."""
        (policy,) = made().of(POLICY).values()
        (statement,) = policy["PolicyDocument"]["Statement"]

        assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
        assert statement["Resource"] == ["JobsBucket.Arn", "JobsBucket.Arn/*"]
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_lifecycle(self, made):
        """What is below the prefix expires after 7 days, and a broken upload after one."""
        (rule,) = made().of(BUCKET)["JobsBucket"]["LifecycleConfiguration"]["Rules"]

        assert rule == {
            "Id": "jobs",
            "Prefix": "ml/dev/",
            "Status": "Enabled",
            "ExpirationInDays": 7,
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }

    @pytest.mark.parametrize(
        ("settings", "keys", "origins"),
        [
            pytest.param({"CORS_ORIGIN": "*"}, {}, ["*"], id="any"),
            pytest.param({}, {}, [API_ORIGIN], id="page"),
            pytest.param(
                {"CORS_ORIGIN": "https://shop.example"},
                {},
                ["https://shop.example", API_ORIGIN],
                id="one-and-page",
            ),
            pytest.param(
                {"CORS_ORIGIN": "https://shop.example", "PAGE": "off"},
                {},
                ["https://shop.example"],
                id="one",
            ),
            pytest.param(
                {},
                {
                    "api_gateway_custom_domain": {
                        "domain_name": "models.example.com",
                        "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/c",
                    }
                },
                ["https://models.example.com", API_ORIGIN],
                id="domain",
            ),
            pytest.param(
                {},
                {"api_gateway_endpoint_type": "PRIVATE", "api_gateway_endpoint_vpce": "vpce-0a"},
                [API_ORIGIN, API_ORIGIN.replace("API.", "API-vpce-0a.")],
                id="private",
            ),
        ],
    )
    def test_cors(self, made, settings, keys, origins):
        """Pages of the stage's origins put bodies and get results; the gateway's page is one."""
        named = {f"GATEWAY_{name}": value for name, value in settings.items()}
        bucket = made(settings={**SETTINGS, **named}, **keys).of(BUCKET)["JobsBucket"]

        (rule,) = bucket["CorsConfiguration"]["CorsRules"]
        assert rule == {
            "AllowedOrigins": origins,
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["content-type", "if-none-match"],
            "ExposedHeaders": ["ETag"],
        }

    def test_no_page(self, made):
        """Without a page and without CORS, no browser reaches the bucket."""
        bucket = made(settings={**SETTINGS, "GATEWAY_PAGE": "off"}).of(BUCKET)["JobsBucket"]

        assert "CorsConfiguration" not in bucket

    def test_it_stays(self, tmp_path):
        """The bucket stays when the stack is deleted, because one with objects cannot go."""
        written = template(tmp_path)["Resources"]["JobsBucket"]

        assert written["DeletionPolicy"] == "RetainExceptOnCreate"
        assert written["UpdateReplacePolicy"] == "Retain"


class TestQueue:
    """The queue and its dead-letter queue."""

    def test_properties(self, made):
        """A message is tried four times, and then kept for 14 days."""
        queues = made().of(QUEUE)

        assert queues["JobsQueue"] == {
            "QueueName": "acme-work",
            "VisibilityTimeout": 5400,
            "MessageRetentionPeriod": 4 * 86_400,
            "RedrivePolicy": {
                "deadLetterTargetArn": "JobsDeadLetterQueue.Arn",
                "maxReceiveCount": 4,
            },
            "SqsManagedSseEnabled": True,
        }
        assert queues["JobsDeadLetterQueue"] == {
            "QueueName": "acme-work-dead",
            "MessageRetentionPeriod": 14 * 86_400,
            "SqsManagedSseEnabled": True,
            "RedriveAllowPolicy": {
                "redrivePermission": "byQueue",
                "sourceQueueArns": [QUEUE_ARN],
            },
        }

    @pytest.mark.parametrize(("length", "fits"), [(75, True), (76, False)])
    def test_length_of_the_name(self, tmp_path, length, fits):
        """A name that is too long for a dead-letter queue is refused with the limit."""
        settings = {**SETTINGS, "GATEWAY_JOBS_QUEUE": "q" * length}

        if fits:
            assert template(tmp_path, settings)
        else:
            with pytest.raises(WrongUse, match=r"^GATEWAY_JOBS_QUEUE in .* has 76 .* may have 75,"):
                template(tmp_path, settings)


class TestWorker:
    """The third function."""

    def test_function(self, made):
        """It runs the same code as the handler for 15 minutes, with the same environment."""
        functions = made().of("AWS::Serverless::Function")
        worker, handler = functions["Work"], functions["APIHandler"]

        assert (worker["FunctionName"], worker["Handler"]) == (
            "inference-gateway-dev-work",
            "app.work",
        )
        assert worker["Timeout"] == 900
        for same in ("CodeUri", "Environment", "Runtime", "MemorySize"):
            assert worker[same] == handler[same]

    def test_log_group(self, tmp_path):
        """Its log group exists before it, and the parameter of the stack says how long it stays."""
        resources = template(tmp_path)["Resources"]

        assert resources["Work"]["DependsOn"] == ["WorkLogGroup"]
        assert resources["WorkLogGroup"]["Properties"] == {
            "LogGroupName": "/aws/lambda/inference-gateway-dev-work",
            "RetentionInDays": {"Ref": "LogRetentionDays"},
        }

    @pytest.mark.parametrize("concurrency", [None, "2", "1000"])
    def test_event_source(self, made, concurrency):
        """One message at a time starts it, and only so many at once as the setting says."""
        more = {"GATEWAY_JOBS_CONCURRENCY": concurrency} if concurrency else {}
        worker = made(settings={**SETTINGS, **more}).of("AWS::Serverless::Function")["Work"]

        (source,) = worker["Events"].values()
        assert source["Type"] == "SQS"
        assert source["Properties"] == {
            "Queue": "JobsQueue.Arn",  # so CloudFormation makes the queue first
            "BatchSize": 1,
            "MaximumBatchingWindowInSeconds": 0,
            "ScalingConfig": {"MaximumConcurrency": int(concurrency or 10)},
        }

    def test_role(self, tmp_path):
        """Its role has the policy that `gatewayctl policy` wrote for it, but for the log group."""
        (policy,) = template(tmp_path)["Resources"]["WorkRole"]["Properties"]["Policies"]
        written = json.loads((tmp_path / ".chalice/policy-dev-work.json").read_bytes())

        wanted = [one for one in written["Statement"] if one.get("Sid") != "NewLogGroup"]
        assert policy["PolicyDocument"]["Statement"] == wanted
        assert allows(policy["PolicyDocument"], "sqs:ReceiveMessage", QUEUE_ARN)


class TestParameters:
    """What exists already, and a key of one's own."""

    def test_own_bucket(self, made):
        """With `CreateJobsBucket=off` there is no bucket; the queues are made."""
        stack = made({"CreateJobsBucket": "off"})

        assert stack.of(BUCKET) == stack.of(POLICY) == {}
        assert stack.of(QUEUE).keys() == {"JobsQueue", "JobsDeadLetterQueue"}

    def test_own_queue(self, made):
        """With `CreateJobsQueue=off` the event source names the queue that exists."""
        stack = made({"CreateJobsQueue": "off"})

        assert stack.of(QUEUE) == {}
        (source,) = stack.of("AWS::Serverless::Function")["Work"]["Events"].values()
        assert source["Properties"]["Queue"] == QUEUE_ARN

    def test_nothing_is_left_out_with_them(self, tmp_path):
        """No resource that always exists depends on one that may be missing.

        CloudFormation leaves out what depends on a resource whose condition is false.
        """
        resources = template(tmp_path)["Resources"]
        conditional = {name for name, one in resources.items() if "Condition" in one}

        assert {"JobsBucket", "JobsQueue", "JobsDeadLetterQueue"} <= conditional
        for name, resource in resources.items():
            assert not conditional & set(resource.get("DependsOn", [])), name

    def test_key(self, made):
        """With `JobsKey` the bucket and both queues have the key, and both functions may use it."""
        stack = made({"JobsKey": KEY})

        (rule,) = stack.of(BUCKET)["JobsBucket"]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        assert rule == {
            "BucketKeyEnabled": True,
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
        }
        for queue in stack.of(QUEUE).values():
            assert queue["KmsMasterKeyId"] == KEY
            assert "SqsManagedSseEnabled" not in queue
        (policy,) = stack.of("AWS::IAM::Policy").values()
        assert policy["Roles"] == ["ApiHandlerRole", "WorkRole"]
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert allows(policy["PolicyDocument"], action, KEY)
        assert not allows(policy["PolicyDocument"], "kms:Decrypt", f"{KEY}0")
        assert made().of("AWS::IAM::Policy") == {}

    def test_roles_made_elsewhere(self, made):
        """A role that the configuration names gets no permission from the stack."""
        own = {"manage_iam_role": False, "iam_role_arn": "arn:aws:iam::123456789012:role/own"}
        stack = made({"JobsKey": KEY}, functions={"work": own})

        (policy,) = stack.of("AWS::IAM::Policy").values()
        assert policy["Roles"] == ["ApiHandlerRole"]


class TestRefused:
    """Configurations of which no template is made."""

    @pytest.mark.parametrize("function", ["api_handler", "work"])
    @pytest.mark.parametrize("variable", ["GATEWAY_JOBS", "GATEWAY_JOBS_QUEUE"])
    def test_two_places(self, tmp_path, function, variable):
        """The handler and the worker have the same bucket and the same queue."""
        other = {"environment_variables": {variable: SETTINGS[variable] + "2"}}

        with pytest.raises(WrongUse, match=rf"the function {function} of stage dev a {variable} "):
            template(tmp_path, functions={function: other})

    def test_handler_alone(self, tmp_path):
        """Jobs of the handler alone would have nobody who works on them."""
        alone = {"api_handler": {"environment_variables": SETTINGS}}

        with pytest.raises(WrongUse, match="the function api_handler of stage dev a GATEWAY_JOBS "):
            template(tmp_path, {}, functions=alone)


def test_lint(package_with_jobs):
    """cfn-lint finds nothing wrong with the template of `make package`."""
    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), package_with_jobs.project / "build/sam.json"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (linted.returncode, linted.stdout) == (0, "")


def test_same_zip(package, package_with_jobs):
    """The worker is the same zip: jobs are a setting and not another program."""
    assert package_with_jobs.zip.read_bytes() == package.zip.read_bytes()
