"""`gatewayctl costs` and `gatewayctl prices`: from files, from AWS, and with parts missing."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import boto3
import pytest
from botocore.stub import Stubber

from gatewayctl.command import Dependencies
from gatewayctl.costs import hosting as hosting_file
from gatewayctl.costs.bill import GROUPS
from gatewayctl.report import NotReachable
from tests.support.aws_account import AwsAccount, container
from tests.support.command_line import gatewayctl
from tests.support.made_up_costs import endpoint, hosting, multi_model
from tests.support.price_pages import PriceDesk
from tests.support.request_lines import line

TABLE = """\
version: 1
models:
  iris: {kind: mme, endpoint: tabular, target_model: iris.tar.gz}
  churn: {kind: single, endpoint: churn}
"""
NOW = datetime(2026, 5, 4, 11, 0, tzinfo=UTC).timestamp()
AWS = boto3.Session("test", "test", region_name="eu-north-1")
TEN_ENDPOINTS = hosting(*(endpoint(f"model-{number}") for number in range(10)))
ONE_ENDPOINT = hosting(multi_model("tabular", {f"model-{number}": 1 for number in range(10)}))


@pytest.fixture(name="project")
def _project(tmp_path, monkeypatch):
    (tmp_path / "routing.yaml").write_text(TABLE)
    (tmp_path / ".chalice").mkdir()
    functions = {"authorize": {"iam_policy_file": "policy-dev-authorize.json"}}
    config = {"app_name": "gw", "stages": {"dev": {"lambda_functions": functions}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def unreachable(service, **_):
    raise NotReachable(f"{service} cannot be reached (NoCredentialsError)")


@pytest.fixture(name="run")
def _run(project):
    def run(*arguments, connect=unreachable):
        needed = Dependencies(connect=connect, clock=lambda: NOW)
        return gatewayctl(*arguments, project=project, dependencies=needed)

    return run


@pytest.fixture(name="files")
def _files(project):
    """Write a file of endpoints and a log, and return the arguments that name them."""

    def files(account, *lines):
        (project / "endpoints.json").write_text(hosting_file.text(account))
        (project / "gateway.log").write_text("".join(f"{one}\n" for one in lines))
        return "--endpoints", "endpoints.json", "--log", "gateway.log"

    return files


def call(endpoint_name="tabular", target=None, **members):
    written = {"endpoint": endpoint_name, "target": target, "principal": "shop", **members}
    return line(**{"target_name": None, **written})


class TestArticle:
    """Ten models on ten ml.c5.large, and on one."""

    @pytest.mark.parametrize(
        ("account", "per_hour", "in_a_fortnight"),
        [
            pytest.param(TEN_ENDPOINTS, "1.02", "342.72", id="ten-endpoints"),
            pytest.param(ONE_ENDPOINT, "0.102", "34.27", id="one-endpoint"),
        ],
    )
    def test_price(self, run, files, account, per_hour, in_a_fortnight):
        """Ten endpoints cost exactly 1.02 USD an hour, one multi-model endpoint 0.102."""
        arguments = (*files(account), "--prices", "example", "--days", "14")
        data = run("costs", *arguments, "--format", "json").data
        assert data["bill"]["per_hour"]["value"] == per_hour
        assert data["bill"]["amount"] == in_a_fortnight
        text = run("costs", *arguments)
        assert f"{per_hour} USD an hour without calls" in text.out
        assert "these prices are an example" in text.err
        assert text.code == 0


class TestFiles:
    """Neither credentials nor the internet are needed with files."""

    LINES = (
        call(target="TargetModel=model-1.tar.gz", model="iris", model_ms=300.0),
        call(target="TargetModel=model-2.tar.gz", model="wine", model_ms=100.0, principal="web"),
    )

    @pytest.mark.parametrize("by", GROUPS)
    def test_sums(self, run, files, by):
        """Both columns add up to the bill, whoever the costs are divided among."""
        account = hosting(*ONE_ENDPOINT.all, endpoint("idle", instances=2))
        arguments = (*files(account, *self.LINES), "--prices", "example", "--days", "3")
        data = run("costs", *arguments, "--by", by, "--format", "json").data
        for column in ("by_time_at_work", "with_idle_time"):
            total = sum(Decimal(row[column]["value"]) for row in data["rows"])
            assert total == Decimal(data["bill"]["amount"]) == Decimal("22.03")

    def test_rows(self, run, files):
        """What no model bears is a row of its own, and each cell says what it stands on."""
        account = hosting(*ONE_ENDPOINT.all, endpoint("idle"))
        arguments = (*files(account, *self.LINES), "--prices", "example", "--days", "1")
        lines = [" ".join(one.split()) for one in run("costs", *arguments).out.splitlines()]
        assert "iris 1 0.3 measured 1.84 assumed 1.23 assumed" in lines
        assert "wine 1 0.1 measured 0.61 assumed 1.22 assumed" in lines
        assert "idle (not called) 0 0.0 measured 2.45 assumed 2.45 assumed" in lines
        assert "total 4.90 4.90" in lines

    def test_assumptions(self, run, files):
        """Each assumption is named once."""
        said = run("costs", *files(ONE_ENDPOINT, *self.LINES), "--prices", "example").err
        assert said.count("assumed: the instances that are there now were there all the time") == 1
        assert said.count("assumed: all calls came through the gateway") == 1
        assert "calls: gateway.log: 2 lines" in said

    def test_whole_log(self, run, files):
        """Without --days the costs are those of the time of the log."""
        lines = [call(timestamp=f"2026-05-04 {hour}:00:00,000+0000") for hour in ("08", "10")]
        data = run(
            "costs", *files(ONE_ENDPOINT, *lines), "--prices", "example", "--format", "json"
        ).data
        assert data["period"]["seconds"] == 2 * 3600
        assert data["bill"]["amount"] == "0.20"

    def test_short_log(self, run, files):
        """A log that begins long after the period is said to do so, and an empty one, too."""
        arguments = (*files(ONE_ENDPOINT, *self.LINES), "--prices", "example", "--days", "14")
        said = "the log begins at 2026-05-04 10:00:00Z, after the period"
        assert said in run("costs", *arguments).err
        arguments = (*files(ONE_ENDPOINT), "--prices", "example", "--days", "14")
        assert "the log has no call in this period" in run("costs", *arguments).err

    def test_empty_log(self, run, files):
        """A log without a call has no period: the costs are those of a fortnight, as without it."""
        arguments = (*files(hosting(endpoint("idle"))), "--prices", "example", "--format", "json")
        data = run("costs", *arguments).data
        assert (data["period"]["seconds"], data["bill"]["amount"]) == (14 * 86_400, "34.27")

    def test_numbers(self, run, files):
        """In JSON amounts and hours are numbers for programs; what is unknown is null."""
        account = hosting(endpoint("large", instances=1_000))
        arguments = ("--prices", "example", "--days", "14", "--format", "json")
        data = run("costs", *files(account), *arguments).data
        assert data["bill"]["amount"] == data["rows"][0]["with_idle_time"]["value"] == "34272.00"
        assert data["endpoints"][0]["instance_hours"]["value"] == "336000"
        assert "34,272.00 USD" in run("costs", *files(account), *arguments[:4]).out
        account = hosting(endpoint("other", instance_type="ml.unknown"))
        assert run("costs", *files(account), *arguments).data["bill"]["amount"] is None

    def test_no_endpoints(self, run, files):
        """Without an account the table says what there is, and the notes what is missing."""
        files(ONE_ENDPOINT, *self.LINES)
        outcome = run("costs", "--log", "gateway.log", "--prices", "example", "--format", "json")
        assert outcome.code == 1
        assert outcome.data["bill"]["unknown"] == ["churn", "tabular"]
        assert [row["calls"] for row in outcome.data["rows"][:2]] == [1, 1]
        said = run("costs", "--log", "gateway.log", "--prices", "example").err
        assert "the account was not read, so what runs where is unknown: sagemaker" in said
        assert "or give --endpoints FILE" in said

    def test_no_prices(self, run, files):
        """Without prices the costs are unknown, and who was at work is known."""
        outcome = run("costs", *files(ONE_ENDPOINT, *self.LINES))
        assert outcome.code == 1
        assert "the costs are unknown" in outcome.out
        assert "the prices are unknown: pricing cannot be reached" in outcome.err
        assert "or give --prices FILE" in outcome.err

    def test_nothing(self, run, project):
        """With neither endpoints nor calls there is nothing to say."""
        (project / "routing.yaml").unlink()
        outcome = run("costs")
        assert outcome.code == 3
        assert "--endpoints FILE" in outcome.err
        assert "--log FILE" in outcome.err

    def test_other_region(self, run, files):
        """Prices of another Region than the endpoints' are said to be that."""
        said = run("costs", *files(ONE_ENDPOINT), "--prices", "example").err
        assert "the prices are those of us-east-1, and the endpoints are in eu-north-1" in said

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (("--log", "none.log"), "the log none.log cannot be read"),
            (("--endpoints", "none.json"), "none.json cannot be read"),
            (("--prices", "none.json"), "the price file none.json cannot be read"),
            (("--by", "colour"), "'colour' is not one of"),
            (("--days", "0"), "0 is not in the range"),
        ],
    )
    def test_wrong_use(self, run, files, arguments, why):
        """What cannot be read is named."""
        outcome = run("costs", *files(ONE_ENDPOINT), "--prices", "example", *arguments)
        assert outcome.code == 2
        assert why in outcome.err


