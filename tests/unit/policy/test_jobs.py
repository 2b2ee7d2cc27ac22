"""What each of the three functions of a stage with jobs may do, and what it may not."""

import json

import pytest
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from chalicelib.jobs import names
from tests.support.iam import allows
from tests.unit.policy.project import (
    ACCOUNT,
    AUTHORIZE,
    AUTHORIZER,
    HANDLER,
    JOBS,
    WORK,
    WORKER,
)

ROLE = "arn:aws:iam::222233334444:role/inference-gateway"
TABLE = f"""\
version: 1
models:
  churn: {{kind: single, endpoint: churn-prod}}
  iris: {{kind: mme, endpoint: tabular, target_model: iris.tar.gz}}
  far: {{kind: single, endpoint: far, role_arn: {ROLE}}}
  video: {{kind: async, endpoint: Video}}
"""
PLACE = ("--account", ACCOUNT, "--region", "eu-west-1", "--partition", "aws")
RESULTS = ("--async-results", "s3://answers/ok/", "--async-results", "s3://failures")

OWN = "acme-jobs/ml/dev"
READ, WRITE, LIST, DELETE = "s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObject"
SYNC, ASYNC = "sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync"
IRIS = {"sagemaker:TargetModel": "iris.tar.gz"}
SEND, URL = "sqs:SendMessage", "sqs:GetQueueUrl"
TAKE = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
)
ROLES = {"handler": HANDLER, "authorizer": AUTHORIZER, "worker": WORKER}


def arn_of(action, resource):
    service = action.partition(":")[0]
    place = ":" if service == "s3" else f"eu-west-1:{ACCOUNT}"
    return resource if resource.startswith("arn:") else f"arn:aws:{service}:{place}:{resource}"


@pytest.fixture(name="written")
def _written(project):
    """The policies of a stage with jobs, by the function."""
    (project.folder / "routing.yaml").write_text(TABLE)
    project.configure(JOBS)
    outcome = project.run(*PLACE, *RESULTS)
    assert outcome.code == 0, outcome.err
    return {name: project.read(file) for name, file in ROLES.items()}


def under(key):
    """Return the context of a call that lists the keys below one, or asks for a missing one."""
    return {"s3:prefix": key}


NOBODY, HANDLER_ALONE, WORKER_ALONE = set(), {"handler"}, {"worker"}
BOTH = HANDLER_ALONE | WORKER_ALONE

