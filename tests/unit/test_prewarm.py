"""`gatewayctl prewarm`: which models it calls, until when, and what it reports.

How the answers of SageMaker are understood is in tests/integration/test_prewarm.py.
"""

import threading

import pytest
from botocore.exceptions import ClientError

from chalicelib.sagemaker import upstream_errors
from gatewayctl.commands.prewarm import PrewarmRun, report
from gatewayctl.commands.prewarm_calls import ADVICE, Answer, Loader, Meaning
from gatewayctl.commands.prewarm_candidates import Outcome, State
from gatewayctl.commands.prewarm_selection import MOST_OF_A_PATTERN, PatternLister, Selection
from gatewayctl.commands.prewarm_selection import select as select_from
from gatewayctl.report import ExitCode, NotReachable, WrongUse
from tests.support.aws_account import SILENCE, AwsAccount, container
from tests.support.gateway import TABLE, table

FILE = "routing.yaml"
SECONDS = 20
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
TABLE_OF_ALL = table(TABLE + MORE)
SALES = "sales/{country}/{product}"
S3 = "s3://b/s/"


def select(routes, names, file, account=None, most=MOST_OF_A_PATTERN):
    """Select models; without an account, nothing can be listed."""
    lister = PatternLister((account or AwsAccount()).accounts(), most)
    return select_from(routes, names, file, lister.calls)


@pytest.fixture(name="selected", scope="module")
def _selected():
    return lambda *names: select(TABLE_OF_ALL, names, FILE)


@pytest.fixture(name="account")
def _account():
    """An account with the endpoint and the artifacts of an entry with a pattern."""
    account = AwsAccount()
    account.endpoint("sales", account.model("sales", container(prefix=S3)))
    names = ("de/beer", "de/milk", "fr/milk", "fr/Milk", "es/milk", "de/sourcedir", "beer")
    account.buckets["b"] = [f"s/{name}.tar.gz" for name in names]
    return account


def paths(selection):
    return [candidate.path for candidate in selection.candidates]


