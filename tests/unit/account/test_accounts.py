"""Targets of one name, in several Regions and accounts: validate --live, diff and prewarm."""

import pytest

from chalicelib.routing.targets import HERE, Place
from gatewayctl.account.accounts import Accounts, NotRead, own_only
from gatewayctl.account.covered import covered_by_patterns
from gatewayctl.account.findings import compared
from gatewayctl.commands.diff import unnamed_in
from gatewayctl.commands.prewarm_selection import PatternLister, select
from gatewayctl.report import RoleRefused
from gatewayctl.tables import parse
from tests.support.aws_account import REGION, AwsAccount, container

ROLE = "arn:aws:iam::222233334444:role/inference-gateway"
REFUSAL = f"{ROLE}: AWS STS answers AssumeRole with AccessDenied; check your IAM permission"
IRELAND, OTHER = Place("eu-west-1"), Place(role_arn=ROLE)
TABLE = f"""\
version: 1
models:
  churn:
    kind: mme
    endpoint: tabular
    targets:
      v7: {{target_model: churn-v7.tar.gz, weight: 95}}
      v8: {{target_model: churn-v8.tar.gz, weight: 5}}
      named: {{target_model: churn-v7.tar.gz, region: {REGION}}}
      ireland: {{kind: single, endpoint: backup, region: eu-west-1}}
      other: {{kind: single, endpoint: shared, role_arn: "{ROLE}"}}
    fallback: [v7, ireland, other]
"""


def tabular(*artifacts):
    """Return an account with a multi-model endpoint and these artifacts."""
    account = AwsAccount()
    account.buckets["models"] = [f"tabular/{name}.tar.gz" for name in artifacts]
    account.endpoint("tabular", account.model("m", container(prefix="s3://models/tabular/")))
    return account


def holding(*endpoints):
    """Return an account with these endpoints of one model."""
    account = AwsAccount()
    for endpoint in endpoints:
        account.endpoint(endpoint, account.model(endpoint, container()))
    return account


@pytest.fixture(name="places")
def _places():
    """An account for each place; the user's own credentials reach all of them."""
    own = tabular("churn-v7", "churn-v8")
    return {HERE: own, IRELAND: holding("backup"), OTHER: holding("shared")}


def accounts(places):
    def elsewhere(place):
        if place not in places:
            raise RoleRefused(REFUSAL)
        return places[place].reader()

    return Accounts(places[HERE].reader(), elsewhere)


def found(places, text=TABLE):
    result = compared(parse(text.encode(), "t.yaml"), accounts(places))
    return [*map(str, result.problems), *result.notes()]


class TestLive:
    """What `validate --live` says about targets."""

    def test_nothing(self, places):
        """Each target is looked up in its own place, and each place is asked for it once."""
        assert found(places) == []
        assert [len(places[place].calls) for place in (IRELAND, OTHER)] == [3, 3]

    def test_artifact(self, places):
        """A finding names the target."""
        places[HERE].buckets["models"] = ["tabular/churn-v7.tar.gz"]

        assert found(places) == [
            "t.yaml:8: models.churn.targets.v8.target_model: there is no artifact "
            "'churn-v8.tar.gz' under s3://models/tabular/; did you mean churn-v7.tar.gz?"
        ]

    def test_in_another_region(self, places):
        """An endpoint that is here and not in the target's Region is a finding."""
        places[HERE].endpoint("backup", "m")
        places[IRELAND] = holding()

        (finding,) = found(places)
        assert finding.startswith(
            "t.yaml:10: models.churn.targets.ireland.endpoint: there is no endpoint 'backup' in "
        )

    def test_beside_targets(self, places):
        """What stands beside the targets is one finding, where it stands."""
        places[HERE].endpoints.clear()

        (finding,) = found(places)
        assert finding.startswith("t.yaml:5: models.churn.endpoint: there is no endpoint 'tabular'")

    def test_refused_role(self, places):
        """A role that the user may not assume is a note."""
        del places[OTHER]

        assert found(places) == [f"not checked: churn (other): {REFUSAL}"]

    def test_role_without_permission(self, places):
        """The role of the gateway need not read, so that is a note too."""
        places[OTHER].denied.add("DescribeEndpoint")

        assert found(places) == [
            f"not checked: churn (other): {ROLE}: the endpoint shared cannot be read without the "
            "IAM permission sagemaker:DescribeEndpoint; until then it is not checked"
        ]

    def test_our_own_permission(self, places):
        """In another Region the permission is the user's own, and a lack of it is a finding."""
        places[IRELAND].denied.add("DescribeEndpoint")

        (finding,) = found(places)
        assert finding.startswith("t.yaml:10: models.churn.targets.ireland.endpoint: the endpoint")

    def test_parameter(self, places):
        """A value of a parameter belongs to the entry and is one finding, for whatever target."""
        text = """\
version: 1
models:
  churn/{city}:
    kind: mme
    endpoint: tabular
    targets:
      a: {target_model: "{city}-v7.tar.gz", weight: 1}
      b: {target_model: "{city}-v8.tar.gz"}
    parameters:
      city: {one_of: [churn, austin]}
"""
        assert [one.partition(": there is no artifact")[0] for one in found(places, text)] == [
            "t.yaml:10: models.churn/{city}.parameters.city.one_of[1]"
        ] * 2