CALLS = [
    # jobs and bodies
    (WRITE, f"{OWN}/{names.result_key('o', 'j')}", None, BOTH),
    (WRITE, f"{OWN}/{names.job_key('o', 'j')}", None, HANDLER_ALONE),
    (WRITE, f"{OWN}/{names.sent_key('o', 'j')}", None, HANDLER_ALONE),
    (READ, f"{OWN}/jobs/o/j.json", None, BOTH),
    (READ, f"{OWN}/jobs/o/j.result", None, BOTH),
    (READ, f"{OWN}/bodies/o/b", None, BOTH),
    (WRITE, f"{OWN}/bodies/o/b", None, HANDLER_ALONE),
    # another prefix, another bucket, the prefix itself
    *[
        (action, key, None, NOBODY)
        for action in (READ, WRITE)
        for key in (
            "acme-jobs/ml/prod/jobs/o/j.json",
            "acme-jobs/ml/dev2/jobs/o/j.json",
            "acme-jobs/ml/dev/other/j.json",
            "acme-jobs/jobs/o/j.json",
            "acme-jobs2/ml/dev/jobs/o/j.json",
            OWN,
        )
    ],
    # nobody deletes; the lifecycle does
    (DELETE, f"{OWN}/jobs/o/j.json", None, NOBODY),
    (DELETE, f"{OWN}/bodies/o/b", None, NOBODY),
    ("s3:PutBucketPolicy", "acme-jobs", None, NOBODY),
    ("s3:PutLifecycleConfiguration", "acme-jobs", None, NOBODY),
    # an object that is not there is found to be missing: its key is the prefix
    (LIST, "acme-jobs", under("ml/dev/jobs/o/j.result"), BOTH),
    (LIST, "acme-jobs", under("ml/dev/"), BOTH),
    (LIST, "acme-jobs", under("ml/prod/jobs/o/j.result"), NOBODY),
    (LIST, "acme-jobs", under("ml/dev2/x"), NOBODY),
    (LIST, "acme-jobs", None, NOBODY),
    # the queue
    (SEND, "acme-work", None, HANDLER_ALONE),
    (URL, "acme-work", None, BOTH),
    *[(action, "acme-work", None, WORKER_ALONE) for action in TAKE],
    *[(action, "acme-work-dead", None, NOBODY) for action in (SEND, URL, *TAKE)],
    ("sqs:PurgeQueue", "acme-work", None, NOBODY),
    # endpoints
    (SYNC, "endpoint/churn-prod", None, BOTH),
    (SYNC, "endpoint/tabular", IRIS, BOTH),
    (SYNC, "endpoint/tabular", None, NOBODY),
    (ASYNC, "endpoint/video", None, HANDLER_ALONE),
    (ASYNC, "endpoint/Video", None, HANDLER_ALONE),
    (SYNC, "endpoint/video", None, NOBODY),
    (ASYNC, "endpoint/churn-prod", None, NOBODY),
    (ASYNC, "endpoint/other", None, NOBODY),
    ("sts:AssumeRole", ROLE, None, BOTH),
    ("sts:AssumeRole", f"{ROLE}2", None, NOBODY),
    # where asynchronous endpoints put their answers
    (READ, "answers/ok/1.out", None, HANDLER_ALONE),
    (READ, "failures/1-error.out", None, HANDLER_ALONE),
    (READ, "answers/other/1.out", None, NOBODY),
    (WRITE, "answers/ok/1.out", None, NOBODY),
    (LIST, "answers", under("ok/1.out"), HANDLER_ALONE),
    (LIST, "answers", under("other/1.out"), NOBODY),
    (LIST, "failures", under("1-error.out"), HANDLER_ALONE),
    # the keys
    ("secretsmanager:GetSecretValue", "secret:inference-gateway/keys-AbCdEf", None, {"authorizer"}),
    # the logs
    ("logs:PutLogEvents", "log-group:/aws/lambda/gw-dev:log-stream:s", None, HANDLER_ALONE),
    ("logs:PutLogEvents", "log-group:/aws/lambda/gw-dev-work:log-stream:s", None, WORKER_ALONE),
    (
        "logs:PutLogEvents",
        "log-group:/aws/lambda/gw-dev-authorize:log-stream:s",
        None,
        {"authorizer"},
    ),
]


def test_who_may_do_what(written):
    """Each call is allowed to the functions that make it, and to no other one."""
    for action, resource, context, expected in CALLS:
        found = {
            name
            for name, policy in written.items()
            if allows(policy, action, arn_of(action, resource), context)
        }
        assert found == expected, (action, resource, context)


def test_services(written):
    """A function has no action beyond those of the table above."""
    known = {action.lower() for action, *_ in CALLS}
    for name, policy in written.items():
        allowed = {
            action.lower()
            for one in policy["Statement"]
            for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
        }
        assert allowed <= known | {"logs:createlogstream", "logs:createloggroup"}, name
        assert not any("*" in action for action in allowed), name


def test_iam_takes_them(written):
    """moto's check of a policy's grammar accepts the three policies."""
    for policy in written.values():
        IAMPolicyDocumentValidator(json.dumps(policy)).validate()


def test_without_jobs(project):
    """Without the setting there are two files, and nobody may use a bucket or a queue.

    An asynchronous endpoint cannot be called then, which a note says.
    """
    (project.folder / "routing.yaml").write_text(TABLE)
    project.configure({})

    outcome = project.run(*PLACE)

    assert outcome.code == 0, outcome.err
    assert project.written() == ["policy-dev-authorize.json", "policy-dev.json"]
    assert "video: kind async needs jobs, and this stage has no GATEWAY_JOBS" in outcome.err
    text = json.dumps([project.read(), project.read(AUTHORIZER)])
    assert not any(word in text for word in ("s3:", "sqs:", "Async", "video"))


