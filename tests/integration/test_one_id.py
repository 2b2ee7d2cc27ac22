"""One id leads to every line of a request, and the log shows which answers took a load.

The simulator of API Gateway, real API keys, the gateway's own client, the local SageMaker, and
`tests/containers/container.py` as the container.
"""

import pytest

from chalicelib.auth.api_keys import ApiKeys
from chalicelib.auth.key_document import parse
from chalicelib.aws.refreshed import Refreshed
from chalicelib.sagemaker.attempts import LOAD_SECONDS
from tests.api_gateway.simulator import SimulatorClient
from tests.containers.account import artifacts, image
from tests.containers.container import failing
from tests.support.emf import read
from tests.support.gateway import FixedTable, build_gateway, runtime_at, table
from tests.support.key_documents import api_key, document, entry
from tests.support.stand_in import wait_until

INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
KEYS = document(abcd1234=entry(grants=["plain", "passing", "cold"]))


@pytest.fixture(name="build")
def _build(account, sagemaker_local):
    def build(definition, **options):
        endpoint = account.deploy(definition)
        entries = {
            "plain": f"kind: single, endpoint: {endpoint}, max_attempts: 1",
            "passing": f"kind: single, endpoint: {endpoint}, pass_headers: [inference-id]",
            "cold": f"kind: mme, endpoint: {endpoint}, target_model: a.tar.gz",
            "others": f"kind: single, endpoint: {endpoint}",
        }
        entries["cold"] += "".join(f", {name}: {value}" for name, value in options.items())
        models = "".join(f"  {name}: {{{row}}}\n" for name, row in entries.items())
        keys = Refreshed(lambda: parse(KEYS.encode()), max_age_seconds=60, cooldown_seconds=10)
        return build_gateway(
            SimulatorClient,
            source=FixedTable(table(f"version: 1\nmodels:\n{models}")),
            runtime=runtime_at(sagemaker_local.url),
            scheme=ApiKeys(keys),
        )

    return build


def bearer(key):
    return {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}


def test_from_one_id_to_every_line(build, container):
    """From the caller's id to the gateway's line, the authorizer's, and the container's."""
    gateway = build(image(container))
    answers = [gateway.post("/predict/plain", b"{}", bearer(api_key())) for _ in range(2)]
    container.answer = failing(500)
    answers.append(gateway.post("/predict/plain", b"{}", bearer(api_key())))

    (checked,) = gateway.log.credentials  # API Gateway keeps the decision
    assert [answer.status for answer in answers] == [200, 200, 502]
    for answer, received in zip(answers, container.invocations, strict=True):
        by_id = {line["request_id"]: line for line in gateway.log.requests}
        line = by_id[answer.headers["x-request-id"]]
        assert line["credential_request_id"] == checked["request_id"]
        assert (line["key_id"], checked["key_id"]) == ("abcd1234", "abcd1234")
        assert received.headers[INFERENCE_ID] == line["request_id"]
        assert line["upstream_request_id"]
    assert (line["upstream_code"], line["original_status"]) == ("ModelError", 500)
    assert answers[-1].json()["instance"] == line["request_id"]


def test_refused_key(build, container):
    """A 401 leads to the authorizer's line, which has the key whose secret is wrong."""
    gateway = build(image(container))
    refused = gateway.post("/predict/plain", b"{}", bearer(api_key(secret="x" * 43)))

    (line,), (checked,) = gateway.log.requests, gateway.log.credentials
    assert (refused.status, line["request_id"]) == (401, refused.json()["instance"])
    assert line["credential_request_id"] == checked["request_id"]
    assert (checked["reason"], checked["key_id"]) == ("wrong-secret", "abcd1234")


def test_model_without_a_grant(build, container):
    """A 404 leads to the reason, to the path, and to the key and its number of grants."""
    gateway = build(image(container))
    for path, reason in (("others", "not-granted"), ("misspelt", "no-such-model")):
        answer = gateway.post(f"/predict/{path}", b"{}", bearer(api_key()))

        line = gateway.log.requests[-1]
        assert (answer.status, line["request_id"]) == (404, answer.json()["instance"])
        assert (line["reason"], line["path"]) == (reason, f"/api/predict/{path}")
        assert line["credential_request_id"] == gateway.log.credentials[0]["request_id"]
    assert gateway.log.credentials[0]["grants"] == 3


@pytest.mark.parametrize(("model", "passes"), [("passing", True), ("plain", False)])
def test_inference_id_of_the_caller(build, container, model, passes):
    """The caller's own InferenceId reaches the container where the entry passes it on."""
    gateway = build(image(container))
    headers = {**bearer(api_key()), INFERENCE_ID: "order-4711"}
    answer = gateway.post(f"/predict/{model}", b"{}", headers)

    sent = container.invocations[-1].headers[INFERENCE_ID]
    assert sent == ("order-4711" if passes else answer.headers["x-request-id"])


class TestLoads:
    """Real loads of a multi-model container."""

    def call(self, gateway):
        status = gateway.post("/predict/cold", b"{}", bearer(api_key())).status
        return status, gateway.log.requests[-1].get("artifact")

    def test_within_the_call(self, build, account, container, capfd):
        """The call that waits for the load took it, and no other one did."""
        container.load_seconds = 2 * LOAD_SECONDS
        gateway = build(account.multi_model(container, artifacts("a.tar.gz")))

        assert [self.call(gateway) for _ in range(3)] == [(200, "loaded"), *[(200, None)] * 2]
        assert container.load_counts.total() == 1
        counted = [blob.values for blob in read(capfd.readouterr().out)]
        assert [values.get("ColdLoads") for values in counted] == [1, None, None]
        assert counted[0]["ColdLoadLatency"] >= counted[0]["ModelLatency"]

    def test_longer_than_the_request(self, build, account, container):
        """Requests that end before the load are cold, and the first answer after it is loaded."""
        container.load_gate.clear()
        definition = account.multi_model(container, artifacts("a.tar.gz"))
        gateway = build(definition, timeout_seconds=0.5, cold_start="refuse")

        assert [self.call(gateway) for _ in range(2)] == [(503, "cold")] * 2
        container.load_gate.set()
        wait_until(lambda: container.load_counts.total() == 1)

        assert [self.call(gateway) for _ in range(2)] == [(200, "loaded"), (200, None)]
