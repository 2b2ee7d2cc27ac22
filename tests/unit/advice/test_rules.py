"""The rules of `gatewayctl advise`, for made-up accounts whose best answer is known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.advice.alike import may_share
from gatewayctl.advice.decision import decide
from gatewayctl.advice.facts import Account, AdvisedModel, Host, SharingBoundary, Traffic
from gatewayctl.advice.hosts import accelerator, host_of
from gatewayctl.advice.risks import risks
from gatewayctl.advice.summary import advices, totals
from gatewayctl.commands.advise_text import blocks, per_hour, title
from gatewayctl.costs.usage import Period
from tests.support.made_up_costs import PRICES, hosting, serverless, usage, use, user

FORTNIGHT = 14 * 24
GIB = 2**30
MB = 10**6
ROLE = "arn:aws:iam::123456789012:role/models"
OPEN = SharingBoundary("eu-north-1", ROLE, "", "", "cpu", "")
GPU = OPEN._replace(accelerator="gpu")
SKLEARN, XGBOOST = "sklearn:1.4", "xgboost:1.7"


def traffic(calls, mean_ms=50.0, *, hours=FORTNIGHT, **members):
    """Return the traffic of a fortnight; its busiest minute has three times the average."""
    values = {
        "calls": calls,
        "busy_seconds": calls * mean_ms / 1000,
        "p50_ms": mean_ms,
        "p99_ms": 3 * mean_ms,
        "active_hours": hours,
        "peak_busy": 3 * calls * mean_ms / 1000 / (max(hours, 1) * 3600),
        "principals": 3,
        "largest_body_bytes": 20_000,
    }
    return Traffic(**{**values, **members})


def on_instance(name, instance_type="ml.c5.large", cost=0.102, boundary=OPEN, **members):
    values = {"instances": 1, "vcpus": 2, "memory_bytes": 4.0 * GIB}
    return Host(name, boundary, instance_type, price_an_hour=cost, **{**values, **members})


def model(name, calls=100_000, *, endpoint=None, image=SKLEARN, kind="single", **members):
    values = {"memory_bytes": 150.0 * MB, "traffic": traffic(calls)}
    return AdvisedModel(name, kind, endpoint or name, image, **{**values, **members})


def account(models, endpoints=(), **members):
    """Return an account; models without an endpoint in the list have one of their own name."""
    named = {one.name: one for one in endpoints}
    own = {one.endpoint: on_instance(one.endpoint) for one in models if one.endpoint not in named}
    return Account(FORTNIGHT, tuple(models), {**own, **named}, serverless_price=0.00002, **members)


def on_gpus(names, accelerators):
    """Return an account with models on GPUs, each with an image of its own."""
    hosts = [
        on_instance(
            name, "ml.g5.12xlarge", 7.09, GPU, memory_bytes=192.0 * GIB, accelerators=accelerators
        )
        for name in names
    ]
    return account([model(name, image=name) for name in names], hosts)


def on_one(kind, sizes, **members):
    """Return models on one endpoint, by their sizes in memory."""
    values = {"endpoint": kind, "kind": kind, **members}
    return [model(name, 2_000, memory_bytes=size * GIB, **values) for name, size in sizes.items()]


TEN = [model(f"m{number}") for number in range(10)]
CROWD = [model(f"cold{number}", 2_000, endpoint="crowd", kind="mme") for number in range(8)]
NIGHTLY = traffic(14 * 20_000, hours=14, principals=1)


def steps(*endpoints, memory_bytes=150.0 * MB, peak_busy=0.05):
    """Return an account of two models that are called one after the other."""
    first = traffic(100_000, followed_by={"grade": 0.99}, peak_busy=peak_busy)
    scale = model("scale", memory_bytes=memory_bytes, traffic=first)
    last = traffic(100_000, peak_busy=peak_busy)
    grade = model("grade", image=XGBOOST, memory_bytes=memory_bytes, traffic=last)
    return account([scale, grade], endpoints)


def on_serverless(name):
    return Host(name, OPEN, instances=1, price_an_hour=0.01, is_serverless=True)


CHAIN = account(
    [
        model("a", traffic=traffic(100_000, followed_by={"b": 1.0})),
        model("b", image=XGBOOST, traffic=traffic(100_000, followed_by={"c": 1.0})),
        model("c", traffic=traffic(100_000, followed_by={"d": 1.0})),
        model("d"),
    ]
)
PART_OF_A_CROWD = account(
    [
        model("own", image=XGBOOST),
        model("small", endpoint="crowd", kind="mme"),
        model("usual", endpoint="crowd", kind="mme"),
        model("dark", endpoint="crowd", kind="mme", memory_bytes=None),
    ],
    [on_instance("crowd", instances=2)],
)

ACCOUNTS = {
    "ten models of one framework": (
        account(TEN),
        dict.fromkeys((one.name for one in TEN), "multi-model"),
    ),
    "idle": (
        account([model("a", traffic=traffic(600, hours=60)), model("b", 400_000)]),
        {"a": "serverless", "b": "single"},
    ),
    "a hot model in a cold crowd": (
        account(
            [
                *CROWD,
                model("hot", endpoint="crowd", kind="mme", traffic=traffic(20_000_000, 40.0)),
            ],
            [on_instance("crowd")],
        ),
        {"hot": "single", **dict.fromkeys((one.name for one in CROWD), "multi-model")},
    ),
    "a hot model and cold ones, each on its own": (
        account([*TEN, model("hot", traffic=traffic(20_000_000, 40.0))]),
        {"hot": "single", **dict.fromkeys((one.name for one in TEN), "multi-model")},
    ),
    "small ones and large ones of one framework": (
        account([*TEN, *(model(name, memory_bytes=1.55 * GIB) for name in "ab")]),
        dict.fromkeys([*(one.name for one in TEN), "a", "b"], "multi-model"),
    ),
    "a small one and a large one of one framework": (
        account([model("small"), model("large", memory_bytes=2.5 * GIB)]),
        {"small": "single", "large": "single"},
    ),
    "two frameworks": (
        account([model("a"), model("b", image=XGBOOST)]),
        {"a": "multi-container", "b": "multi-container"},
    ),
    "a GPU beside a CPU": (
        account(
            [model("a"), model("b")],
            [on_instance("b", "ml.g4dn.xlarge", 0.736, GPU, vcpus=4, memory_bytes=16.0 * GIB)],
        ),
        {"a": "single", "b": "single"},
    ),
    "called once a day": (
        account([model("a", traffic=traffic(14, 2_000.0, hours=14))]),
        {"a": "serverless"},
    ),
    "idle, and then more calls at once than serverless inference takes": (
        account([model("a", traffic=traffic(60_000, hours=60, peak_busy=190.0))]),
        {"a": "single"},
    ),
    "idle, and with much data": (
        account(
            [model("a", traffic=traffic(10**6, hours=100, data_bytes=3 * 10**12))],
            serverless_price_of_data=0.016,
        ),
        {"a": "single"},
    ),
    "large bodies": (
        account(
            [model("a", traffic=traffic(9_000, largest_body_bytes=300 * MB)), model("b", 10**6)]
        ),
        {"a": "asynchronous", "b": "single"},
    ),
    "long runs": (
        account([model("a", traffic=traffic(2_000, 40_000.0))]),
        {"a": "asynchronous"},
    ),
    "whole data sets at night": (
        account([model("a", traffic=NIGHTLY), model("b")]),
        {"a": "batch", "b": "single"},
    ),
    "preprocessing": (
        account(
            [
                model("scale", traffic=traffic(100_000, followed_by={"grade": 0.99})),
                model("grade", image=XGBOOST),
            ]
        ),
        {"scale": "pipeline", "grade": "pipeline"},
    ),
    "an endpoint of which something is unknown": (
        PART_OF_A_CROWD,
        {"own": "single", "small": "multi-model", "usual": "multi-model", "dark": None},
    ),
    "one that joins the models of an endpoint that another one leaves": (
        account(
            [
                model("own", image=XGBOOST),
                model("left", endpoint="mce", kind="mce"),
                model("slow", endpoint="mce", kind="mce", traffic=traffic(2_000, 40_000.0)),
            ],
            [on_instance("mce")],
        ),
        {"own": "multi-container", "left": "multi-container", "slow": "asynchronous"},
    ),
    "a small one and a large one on one endpoint": (
        account(
            [
                model(name, endpoint="mme", kind="mme", memory_bytes=size * GIB)
                for name, size in (("small", 0.1), ("large", 2.0))
            ],
            [on_instance("mme")],
        ),
        {"small": "multi-model", "large": "multi-model"},
    ),
    "preprocessing on an endpoint that others need": (
        account(
            [
                model(
                    "a", endpoint="mme", kind="mme", traffic=traffic(10**5, followed_by={"b": 1.0})
                ),
                model("b", endpoint="mme", kind="mme"),
                model("c", endpoint="mme", kind="mme"),
            ],
            [on_instance("mme")],
        ),
        dict.fromkeys("abc", "multi-model"),
    ),
    "several that leave one endpoint": (
        account(
            [
                model("a", endpoint="mme", kind="mme", traffic=NIGHTLY),
                model("b", endpoint="mme", kind="mme", traffic=traffic(99, 40_000.0, hours=34)),
            ],
            [on_instance("mme")],
        ),
        {"a": "batch", "b": "asynchronous"},
    ),
    "one that joins an endpoint that holds it": (
        account([*on_one("mme", {"a": 0.02, "b": 0.02, "c": 1.0}), model("d")]),
        dict.fromkeys("abcd", "multi-model"),
    ),
    "one that has no place on the endpoint of others": (
        account([*on_one("mme", {"a": 1.0, "b": 1.0}), model("c", memory_bytes=2.0 * GIB)]),
        {"a": "multi-model", "b": "multi-model", "c": "single"},
    ),
    "models that stay where a hot one and a slow one leave": (
        account(
            [
                *on_one("mme", dict.fromkeys("abcde", 0.1)),
                *on_one("mme", {"slow": 0.1}, traffic=traffic(2_000, 40_000.0)),
                *on_one("mme", {"hot": 0.1}, traffic=traffic(20_000_000, 40.0)),
                model("large", memory_bytes=3.1 * GIB),
            ]
        ),
        {
            **dict.fromkeys("abcde", "multi-model"),
            "slow": "asynchronous",
            "hot": "single",
            "large": "single",
        },
    ),
    "models that nobody can hold at once, loaded from time to time": (
        account(on_one("mme", dict.fromkeys("abcd", 3.5), traffic=traffic(2_000, cold_loads=400))),
        dict.fromkeys("abcd"),
    ),
    "models on one GPU, loaded when they are called": (
        account(
            on_one("mme", dict.fromkeys("abcd", 9.0)),
            [on_instance("mme", "ml.g4dn.xlarge", 0.736, GPU, memory_bytes=16.0 * GIB)],
        ),
        dict.fromkeys("abcd", "multi-model"),
    ),
    "variants of one model": (
        account([model(name, endpoint="m") for name in ("m (a)", "m (b)")]),
        {"m (a)": "single", "m (b)": "single"},
    ),
    "more images than one endpoint has containers": (
        account([model(f"f{number:02}", image=f"image:{number}") for number in range(16)]),
        {**{f"f{number:02}": "multi-container" for number in range(15)}, "f15": "single"},
    ),
    "three frameworks that fit together, and one that fits nowhere": (
        account(
            [
                model(name, image=name, memory_bytes=size * GIB)
                for name, size in (("a", 0.5), ("b", 0.5), ("c", 0.5), ("d", 3.3))
            ]
        ),
        {**dict.fromkeys("abc", "multi-container"), "d": "single"},
    ),
    "frameworks that fit on two endpoints": (
        account(
            [
                model(name, image=name, memory_bytes=size * GIB)
                for name, size in (("a", 2.0), ("b", 2.0), ("c", 1.0), ("d", 1.0))
            ]
        ),
        dict.fromkeys("abcd", "multi-container"),
    ),
    "preprocessing and postprocessing": (CHAIN, dict.fromkeys("abcd", "pipeline")),
    "steps that do not fit into memory together": (
        steps(memory_bytes=1.8 * GIB),
        {"scale": "single", "grade": "single"},
    ),
    "steps whose size is unknown": (steps(memory_bytes=None), {"scale": None, "grade": None}),
    "busy steps": (
        steps(*(on_instance(name, instances=4) for name in ("scale", "grade")), peak_busy=3.8),
        {"scale": "pipeline", "grade": "pipeline"},
    ),
    "steps that cost more together": (
        steps(
            on_instance("scale", "ml.c5d.large", 0.05, memory_bytes=0.25 * GIB),
            on_instance("grade", memory_bytes=4.0 * GIB),
            peak_busy=0.8,
        ),
        {"scale": "single", "grade": "single"},
    ),
    "steps on serverless endpoints": (
        steps(on_serverless("scale"), on_serverless("grade")),
        {"scale": None, "grade": None},
    ),
    "a step beside a pipeline": (
        account(
            [
                model("scale", traffic=traffic(100_000, followed_by={"grade": 0.99})),
                model("grade", kind="pipeline", image=XGBOOST),
            ],
        ),
        {"scale": "single", "grade": "pipeline"},
    ),
    "preprocessing that takes long": (
        account(
            [
                model("a", traffic=traffic(2_000, 40_000.0, followed_by={"b": 0.99})),
                model("b", traffic=traffic(2_000)),
            ]
        ),
        {"a": "asynchronous", "b": "single"},
    ),
    "two models on instances with several GPUs": (
        on_gpus("ab", 4),
        {"a": "inference components", "b": "inference components"},
    ),
    "two models on instances with one GPU": (on_gpus("ab", 1), {"a": "single", "b": "single"}),
    "two models on nobody knows how many GPUs": (on_gpus("ab", None), {"a": None, "b": None}),
    "more components than a multi-container endpoint has containers": (
        account(
            [model(f"c{number}", 3_000, endpoint="c", kind="component") for number in range(16)],
            [on_instance("c", "ml.g5.2xlarge", 1.515, GPU, vcpus=8, memory_bytes=32.0 * GIB)],
        ),
        {f"c{number}": "inference components" for number in range(16)},
    ),
}


@pytest.mark.parametrize(("known", "best"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_best_answer(known, best):
    """For each account, the rules point to the option that is known to be the best."""
    assert {name: one.option for name, one in decide(known, 0.01).items()} == best


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({"body": 4_000_000}, ("a request has at most 4 MB", True, "at most 4.0 MB")),
        ({"body": 4_100_000}, ("a request has at most 4 MB", False, "at most 4.1 MB")),
        ({"memory": 6 * GIB}, ("the model takes at most 6 GB of memory", True, "6.0 GB")),
    ],
    ids=str,
)
def test_units(changes, condition):
    """A size is written in the unit of its limit, so that the number and the answer agree."""
    values = {"body": 20_000, "memory": GIB, **changes}
    idle = traffic(100, hours=14, largest_body_bytes=values["body"])
    known = account([model("a", traffic=idle, memory_bytes=values["memory"])])

    (serverless,) = (
        one for one in decide(known, 0.01)["a"].verdicts if one.rule.option == "serverless"
    )

    assert condition in [one[:3] for one in serverless.conditions]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, "nothing of that"),
        ({"boundary": OPEN._replace(accelerator="neuron")}, "neuron"),
        ({"boundary": OPEN._replace(network="subnet-1")}, "in a VPC"),
        ({"boundary": OPEN._replace(isolation="isolated")}, "network isolation"),
        ({"variants": 2}, "2 variants"),
        ({"variants": 2, "boundary": SharingBoundary(role=ROLE)}, "2 variants"),
    ],
    ids=str,
)
def test_exclusions_of_serverless(members, found):
    """What AWS excludes from serverless inference rules it out, and is named."""
    idle = model("a", traffic=traffic(600, hours=60))

    decision = decide(account([idle], [on_instance("a", **members)]), 0.01)["a"]

    (serverless,) = (one for one in decision.verdicts if one.rule.option == "serverless")
    assert found in [one.found for one in serverless.conditions]
    assert serverless.holds is (found == "nothing of that")


@pytest.mark.parametrize(("calls", "found"), [(0, "there were no calls"), (5, "1 in the busiest")])
def test_calls_at_once(calls, found):
    """If there was a call, there was one at work."""
    idle = model("a", traffic=traffic(calls, hours=min(calls, 1)))

    verdicts = decide(account([idle]), 0.01)["a"].verdicts

    (serverless,) = (one for one in verdicts if one.rule.option == "serverless")
    (at_once,) = (one for one in serverless.conditions if "at work at once" in one.text)
    assert at_once.found.startswith(found)


@pytest.mark.parametrize(
    ("a_month", "written"),
    [(744.6, "1.02"), (0.04, "less than 0.0001"), (0.0, "0"), (None, "unknown")],
)
def test_per_hour(a_month, written):
    """What is above 0 is not written as 0."""
    assert per_hour(a_month) == written


def test_same_p99():
    """Two times that are the same are one."""
    (advice,) = advices(decide(account(TEN), 0.01))

    assert dict(blocks(advice))["risks"][-1].endswith("their p99 is 150 ms")


class TestUnknown:
    """What decides and is unknown has to be measured first; what does not decide may be unknown."""

    def test_memory(self):
        """Without sizes nobody knows whether ten models fit into one instance."""
        known = account([replace(one, memory_bytes=None) for one in TEN])

        for one in decide(known, 0.01).values():
            assert one.option is None
            (condition,) = one.unknown
            assert condition.text == "the memory is enough for the models"
            assert "s3:ListBucket" in condition.measure
            assert "MemoryUtilization" in condition.measure

    def test_memory_of_one(self):
        """The others do not wait for the one model of which too little is known."""
        known = account([replace(TEN[0], memory_bytes=None), *TEN[1:]])

        options = [one.option for one in decide(known, 0.01).values()]

        assert options == [None, *["multi-model"] * 9]

    def test_memory_that_does_not_matter(self):
        """A model that has nobody to share with needs no size."""
        known = account([replace(TEN[0], memory_bytes=None)])

        assert decide(known, 0.01)["m0"].option == "single"

    @pytest.mark.parametrize(("unseen", "is_known"), [(0.4, False), (0.04, True)])
    @pytest.mark.parametrize("kind", ["many", "idle"])
    def test_calls_that_are_not_in_the_log(self, unseen, is_known, kind):
        """They may be what decides: an endpoint that others call is not idle."""
        idle = [model("m0", traffic=traffic(100, hours=14))]
        known = account(idle if kind == "idle" else TEN, unseen={"m0": unseen})

        decision = decide(known, 0.01)["m0"]

        best = "serverless" if kind == "idle" else "multi-model"
        assert decision.option == (best if is_known else None)
        if not is_known:
            (condition,) = decision.unknown
            assert condition.found == "40 % of those that CloudWatch counts are not in it"
            assert "Invocations" in condition.measure

    @pytest.mark.parametrize("others", [[], TEN], ids=["alone", "with others"])
    def test_busy_serverless(self, others):
        """What a busy serverless endpoint would cost on instances is unknown: it has none."""
        host = Host("s", OPEN, instances=1, price_an_hour=3.0, is_serverless=True)
        known = account([model("s", 10**7), *others], [host])

        decision = decide(known, 0.01)["s"]

        assert (decision.option, decision.stays) == (None, False)
        (condition,) = decision.unknown
        assert "--what-if TABLE and --plan" in condition.measure
        assert "serverless" in condition.measure

    def test_short_log(self):
        """A few hours of a log do not show whether a model is idle for most of a day."""
        quiet = replace(TEN[0], traffic=traffic(20, hours=1))
        known = replace(account([quiet]), period_hours=3)

        decision = decide(known, 0.01)["m0"]

        assert decision.option is None
        assert "--days 14" in decision.unknown[0].measure

    @pytest.mark.parametrize(
        ("changes", "measure"),
        [
            pytest.param({"traffic": None}, "--log FILE", id="traffic"),
            pytest.param({"image": None}, "sagemaker:DescribeModel", id="image"),
        ],
    )
    def test_model(self, changes, measure):
        """Each unknown input has its way to find out."""
        known = account([replace(TEN[0], **changes), *TEN[1:]])

        decision = decide(known, 0.01)["m0"]

        assert decision.option is None
        assert measure in decision.unknown[0].measure

    @pytest.mark.parametrize(
        ("changes", "measure"),
        [
            pytest.param({"price_an_hour": None}, "gatewayctl prices", id="price"),
            pytest.param({"vcpus": None}, "gatewayctl prices", id="vcpus"),
            pytest.param(
                {"boundary": OPEN._replace(role=None)}, "sagemaker:DescribeModel", id="boundary"
            ),
        ],
    )
    def test_endpoint(self, changes, measure):
        """The same holds for what is unknown of its endpoint."""
        known = account(TEN, [replace(on_instance("m0"), **changes)])

        decision = decide(known, 0.01)["m0"]

        assert decision.option is None
        assert measure in decision.unknown[0].measure

    def test_boundary_of_a_step(self):
        """What has to be read is the endpoint of the step of which something is unknown."""
        known = steps(on_instance("grade", boundary=OPEN._replace(key=None)))

        for one in decide(known, 0.01).values():
            (condition,) = one.unknown
            assert "the model of grade" in condition.measure

    @given(
        known=st.sampled_from([one for one, _ in ACCOUNTS.values()]),
        place=st.integers(0, 20),
        value=st.floats(1 * MB, 64 * GIB),
    )
    def test_no_value_changes_the_answer(self, known, place, value):
        """If there is an answer without a model's memory, it is the same for every memory."""
        one = known.models[place % len(known.models)]
        answers = [
            decide(_with_memory(known, one, memory), 0.01)[one.name].option
            for memory in (None, value)
        ]

        assert answers[0] in (None, answers[1])


