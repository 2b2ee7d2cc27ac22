"""Prices from pages of the Price List API as they are recorded, and prices in files."""

import json
from decimal import Decimal

import pytest

from gatewayctl.costs import prices as price_file
from gatewayctl.costs.figures import Origin
from gatewayctl.costs.price_list import HOSTING, SERVERLESS, api_region
from gatewayctl.costs.prices import InstancePrice
from gatewayctl.report import NotReachable, WrongUse
from tests.support.price_pages import HOSTING_PAGES, PriceDesk


@pytest.fixture(name="desk")
def _desk():
    desk = PriceDesk()
    desk.expect_all()
    return desk


def test_recorded(desk):
    """All pages are read; the free tier does not count, and what has no price is left out."""
    prices = desk.prices()
    assert prices.instances == {
        "ml.c5.large": InstancePrice(Decimal("0.102"), 2, Decimal(4), 0),
        "ml.g4dn.xlarge": InstancePrice(Decimal("0.736"), 4, Decimal(16), 1),
    }
    assert (prices.currency, prices.region, prices.date) == ("USD", "eu-north-1", "2026-05-02")
    assert prices.serverless.per_second == {1024: Decimal("0.00002"), 2048: Decimal("0.00004")}
    assert prices.serverless.per_gb_processed == Decimal("0.016")
    assert prices.serverless.provisioned_per_second == {2048: Decimal("0.00001")}
    assert prices.serverless.provisioned_use_per_second == {2048: Decimal("0.00003")}
    assert prices.per_hour("ml.c5.large").origin is Origin.AWS
    assert "4 prices of Hosting read" in desk.said


def test_file(desk, tmp_path):
    """A file holds the same prices."""
    prices = desk.prices()
    path = tmp_path / "prices.json"
    path.write_text(price_file.text(prices))
    assert price_file.read(path) == prices


def test_no_serverless():
    """A Region without serverless inference has prices of instances alone."""
    desk = PriceDesk()
    desk.expect(HOSTING, HOSTING_PAGES)
    desk.expect(SERVERLESS, [[]])
    assert desk.prices().serverless is None


def test_no_region():
    """A Region that the price list does not know is named."""
    desk = PriceDesk("eu-nowhere-1")
    desk.expect(HOSTING, [[]])
    with pytest.raises(WrongUse, match="'eu-nowhere-1'; name a Region with --region"):
        desk.prices()


@pytest.mark.parametrize(
    ("region", "where"), [("eu-north-1", "us-east-1"), ("cn-north-1", "cn-northwest-1")]
)
def test_api_region(region, where):
    """China has a price list of its own."""
    assert api_region(region) == where


def test_no_permission():
    """The permission that is missing is named."""
    desk = PriceDesk()
    desk.stubber.add_client_error("get_products", "AccessDeniedException", http_status_code=400)
    with pytest.raises(NotReachable, match="pricing:GetProducts"):
        desk.prices()


def test_throttled():
    """A page that the API throttles is asked for again."""
    desk = PriceDesk()
    desk.stubber.add_client_error("get_products", "ThrottlingException", http_status_code=400)
    desk.expect(HOSTING, HOSTING_PAGES)
    desk.expect(SERVERLESS, [[]])
    assert len(desk.prices().instances) == 2


def test_example():
    """The prices that come with the gateway are an example, and the article's."""
    prices = price_file.read(price_file.EXAMPLE)
    assert prices.is_example
    assert prices.per_hour("ml.c5.large").value == Decimal("0.102")
    assert prices.per_hour("ml.c5.large").origin is Origin.ASSUMED


GOOD = json.loads(price_file.EXAMPLE.read_text())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"version": 2}, "it has version '2', and 1 is expected", id="version"),
        pytest.param({"instances": []}, "Expected `object`, got `array`", id="instances"),
        pytest.param({"currency": None}, r"got `null` - at `\$.currency`", id="currency"),
        pytest.param({"instances": {"x": {"per_hour": "-1"}}}, "the number -1", id="negative"),
        pytest.param({"instances": {"x": {"per_hour": "1e7"}}}, "the number 1E.7", id="huge"),
        pytest.param({"instances": {"x": {"per_hour": "1e-99"}}}, "the number 1E-99", id="tiny"),
        pytest.param(
            {"instances": {"x": {"per_hour": "1", "vcpus": -1}}}, "the number -1", id="vcpus"
        ),
        pytest.param({"instances": {"x": {"per_hour": "NaN"}}}, "the number NaN", id="no-number"),
        pytest.param({"serverless": {"per_second": {"1 GB": "1"}}}, "per_second", id="size"),
    ],
)
def test_broken_file(tmp_path, change, why):
    """A file that is no price file is refused with the member and what is expected."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(WrongUse, match=why) as refused:
        price_file.read(path)
    assert "gatewayctl prices --out FILE writes one" in str(refused.value)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"version": 1}', "\udcff", "[" * 100_000])
def test_no_price_file(tmp_path, content):
    """Any other file is refused, too."""
    path = tmp_path / "prices.json"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(WrongUse, match="is no price file"):
        price_file.read(path)
    with pytest.raises(WrongUse, match="cannot be read"):
        price_file.read(tmp_path / "none.json")
