"""`gatewayctl explain`: what the gateway does with one path, and why."""

import json
import re
from functools import partial

import pytest

from chalicelib.api.wire import LAMBDA_MARGIN_SECONDS
from chalicelib.gateway import RESPONSE_SECONDS
from chalicelib.routing.reading.document import parse
from gatewayctl.command import Dependencies
from tests.support.command_line import gatewayctl
from tests.support.key_desk import HOUR, Desk

TABLE = """\
version: 1
models:
  churn:
    kind: single
    endpoint: Churn-Prod
    max_attempts: 1
  house-price/{city}:
    kind: mme
    endpoint: housing
    target_model: "{city}/v3.tar.gz"
    content_types: [application/json, text/csv]
    cold_start: wait
    pass_headers: [inference-id]
    return_headers: [session-id]
    parameters:
      city: {one_of: [houston, austin]}
  house-price/{city}/{street}:
    kind: mme
    endpoint: housing
    target_model: "{city}/{street}-v3.tar.gz"
    parameters:
      city: {one_of: [houston, austin]}
      street: {pattern: "[a-z]{2,20}"}
  sentiment:
    kind: mce
    endpoint: nlp
    target_container_hostname: sentiment
  summary:
    kind: component
    endpoint: shared
    inference_component: summary-v2
"""
about = partial(pytest.approx, abs=0.1)
DIGEST = parse(TABLE.encode(), "").digest


def lines(outcome):
    return [line.strip() for line in outcome.out.splitlines()]


def no_aws(service):
    raise AssertionError(f"{service} is not to be called")


@pytest.fixture(name="explain")
def _explain(tmp_path):
    """Runs the command on a table; it must not call AWS."""

    def explain(*arguments, dependencies=None):
        table = tmp_path / "table.yaml"
        if not table.exists():
            table.write_text(TABLE)
        dependencies = dependencies or Dependencies(no_aws)
        outcome = gatewayctl(
            "explain", *arguments, f"--table={table}", project=tmp_path, dependencies=dependencies
        )
        # On a busy machine, the dry run itself takes some of the time until the deadline.
        text = re.sub(r"24\.8\d? s for", "24.9 s for", outcome.out)
        return outcome._replace(out=text.replace(f"{table}", "table.yaml"))

    return explain


@pytest.fixture(name="data")
def _data(explain):
    def data(*arguments, **known):
        return json.loads(explain(*arguments, "--format", "json", **known).out)

    return data


class TestText:
    """The text."""

    def test_everything(self, explain):
        """The sections are in the order in which the gateway decides."""
        outcome = explain("house-price/houston", "--grants", "churn house-price/*")

        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out == (
            "POST /predict/house-price/houston\n"
            "  answer        the model's own\n"
            "  entry         house-price/{city}, table.yaml:7, kind mme\n"
            "  parameters    city = houston\n"
            "  grant         house-price/* of --grants\n"
            "  accept        no header is sent; the model can answer application/json, text/csv; "
            "SageMaker gets no Accept\n"
            "  content type  application/json is assumed, as no --content-type is given; "
            "the model takes application/json, text/csv\n"
            "  headers       to the model: X-Amzn-SageMaker-Inference-Id\n"
            "                to the caller: X-Amzn-SageMaker-New-Session-Id, "
            "X-Amzn-SageMaker-Closed-Session-Id\n"
            "  call          InvokeEndpoint(EndpointName='housing', "
            "TargetModel='houston/v3.tar.gz', ContentType='application/json', Body=…)\n"
            "  deadline      24.9 s for the call, from the shortest of: "
            "timeout_seconds 25 s, API Gateway 28 s, "
            f"Lambda {60 - LAMBDA_MARGIN_SECONDS:g} s\n"
            "  attempts      at most 2, while there is time and the retry budget is not spent\n"
            "                another one about 0.5 s after upstream-throttled\n"
            "                another one about 0.1 s after upstream-error\n"
            "                another one about 0.1 s after upstream-unreachable\n"
            "  cold start    wait: tried again until the deadline, then 503 model-not-ready\n"
            "  permission    sagemaker:InvokeEndpoint on endpoint/housing\n"
            "                if sagemaker:TargetModel is houston/v3.tar.gz\n"
            f"  table         table.yaml, 5 models, {DIGEST[:12]} in GET /health\n"
        )

    def test_as_it_is_called(self, explain):
        """The path may begin with /predict/."""
        assert explain("/predict/churn") == explain("churn")

    def test_broken_table(self, explain, tmp_path):
        """The problems of an invalid table are reported."""
        (tmp_path / "table.yaml").write_text("version: 1\nmodels: {a: {kind: single}}\n")

        assert explain("a") == (
            1,
            "table.yaml:2: models.a.endpoint: missing; kind single needs it\n",
            "",
        )


