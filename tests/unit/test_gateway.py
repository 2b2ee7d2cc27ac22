"""The gateway's errand, without HTTP: who may, which model, what it is asked."""

import pytest

from chalicelib.auth.principal import Principal
from chalicelib.aws.deadline import Deadline
from chalicelib.errors import InvalidParameter, UnknownModel
from chalicelib.gateway import Gateway
from chalicelib.payload.admission import ClientRequest
from chalicelib.telemetry.log import RequestRecord
from tests.support.gateway import FakeRuntime, table

CALL = ClientRequest({"content-type": "application/json"}, b"{}", 2)


class CountingSource:
    """Has the table, and counts how often it is asked for it."""

    def __init__(self):
        self.asked = 0
        self._table = table()

    def table(self):
        self.asked += 1
        return self._table


class Errand:
    """A gateway, and one caller with these grants."""

    def __init__(self, *grants):
        self.source = CountingSource()
        self.runtime = FakeRuntime()
        self.record = RequestRecord("id")
        context = {"outcome": "ok", "principal": "web-shop", "grants": " ".join(grants)}
        self._principal = Principal(context, now=0)
        self._gateway = Gateway(self.source, self.runtime)

    def run(self, path):
        return self._gateway.predict(
            self._principal, path, CALL, platform=Deadline.soonest([28.0]), record=self.record
        )


@pytest.mark.parametrize(
    ("grants", "path"),
    [
        pytest.param(["iris"], "iris", id="model"),
        pytest.param(["house-price/houston"], "house-price/houston", id="one-value"),
        pytest.param(["house-price/*"], "house-price/austin", id="any-value"),
        pytest.param(["*"], "translate/de/en", id="everything"),
    ],
)
def test_granted(grants, path):
    """Grant and target come from one snapshot of the table."""
    errand = Errand(*grants)

    model, response = errand.run(path)

    (call,) = errand.runtime.calls
    assert response.body == b"{}"
    assert model.target.endpoint == call.target["EndpointName"] == errand.record.endpoint
    assert errand.record.model == model.name
    assert errand.source.asked == 1


@pytest.mark.parametrize(
    ("grants", "path"),
    [
        pytest.param([], "iris", id="no-grant"),
        pytest.param(["wine"], "iris", id="another-model"),
        pytest.param(["house-price/houston"], "house-price/austin", id="another-value"),
        pytest.param(["house-price/houston"], "house-price/paris", id="before-parameters"),
        pytest.param(["house-price"], "house-price/houston", id="nothing-deeper"),
        pytest.param(["nothing"], "nothing", id="granted-and-not-there"),
    ],
)
def test_not_granted(grants, path):
    """Until a grant is found every refusal is the same, and the line names no model."""
    errand = Errand(*grants)

    with pytest.raises(UnknownModel) as refused:
        errand.run(path)

    assert refused.value.detail == UnknownModel(path).detail
    assert errand.runtime.calls == []
    assert (errand.record.model, errand.record.endpoint) == (None, None)
    assert errand.record.table == table().digest


def test_parameters_come_after_the_grant():
    """Who may call the model is told what is wrong, and the line says of which model."""
    errand = Errand("house-price/*")

    with pytest.raises(InvalidParameter):
        errand.run("house-price/paris")

    assert (errand.record.model, errand.record.target) == ("house-price/{city}", None)