class Cloud:
    """An account, its log, its metrics and the price list."""

    def __init__(self):
        self.account, self.price_list = AwsAccount(), PriceDesk()
        self.price_list.expect_all()
        self.clients = {"pricing": self.price_list.client}

    def connect(self, service, **settings):
        if service in self.clients:
            return self.clients[service]
        assert not settings
        return self.account.connect(service)

    def stub(self, service, *answers):
        client = AWS.client(service)
        stubber = Stubber(client)
        for operation, answer in answers:
            stubber.add_response(operation, answer)
        stubber.activate()
        self.clients[service] = client


def rows(*found):
    cells = [[{"field": name, "value": value} for name, value in row.items()] for row in found]
    return [
        ("start_query", {"queryId": "q"}),
        ("get_query_results", {"status": "Complete", "results": cells}),
    ]


USE = {
    "endpoint": "tabular",
    "place": "TargetModel=iris.tar.gz",
    "entry": "iris",
    "caller": "shop",
    "load": "-",
    "calls": "30",
    "tries": "30",
    "busy": "3000",
}


def metric(name, value):
    moment = datetime.fromtimestamp(NOW - 300, UTC)
    return {"Id": f"{name}_0", "Label": name, "Timestamps": [moment], "Values": [value]}


@pytest.fixture(name="cloud")
def _cloud():
    cloud = Cloud()
    cloud.account.buckets["models"] = ["iris.tar.gz"]
    cloud.account.sizes["iris.tar.gz"] = 10
    model = cloud.account.model("t", container(prefix="s3://models/"))
    cloud.account.endpoint("tabular", model)
    configuration = cloud.account.configurations["tabular"]["ProductionVariants"][0]
    configuration["InstanceType"] = "ml.c5.large"
    cloud.stub("logs", *rows(USE), *(rows() * 6))
    metrics = [metric("invocations", 40.0), metric("normalized", 20.0), metric("alive", 2.0)]
    results = {"MetricDataResults": [*metrics, metric("latency", 4_000_000.0)]}
    cloud.stub("cloudwatch", ("get_metric_data", results))
    return cloud


