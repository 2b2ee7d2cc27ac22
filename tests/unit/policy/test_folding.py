"""A policy that is too long for IAM is folded, as little as possible."""

import re

import pytest

from gatewayctl.policy import documents, folding
from gatewayctl.policy.functions import Function
from gatewayctl.policy.needs import Name, fold
from gatewayctl.policy.place import Place
from tests.unit.policy.oracle import Oracle, calls_beside, calls_of, is_allowed
from tests.unit.policy.tables import table_of

HANDLER = Function("inference-gateway-dev", ".chalice/policy-dev.json")
SOMEWHERE = Place("aws", "eu-west-1", "123456789012")


def mme(target_model, endpoint="many"):
    return {"kind": "mme", "endpoint": endpoint, "target_model": target_model}


def single(endpoint):
    return {"kind": "single", "endpoint": endpoint}


def made(entries, limit=documents.LIMIT, place=SOMEWHERE):
    return documents.handler_policy(table_of(entries).models(), HANDLER, place, limit=limit)


def fold_lines(entries, spared):
    """Return the lines about folds if the policy has to be so many characters shorter."""
    limit = made(entries).characters - spared
    handler = made(entries, limit)
    assert handler.characters <= limit
    return folding.widened_by_folds(handler.groups)


class TestNames:
    """How names are folded."""

    @pytest.mark.parametrize(
        ("names", "folded"),
        [
            (["houston/v1", "houston/v2"], "houston/*"),
            (["a/b/v1", "a/b/v2", "a/b/c/v1"], "a/b/*"),
            (["a/bb/v1", "a/bc/v1"], "a/*"),
            (["iris-v1", "iris-v2"], "iris-v*"),
            (["customer-1/v1", "customer-2/v1"], "customer-*"),
            (["iris", "iris-v2"], "iris*"),
            (["iris", "wine"], "*"),
            (["iris"], "iris"),
        ],
    )
    def test_fold(self, names, folded):
        """Names become their folder, or else the text that they begin with."""
        assert str(fold([Name(name) for name in names])) == folded

    def test_unfolded(self):
        """A fold is undone step by step."""
        names = ["a/v1", "a/v2", "b/v1", "b/v2", "b/x/v1", "b/x/v2", "c", "*"]
        root = fold([*map(Name, names), Name("a/", "*/v3")])

        def parts(name):
            return [str(part) for part in name.unfolded()]

        assert parts(root) == ["${*}", "a/*", "b/*", "c"]
        assert parts(root.unfolded()[1]) == ["a/*/v3", "a/v*"]
        assert parts(root.unfolded()[2]) == ["b/v*", "b/x/*"]


class TestChoice:
    """Which folds are chosen."""

    TWO_FOLDERS = (
        *(mme(f"houston/v{number}.tar.gz") for number in range(9)),
        *(mme(f"austin/v{number}.tar.gz") for number in range(3)),
        mme("iris.tar.gz"),
        single("churn"),
    )

    def test_none_that_need_not_be(self):
        """A policy that fits is not folded."""
        assert fold_lines(self.TWO_FOLDERS, spared=0) == []

    @pytest.mark.parametrize(("spared", "folder", "names"), [(1, "austin", 3), (50, "houston", 9)])
    def test_the_narrowest(self, spared, folder, names):
        """The narrowest fold that is enough is chosen."""
        assert fold_lines(self.TWO_FOLDERS, spared) == [
            f"every artifact under {folder}/ of endpoint many (the table names {names})"
        ]

    def test_folders(self):
        """If one folder is not enough, all folders are folded."""
        assert fold_lines(self.TWO_FOLDERS, spared=180) == [
            "every artifact under austin/ of endpoint many (the table names 3)",
            "every artifact under houston/ of endpoint many (the table names 9)",
        ]

    def test_a_whole_endpoint(self):
        """If folders are not enough, all artifacts of an endpoint are folded."""
        assert fold_lines(self.TWO_FOLDERS, spared=220) == [
            "every artifact of endpoint many (the table names 13)"
        ]

    def test_artifacts_before_endpoints(self):
        """Endpoints are folded only if folds of artifacts are not enough."""
        endpoints = [single(f"team-{number}") for number in range(9)]
        artifacts = [mme(f"v{number}.tar.gz") for number in range(9)]

        assert fold_lines([*endpoints, *artifacts], spared=80) == [
            "every artifact that begins with v of endpoint many (the table names 9)"
        ]
        assert fold_lines([*endpoints, *artifacts], spared=450) == [
            "every artifact that begins with v of endpoint many (the table names 9)",
            "every endpoint that begins with team-, without a target (the table names 9)",
        ]

    def test_containers_and_components(self):
        """Containers and components are folded in the same way."""
        containers = [
            {"kind": "mce", "endpoint": "nlp", "target_container_hostname": f"step-{number}"}
            for number in range(15)
        ]
        components = [
            {"kind": "component", "endpoint": "shared", "inference_component": f"part-{number}"}
            for number in range(9)
        ]

        assert fold_lines(containers, spared=100) == [
            "every container that begins with step- of endpoint nlp (the table names 15)"
        ]
        assert fold_lines(components, spared=100) == [
            "every inference component that begins with part- (the table names 9)"
        ]

    def test_spellings_are_not_counted(self):
        """The two spellings of a name are counted once."""
        assert fold_lines([single(f"Team-{number}") for number in range(9)], spared=700) == [
            "every endpoint that begins with Team-, without a target (the table names 9)",
            "every endpoint that begins with team-, without a target (the table names 9)",
        ]