def _with_memory(known, one, memory):
    changed = replace(one, memory_bytes=memory)
    models = tuple(changed if other is one else other for other in known.models)
    return replace(known, models=models)


BOUNDARIES = st.builds(
    SharingBoundary,
    region_and_account=st.sampled_from(["eu-north-1", "us-east-1"]),
    role=st.sampled_from([ROLE, "other", None]),
    network=st.sampled_from(["", "subnet-1"]),
    key=st.sampled_from(["", "key-1", None]),
    accelerator=st.sampled_from(["cpu", "gpu"]),
    isolation=st.sampled_from(["", "isolated"]),
)


@pytest.mark.parametrize(
    ("instance_type", "gpus", "found"),
    [
        ("ml.c5.large", 0, "cpu"),
        ("ml.c5.large", None, "cpu"),
        ("ml.g5.xlarge", 1, "gpu"),
        ("ml.p3.2xlarge", None, "gpu"),
        ("ml.inf2.xlarge", 0, "neuron"),
        ("ml.trn1.2xlarge", None, "neuron"),
        (None, None, None),
    ],
)
def test_accelerator(instance_type, gpus, found):
    """The price list counts no GPU for Inferentia and Trainium, and they are no CPU either."""
    assert accelerator(instance_type, gpus) == found


def test_price_of_a_serverless_hour():
    """It has the calls and the provisioned concurrency, in the time that the log covers."""
    two_days = usage({user("a"): use(48, 480_000)}, Period(0.0, 14 * 86_400.0))
    late = replace(two_days, begins=12 * 86_400.0)

    found = host_of("a", hosting(serverless("a", provisioned=2)), late, PRICES)

    assert found.price_an_hour == pytest.approx(10 * 0.00003 + 2 * 3600 * 0.00001)