class TestUnknown:
    """A path that no entry has."""

    @pytest.mark.parametrize(
        ("path", "more"),
        [
            ("chrun", ["no entry of the table has this path", "did you mean churn?"]),
            ("house-prise/houston", [..., "did you mean house-price/houston?"]),
            ("sumary/x", [..., "did you mean summary/x?"]),
            ("zebra", [...]),
            (
                "house-price",
                [
                    "the table has house-price/{city} and house-price/{city}/{street}: count the "
                    "segments"
                ],
            ),
            ("churn/", ["the table has churn: count the segments"]),
            ("", [...]),
        ],
    )
    def test_unknown(self, explain, path, more):
        """The first line is the caller's problem; the next ones are for the operator."""
        outcome = explain(path, "--grants", "*")
        _, answer, *reasons, table = lines(outcome)

        assert outcome.code == 1
        assert answer.startswith(f"answer        404 unknown-model: No model named '{path}'; ")
        assert [
            ... if other is ... else line for line, other in zip(reasons, more, strict=True)
        ] == more
        assert table.startswith("table ")

    def test_json(self, data):
        """As data, the reason and the suggestion are members of their own."""
        assert data("chrun")["refusal"] == {
            "status": 404,
            "slug": "unknown-model",
            "detail": "No model named 'chrun'; GET /models lists the ones you may call.",
            "reason": "no entry of the table has this path",
            "did_you_mean": "churn",
        }


class TestGrants:
    """The grants of a caller."""

    @pytest.mark.parametrize(
        ("grants", "deciding"),
        [
            ("house-price/houston", ["house-price/houston"]),
            ("* house-price/* house-price/houston", ["*", "house-price/*", "house-price/houston"]),
            ("churn house-price/austin */houston", ["*/houston"]),
            ("house-price house-price/*/*", []),
            ("", []),
        ],
    )
    def test_deciding(self, data, grants, deciding):
        """Each grant that is enough is named."""
        explained = data("house-price/houston", "--grants", grants)

        assert explained["grant"]["grants"] == grants.split()
        assert explained["grant"]["deciding"] == deciding
        assert (explained["refusal"] is None) == bool(deciding)

    def test_none(self, explain):
        """A caller without a grant gets 404; the operator gets the reason."""
        outcome = explain("churn", "--grants", "summary sentiment")

        assert outcome.code == 1
        assert lines(outcome)[1:5] == [
            "answer        404 unknown-model: No model named 'churn'; "
            "GET /models lists the ones you may call.",
            "the table has this path, but no grant of --grants covers it; "
            "the grants are: summary sentiment",
            "entry         churn, table.yaml:3, kind single",
            "grant         none of --grants",
        ]
        assert any(line.startswith("permission") for line in lines(outcome))

    def test_nobody_asks(self, data):
        """Without a caller there is no section about grants."""
        assert "grant" not in data("churn")

    def test_no_grant(self, explain):
        """An invalid grant is wrong use."""
        outcome = explain("churn", "--grants", "churn /predict/churn")

        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(
            "gatewayctl explain: --grants has '/predict/churn', which is no grant; a grant is "
        )

    def test_one_caller(self, explain):
        """A key and grants exclude each other."""
        assert explain("churn", "--as", "aaaaaaaa", "--grants", "*").code == 2


