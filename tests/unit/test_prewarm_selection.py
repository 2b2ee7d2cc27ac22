"""Which models `gatewayctl prewarm` touches, and what it sends them."""

import pytest
from gatewayctl.prewarming.selection import select

from gatewayctl.report import WrongUse
from tests.support.gateway import TABLE, table

FILE = "routing.yaml"
MORE = """\
  forecast/{country}/{product}:
    kind: mme
    endpoint: forecasts
    target_model: "{country}/{product}.tar.gz"
    parameters:
      country: {one_of: [fr, de]}
      product: {one_of: [milk, beer]}
  sales/{country}/{product}:
    kind: mme
    endpoint: sales
    target_model: "{country}/{product}.tar.gz"
    parameters:
      country: {one_of: [fr, de]}
      product: {pattern: "[a-z]+"}
  deep/{name}:
    kind: mme
    endpoint: deep
    target_model: "%s/{name}"
    parameters:
      name: {one_of: [a, too-long]}
  two-steps:
    kind: pipeline
    endpoint: two-steps
    target_model: a.tar.gz
""" % ("x" * 1016)
WAY_OUT = "has a pattern, so nobody can list what it stands for; name what you want: prewarm "


@pytest.fixture(name="selected", scope="module")
def _selected():
    routes = table(TABLE + MORE)
    return lambda *names: select(routes, names, FILE)


def paths(selection):
    return [candidate.path for candidate in selection.candidates]


class TestWithoutNames:
    def test_every_target_model(self, selected):
        """All that has a TargetModel, each value of a list and each pair of two lists."""
        assert paths(selected()) == [
            "deep/a",
            "forecast/de/beer",
            "forecast/de/milk",
            "forecast/fr/beer",
            "forecast/fr/milk",
            "house-price/austin",
            "house-price/houston",
            "iris",
            "two-steps",
        ]

    def test_notes(self, selected):
        """What is left out is named, with the way to have it touched."""
        notes = selected().notes

        assert notes[:2] == [
            f"sales/{{country}}/{{product}} {WAY_OUT}sales/de/PRODUCT",
            f"translate/{{source}}/{{target}} {WAY_OUT}translate/SOURCE/TARGET",
        ]
        assert notes[2].startswith("deep/too-long is left out: The parameter name is 'too-long'")

    def test_nothing(self):
        """A table without a TargetModel gives nothing to touch, and says so."""
        text = "version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n"
        selection = select(table(text), [], FILE)

        assert selection.candidates == []
        assert selection.notes == [
            "no model of routing.yaml has a target_model; name others to touch them"
        ]


class TestNames:
    @pytest.mark.parametrize(
        ("names", "chosen"),
        [
            (["iris"], ["iris"]),
            (["churn"], ["churn"]),
            (["house-price/houston"], ["house-price/houston"]),
            (["house-price/{city}"], ["house-price/austin", "house-price/houston"]),
            (["translate/de/fr"], ["translate/de/fr"]),
            (["iris", "churn", "iris"], ["iris", "churn"]),
            (
                ["house-price/houston", "house-price/{city}"],
                ["house-price/houston", "house-price/austin"],
            ),
        ],
        ids=" ".join,
    )
    def test_what_they_stand_for(self, selected, names, chosen):
        """A path is one model, an entry's name all of its models, and none is touched twice."""
        assert paths(selected(*names)) == chosen

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("irsi", "there is no model 'irsi' in routing.yaml; did you mean iris?"),
            (
                "house-price",
                "there is no model 'house-price' in routing.yaml; did you mean house-price/{city}?",
            ),
            (
                "zzz",
                "there is no model 'zzz' in routing.yaml; "
                "write it as in routing.yaml or after /predict/",
            ),
            (
                "house-price/huston",
                "house-price/{city}: The parameter city is 'huston'; it must be one of the values "
                "that GET /models lists for it. Did you mean house-price/houston?",
            ),
            (
                "translate/de/french",
                "translate/{source}/{target}: The parameter target is 'french'; it must be a text "
                "that [a-z]{2} matches from end to end.",
            ),
            (
                "sales/{country}/{product}",
                f"sales/{{country}}/{{product}} {WAY_OUT}sales/de/PRODUCT",
            ),
        ],
        ids=str,
    )
    def test_wrong_use(self, selected, name, said):
        """A name that stands for nothing is refused, with what was probably meant."""
        with pytest.raises(WrongUse) as caught:
            selected("iris", name)

        assert str(caught.value) == said


class TestWhatIsSent:
    @pytest.mark.parametrize(
        ("path", "target"),
        [
            ("iris", {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}),
            ("churn-green", {"EndpointName": "churn-prod", "TargetVariant": "green"}),
            ("sentiment", {"EndpointName": "nlp", "TargetContainerHostname": "sentiment"}),
            ("summary", {"EndpointName": "shared", "InferenceComponentName": "summary-v2"}),
            ("translate/de/fr", {"EndpointName": "languages", "TargetModel": "de-fr.tar.gz"}),
        ],
    )
    def test_target(self, selected, path, target):
        """The call goes where the gateway's would go."""
        (candidate,) = selected(path).candidates

        assert candidate.invoke_args().items() >= target.items()
        assert candidate.invoke_args().keys() == target.keys() | {"Body", "ContentType"}

    @pytest.mark.parametrize(
        ("options", "body", "content_type"),
        [
            ("example: [1, 2]", b"[1, 2]", "application/json"),
            ("content_types: [text/csv, application/json]\n    example: 1", b"1", None),
            ("", b"{}", "application/json"),
            ("content_types: [application/foo+json]", b"{}", "application/foo+json"),
            ("content_types: [text/csv, application/json]", b"", "text/csv"),
            ("content_types: [image/png]\n    example: 1", b"", "image/png"),
        ],
        ids=str,
    )
    def test_body(self, options, body, content_type):
        """The example if it can be sent; else as little as the first content type allows."""
        text = f"version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n    {options}\n"
        (candidate,) = select(table(text), ["a"], FILE).candidates

        assert candidate.invoke_args() == {
            "EndpointName": "e",
            "Body": body,
            "ContentType": content_type or "application/json",
        }
