"""Endpoints, calls and prices as values, made up for tests of costs."""

from decimal import Decimal

from hypothesis import strategies as st

from gatewayctl.costs.cloudwatch import VariantMetrics
from gatewayctl.costs.hosting import (
    EndpointHosting,
    Hosting,
    Occupant,
    Reserved,
    Serverless,
    VariantHosting,
)
from gatewayctl.costs.prices import InstancePrice, Prices, ServerlessPrices
from gatewayctl.costs.usage import CalledTarget, Period, Usage, Use, User

HOUR = Period(0.0, 3600.0)
C5, G4 = "ml.c5.large", "ml.g4dn.xlarge"
PRICES = Prices(
    currency="USD",
    region="eu-north-1",
    date="2026-05-04",
    source="made up",
    instances={
        C5: InstancePrice(Decimal("0.102"), 2, Decimal(4), 0),
        G4: InstancePrice(Decimal("0.736"), 4, Decimal(16), 1),
    },
    serverless=ServerlessPrices(
        {1024: Decimal("0.00002"), 2048: Decimal("0.00004")},
        Decimal("0.016"),
        {2048: Decimal("0.00001")},
        {2048: Decimal("0.00003")},
    ),
)


def endpoint(name, kind="single", *occupants, instances=1, instance_type=C5, **members):
    """Return an endpoint with one variant on instances."""
    variant = VariantHosting("AllTraffic", instance_type, instances)
    return EndpointHosting(name, kind, (variant,), occupants or (Occupant("", 1_000),), **members)


def serverless(name, memory_mb=2048, provisioned=0):
    variant = VariantHosting("AllTraffic", serverless=Serverless(memory_mb, provisioned))
    return EndpointHosting(name, "single", (variant,), (Occupant("", 1_000),))


def artifact(name, size=1_000):
    return Occupant(f"TargetModel={name}.tar.gz", size, is_resident=False)


def multi_model(name, models, **members):
    """Return a multi-model endpoint with artifacts of these sizes by name."""
    return endpoint(name, "mme", *(artifact(*one) for one in models.items()), **members)


def component(name, copies=1, cpu_cores=0.0, memory_mb=0):
    reserved = Reserved(copies, copies * cpu_cores, 0.0, copies * memory_mb)
    return Occupant(f"InferenceComponentName={name}", None, reserved=reserved)


def hosting(*endpoints):
    return Hosting("eu-north-1", endpoints)


def user(endpoint_name, target="", model="", principal="shop"):
    place = CalledTarget(endpoint_name, target)
    return User(place, model or target.partition("=")[2].removesuffix(".tar.gz"), principal)


def use(calls=1, busy_ms=100, **members):
    return Use(calls=calls, attempts=calls, busy_ms=busy_ms, **members)


def usage(uses, period=HOUR):
    return Usage(period, "made up", uses)


_NAMES = st.sampled_from(["a", "b", "c", "d"])
_USES = st.builds(
    Use,
    calls=st.integers(1, 10_000),
    attempts=st.integers(1, 10_000),
    busy_ms=st.integers(0, 10**7),
    bytes_in=st.integers(0, 10**10),
    bytes_out=st.integers(0, 10**10),
)
_SIZES = st.one_of(st.none(), st.integers(0, 10**10))
_VARIANTS = st.one_of(
    st.builds(
        VariantHosting,
        st.just("AllTraffic"),
        st.sampled_from([C5, G4, "ml.unknown", None]),
        st.one_of(st.none(), st.integers(0, 20)),
    ),
    st.builds(
        lambda memory, provisioned: VariantHosting(
            "AllTraffic", serverless=Serverless(memory, provisioned)
        ),
        st.sampled_from([1024, 2048, 6144]),
        st.integers(0, 3),
    ),
)
_OCCUPANTS = st.lists(
    st.one_of(
        st.just(Occupant("")),
        st.builds(Occupant, st.just(""), _SIZES),
        st.builds(artifact, _NAMES, _SIZES),
        st.builds(
            lambda name, size: Occupant(f"TargetContainerHostname={name}", size), _NAMES, _SIZES
        ),
        st.builds(component, _NAMES, st.integers(0, 4), st.floats(0, 4), st.integers(0, 9_000)),
    ),
    max_size=5,
)
_METRICS = st.builds(
    VariantMetrics,
    st.one_of(st.none(), st.integers(0, 10**6)),
    st.one_of(st.none(), st.floats(0, 10**6)),
    st.one_of(st.none(), st.integers(0, 10**6)),
    st.booleans(),
)
_KINDS = st.sampled_from(["single", "mme", "mce", "pipeline", "component", "async", None])
_ENDPOINTS = st.builds(
    lambda name, kind, variants, occupants, created: EndpointHosting(
        name, kind, tuple(variants), tuple(occupants), created=created
    ),
    st.sampled_from(["one", "two", "three"]),
    _KINDS,
    st.lists(_VARIANTS, max_size=1),
    _OCCUPANTS,
    st.one_of(st.none(), st.floats(-1_000, 5_000)),
)
ACCOUNTS = st.lists(_ENDPOINTS, max_size=3, unique_by=lambda one: one.name).map(
    lambda found: hosting(*found)
)
USAGES = st.one_of(
    st.none(),
    st.dictionaries(
        st.builds(
            user,
            st.sampled_from(["one", "two", "three", "deleted"]),
            st.one_of(
                st.just(""),
                st.builds("TargetModel={}.tar.gz".format, _NAMES),
                st.builds("TargetContainerHostname={}".format, _NAMES),
                st.builds("InferenceComponentName={}".format, _NAMES),
                st.builds("TargetVariant=AllTraffic, TargetModel={}.tar.gz".format, _NAMES),
            ),
            _NAMES,
            st.sampled_from(["", "shop", "web"]),
        ),
        _USES,
        max_size=12,
    ).map(usage),
)
METRICS = st.dictionaries(
    st.sampled_from(["one", "two", "three"]), st.fixed_dictionaries({"AllTraffic": _METRICS})
)