class TestAs:
    """The caller has an API key."""

    @pytest.fixture(name="desk")
    def _desk(self, sagemaker_local, tmp_path):
        client = sagemaker_local.client("secretsmanager")
        yield Desk(client, tmp_path)
        client.close()

    def ask(self, desk, data, path, key_id):
        services = []

        def connect(service):
            services.append(service)
            return desk.client

        dependencies = Dependencies(connect, lambda: desk.now)
        explained = data(path, "--as", key_id, "--secret", desk.secret, dependencies=dependencies)
        assert services == ["secretsmanager"]
        return explained

    def test_holder(self, desk, data):
        """The grants of the key decide."""
        key_id = desk.issue(grants="churn house-price/austin").key_id

        may = self.ask(desk, data, "churn", key_id)
        assert may["refusal"] is None
        assert may["grant"] == {
            "principal": "web-shop",
            "key_id": key_id,
            "grants": ["churn", "house-price/austin"],
            "deciding": ["churn"],
        }
        may_not = self.ask(desk, data, "house-price/houston", key_id)
        assert may_not["refusal"]["status"] == 404
        assert may_not["refusal"]["reason"] == (
            f"the table has this path, but no grant of key {key_id} of web-shop covers it; "
            "the grants are: churn house-price/austin"
        )

    def test_disabled(self, desk, data):
        """A disabled key gets 401, whatever its grants are."""
        key_id = desk.issue().key_id
        desk.run("disable", key_id)

        refusal = self.ask(desk, data, "churn", key_id)["refusal"]
        assert (refusal["status"], refusal["reason"]) == (401, "the key is disabled")

    def test_expired(self, desk, data):
        """A key gets 401 from the second on in which it expires."""
        key_id = desk.issue("--expires", "2030-03-17T18:46:40Z").key_id
        desk.now += HOUR - 1
        assert self.ask(desk, data, "churn", key_id)["refusal"] is None
        desk.now += 1

        refusal = self.ask(desk, data, "churn", key_id)["refusal"]
        assert (refusal["status"], refusal["reason"]) == (401, "the key is expired")

    def test_no_such_key(self, desk, explain):
        """A key that is not in the secret is refused."""
        desk.issue()
        dependencies = Dependencies(lambda _: desk.client, lambda: desk.now)
        outcome = explain(
            "churn", "--as", "zzzzzzzz", "--secret", desk.secret, dependencies=dependencies
        )

        assert (outcome.code, outcome.out) == (1, "")
        assert "zzzzzzzz" in outcome.err


class TestRequest:
    """The headers of a request."""

    def test_accept(self, data):
        """The section has the header, the offers of the model, and what SageMaker gets."""
        assert data("house-price/austin", "--accept", "text/*, */*;q=0.1")["accept"] == {
            "sent": "text/*, */*;q=0.1",
            "chosen": "text/csv",
            "offers": ["application/json", "text/csv"],
        }

    @pytest.mark.parametrize(
        ("option", "value", "status"),
        [
            ("--accept", "image/png", 406),
            ("--content-type", "image/png", 415),
            ("--timeout-ms", "0", 400),
        ],
    )
    def test_refused(self, data, option, value, status):
        """A refused request has no call, no deadline and no permission."""
        explained = data("churn", option, value)

        assert explained["refusal"]["status"] == status
        assert explained["refusal"]["reason"] is None
        assert not explained.keys() & {"call", "deadline", "permission"}

    def test_value_that_was_misspelt(self, data):
        """A misspelt value has a suggestion."""
        refusal = data("house-price/huston/main")["refusal"]

        assert (refusal["status"], refusal["did_you_mean"]) == (400, "house-price/houston/main")
        assert data("house-price/houston/A")["refusal"]["did_you_mean"] is None