def test_aws(run, cloud, project):
    """With credentials all is from AWS: what runs where, calls, time of instances and prices."""
    arguments = ("--format", "json", "--endpoints-out", "endpoints.json")
    outcome = run("costs", *arguments, connect=cloud.connect)
    assert outcome.code == 0, outcome.err
    data = outcome.data
    (one,) = data["endpoints"]
    assert one["runs_on"] == "2 ml.c5.large"
    assert one["instance_hours"]["origin"] == "aws"
    assert (one["costs"]["value"], one["costs"]["origin"]) == ("0.02", "aws")
    assert [(row["name"], row["calls"], row["counted_by"]) for row in data["rows"]] == [
        ("iris", 30, "measured"),
        ("tabular (not through the gateway)", 10, "aws"),
    ]
    assert (data["assumed"], data["notes"]) == ([], [])
    kept = hosting_file.read_file(project / "endpoints.json")
    assert kept.endpoints["tabular"].variants[0].instance_type == "ml.c5.large"


@pytest.mark.parametrize("service", ["logs", "cloudwatch", "pricing"])
def test_denied(run, cloud, service):
    """A permission that is missing costs the numbers that need it, and no others."""
    client = AWS.client(service)
    stubber = Stubber(client)
    operations = {
        "logs": "start_query",
        "cloudwatch": "get_metric_data",
        "pricing": "get_products",
    }
    stubber.add_client_error(operations[service], "AccessDeniedException", http_status_code=400)
    stubber.activate()
    cloud.clients[service] = client
    outcome = run("costs", "--format", "json", connect=cloud.connect)
    assert outcome.code == (1 if service == "pricing" else 0)
    assert len(outcome.data["notes"]) == 1
    assert len(outcome.data["endpoints"]) == 1


def test_no_list(run, cloud, project):
    """Who may not list all endpoints sees those that the table names, and what was not read."""
    cloud.account.denied.add("ListEndpoints")
    cloud.account.endpoint("other", "t")
    (project / "routing.yaml").write_text(
        "version: 1\nmodels:\n  iris: {kind: mme, endpoint: tabular, target_model: iris.tar.gz}\n"
        "  far: {kind: single, endpoint: other, region: us-west-2}\n"
    )

    outcome = run("costs", "--format", "json", connect=cloud.connect)

    assert [one["runs_on"] for one in outcome.data["endpoints"]] == ["2 ml.c5.large"]
    assert "sagemaker:ListEndpoints" in outcome.data["notes"][0]


def test_prices(run, cloud, project):
    """The prices are written into a file, which costs reads."""
    outcome = run("prices", "--region", "eu-north-1", "--out", "p.json", connect=cloud.connect)
    assert (outcome.code, outcome.out) == (0, "")
    assert "p.json has 2 instance types" in outcome.err
    (project / "endpoints.json").write_text(hosting_file.text(TEN_ENDPOINTS))
    (project / "gateway.log").write_text("")
    arguments = ("--endpoints", "endpoints.json", "--log", "gateway.log", "--prices", "p.json")
    assert "1.02 USD an hour without calls" in run("costs", *arguments).out


def test_prices_of_the_profile(run, cloud):
    """Without --region they are those of the profile's Region, and without --out on stdout."""
    outcome = run("prices", connect=cloud.connect)
    assert json.loads(outcome.out)["instances"]["ml.c5.large"]["per_hour"] == "0.102"