class TestDiff:
    """What `diff` and `import --missing` count as named."""

    def test_named(self, places):
        """What any target names is named; another place's names are not this account's."""
        places[HERE].endpoint("shared", "m")
        table = parse(TABLE.encode(), "t.yaml")
        unnamed, unread = unnamed_in(table.table, places[HERE].reader())

        assert list(map(str, unnamed)) == ["endpoint shared"]
        assert unread == []

    def test_not_compared(self, places):
        """Targets elsewhere have a note."""
        own = places[HERE].reader()
        result = compared(parse(TABLE.encode(), "t.yaml"), own_only(own))

        assert list(result.problems) == []
        assert list(result.notes()) == [
            "not checked: churn (ireland), churn (other): in another Region or account, which only "
            "validate --live reads"
        ]

    def test_patterns(self, places):
        """Each target with a pattern covers artifacts of its own."""
        text = """\
version: 1
models:
  churn/{version}:
    kind: mme
    targets:
      a: {endpoint: tabular, target_model: "churn-{version}.tar.gz", weight: 1}
      b: {endpoint: tabular, target_model: "old/{version}.tar.gz"}
      c: {endpoint: tabular, target_model: "{version}.tar.gz", region: eu-west-1}
    parameters:
      version: {pattern: "v[0-9]"}
"""
        table = parse(text.encode(), "t.yaml").table

        assert [str(one) for one in covered_by_patterns(table, places[HERE].reader())] == [
            "churn/{version} (a): its pattern covers 2 artifacts of s3://models/tabular/",
            "churn/{version} (b): its pattern covers 0 artifacts of s3://models/tabular/",
        ]


class TestPrewarm:
    """Which targets `prewarm` calls."""

    def chosen(self, places, text, *names):
        lister = PatternLister(accounts(places), 200)
        table = parse(text.encode(), "t.yaml").table
        selection = select(table, names, "t.yaml", lister.calls)
        return [(one.title, one.place) for one in selection.candidates], list(selection.notes)

    def test_order(self, places):
        """All artifacts of all targets, the lightest first."""
        assert self.chosen(places, TABLE) == (
            [
                ("churn (named)", Place(REGION)),
                ("churn (v8)", HERE),
                ("churn (v7)", HERE),
            ],
            [],
        )

    def test_named(self, places):
        """A model that is named is called in all its places."""
        called, _ = self.chosen(places, TABLE, "churn")

        assert sorted(called) == sorted(
            [
                ("churn (ireland)", IRELAND),
                ("churn (named)", Place(REGION)),
                ("churn (other)", OTHER),
                ("churn (v7)", HERE),
                ("churn (v8)", HERE),
            ]
        )

    def test_patterns(self, places):
        """The artifacts of a pattern are listed in the target's own place, and by its role."""
        places[IRELAND] = tabular("v7", "v8", "v9")
        text = f"""\
version: 1
models:
  churn/{{version}}:
    kind: mme
    endpoint: tabular
    targets:
      a: {{target_model: "churn-{{version}}.tar.gz", weight: 1}}
      b: {{target_model: "{{version}}.tar.gz", region: eu-west-1}}
      c: {{target_model: "{{version}}.tar.gz", role_arn: "{ROLE}"}}
    parameters:
      version: {{pattern: "v[0-9]"}}
"""
        del places[OTHER]
        called, notes = self.chosen(places, text)

        assert [title for title, _ in called] == [
            *(f"churn/v{number} (b)" for number in (7, 8, 9)),
            *(f"churn/v{number} (a)" for number in (7, 8)),
        ]
        assert notes == [
            "churn/{version} (c) has a pattern, and its artifacts cannot be listed: "
            f"{REFUSAL}; name the one to load: prewarm churn/VERSION"
        ]


def test_one_reader_for_each_place(places):
    """A place is opened once, and the own Region by its name is no other place."""
    made = accounts(places)

    assert made.at(Place(REGION)) is made.own
    assert made.at(IRELAND) is made.at(Place("eu-west-1"))
    assert made.at(Place("eu-west-3")) == NotRead(REFUSAL)