class TestSelection:
    """Which models are called."""

    def test_without_names(self, selected):
        """Every target with a TargetModel, and a note about each pattern that cannot be listed."""
        selection = selected()

        assert paths(selection) == [
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
        assert selection.notes[:2] == [
            f"{SALES} has a pattern, and its artifacts cannot be listed: the endpoint sales does "
            "not exist; name the one to load: prewarm sales/de/PRODUCT",
            "translate/{source}/{target} has a pattern, and its artifacts cannot be listed: the "
            "endpoint languages does not exist; name the one to load: "
            "prewarm translate/SOURCE/TARGET",
        ]
        assert selection.notes[2].startswith("deep/too-long is left out: The parameter name is ")

    def test_pattern(self, account):
        """An entry with a pattern stands for the artifacts that exist and fit."""
        selection = select(TABLE_OF_ALL, [SALES], FILE, account)

        assert paths(selection) == ["sales/de/beer", "sales/de/milk", "sales/fr/milk"]
        assert selection.notes == []
        of_all = paths(select(TABLE_OF_ALL, [], FILE, account))
        assert [path for path in of_all if path.startswith("sales/")] == paths(selection)

    def test_very_many(self, account):
        """Of very many artifacts the first ones are called, and a note says how to call others."""
        names = [f"s/de/{a}{b}.tar.gz" for a in "abcdefghij" for b in "abcdefghijklmnopqrstuvwxyz"]
        account.buckets["b"] = names
        selection = select(TABLE_OF_ALL, [SALES], FILE, account)

        assert len(paths(selection)) == 200
        assert selection.notes == [
            f"{SALES}: 260 artifacts fit it, and the first 200 are called; "
            "to call others, name them, as in prewarm sales/de/jz, or give --most"
        ]
        assert len(paths(select(TABLE_OF_ALL, [SALES], FILE, account, most=260))) == 260
        assert paths(select(TABLE_OF_ALL, [SALES], FILE, account, most=0)) == []

    def test_no_artifact_fits(self, account):
        """A pattern that nothing fits has a note."""
        account.buckets["b"] = ["s/readme.md"]
        selection = select(TABLE_OF_ALL, [SALES, "iris"], FILE, account)

        assert (paths(selection), selection.notes) == (
            ["iris"],
            [f"{SALES}: no artifact of {S3} fits it"],
        )

    @pytest.mark.parametrize(
        ("break_it", "reason"),
        [
            (
                lambda account: account.denied.add("ListObjectsV2"),
                "the bucket b cannot be read without the IAM permission s3:ListBucket",
            ),
            (
                lambda account: account.denied.add("DescribeEndpoint"),
                "the endpoint sales cannot be read without the IAM permission "
                "sagemaker:DescribeEndpoint",
            ),
            (
                lambda account: account.denied.add("DescribeModel"),
                "the model sales cannot be read without the IAM permission sagemaker:DescribeModel",
            ),
            (
                lambda account: account.model("sales", container()),
                "no container of endpoint sales loads artifacts",
            ),
            (
                lambda account: account.faults.update({"DescribeEndpoint": [SILENCE]}),
                "Amazon SageMaker cannot be reached (EndpointConnectionError); check the network, "
                "the region and AWS_ENDPOINT_URL",
            ),
        ],
        ids=["s3", "endpoint", "model", "single", "silence"],
    )
    def test_pattern_that_cannot_be_listed(self, account, break_it, reason):
        """What is missing is a note, and the other models are loaded; by name it is an error."""
        break_it(account)
        note = (
            f"{SALES} has a pattern, and its artifacts cannot be listed: {reason}; "
            "name the one to load: prewarm sales/de/PRODUCT"
        )
        selection = select(TABLE_OF_ALL, [], FILE, account)

        assert selection.notes[0] == note
        assert "iris" in paths(selection)
        account.faults["DescribeEndpoint"] = [SILENCE] if "reached" in reason else []
        with pytest.raises(NotReachable) as raised:
            select(TABLE_OF_ALL, ["iris", SALES], FILE, account)
        assert str(raised.value) == note
        assert paths(select(TABLE_OF_ALL, ["sales/de/tea"], FILE, account)) == ["sales/de/tea"]

    def test_no_artifact(self):
        """An object that is no artifact is called, with a note."""
        entry = "kind: mme, endpoint: e, target_model: job/output/output.tar.gz"
        selection = select(table(f"version: 1\nmodels:\n  a: {{{entry}}}\n"), [], FILE)

        assert (paths(selection), selection.notes) == (
            ["a"],
            [
                "a is called with 'job/output/output.tar.gz', an object that SageMaker training "
                "leaves beside a model"
            ],
        )

    def test_nothing(self):
        """A table without a TargetModel gives only a note."""
        text = "version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n"

        assert select(table(text), [], FILE) == Selection(
            [], ["no model of routing.yaml has a target_model; name the models to load"]
        )

    @pytest.mark.parametrize(
        ("names", "chosen"),
        [
            (["iris"], ["iris"]),
            (["churn"], ["churn"]),
            (["house-price/houston"], ["house-price/houston"]),
            (["house-price/{city}"], ["house-price/austin", "house-price/houston"]),
            (["translate/de/fr"], ["translate/de/fr"]),
            (["iris", "churn", "iris"], ["iris", "churn"]),
        ],
        ids=" ".join,
    )
    def test_names(self, selected, names, chosen):
        """A path means one model, the name of an entry all its models; each is called once."""
        assert paths(selected(*names)) == chosen

    @pytest.mark.parametrize(
        ("name", "text"),
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
        ],
        ids=str,
    )
    def test_wrong_use(self, selected, name, text):
        """A name that means no model is refused with what was probably meant."""
        with pytest.raises(WrongUse) as caught:
            selected("iris", name)

        assert str(caught.value) == text

    def test_async(self):
        """A model of kind `async` is called by nobody, and refused by name."""
        routes = table("version: 1\nmodels:\n  film: {kind: async, endpoint: films}\n")

        assert select(routes, [], FILE).candidates == []
        with pytest.raises(WrongUse, match=r"film is of kind async, .* send it a job"):
            select(routes, ["film"], FILE)

    @pytest.mark.parametrize(
        ("options", "body", "content_type"),
        [
            ("example: [1, 2]", b"[1, 2]", "application/json"),
            ("content_types: [text/csv, application/json]\n    example: 1", b"1", None),
            ("", b"{}", "application/json"),
            ("content_types: [application/foo+json]", b"{}", "application/foo+json"),
            ("content_types: [text/csv, application/json]", b"", "text/csv"),
            ("content_types: [image/png]\n    example: 1", b"", "image/png"),
            ("content_types: [text/csv]\n    example: 'ä,1'", "ä,1".encode(), "text/csv"),
            ("content_types: [text/csv]\n    example: '1'", b"1", "text/csv"),
            ("content_types: [text/csv, application/json]\n    example: a", b"a", "text/csv"),
            ("content_types: [application/json, text/csv]\n    example: a", b'"a"', None),
            ("content_types: [text/csv, a/b+json]\n    example: [1]", b"[1]", "a/b+json"),
        ],
        ids=str,
    )
    def test_call(self, options, body, content_type):
        """A model gets its example, else the shortest body of its first content type."""
        text = f"version: 1\nmodels:\n  a:\n    kind: single\n    endpoint: e\n    {options}\n"
        (candidate,) = select(table(text), ["a"], FILE).candidates

        assert candidate.invoke_args() == {
            "EndpointName": "e",
            "Body": body,
            "ContentType": content_type or "application/json",
        }