class TestDeadline:
    """The deadline, the attempts and cold starts."""

    def test_caller(self, data):
        """A caller can only shorten the deadline."""
        hasty = data("churn", "--timeout-ms", "1500")["deadline"]

        assert hasty["seconds"] == about(1.5 - RESPONSE_SECONDS)
        assert hasty["budgets"]["X-Request-Timeout-Ms"] == 1.5
        patient = data("churn", "--timeout-ms", "90000")["deadline"]
        assert patient["seconds"] == about(25 - RESPONSE_SECONDS)

    @pytest.mark.parametrize(
        ("config", "seconds"),
        [
            ({"lambda_timeout": 29}, 29),
            ({"lambda_timeout": 29, "stages": {"dev": {"lambda_timeout": 10}}}, 10),
            (
                {"stages": {"dev": {"lambda_functions": {"api_handler": {"lambda_timeout": 5}}}}},
                5,
            ),
            (
                {"stages": {"dev": {"lambda_functions": {"authorize": {"lambda_timeout": 5}}}}},
                60,
            ),
        ],
    )
    def test_lambda(self, data, tmp_path, config, seconds):
        """Lambda's limit is the timeout of the stage's handler."""
        (tmp_path / ".chalice").mkdir()
        (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
        deadline = data("churn")["deadline"]

        assert deadline["budgets"]["Lambda"] == seconds - LAMBDA_MARGIN_SECONDS
        shortest = min(seconds - LAMBDA_MARGIN_SECONDS, 25 - RESPONSE_SECONDS)
        assert deadline["seconds"] == about(shortest)

    @pytest.mark.parametrize("text", ["{", "[]", '{"lambda_timeout": "long"}'])
    def test_broken_config(self, explain, tmp_path, text):
        """A config.json that cannot be read is wrong use."""
        (tmp_path / ".chalice").mkdir()
        (tmp_path / ".chalice" / "config.json").write_text(text)
        outcome = explain("churn")

        assert outcome.code == 2
        assert outcome.err.startswith("gatewayctl explain: .chalice/config.json cannot be read (")

    def test_attempts(self, data):
        """A model with one attempt is never tried again."""
        assert data("churn")["attempts"] == {"most": 1, "again_after": {}}
        assert data("sentiment")["attempts"] == {
            "most": 2,
            "again_after": {
                "upstream-throttled": 0.5,
                "upstream-error": 0.1,
                "upstream-unreachable": 0.1,
            },
        }

    def test_cold_start(self, explain, data):
        """`cold_start` decides whether a cold artifact is tried again."""
        assert data("house-price/austin")["cold_start"]["asks_again"] is True
        assert data("churn")["cold_start"]["asks_again"] is False
        assert (
            "cold start    refuse: 503 model-not-ready if SageMaker says that the artifact is "
            "loading, or does not answer and the artifact has not answered for 300 s"
        ) in lines(explain("house-price/austin/main"))


class TestPermission:
    """The permission of a call."""

    @pytest.mark.parametrize(
        ("path", "resources", "condition"),
        [
            ("churn", ["endpoint/churn-prod"], None),
            (
                "house-price/austin",
                ["endpoint/housing"],
                {"sagemaker:TargetModel": "austin/v3.tar.gz"},
            ),
            (
                "sentiment",
                ["endpoint/nlp"],
                {"sagemaker:TargetContainerHostname": "sentiment"},
            ),
            ("summary", ["endpoint/shared", "inference-component/summary-v2"], None),
        ],
    )
    def test_permission(self, data, path, resources, condition):
        """A call needs one action on its resources, under the condition of its argument."""
        assert data(path)["permission"] == {
            "action": "sagemaker:InvokeEndpoint",
            "resources": resources,
            "condition": condition,
            "role_arn": None,
        }


ROLE = "arn:aws:iam::222233334444:role/inference-gateway"
SEVERAL = f"""\
version: 1
models:
  churn/{{city}}:
    kind: mme
    endpoint: tabular
    targets:
      v7: {{target_model: "{{city}}-v7.tar.gz", weight: 95}}
      v8: {{target_model: "{{city}}-v8.tar.gz", weight: 5, region: eu-west-1, role_arn: "{ROLE}"}}
    parameters:
      city: {{one_of: [houston]}}
    sticky: STICKY
    fallback: [v7]
  alone: {{kind: single, endpoint: e, region: eu-west-1}}
"""
# By chalicelib.routing.choice, whose vectors are pinned in tests/unit/test_choice.py.
KEPT = {"customer-1": "v7", "customer-12": "v8"}


class TestTargets:
    """An entry with several targets."""

    @pytest.fixture(name="explain_kept_by")
    def _explain_kept_by(self, explain, tmp_path):
        def run(sticky, *arguments, **known):
            (tmp_path / "table.yaml").write_text(SEVERAL.replace("STICKY", sticky))
            return explain("churn/houston", *arguments, **known)

        return run

    def test_text(self, explain_kept_by):
        """Shares, stickiness and fallbacks; without a key, the call is the heaviest target's."""
        for _ in range(10):
            text = explain_kept_by("routing-key").out

            assert (
                "  targets       v7: 95 %, mme, EndpointName='tabular', "
                "TargetModel='{city}-v7.tar.gz'\n"
                "                v8: 5 %, mme, EndpointName='tabular', "
                f"TargetModel='{{city}}-v8.tar.gz', in eu-west-1, by {ROLE}\n"
                "                a caller is kept at one target by X-Routing-Key\n"
                "                after a failure: v7\n"
            ) in text
            assert (
                "  call          InvokeEndpoint(EndpointName='tabular', "
                "TargetModel='houston-v7.tar.gz', ContentType='application/json', Body=…), of v7\n"
            ) in text
            assert "  cold start    if a fallback is warm, it answers after 2 s; else\n" in text

    def test_less_time_than_cold_seconds(self, explain_kept_by):
        """A warm fallback answers after half of the time of a caller who has little."""
        text = explain_kept_by("routing-key", "--timeout-ms", "2000").out

        assert "if a fallback is warm, it answers after 0.95 s; else\n" in text

    def test_share(self, explain, tmp_path):
        """A share has at most two decimals, as `gatewayctl shift` writes it."""
        text = SEVERAL.replace("weight: 95", "weight: 1000").replace("weight: 5,", "weight: 1,")
        (tmp_path / "table.yaml").write_text(text.replace("STICKY", "routing-key"))
        text = explain("churn/houston").out

        assert "v7: 99.9 %, mme" in text
        assert "v8: 0.1 %, mme" in text

    @pytest.mark.parametrize(("key", "target"), KEPT.items())
    @pytest.mark.parametrize("sticky", ["routing-key", "session-id", "principal"])
    def test_key(self, explain_kept_by, sticky, key, target):
        """A key has the target that the gateway chooses, whatever the key is."""
        text = explain_kept_by(sticky, "--routing-key", key).out

        assert f"; '{key}' gets {target}\n" in text
        assert f"TargetModel='houston-{target}.tar.gz', ContentType" in text

    def test_principal(self, explain_kept_by):
        """Grants are no principal: which target such a caller gets is not known."""
        outcome = explain_kept_by("principal", "--grants", "churn/*", "--format", "json")

        assert outcome.data["targets"]["chosen"] is None
        assert outcome.data["call"]["TargetModel"] == "houston-v7.tar.gz"

    def test_invalid_key(self, explain_kept_by):
        """A key that the gateway refuses is the answer."""
        outcome = explain_kept_by("routing-key", "--routing-key", "ü")

        assert outcome.code == 1
        assert "400 invalid-header" in outcome.out

    def test_permission(self, explain_kept_by):
        """With a role, the handler may assume the role, and the role makes the call."""
        text = explain_kept_by("routing-key", "--routing-key", "customer-12").out

        assert (
            f"  permission    sts:AssumeRole on {ROLE}, which needs:\n"
            "                sagemaker:InvokeEndpoint on endpoint/tabular\n"
            "                if sagemaker:TargetModel is houston-v8.tar.gz\n"
        ) in text

    def test_data(self, explain_kept_by):
        """The data has every target."""
        outcome = explain_kept_by("routing-key", "--routing-key", "customer-12", "--format", "json")
        targets = outcome.data["targets"]

        assert [(one["name"], one["share"]) for one in targets.pop("targets")] == [
            ("v7", 0.95),
            ("v8", 0.05),
        ]
        assert targets == {"sticky": "routing-key", "fallback": ["v7"], "chosen": "v8"}

    def test_an_only_one_elsewhere(self, explain, tmp_path):
        """An entry without `targets` has a line about its place alone."""
        (tmp_path / "table.yaml").write_text(SEVERAL.replace("STICKY", "principal"))

        assert "  targets       in eu-west-1\n" in explain("alone").out

    def test_not_sticky(self, explain):
        """A key for an entry that is not sticky has no effect, and that is said."""
        text = explain("churn", "--routing-key", "k").out

        assert "  targets       the entry is not sticky, so the routing key has no effect\n" in text

    def test_for_a_path(self, explain):
        """A key is for a path."""
        outcome = explain("--routing-key", "k", "--token", "-")

        assert outcome.code == 2
