"""Which artifacts are versions of one model."""

import pytest

from gatewayctl.commands.import_artifacts import latest


@pytest.mark.parametrize(
    ("artifacts", "newest"),
    [
        pytest.param(
            ["iris-v1.tar.gz", "iris-v10.tar.gz", "iris-v9.tar.gz"],
            {"iris-v10.tar.gz": ("iris-v9.tar.gz", "iris-v1.tar.gz")},
            id="by number, not by spelling",
        ),
        pytest.param(
            ["m_v1.2.tar.gz", "m_v1.10.tar.gz", "m_v1.tar.gz"],
            {"m_v1.10.tar.gz": ("m_v1.2.tar.gz", "m_v1.tar.gz")},
            id="several numbers",
        ),
        pytest.param(
            ["houston/v1.tar.gz", "houston/v2.tar.gz", "austin/v1.tar.gz"],
            {"houston/v2.tar.gz": ("houston/v1.tar.gz",), "austin/v1.tar.gz": ()},
            id="each folder has its own",
        ),
        pytest.param(
            ["v1/iris.tar.gz", "v2/iris.tar.gz"],
            {"v2/iris.tar.gz": ("v1/iris.tar.gz",)},
            id="a folder as a version",
        ),
        pytest.param(
            ["v1.tar.gz", "V2.tar.gz"], {"V2.tar.gz": ("v1.tar.gz",)}, id="nothing but a version"
        ),
        pytest.param(
            ["m-v03.tar.gz", "m-v3.tar.gz"],
            {"m-v3.tar.gz": ("m-v03.tar.gz",)},
            id="one number in two spellings",
        ),
        pytest.param(
            ["is-1.tar.gz", "is-2.tar.gz"],
            {"is-1.tar.gz": (), "is-2.tar.gz": ()},
            id="a number is no version",
        ),
        pytest.param(
            ["rev1.tar.gz", "rev2.tar.gz", "v1a.tar.gz", "v2a.tar.gz"],
            dict.fromkeys(["rev1.tar.gz", "rev2.tar.gz", "v1a.tar.gz", "v2a.tar.gz"], ()),
            id="nor part of a word",
        ),
        pytest.param(
            ["v1/m-v2.tar.gz", "v2/m-v1.tar.gz"],
            {"v1/m-v2.tar.gz": (), "v2/m-v1.tar.gz": ()},
            id="two versions say nothing",
        ),
        pytest.param(
            ["m.v1.tar.gz", "m-v2.tar.gz", "m-v2-eu.tar.gz"],
            {"m.v1.tar.gz": (), "m-v2.tar.gz": (), "m-v2-eu.tar.gz": ()},
            id="all the rest has to be the same",
        ),
    ],
)
def test_newest(artifacts, newest):
    """The newest of each model, and the older ones, newest first; in any order the same."""
    assert dict(latest(artifacts)) == newest
    assert latest(reversed(artifacts)) == latest(artifacts)