def test_role_of_another_account(project):
    """Both functions that call SageMaker assume the role, and its account trusts both."""
    (project.folder / "routing.yaml").write_text(TABLE)
    project.configure(JOBS)

    (role,) = json.loads(project.run(*PLACE, *RESULTS, "--format", "json").out)["roles"]

    (statement,) = role["trust_policy"]["Statement"]
    assert statement["Principal"] == {
        "AWS": [f"arn:aws:iam::{ACCOUNT}:role/gw-dev-{name}" for name in ("api_handler", "work")]
    }


def test_role_for_an_asynchronous_endpoint(project):
    """The worker calls no asynchronous endpoint, so an account with no other trusts it not."""
    far = f"far: {{kind: async, endpoint: far, role_arn: {ROLE}}}"
    (project.folder / "routing.yaml").write_text(f"version: 1\nmodels:\n  {far}\n")
    project.configure(JOBS)

    (role,) = json.loads(project.run(*PLACE, *RESULTS, "--format", "json").out)["roles"]

    (statement,) = role["trust_policy"]["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:role/gw-dev-api_handler"}
    assert "AssumeRoles" not in {one.get("Sid") for one in project.read(WORKER)["Statement"]}


class TestResults:
    """Where asynchronous endpoints put their answers."""

    @pytest.fixture(autouse=True)
    def _table(self, project):
        (project.folder / "routing.yaml").write_text(TABLE)
        project.configure(JOBS)

    def test_unknown(self, project):
        """A place that nobody has named is asked for, because a job would never end."""
        outcome = project.run(*PLACE)

        assert (outcome.code, project.written()) == (1, [])
        assert outcome.err == (
            "gatewayctl policy: the table has asynchronous endpoints (Video), and the gateway may "
            "read their answers nowhere; name each S3OutputPath and S3FailurePath of their "
            "configurations: --async-results s3://<bucket>/<prefix>\n"
        )

    def test_kept(self, project):
        """The next call keeps the places, and `--check` finds them in the file."""
        project.run(*PLACE, *RESULTS)
        before = project.read()

        assert project.run("--check").code == 0
        assert project.run().code == 0
        assert project.read() == before

    def test_replaced(self, project):
        """The option replaces the places, and `--check` repeats it in the command."""
        project.run(*PLACE, *RESULTS)
        other = ("--async-results", "s3://others/x")

        outcome = project.run("--check", *other)
        assert outcome.code == 1
        assert f"run: gatewayctl policy --stage dev {' '.join(other)}\n" in outcome.out
        project.run(*other)

        assert allows(project.read(), READ, "arn:aws:s3:::others/x/1.out")
        assert not allows(project.read(), READ, "arn:aws:s3:::answers/ok/1.out")

    @pytest.mark.parametrize(
        "url",
        [
            "answers/ok",
            "https://answers/ok",
            "s3://",
            "s3://answers/a*",
            "s3://answers/${x}",
            "s3://B/x",
        ],
    )
    def test_wrong(self, project, url):
        """What is no place in S3, or means more than one to IAM, is refused."""
        outcome = project.run(*PLACE, "--async-results", url)

        assert outcome.code == 2
        assert "it must be s3://<bucket>/<prefix>" in outcome.err

    def test_no_such_endpoint(self, project):
        """A table without asynchronous endpoints needs no place."""
        (project.folder / "routing.yaml").write_text(TABLE.partition("  video")[0])

        assert project.run(*PLACE).code == 0