class TestSharing:
    """Only models that may share an endpoint are advised to."""

    @given(st.lists(st.tuples(BOUNDARIES, st.sampled_from([SKLEARN, XGBOOST, None])), max_size=12))
    def test_boundaries(self, found):
        """No advice crosses a boundary, known or unknown; a multi-model endpoint has one image."""
        models = [model(f"m{number}", image=image) for number, (_, image) in enumerate(found)]
        endpoints = [
            on_instance(f"m{number}", boundary=boundary)
            for number, (boundary, _) in enumerate(found)
        ]
        known = account(models, endpoints)

        for decision in decide(known, 0.01).values():
            if decision.option is None:
                continue
            for other in decision.with_models:
                if other is decision.model:
                    continue
                assert may_share(decision.model, other, known) is True
                if decision.option == "multi-model":
                    assert other.image == decision.model.image

    @pytest.mark.parametrize(
        ("member", "words"),
        [
            ("region_and_account", "the Region or account"),
            ("role", "the execution role"),
            ("network", "the VPC"),
            ("key", "the KMS key"),
            ("accelerator", "the accelerator"),
            ("isolation", "network isolation"),
        ],
    )
    def test_apart(self, member, words):
        """What keeps models with the same image apart is said."""
        other = on_instance("b", boundary=OPEN._replace(**{member: "another"}))
        decision = decide(account([model("a"), model("b")], [other]), 0.01)["a"]

        assert decision.option == "single"
        assert decision.apart == {"b": [words]}

    def test_until_when(self):
        """Up to the load that is said the sum is true; then a second instance is needed."""
        meant = decide(account(TEN), 0.01)["m0"].deciding.case.shared

        below, above = (
            decide(account(_with_load(factor * meant.times_the_load)), 0.01)["m0"]
            for factor in (0.99, 1.01)
        )

        assert below.deciding.case.shared.instances == 1
        assert above.deciding.case.shared.instances == 2

    def test_models_that_do_not_fit(self):
        """If one instance has too little memory, nobody knows how often several load a model."""
        large = [replace(one, memory_bytes=0.9 * GIB) for one in TEN]

        decision = decide(account(large), 0.01)["m0"]

        assert decision.option is None
        (condition,) = decision.unknown
        assert "ModelCacheHit" in condition.measure
        assert decision.deciding.case.shared.instances > 1

    def test_models_that_fit_on_one_type(self):
        """If models fit into the memory of one of their types of instances, that type is meant."""
        sizes = {"ml.g5.2xlarge": (1.515, 8, 32.0 * GIB), "ml.g5.4xlarge": (2.03, 16, 64.0 * GIB)}
        hosts = [
            on_instance(name, name, price, GPU, vcpus=vcpus, memory_bytes=memory, accelerators=2)
            for name, (price, vcpus, memory) in sizes.items()
        ]
        models = [model(name, image=name, memory_bytes=20.0 * GIB) for name in sizes]

        for one in decide(account(models, hosts), 0.01).values():
            assert one.option == "inference components"
            assert one.deciding.case.shared.like.instance_type == "ml.g5.4xlarge"

    def test_measured(self):
        """What an endpoint does today is measured, and needs no calculation."""
        large = [replace(one, kind="mme", endpoint="all", memory_bytes=0.9 * GIB) for one in TEN]
        loads = [replace(one, traffic=replace(one.traffic, cold_loads=200)) for one in large]

        first = decide(account(loads, [on_instance("all", instances=2)]), 0.01)["m0"]
        second = decide(account(loads, [on_instance("all", instances=2)]), 0.001)["m0"]

        assert (first.option, first.stays) == ("multi-model", True)
        assert first.deciding.case.shared.cold == (0.002, 0.002)
        assert second.option is None

    def test_other_instances(self):
        """An endpoint that stays and needs fewer instances for its memory and load says so; one
        whose containers are all in memory keeps what it has, because the load does not tell why."""
        shares = {"endpoint": "all", "traffic": traffic(0, hours=FORTNIGHT)}
        titles = []
        for kind in ("mme", "component"):
            models = [model(name, kind=kind, **shares) for name in "ab"]
            known = account(models, [on_instance("all", instances=3)])
            titles.append(title(advices(decide(known, 0.01))[0]))

        assert titles == [
            "a, b: stays multi-model, on 1 instance instead of 3, saves 148.92 USD a month",
            "a, b: stays inference components",
        ]

    @pytest.mark.parametrize(("loads", "option"), [(900, None), (9, "multi-model")])
    def test_measured_against_estimated(self, loads, option):
        """An endpoint that loads its models again and again has less memory than is estimated: how
        much they take has to be measured. That each model was loaded once says nothing of it."""
        small = [model(f"m{n}", kind="mme", endpoint="all") for n in range(9)]
        values = traffic(100 if loads == 9 else 9_000, cold_loads=loads // 9)
        busy = [replace(one, traffic=values) for one in small]

        decision = decide(account(busy, [on_instance("all")]), 0.001)["m0"]

        assert decision.option == option
        if option is None:
            (condition,) = decision.unknown
            assert "1.11 % were measured on all" in condition.found
            assert "--memory-factor" in condition.measure
            assert "MemoryUtilization" in condition.measure

    @given(st.sampled_from(list(ACCOUNTS.values())), st.randoms())
    def test_order(self, found, dice):
        """The order of the models does not matter."""
        known, best = found
        models = list(known.models)
        dice.shuffle(models)

        shuffled = decide(replace(known, models=tuple(models)), 0.01)

        assert {name: one.option for name, one in shuffled.items()} == best

    def test_one_that_is_much_larger(self):
        """A model that is not similar to the others keeps its own endpoint."""
        odd = replace(TEN[0], memory_bytes=2.5 * GIB)

        options = [one.option for one in decide(account([odd, *TEN[1:]]), 0.01).values()]

        assert options == ["single", *["multi-model"] * 9]


@st.composite
def _models(draw):
    """Return a model with an endpoint of its own, and others, some of them on shared endpoints.

    Only containers have several images. With others, one model more may make a multi-model
    endpoint of two that were containers, and leave the rest with nobody.
    """
    sizes, images = st.sampled_from([0.05, 0.3, 1.0, 1.6, 2.9]), st.sampled_from([SKLEARN, XGBOOST])
    found = [model("new", 2_000, memory_bytes=draw(sizes) * GIB)]
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["single", "mme", "mce"]))
        for place in range(1 if kind == "single" else draw(st.integers(2, 4))):
            found.append(
                model(
                    f"m{number}-{place}",
                    2_000,
                    endpoint=f"e{number}",
                    kind=kind,
                    image=draw(images) if kind == "mce" else SKLEARN,
                    memory_bytes=draw(sizes) * GIB,
                )
            )
    return found