(IRIS,) = select(table(), ["iris"], FILE).candidates
LOADING = Answer(Meaning.LOADING, 60.0, "ModelNotReadyException", "wait")
THROTTLED = Answer(Meaning.RETRY, 0.01, "ThrottlingException", "slower")
FAILED = Answer(Meaning.FAILED, 0.01, "ValidationError", "look")
REFUSED = Answer(Meaning.REFUSED, 0.01, "ModelError 400", "look")


def loaded(seconds, code=None):
    return Answer(Meaning.LOADED, seconds, code)


class Script:
    """Gives these answers, one for each call, and keeps the lengths of the pauses."""

    def __init__(self, *answers, most_pauses=100):
        self.answers = list(answers)
        self.pauses = []
        self.most_pauses = most_pauses

    def call(self, _):
        return self.answers.pop(0)

    def pause(self, seconds):
        self.pauses.append(seconds)
        return len(self.pauses) > self.most_pauses

    def load(self, timeout_seconds=400):
        outcome = Loader(self.call, timeout_seconds, self.pause).load(IRIS)
        assert self.answers == []
        return outcome


class TestLoading:
    """How one model is called until it is loaded."""

    @pytest.mark.parametrize(
        ("answers", "state"),
        [
            pytest.param([loaded(0.15)], State.HOT, id="at-once"),
            pytest.param([loaded(0.9), loaded(0.8)], State.HOT, id="as-slow-as-ever"),
            pytest.param([loaded(0.9), loaded(0.5)], State.HOT, id="not-twice-as-slow"),
            pytest.param([loaded(0.25), loaded(0.06)], State.HOT, id="hardly-slower"),
            pytest.param([loaded(0.9), loaded(0.3)], State.LOADED, id="much-slower"),
            pytest.param([loaded(0.9), THROTTLED], State.LOADED, id="slow-with-no-second-call"),
            pytest.param([LOADING, loaded(0.01)], State.LOADED, id="seen-loading"),
            pytest.param([LOADING, THROTTLED, loaded(0.01)], State.LOADED, id="and-throttled"),
            pytest.param([THROTTLED, THROTTLED, loaded(0.01)], State.HOT, id="throttled"),
            pytest.param([FAILED], State.FAILED, id="failed"),
            pytest.param([LOADING, THROTTLED, FAILED], State.FAILED, id="failed-in-the-end"),
            pytest.param([REFUSED], State.REFUSED, id="refused"),
            pytest.param([LOADING, REFUSED], State.REFUSED, id="refused-after-loading"),
        ],
    )
    def test_state(self, answers, state):
        """A model was cold if SageMaker said so, or if its first call was clearly slower."""
        outcome = Script(*answers).load()

        assert outcome.state is state
        assert state is not State.FAILED or (outcome.code, outcome.advice) == (
            "ValidationError",
            "look",
        )

    def test_pauses(self):
        """Pauses are short while a model is loaded, and grow after other errors."""
        waiting = Script(*[LOADING] * 50, loaded(0.01))
        throttled = Script(*[THROTTLED] * 1500, loaded(0.01), most_pauses=2000)
        waiting.load()
        throttled.load()

        assert set(waiting.pauses) == {1.0}
        for pause, longest in zip(throttled.pauses, [0.5, 1, 2, 4, 8, *[16] * 1495], strict=True):
            assert longest / 2 <= pause <= longest

    @pytest.mark.parametrize(
        ("answers", "state"),
        [
            ([LOADING, LOADING], State.COLD),
            ([LOADING, THROTTLED], State.COLD),
            ([THROTTLED, THROTTLED], State.FAILED),
        ],
        ids=["loading", "loading-and-throttled", "throttled"],
    )
    def test_stopped(self, answers, state):
        """A pause that is interrupted ends the calls; the last answer is reported."""
        outcome = Script(*answers, most_pauses=1).load()

        assert (outcome.state, outcome.code) == (state, answers[-1].code)

    def test_timeout(self):
        """No pause is longer than the time that is left, and no call is made after it."""
        late = Script(LOADING)
        assert late.load(timeout_seconds=0).state is State.COLD
        assert late.pauses == []

        soon = Script(LOADING, loaded(0.01))
        soon.load(timeout_seconds=0.5)
        assert soon.pauses[0] < 0.5


