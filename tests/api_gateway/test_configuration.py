"""Chalice's keys in config.json, in the template that CloudFormation executes."""

import json
import re

import pytest

from chalicelib.errors import ConfigurationError
from chalicelib.telemetry.log import LOCAL_SERVICE
from deployment.fragment import DOMAIN, MAPPING
from deployment.monitoring import JOB_QUERIES, queries
from gatewayctl.report import WrongUse
from tests.support.monitored import (
    SETTINGS,
    STACK,
    Monitored,
    series_of_alarm,
    series_of_widget,
)
from tests.support.template import Project

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/c"
CUSTOM_DOMAIN = {"domain_name": "models.example.com", "certificate_arn": CERTIFICATE}
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:tools:1"
OPEN = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}
FUNCTIONS = ("APIHandler", "Authorize")


@pytest.fixture(name="template")
def _template(tmp_path):
    """Return a function that transforms the template of the stage `dev` with these keys."""

    def template(**keys):
        return Project(tmp_path, keys).cloudformation()

    return template


def properties(template, name):
    return template["Resources"][name]["Properties"]


def stage_of(template):
    """Return the logical name and the properties of the API's only stage."""
    ((name, stage),) = [
        (name, resource["Properties"])
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::ApiGateway::Stage"
    ]
    return name, stage


def references(value):
    """Return every logical name to which a part of a template refers."""
    return set(re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', json.dumps(value)))


class TestCustomDomain:
    """`api_gateway_custom_domain`"""

    @pytest.mark.parametrize("stage", ["api", "v1", "Prod", "my_stage", "blue-green"])
    def test_mapping_is_made_after_the_stage(self, template, stage):
        """The mapping refers to the stage's resource, whatever the stage is called."""
        made = template(api_gateway_custom_domain=CUSTOM_DOMAIN, api_gateway_stage=stage)

        name, of_stage = stage_of(made)
        assert of_stage["StageName"] == stage
        mapping = made["Resources"][MAPPING]
        assert mapping["Type"] == "AWS::ApiGateway::BasePathMapping"
        assert mapping["Properties"]["Stage"] == {"Ref": name}
        assert references(mapping) == {name, "RestAPI", DOMAIN}

    @pytest.mark.parametrize(
        ("kind", "certificate", "target", "zone"),
        [
            (
                "REGIONAL",
                "RegionalCertificateArn",
                "RegionalDomainName",
                "RegionalHostedZoneId",
            ),
            ("EDGE", "CertificateArn", "DistributionDomainName", "DistributionHostedZoneId"),
        ],
    )
    def test_outputs(self, template, kind, certificate, target, zone):
        """The outputs have what a DNS record needs, for each type of endpoint."""
        made = template(api_gateway_custom_domain=CUSTOM_DOMAIN, api_gateway_endpoint_type=kind)

        assert properties(made, DOMAIN)["DomainName"] == "models.example.com"
        assert properties(made, DOMAIN)[certificate] == CERTIFICATE
        assert made["Outputs"]["CustomDomainTarget"] == {"Value": {"Fn::GetAtt": [DOMAIN, target]}}
        assert made["Outputs"]["CustomDomainHostedZone"] == {
            "Value": {"Fn::GetAtt": [DOMAIN, zone]}
        }

    def test_base_path(self, template):
        """`url_prefix` is the path of the API under the domain; without it, the API has no path."""
        prefixed = template(api_gateway_custom_domain={**CUSTOM_DOMAIN, "url_prefix": "ml"})

        assert properties(prefixed, MAPPING)["BasePath"] == "ml"
        plain = template(api_gateway_custom_domain=CUSTOM_DOMAIN)
        assert properties(plain, MAPPING)["BasePath"] == "(none)"

    def test_private(self, template):
        """Chalice's domain for a private API would fail in CloudFormation, so it is refused."""
        with pytest.raises(WrongUse, match=r"'PRIVATE'; it must be REGIONAL or EDGE"):
            template(
                api_gateway_custom_domain=CUSTOM_DOMAIN,
                api_gateway_endpoint_type="PRIVATE",
                api_gateway_endpoint_vpce="vpce-0a",
            )

    def test_none(self, template):
        """Without the key there is no domain, and no output of one."""
        made = template()

        assert not {DOMAIN, MAPPING} & made["Resources"].keys()
        assert not [name for name in made["Outputs"] if "Domain" in name]


@pytest.mark.parametrize("named", ["vpce-0a", ["vpce-0a", "vpce-0b"]])
def test_private_api(template, named):
    """A private API has its VPC endpoints, and its policy lets in nobody else."""
    made = template(api_gateway_endpoint_type="PRIVATE", api_gateway_endpoint_vpce=named)

    api = properties(made, "RestAPI")
    assert api["EndpointConfiguration"] == {
        "Types": ["PRIVATE"],
        "VpcEndpointIds": [named] if isinstance(named, str) else named,
    }
    (statement,) = api["Body"]["x-amazon-apigateway-policy"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceVpce": named}}


def test_policy_file(tmp_path):
    """`api_gateway_policy_file` is the resource policy of the API."""
    project = Project(tmp_path, {"api_gateway_policy_file": "api.json"})
    policy = {"Version": "2012-10-17", "Statement": [OPEN]}
    (tmp_path / ".chalice/api.json").write_text(json.dumps(policy))

    api = properties(project.cloudformation(), "RestAPI")

    assert api["Body"]["x-amazon-apigateway-policy"] == policy


def test_api(template):
    """`api_gateway_stage` and `minimum_compression_size`; `xray` also traces API Gateway's part."""
    made = template(api_gateway_stage="v2", minimum_compression_size=2048, xray=True)

    assert properties(made, "RestAPI")["MinimumCompressionSize"] == 2048
    _, stage = stage_of(made)
    assert (stage["StageName"], stage["TracingEnabled"]) == ("v2", True)
    assert {"MethodSettings", "AccessLogSetting"} <= stage.keys()
    assert "/v2/" in made["Outputs"]["EndpointURL"]["Value"]["Fn::Sub"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(
            {"subnet_ids": ["subnet-0a"], "security_group_ids": ["sg-0a"]},
            {"VpcConfig": {"SubnetIds": ["subnet-0a"], "SecurityGroupIds": ["sg-0a"]}},
            id="vpc",
        ),
        pytest.param({"xray": True}, {"TracingConfig": {"Mode": "Active"}}, id="xray"),
        pytest.param({"layers": [LAYER]}, {"Layers": [LAYER]}, id="layers"),
        pytest.param(
            {"reserved_concurrency": 7}, {"ReservedConcurrentExecutions": 7}, id="concurrency"
        ),
    ],
)
def test_both_functions(template, keys, expected):
    """A key of the stage is for both functions."""
    made = template(**keys)

    for function in FUNCTIONS:
        assert properties(made, function).items() >= expected.items()


@pytest.mark.parametrize("function", ["api_handler", "authorize"])
@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("lambda_memory_size", 1769, "MemorySize"),
        ("lambda_timeout", 17, "Timeout"),
        ("reserved_concurrency", 5, "ReservedConcurrentExecutions"),
    ],
)
def test_one_function(template, function, key, value, name):
    """A key in `lambda_functions` is for this function alone."""
    made = template(lambda_functions={function: {key: value}})

    changed, other = FUNCTIONS if function == "api_handler" else reversed(FUNCTIONS)
    assert properties(made, changed)[name] == value
    assert properties(made, other).get(name) != value


