"""Random tables with few endpoints and similar names."""

import json

from hypothesis import strategies as st

from chalicelib.routing.reading import file

ENDPOINTS = st.sampled_from(["team-a-1", "team-a-2", "team-b", "team", "Team-C", "solo", "tabular"])
COMPONENTS = st.sampled_from(["part-1", "part-2", "Part-3", "other"])
CONTAINERS = st.sampled_from(["sklearn", "sk", "lightgbm", "Light"])
FOLDERS = st.sampled_from(
    ["", "", "houston/", "houston/new/", "austin/", "Houston/", "/", "/houston/"]
)
FILES = st.sampled_from(
    ["v1.tar.gz", "v2.tar.gz", "v10.tar.gz", "V1.tar.gz", "v!(1)'.tar.gz", "v1"]
)
ARTIFACTS = st.tuples(FOLDERS, FILES).map("".join)

LISTS = st.lists(st.sampled_from(["houston", "austin", "v1", "1.0", "~"]), min_size=1, unique=True)
PATTERNS = st.sampled_from(["[a-z]{2}", "v[0-9]+", "a|b.", r"[\w\-]+"])
RULES = st.one_of(
    st.fixed_dictionaries({"one_of": LISTS}), st.fixed_dictionaries({"pattern": PATTERNS})
)
TEMPLATES = st.sampled_from(
    ["{a}", "{a}/v1.tar.gz", "houston/{a}.tar.gz", "houston/{a}/v-{a}", "/{a}/v1.tar.gz"]
)
PAIRS = st.sampled_from(["{a}/{b}", "{b}{a}.tar.gz", "houston/{b}/{a}/v1.tar.gz"])


def _with(kind, **keys):
    return st.fixed_dictionaries({"kind": st.just(kind), "endpoint": ENDPOINTS, **keys})


def _with_parameters(names, templates):
    rules = st.fixed_dictionaries(dict.fromkeys(names, RULES))
    return _with("mme", target_model=templates, parameters=rules)


PLAIN = st.one_of(
    _with("single"),
    _with("single", target_variant=st.just("green")),
    _with("mme", target_model=ARTIFACTS),
    _with("mme", target_model=ARTIFACTS),
    _with("mce", target_container_hostname=CONTAINERS),
    _with("pipeline"),
    _with("pipeline", target_model=ARTIFACTS),
    _with("component", inference_component=COMPONENTS),
)
SIMPLE = st.one_of(PLAIN, PLAIN, _with_parameters("a", TEMPLATES), _with_parameters("ab", PAIRS))

ROLES = [
    *("arn:aws:iam::222233334444:role/inference", "arn:aws:iam::222233334444:role/other"),
    *("arn:aws:iam::333344445555:role/inference", "arn:aws:iam::123456789012:role/ours"),
]
PLACES = st.fixed_dictionaries(
    {},
    optional={
        # The gateway's own Region is eu-west-1.
        "region": st.sampled_from(["eu-west-1", "us-east-1", "eu-west-3"]),
        "role_arn": st.sampled_from(ROLES),
    },
)


def _somewhere(entries):
    return st.tuples(entries, PLACES).map(lambda both: {**both[0], **both[1]})


SEVERAL = st.dictionaries(
    st.sampled_from(["v7", "v8", "backup"]), _somewhere(PLAIN), min_size=1
).map(lambda targets: {"targets": {name: {**one, "weight": 1} for name, one in targets.items()}})
ENTRIES = st.one_of(SIMPLE, SIMPLE, _somewhere(SIMPLE), SEVERAL)


def table_of(entries):
    """Return a table of these entries, which are named m0, m1, …."""
    named = {
        "/".join([f"m{number}", *(f"{{{one}}}" for one in entry.get("parameters", ()))]): entry
        for number, entry in enumerate(entries)
    }
    return file.parse(json.dumps({"version": 1, "models": named}).encode(), "routing.yaml")


TABLES = st.lists(ENTRIES, min_size=1, max_size=12).map(table_of)