def candidates(*names):
    entries = "".join(f"  {name}:\n    kind: single\n    endpoint: e\n" for name in names)
    return select(table(f"version: 1\nmodels:\n{entries}"), names, FILE).candidates


def numbered(many):
    """So many models: m0, m1, …"""
    return candidates(*(f"m{number}" for number in range(many)))


def hot(candidate):
    return candidate.outcome(State.HOT, 0.01)


class TestRun:
    """Many models in several threads."""

    @pytest.fixture(autouse=True)
    def _no_thread_is_left(self):
        """Every worker ends with the run."""
        before = set(threading.enumerate())
        yield
        for thread in set(threading.enumerate()) - before:
            thread.join(SECONDS)
            assert not thread.is_alive()

    def test_each_once(self):
        """Every model is called once and has a line, whatever the number of threads."""
        lines = []
        run = PrewarmRun(numbered(50), lines.append)
        run.run(hot, at_once=8)

        assert sorted(one.path for one in run.outcomes) == sorted(f"m{n}" for n in range(50))
        assert lines[0] == "calling 50 models, 8 at once"
        assert [line.split("] ")[0] for line in lines[1:]] == [f"[{n + 1}/50" for n in range(50)]

    def test_at_once(self):
        """As many models as the user allows are called at a time."""
        together = threading.Barrier(3)
        run = PrewarmRun(numbered(6), lambda line: None)

        def load(candidate):
            assert together.wait(SECONDS) < 3
            return hot(candidate)

        run.run(load, at_once=3)

        assert len(run.outcomes) == 6

    def test_progress(self):
        """While no model is done, a line names the first four that are being called."""
        lines, go_on = [], threading.Event()

        def print_line(line):
            lines.append(line)
            if "and 2 more" in line:
                go_on.set()

        def load(candidate):
            assert go_on.wait(SECONDS)
            return hot(candidate)

        PrewarmRun(numbered(8), print_line, progress_seconds=0.01).run(load, at_once=6)

        waiting = [line for line in lines if "and 2 more" in line]
        assert waiting[-1].startswith("waiting for m")
        assert waiting[-1].endswith(" (0 s) and 2 more; 2 to go")

    def test_interrupted(self):
        """Ctrl-C ends the run with the outcomes so far, and interrupts pauses."""
        woken = threading.Event()

        def load(candidate):
            if candidate.path != "m0" and run.pause(SECONDS):
                woken.set()
            return hot(candidate)

        def print_line(line):
            if line.startswith("[1/"):
                raise KeyboardInterrupt

        run = PrewarmRun(numbered(9), print_line)
        run.run(load, at_once=2)

        assert [one.path for one in run.outcomes] == ["m0"]
        assert woken.wait(SECONDS)
        assert run.not_reachable is None

    def test_not_reachable(self):
        """A call that cannot reach AWS ends the run; earlier outcomes are kept."""

        def load(candidate):
            if candidate.path == "m2":
                raise NotReachable("no AWS")
            return hot(candidate)

        run = PrewarmRun(numbered(9), lambda line: None)
        run.run(load, at_once=1)

        assert [one.path for one in run.outcomes] == ["m0", "m1"]
        assert str(run.not_reachable) == "no AWS"