def test_tags(template):
    """`tags` are on both functions."""
    made = template(tags={"team": "ml"})

    for function in FUNCTIONS:
        assert {"Key": "team", "Value": "ml"} in properties(made, function)["Tags"]


def test_automatic_layer(template):
    """With `automatic_layer` both functions have the layer, before the layers of the stage."""
    made = template(automatic_layer=True, layers=[LAYER])

    for function in FUNCTIONS:
        managed, own = properties(made, function)["Layers"]
        assert made["Resources"][managed["Ref"]]["Type"] == "AWS::Lambda::LayerVersion"
        assert own == LAYER


def test_environment(template):
    """Gateway responses have the CORS headers of the handler's environment, and of no other."""
    origin = "https://shop.example.com"
    own = {"environment_variables": {"GATEWAY_CORS_ORIGIN": origin}}

    made = template(lambda_functions={"api_handler": own})

    variables = properties(made, "APIHandler")["Environment"]["Variables"]
    assert variables["GATEWAY_CORS_ORIGIN"] == origin
    responses = properties(made, "RestAPI")["Body"]["x-amazon-apigateway-gateway-responses"]
    for response in responses.values():
        sent = response["responseParameters"]
        assert sent["gatewayresponse.header.Access-Control-Allow-Origin"] == f"'{origin}'"


def test_log_retention(template):
    """`log_retention_in_days` changes nothing: the parameter of the stack decides."""
    made = template(log_retention_in_days=5)

    for name in ("ApiHandlerLogGroup", "AuthorizeLogGroup"):
        assert properties(made, name)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        ("https://a.example,https://b.example", ConfigurationError, "GATEWAY_CORS_ORIGIN is 'http"),
        (["https://a.example"], WrongUse, "GATEWAY_CORS_ORIGIN of stage dev in .chalice/config"),
        (True, WrongUse, "GATEWAY_CORS_ORIGIN of stage dev in .chalice/config"),
    ],
)
def test_bad_environment(template, value, error, sentence):
    """A value that the gateway would refuse makes no template."""
    with pytest.raises(error, match=f"^{re.escape(sentence)}"):
        template(environment_variables={"GATEWAY_CORS_ORIGIN": value})