class TestEndpoints:
    """What a fold of endpoints does not allow."""

    def test_a_target(self):
        """A fold of endpoints without a target does not allow artifacts."""
        entries = [*(single(f"team-{number}") for number in range(9)), mme("v1", "team-many")]
        policy = made(entries, made(entries).characters - 300).document

        assert is_allowed(policy, {"EndpointName": "team-42"})
        assert not is_allowed(policy, {"EndpointName": "team-42", "TargetModel": "v1"})
        assert is_allowed(policy, {"EndpointName": "team-many", "TargetModel": "v1"})
        assert not is_allowed(policy, {"EndpointName": "team-many", "TargetModel": "v2"})

    def test_other_targets(self):
        """A fold of endpoints with artifacts allows their artifacts only."""
        entries = [mme(f"houston/v{number}", f"team-{number}") for number in range(99)]
        entries += [mme("v1", "solo")]
        handler = made(entries, 4_000)

        assert "every artifact under houston/ of every endpoint that begins with team-9" in str(
            folding.widened_by_folds(handler.groups)
        )
        assert is_allowed(handler.document, {"EndpointName": "team-9x", "TargetModel": "houston/x"})
        assert not is_allowed(handler.document, {"EndpointName": "team-9x", "TargetModel": "v1"})
        assert not is_allowed(
            handler.document, {"EndpointName": "solo", "TargetModel": "houston/v1"}
        )
        assert not is_allowed(handler.document, {"EndpointName": "team-9x"})


COUNTS = re.compile(r"the table names (\d+)")
ENDPOINTS = [single(f"endpoint-{number:03}") for number in range(200)]
FOLDERS = [f"{city}-{number}" for city in ("houston", "austin", "waco") for number in range(20)]
LARGE = {
    "one-folder": [mme(f"models/model-{number:04}.tar.gz") for number in range(1000)],
    "no-folder": [mme(f"model-{number:04}.tar.gz") for number in range(1000)],
    "some-folders": [
        mme(f"{FOLDERS[number % 60]}/v{number // 60}.tar.gz") for number in range(1000)
    ],
    "a-folder-each": [mme(f"customer-{number:04}/model.tar.gz") for number in range(1000)],
    "nothing-in-common": [
        mme(f"{number * 2654435761 % 2**32:08x}.tar.gz") for number in range(1000)
    ],
}


@pytest.mark.parametrize("place", [Place(), SOMEWHERE], ids=["anywhere", "somewhere"])
@pytest.mark.parametrize("artifacts", LARGE.values(), ids=LARGE)
def test_a_thousand_artifacts_and_two_hundred_endpoints(artifacts, place):
    """The policy fits, allows the table, and beside it only what the folds include."""
    table = table_of([*artifacts, *ENDPOINTS])
    handler = documents.handler_policy(table.models(), HANDLER, place)
    folds = folding.widened_by_folds(handler.groups)
    oracle = Oracle(table, handler)
    named = calls_of(table)

    assert handler.unfolded > documents.LIMIT >= handler.characters
    assert all(int(count) <= 100 for count in COUNTS.findall(" ".join(folds))), folds
    for call in named:
        assert is_allowed(handler.document, call), call
    for call in calls_beside(named[::50]):
        assert oracle.allows(call) or not is_allowed(handler.document, call), call


@pytest.mark.parametrize("place", [Place(), SOMEWHERE], ids=["anywhere", "somewhere"])
def test_endpoints_with_targets_without_end(place):
    """The policy of very many multi-model endpoints fits, and allows all of them."""
    table = table_of(
        [mme(f"v{number}/{number}.tar.gz", f"many-{number}") for number in range(2000)]
    )
    handler = documents.handler_policy(table.models(), HANDLER, place)

    assert handler.characters <= documents.LIMIT
    assert all(is_allowed(handler.document, call) for call in calls_of(table))


def test_the_size_is_what_iam_counts():
    """IAM counts the characters without white space."""
    policy = made([single("a"), mme("houston/v1")]).document

    assert documents.characters(policy) == len(re.sub(r"\s", "", documents.as_file(policy)))