COLD = Outcome("a", State.COLD, 400.12345, "ModelNotReadyException", "wait")
LINE = "a: still cold after 400 s (ModelNotReadyException): wait"


@pytest.mark.parametrize(
    ("outcomes", "unfinished", "failure", "code", "lines"),
    [
        pytest.param(
            [
                Outcome("a", State.HOT, 0.01),
                Outcome("b", State.LOADED, 61.04),
                Outcome("c", State.LOADED, 1.2),
            ],
            [],
            None,
            ExitCode.FINE,
            ["3 models: 1 hot, 2 loaded in 1.2 to 61.0 s"],
            id="ready",
        ),
        pytest.param(
            [COLD, Outcome("b", State.FAILED, 0.1, "ValidationError", "look"), hot(IRIS)],
            [],
            None,
            ExitCode.FINDINGS,
            [LINE, "b: failed (ValidationError): look", "3 models: 1 hot, 1 cold, 1 failed"],
            id="not-ready",
        ),
        pytest.param(
            [hot(IRIS)],
            ["m0", "m1"],
            None,
            ExitCode.FINDINGS,
            ["3 models: 1 hot, 2 unfinished"],
            id="unfinished",
        ),
        pytest.param(
            [hot(IRIS)],
            ["m0"],
            NotReachable("no AWS"),
            ExitCode.AWS_NOT_REACHABLE,
            ["2 models: 1 hot, 1 unfinished"],
            id="not-reachable",
        ),
        pytest.param([], [], None, ExitCode.FINE, ["0 models"], id="nothing"),
    ],
)
def test_report(outcomes, unfinished, failure, code, lines):
    """Models that are not ready have a line with advice; the last line has the numbers."""
    made = reported(outcomes, unfinished, failure)

    assert (made.exit_code, list(made.lines)) == (code, lines)
    assert list(made.notes) == ["why", *(["gatewayctl prewarm: no AWS"] if failure else [])]


def test_report_as_data():
    """The data has every model, in the order of the selection."""
    assert reported([COLD], ["m0"], None).data == {
        "counts": {"hot": 0, "loaded": 0, "cold": 1}
        | {"refused": 0, "unknown": 0, "failed": 0, "unfinished": 1},
        "models": [
            {
                "path": "a",
                "state": "cold",
                "seconds": 400.123,
                "code": "ModelNotReadyException",
                "advice": "wait",
                "target": None,
            },
            {
                "path": "m0",
                "state": "unfinished",
                "seconds": 0.0,
                "code": None,
                "advice": None,
                "target": None,
            },
        ],
        "notes": ["why"],
        "not_reachable": None,
    }


def reported(outcomes, unfinished, failure):
    run = PrewarmRun((), lambda line: None)
    run.outcomes += outcomes
    run.not_reachable = failure
    names = [*(one.path for one in outcomes), *unfinished]
    return report(Selection(candidates(*names) if names else (), ["why"]), run)


def error_response(code, **members):
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}, **members}
    return ClientError(response, "InvokeEndpoint")


@pytest.mark.parametrize(
    "error",
    [
        *map(error_response, [*upstream_errors.ERRORS, "ValidationError", "Unknown"]),
        *(error_response("ModelError", OriginalStatusCode=odd) for odd in (0, 500, 1e400, "", [])),
    ],
    ids=lambda error: str(error.response),
)
def test_advice(error):
    """There is advice for every error response that is no refusal of the body."""
    kind = type(upstream_errors.from_error_response(error, exposed=False, free_values={}))

    assert kind in ADVICE
