"""Pages of the AWS Price List API as they are recorded, for botocore's Stubber."""

import json

import boto3
from botocore.stub import Stubber

from gatewayctl.account.calls import Pace
from gatewayctl.costs.price_list import DATA, HOSTING, SERVERLESS, PriceList

SESSION = boto3.Session("test", "test", region_name="us-east-1")


def product(attributes, *tiers, unit="Hrs", currency="USD"):
    """Return an item of PriceList, which is JSON in a text, with the tiers of its price."""
    sku = "QWSVE9ZGCQBHWKVB"
    term = f"{sku}.JRTCKXETXF"
    dimensions = {
        f"{term}.6YS6EN2CT{number}": {
            "unit": unit,
            "endRange": "Inf",
            "beginRange": "0",
            "description": f"${price} per unit",
            "appliesTo": [],
            "rateCode": f"{term}.6YS6EN2CT{number}",
            "pricePerUnit": {currency: price},
        }
        for number, price in enumerate(tiers)
    }
    return json.dumps(
        {
            "product": {
                "productFamily": "ML Instance",
                "attributes": {"regionCode": "eu-north-1", **attributes},
                "sku": sku,
            },
            "serviceCode": "AmazonSageMaker",
            "terms": {
                "OnDemand": {
                    term: {
                        "priceDimensions": dimensions,
                        "sku": sku,
                        "effectiveDate": "2026-05-01T00:00:00Z",
                        "offerTermCode": "JRTCKXETXF",
                        "termAttributes": {},
                    }
                }
            },
            "version": "20260502091530",
            "publicationDate": "2026-05-02T09:15:30Z",
        }
    )


def instance(name, price, vcpu="2", memory="4 GiB", gpu="N/A", **members):
    attributes = {
        "instanceName": name,
        "instanceType": f"{name}-Hosting",
        "component": "Hosting",
        "vCpu": vcpu,
        "memory": memory,
        "gpu": gpu,
    }
    return product({**attributes, **members}, price)


def usagetype(name, *tiers, unit="seconds"):
    return product({"usagetype": f"EUN1-{name}"}, *tiers, unit=unit)


HOSTING_PAGES = [
    [instance("ml.c5.large", "0.1020000000"), product({"component": "Hosting"}, "0.5000000000")],
    [instance("ml.g4dn.xlarge", "0.7360000000", "4", "16 GiB", "1"), json.dumps({"terms": {}})],
]
SERVERLESS_PAGES = [
    [
        usagetype("ServerlessInf:Mem-1GB", "0.0000000000", "0.0000200000"),
        usagetype("ServerlessInf:Mem-2GB", "0.0000400000"),
        usagetype("ServerlessInf-ProvisionedConcurrency:Mem-2GB", "0.0000100000"),
        usagetype("ServerlessInf-ProvisionedConcurrency:Usage-2GB", "0.0000300000"),
    ]
]
DATA_PAGES = [[usagetype("Host:Data-Bytes-In", "0.0160000000", unit="GB")]]


class PriceDesk:
    """A client whose responses are given beforehand."""

    def __init__(self, region="eu-north-1"):
        self.client = SESSION.client("pricing")
        self.stubber = Stubber(self.client)
        self.stubber.activate()
        self.region, self.said = region, []
        pace = Pace(5, clock=lambda: 0.0, sleep=lambda seconds: None)
        self.list = PriceList(self.client, region, self.said.append, pace)

    def expect(self, wanted, pages):
        """Expect the requests for all pages of the products with these attributes."""
        fields = {"regionCode": self.region, **wanted}
        request = {
            "ServiceCode": "AmazonSageMaker",
            "Filters": [
                {"Type": "TERM_MATCH", "Field": field, "Value": value}
                for field, value in fields.items()
            ],
            "FormatVersion": "aws_v1",
            "MaxResults": 100,
        }
        for number, page in enumerate(pages, 1):
            more = {"NextToken": f"page-{number}"} if number < len(pages) else {}
            response = {"FormatVersion": "aws_v1", "PriceList": page, **more}
            self.stubber.add_response("get_products", response, dict(request))
            request["NextToken"] = f"page-{number}"

    def expect_all(self):
        """Expect the requests for all prices."""
        self.expect(HOSTING, HOSTING_PAGES)
        self.expect(SERVERLESS, SERVERLESS_PAGES)
        self.expect(DATA, DATA_PAGES)

    def prices(self):
        found = self.list.prices("2026-05-04")
        self.stubber.assert_no_pending_responses()
        return found