class TestWrongUse:
    """Configurations that are refused."""

    @pytest.mark.parametrize(
        ("variables", "functions", "complaint"),
        [
            pytest.param(
                {"GATEWAY_JOBS": JOBS["GATEWAY_JOBS"]},
                {"work": WORK},
                "stage dev in .chalice/config.json has GATEWAY_JOBS and no GATEWAY_JOBS_QUEUE: the",
                id="no-queue",
            ),
            pytest.param(
                {**JOBS, "GATEWAY_JOBS": "acme-jobs"},
                {},
                "GATEWAY_JOBS of stage dev in .chalice/config.json must be s3://<bucket>/<prefix>",
                id="no-location",
            ),
            pytest.param(
                JOBS,
                {"work": {**WORK, "lambda_timeout": 29}},
                ".chalice/config.json gives the worker of stage dev the lambda_timeout 29; set "
                "lambda_functions.work.lambda_timeout to 900, because a job may take 14 minutes",
                id="timeout",
            ),
            pytest.param(
                JOBS,
                {},
                ".chalice/config.json gives the worker of stage dev no lambda_timeout; set ",
                id="nothing-for-the-worker",
            ),
            pytest.param(
                JOBS,
                {"work": {"lambda_timeout": 900}},
                ".chalice/config.json gives two functions of stage dev .chalice/policy-dev.json; "
                "name another file in its lambda_functions.work.iam_policy_file",
                id="policy-of-the-handler",
            ),
            pytest.param(
                JOBS,
                {"work": {**WORK, **AUTHORIZE}},
                ".chalice/config.json gives two functions of stage dev "
                ".chalice/policy-dev-authorize.json; name another file",
                id="policy-of-the-authorizer",
            ),
        ],
    )
    def test_configuration(self, project, variables, functions, complaint):
        """The error names the key and the way out."""
        project.configure(variables, lambda_functions={"authorize": AUTHORIZE, **functions})

        outcome = project.run(*PLACE)

        assert (outcome.code, project.written()) == (2, [])
        assert outcome.err.startswith(f"gatewayctl policy: {complaint}")


class TestTwoStages:
    """Stages that have their jobs in one place."""

    def configure(self, project, staging, local=None):
        """Give the stages `staging` and `local` these variables; `dev` has jobs of its own."""
        project.configure(JOBS)
        file = project.folder / ".chalice/config.json"
        config = json.loads(file.read_bytes())
        for name, variables in {"staging": staging, "local": local or {}}.items():
            config["stages"][name] = {"environment_variables": {"GATEWAY_KEYS_SECRET": ""}}
            config["stages"][name]["environment_variables"].update(variables)
        file.write_text(json.dumps(config))

    @pytest.mark.parametrize("arguments", [(), ("--check",)])
    @pytest.mark.parametrize(
        ("own", "complaint"),
        [
            (
                {"GATEWAY_JOBS_QUEUE": "own"},
                "share the place s3://acme-jobs/ml/dev, so a key of one opens the jobs of its "
                "principal in the other: give each its own GATEWAY_JOBS in .chalice/config.json",
            ),
            (
                {"GATEWAY_JOBS": "s3://acme-jobs/ml/staging"},
                "share the queue acme-work, so the worker of one takes the jobs of the other: "
                "give each its own GATEWAY_JOBS_QUEUE in .chalice/config.json",
            ),
        ],
    )
    def test_refused(self, project, arguments, own, complaint):
        """A place or a queue that two stages share is refused, in writing and in --check."""
        self.configure(project, {**JOBS, **own})

        outcome = project.run(*PLACE, *arguments)

        assert (outcome.code, outcome.out, project.written()) == (1, "", [])
        assert f"gatewayctl policy: the stages dev and staging {complaint}" in outcome.err

    @pytest.mark.parametrize(
        "staging",
        [
            {"GATEWAY_JOBS": "s3://acme-jobs/ml/dev2", "GATEWAY_JOBS_QUEUE": "acme-work-2"},
            {"GATEWAY_JOBS_QUEUE": "acme-work"},
            {"GATEWAY_JOBS": "no location"},
        ],
    )
    def test_accepted(self, project, staging):
        """Two prefixes are two places; `local` and a stage without jobs do not count."""
        self.configure(project, staging, local=JOBS)

        assert project.run(*PLACE).code == 0
