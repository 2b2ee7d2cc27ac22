"""Reads the prices of SageMaker's hosting from the AWS Price List API.

Of a price in tiers the highest one counts: the first tier of serverless inference is its free one.

Source: AWS Billing user guide, "Using the AWS Price List Query API"; the attributes are those of
the price list of AmazonSageMaker.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.errors import quoted
from gatewayctl.account.calls import CannotRead, Pace, ReadClient
from gatewayctl.costs.prices import MB_PER_GB, InstancePrice, Prices, ServerlessPrices
from gatewayctl.report import NotReachable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SERVICE = "pricing"
API_REGIONS = {"cn-": "cn-northwest-1", "": "us-east-1"}
"""A Region that has the API, for Regions whose names begin so; it knows the prices of all."""

SERVICE_CODE = "AmazonSageMaker"
PAGE = 100
CALLS_PER_SECOND = 5.0
CURRENCIES = ("USD", "CNY")

HOSTING = {"component": "Hosting"}
SERVERLESS = {"productFamily": "ML Serverless"}
DATA = {"operation": "Invoke-Endpoint"}

_NEXT = ("NextToken", "NextToken")
_SIZES = {
    "per_second": re.compile(r"ServerlessInf:Mem-(\d+)GB"),
    "provisioned_per_second": re.compile(r"ProvisionedConcurrency:Mem-(\d+)GB"),
    "provisioned_use_per_second": re.compile(r"ProvisionedConcurrency:Usage-(\d+)GB"),
}
_NUMBER = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")


def api_region(region: str) -> str:
    """Return the Region whose Price List API knows the prices of a Region."""
    return next(where for start, where in API_REGIONS.items() if region.startswith(start))


class Offer(NamedTuple):
    """A product of the price list, with its price on demand."""

    attributes: Mapping[str, str]
    currency: str
    price: Decimal
    published: str


class PriceList:
    """Reads the prices of one Region.

    Args:
        client: A boto3 client of the Price List API.
        progress: Is called with a line about the progress.
    """

    def __init__(
        self,
        client: Any,
        region: str,
        progress: Callable[[str], object] = lambda line: None,
        pace: Pace | None = None,
    ) -> None:
        self._client = ReadClient(SERVICE, client, pace or Pace(CALLS_PER_SECOND))
        self._region = region
        self._progress = progress

    def prices(self, today: str) -> Prices:
        """Return the prices.

        Args:
            today: The date, for a price list that does not say when it was published.

        Raises:
            NotReachable: The API does not answer, or a permission is missing.
            WrongUse: The price list has no such Region.
        """
        hosting = list(self._offers(HOSTING))
        instances = {
            offer.attributes["instanceName"]: _instance(offer)
            for offer in sorted(hosting, key=lambda one: one.price)
            if offer.attributes.get("instanceName", "").startswith("ml.")
        }
        if not instances:
            raise WrongUse(
                f"the price list has no instances for hosting in {quoted(self._region)}; name a "
                "Region with --region"
            )
        return Prices(
            currency=hosting[0].currency,
            region=self._region,
            date=max(one.published for one in hosting)[:10] or today,
            source="AWS Price List API",
            instances=instances,
            serverless=self._serverless(),
        )

    def _serverless(self) -> ServerlessPrices | None:
        sizes: defaultdict[str, dict[int, Decimal]] = defaultdict(dict)
        for offer in self._offers(SERVERLESS):
            for name, pattern in _SIZES.items():
                if found := pattern.search(offer.attributes.get("usagetype", "")):
                    sizes[name][int(found[1]) * MB_PER_GB] = offer.price
        if not sizes["per_second"]:
            return None
        data = [
            offer.price
            for offer in self._offers(DATA)
            if "Data-Bytes" in offer.attributes.get("usagetype", "")
        ]
        return ServerlessPrices(
            per_gb_processed=max(data, default=None), **{name: sizes[name] for name in _SIZES}
        )

    def _offers(self, wanted: Mapping[str, str]) -> Iterator[Offer]:
        fields = {"regionCode": self._region, **wanted}
        filters = [
            {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()
        ]
        pages = self._client.pages(
            f"price list of {SERVICE_CODE}",
            "get_products",
            _NEXT,
            ServiceCode=SERVICE_CODE,
            Filters=filters,
            FormatVersion="aws_v1",
            MaxResults=PAGE,
        )
        number = 0
        try:
            for page in pages:
                for text in page["PriceList"]:
                    number += 1
                    if (offer := _offer(json.loads(text))) is not None:
                        yield offer
                self._progress(f"{number:,} prices of {', '.join(wanted.values())} read")
        except CannotRead as error:
            raise NotReachable(str(error)) from error


def _offer(document: Mapping[str, Any]) -> Offer | None:
    """Return the price on demand of a product; None if there is none."""
    for term in document.get("terms", {}).get("OnDemand", {}).values():
        tiers = term.get("priceDimensions", {}).values()
        for currency in CURRENCIES:
            amounts = [_decimal(tier.get("pricePerUnit", {}).get(currency)) for tier in tiers]
            if prices := [amount for amount in amounts if amount]:
                return Offer(
                    document.get("product", {}).get("attributes", {}),
                    currency,
                    max(prices),
                    document.get("publicationDate", ""),
                )
    return None


def _decimal(text: str | None) -> Decimal | None:
    """Return a number without the zeros at its end, which the price list writes."""
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return Decimal(f"{number.normalize():f}")


def _instance(offer: Offer) -> InstancePrice:
    attributes = offer.attributes
    vcpus = _number(attributes.get("vCpu"))
    gpus = attributes.get("gpu") or attributes.get("physicalGpu")
    count = Decimal(0) if gpus in {"N/A", "NA"} else _number(gpus)
    return InstancePrice(
        offer.price,
        None if vcpus is None else int(vcpus),
        _number(attributes.get("memory")),
        None if count is None else int(count),
    )


def _number(text: str | None) -> Decimal | None:
    """Return the number at the start of a text such as `4 GiB`."""
    found = _NUMBER.match(text or "")
    return _decimal(found[0].replace(",", "")) if found else None