MODELS = _models()


def _with_load(factor):
    return [
        replace(one, traffic=replace(one.traffic, peak_busy=factor * one.traffic.peak_busy))
        for one in TEN
    ]


class TestTotals:
    """What all endpoints cost as they are, with one for each model, and as advised."""

    @pytest.mark.parametrize(
        ("case", "now", "alone", "advised"),
        [
            ("ten models of one framework", 744.60, 744.60, 74.46),
            ("a hot model in a cold crowd", 74.46, 670.14, 148.92),
            ("a hot model and cold ones, each on its own", 819.06, 819.06, 148.92),
            ("two frameworks", 148.92, 148.92, 74.46),
            ("preprocessing", 148.92, 148.92, 74.46),
            ("preprocessing and postprocessing", 297.84, 297.84, 74.46),
            ("busy steps", 595.68, 595.68, 595.68),
            ("steps that cost more together", 110.96, 110.96, 110.96),
            ("an endpoint of which something is unknown", 223.38, 297.84, 223.38),
            ("a GPU beside a CPU", 611.74, 611.74, 611.74),
            ("one that joins an endpoint that holds it", 148.92, 297.84, 74.46),
            ("one that has no place on the endpoint of others", 148.92, 223.38, 148.92),
            ("models that nobody can hold at once, loaded from time to time", 74.46, 297.84, 74.46),
            ("variants of one model", 74.46, 148.92, 74.46),
            (
                "more images than one endpoint has containers",
                1191.36,
                1191.36,
                148.92,
            ),
            ("frameworks that fit on two endpoints", 297.84, 297.84, 148.92),
        ],
    )
    def test_totals(self, case, now, alone, advised):
        """USD a month; an instance of ml.c5.large is 74.46."""
        known, _ = ACCOUNTS[case]

        found = totals(known, advices(decide(known, 0.01)))

        assert (found.now, found.each_alone, found.advised) == pytest.approx((now, alone, advised))

    @pytest.mark.parametrize("known", [one for one, _ in ACCOUNTS.values()], ids=ACCOUNTS)
    def test_savings(self, known):
        """What the pieces of advice save adds up to what all of them save together."""
        meant = advices(decide(known, 0.01))

        found = totals(known, meant)

        assert sum(one.saves or 0 for one in meant) == pytest.approx(found.now - found.advised)

    @given(st.data())
    def test_any_account(self, data):
        """As advised costs no more than now, but for what the titles say; and one model more costs
        no more than an endpoint of its own."""
        models = data.draw(MODELS)
        before = advices(decide(account(models[1:]), 0.01)) if models[1:] else []
        after = advices(decide(account(models), 0.01))

        cheaper = totals(account(models[1:]), before).advised if before else 0.0
        found = totals(account(models), after)

        said = sum(one.saves for one in after if one.first.option)
        assert said == pytest.approx(found.now - found.advised)
        dearer = [one for one in after if one.saves is not None and one.saves < -0.01]
        assert all("more" in title(one) for one in dearer)
        assert found.advised <= found.now + 0.01 or dearer
        if all(one.first.option for one in [*before, *after]):
            assert found.advised <= cheaper + 74.47

    def test_a_part_of_the_advice(self):
        """The endpoint of a model that leaves stays for those that were not asked for."""
        known, _ = ACCOUNTS["a hot model in a cold crowd"]
        decisions = decide(known, 0.01)

        found = totals(known, advices({"hot": decisions["hot"]}))

        assert (found.now, found.advised) == pytest.approx((74.46, 148.92))

    def test_endpoint_that_all_leave(self):
        """Each piece of advice says if the others have to be followed, too."""
        known, _ = ACCOUNTS["several that leave one endpoint"]

        for one in advices(decide(known, 0.01)):
            (confirm,) = (said for name, said in blocks(one) if name == "would have to be true")
            assert "saves" in title(one)
            assert confirm[-1] == "the other models leave mme, too, so that it goes"

    def test_pipeline_of_one_endpoint(self):
        """An endpoint whose models all become the steps of one pipeline goes."""
        first = model(
            "a", endpoint="mce", kind="mce", traffic=traffic(10**5, followed_by={"b": 1.0})
        )
        known = account([first, model("b", endpoint="mce", kind="mce")], [on_instance("mce")])

        (advice,) = advices(decide(known, 0.01))

        assert title(advice) == "a, b: pipeline instead of multi-container, for the same money"

    @pytest.mark.parametrize(
        ("values", "option"),
        [(NIGHTLY, "batch"), (traffic(2_000, 40_000.0), "asynchronous")],
        ids=["batch", "asynchronous"],
    )
    def test_no_instances(self, values, option):
        """What a model of a serverless endpoint costs on instances is unknown: nobody named any."""
        known = account([model("a", traffic=values)], [on_serverless("a")])

        advice = advices(decide(known, 0.01))

        said = f"a: {option} instead of serverless, and what it costs is unknown"
        assert title(advice[0]) == said
        assert totals(known, advice).advised is None

    def test_unknown(self):
        """What is unknown stays as it is in the total, and without prices there is no total."""
        unknown = account([replace(one, memory_bytes=None) for one in TEN])
        assert totals(unknown, advices(decide(unknown, 0.01))).advised == pytest.approx(744.60)

        free = account(TEN, [replace(on_instance("m0"), price_an_hour=None)])
        assert totals(free, advices(decide(free, 0.01))).now is None