class TestMonitoring:
    """The names in alarms, dashboard and saved queries, for stages that differ."""

    @pytest.fixture(name="stack")
    def _stack(self, tmp_path):
        """Return a function that deploys the stage `dev` with these keys and parameters."""

        def stack(parameters=SETTINGS, **keys):
            return Monitored(Project(tmp_path, keys).sam(), parameters)

        return stack

    def test_services(self, stack):
        """A metric has the service of the function that writes it."""
        own = {"environment_variables": {"POWERTOOLS_SERVICE_NAME": "doors"}}
        made = stack(
            environment_variables={"POWERTOOLS_SERVICE_NAME": "models"},
            lambda_functions={"authorize": own},
        )

        services = {
            (series.name, service)
            for alarm in made.of("AWS::CloudWatch::Alarm").values()
            for series, _ in series_of_alarm(alarm)
            for name, service in series.dimensions
            if name == "service"
        }
        assert {("KeyStoreAgeSeconds", "doors"), ("Invocations", "models")} <= services
        for widget in made.dashboard:
            for series in series_of_widget(widget):
                if series.namespace == "InferenceGateway":
                    of_keys = series.name.startswith("KeyStore")
                    assert series.dimensions[0] == ("service", "doors" if of_keys else "models")

    def test_no_service(self, stack):
        """Without POWERTOOLS_SERVICE_NAME the service is the one that the gateway writes then."""
        made = stack(environment_variables={})

        alarm = made.of("AWS::CloudWatch::Alarm")["UnauthorizedAlarm"]
        assert alarm["Dimensions"] == [{"Name": "service", "Value": LOCAL_SERVICE}]

    @pytest.mark.parametrize(
        "keys",
        [
            {},
            {"api_gateway_custom_domain": CUSTOM_DOMAIN},
            {"api_gateway_endpoint_type": "PRIVATE", "api_gateway_endpoint_vpce": "vpce-0a"},
            {"api_gateway_stage": "v2"},
        ],
        ids=["plain", "domain", "private", "stage"],
    )
    def test_api(self, stack, keys):
        """The metrics of API Gateway are found by the name of the API, which is the stage's own."""
        made = stack(**keys)

        (api,) = made.of("AWS::Serverless::Api").values()
        alarm = made.of("AWS::CloudWatch::Alarm")["ApiGatewayErrorsAlarm"]
        (name,) = [
            series.dimensions
            for series, _ in series_of_alarm(alarm)
            if series.namespace == "AWS/ApiGateway"
        ]
        assert name == (("ApiName", api["DefinitionBody"]["info"]["title"]),)
        assert api["DefinitionBody"]["info"]["title"] == "inference-gateway-dev"

    def test_functions_of_another_name(self, tmp_path):
        """Another `app_name` is in all names."""
        made = Monitored(Project(tmp_path, {}, app_name="doorman").sam(), SETTINGS)

        (query, *_) = made.of("AWS::Logs::QueryDefinition").values()
        assert query["LogGroupNames"][:2] == [
            "/aws/lambda/doorman-dev",
            "/aws/lambda/doorman-dev-authorize",
        ]
        lambdas = {
            series.dimensions[0][1]
            for widget in made.dashboard
            for series in series_of_widget(widget)
            if series.namespace == "AWS/Lambda"
        }
        assert lambdas == {"doorman-dev", "doorman-dev-authorize"}

    def test_saved_queries(self, stack):
        """The queries are in the stack's folder, and search the access log if there is one."""
        with_log = stack().of("AWS::Logs::QueryDefinition")
        without = stack({"AccessLogs": "off"}).of("AWS::Logs::QueryDefinition")

        of_all_stages = queries().keys() - JOB_QUERIES
        assert {one["Name"] for one in with_log.values()} == {
            f"{STACK}/{one}" for one in of_all_stages
        }
        assert {one["LogGroupNames"][-1] for one in with_log.values()} == {"AccessLogGroup"}
        assert {len(one["LogGroupNames"]) for one in without.values()} == {2}

    def test_switches(self, stack):
        """Alarms are off and the dashboard is on by default; without a topic nobody is told."""
        default, quiet = stack({}), stack({"Alarms": "on", "Dashboard": "off"})

        assert default.of("AWS::CloudWatch::Alarm") == default.of("AWS::Logs::MetricFilter") == {}
        assert [one["type"] for one in default.dashboard if one["y"] == 0] == ["text"]
        assert quiet.of("AWS::CloudWatch::Dashboard") == {}
        for alarm in quiet.of("AWS::CloudWatch::Alarm").values():
            assert not {"AlarmActions", "OKActions"} & alarm.keys()

    def test_widgets_do_not_overlap(self, stack):
        """Each widget has its own place, and a row has at most 24 columns."""
        for off in ({}, {"environment_variables": {"GATEWAY_METRICS_PER_MODEL": "off"}}):
            taken = [
                (column, row)
                for one in stack(**off).dashboard
                for column in range(one["x"], one["x"] + one["width"])
                for row in range(one["y"], one["y"] + one["height"])
            ]
            assert len(taken) == len(set(taken))
            assert max(column for column, _ in taken) == 23