class TestRisks:
    """What may go wrong is said, also of an endpoint that stays."""

    @pytest.mark.parametrize(
        ("known", "risk"),
        [
            pytest.param(
                account(TEN[:2], [on_instance(one.name, instances=2) for one in TEN[:2]]),
                "1 instance instead of 2: nothing answers while it is replaced, and it is in one "
                "Availability Zone",
                id="one instance",
            ),
            pytest.param(
                account(on_one("mme", {"a": 0.1, "b": 0.1}), [on_instance("mme", instances=3)]),
                None,
                id="measured",
            ),
            pytest.param(
                account([model("a", traffic=traffic(10**6, peak_busy=12.0))]),
                "21 calls at once in the busiest minute, and 2 vCPUs: some wait",
                id="too few",
            ),
            pytest.param(
                account([model("a")], [on_instance("a", instances=5)]),
                "it has 5 instances, and its load needs 1, for 74.46 USD a month; the others are "
                "there if one fails",
                id="too many",
            ),
            pytest.param(account([model("a")]), None, id="enough"),
            pytest.param(
                account(
                    [model(name, endpoint="m") for name in ("m (a)", "m (b)")],
                    [on_instance("m", instances=2)],
                ),
                None,
                id="one for each variant",
            ),
        ],
    )
    def test_instances(self, known, risk):
        """Fewer instances than now, fewer than the busiest minute needs, and more than it needs."""
        advice = advices(decide(known, 0.01))[0]

        own = [one for one in risks(advice) if "instance" in one or "vCPU" in one]

        assert own == ([] if risk is None else [risk])


@pytest.mark.parametrize(
    ("case", "name", "rule", "reason"),
    [
        (
            "more images than one endpoint has containers",
            "f15",
            "multi-container",
            "2.2 GB of 3.4 GB are taken by 15 models, and this one takes 150.0 MB",
        ),
        (
            "three frameworks that fit together, and one that fits nowhere",
            "d",
            "multi-container",
            "it takes 3.5 GB, and models get 3.4 GB of an instance",
        ),
        (
            "two models on instances with one GPU",
            "a",
            "inference components",
            "2 instances ml.g5.12xlarge",
        ),
    ],
)
def test_why_alone(case, name, rule, reason):
    """Who is left alone gets the reason."""
    known, _ = ACCOUNTS[case]
    (advice,) = (one for one in advices(decide(known, 0.01)) if one.names == [name])

    (why,) = (lines for title, lines in blocks(advice) if title == f"not {rule}")

    assert reason in why[0]
