p='tests/support/gateway.py'; s=open(p).read()
a=s.index('@dataclass(frozen=True)\nclass House:')
s=s[:a]+'''@dataclass(frozen=True)
class BuiltGateway:
    """A gateway with a client, and with what its parts have recorded."""

    app: GatewayApp
    runtime: Any
    log: Log
    client: Any

    def get(self, path: str, headers: Headers = ()) -> Response:
        return self.client.send("GET", path, headers)

    def post(self, path: str, body: bytes = b"{}", headers: Headers = JSON) -> Response:
        return self.client.send("POST", path, headers, body)

    def predict(self, path: str, body: bytes = b"{}", **headers: str) -> Response:
        """POST JSON, unless the headers differ: `content_type` is Content-Type."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return self.post(f"/predict/{path}", body, {**JSON, **named})

    @property
    def call(self) -> Invocation:
        """The only invocation of SageMaker."""
        (only,) = self.runtime.calls
        return only


def build_gateway(
    client: Callable[[GatewayApp], Any] = LambdaClient,
    *,
    source: Any = None,
    runtime: Any = None,
    scheme: Any = None,
    schemes: Any = None,
    log: Log | None = None,
    clock: Callable[[], float] = time.time,
    **environ: str,
) -> BuiltGateway:
    """Build a gateway with these parts; the settings are named without `GATEWAY_`, in lower case."""
    settings = Settings.from_env(
        {f"GATEWAY_{name.upper()}": text for name, text in environ.items()}
    )
    log = Log() if log is None else log
    runtime = FakeRuntime() if runtime is None else runtime
    source = FixedTable(table()) if source is None else source
    app = create_app(
        settings,
        source=source,
        runtime=runtime,
        schemes=schemes or [FakeScheme() if scheme is None else scheme],
        telemetry=log.telemetry,
        clock=clock,
    )
    return BuiltGateway(app, runtime, log, client(app))
'''
s=s.replace('from tests.support.doors import CONTEXT, TOKEN\n','from tests.support.clients import TOKEN, LambdaClient\nfrom tests.support.events import CONTEXT\n')
s=s.replace('    from tests.support.doors import Answer, Headers\n','    from tests.support.clients import Response\n    from tests.support.events import Headers\n')
s=s.replace('TESTS = Identity','IDENTITY = Identity').replace('TOKEN: TESTS}','TOKEN: IDENTITY}')
s=s.replace('"""The gateway with a table of all kinds, a log that can be read, and no SageMaker behind it."""','"""A gateway for tests: a table of all kinds, a log that can be read, and a fake runtime."""')
s=s.replace('"""A model that gives back what it gets."""','"""Answer as a model that returns its input."""')
s=s.replace('"""What the gateway asked SageMaker for."""','"""One invocation of SageMaker, as the runtime got it."""').replace('"""What was left until the deadline."""','"""The seconds that were left until the deadline."""')
s=s.replace('"""Remembers what it is asked, and answers or raises as it is told."""','"""Records every invocation, and answers or raises what a test sets."""')
s=s.replace('"""The real runtime, where SageMaker is at this address; it has not seen any model yet."""','"""Build the real runtime for SageMaker at this address; it makes its client when it is first used."""')
s=s.replace('"""Knows some tokens, each with who it is for or what is wrong; remembers what it is asked."""','"""Knows some tokens, each with an identity or an error, and records what it is asked."""')
s=s.replace('    asked: list[str] = field(default_factory=list)','    tokens: list[str] = field(default_factory=list)\n    """All that it was asked about."""\n').replace('self.asked.append','self.tokens.append')
s=s.replace('''        found = self.known.get(token)
        if isinstance(found, Exception):
            raise found
        return found
''','''        known = self.known.get(token)
        if isinstance(known, Exception):
            raise known
        return known
''')
s=s.replace('"""Everything that a gateway writes down, line by line."""','"""The log of a gateway, line by line."""')
s=s.replace('"""Without the authorizer\'s, which is a function with a log of its own on Lambda."""','"""All lines without the authorizer\'s, which has a log of its own on Lambda."""')
s=s.replace('"""The authorizer\'s."""','"""The lines of the authorizer."""')
open(p,'w').write(s)
p='tests/support/emf.py'; s=open(p).read()
a=s.index('class Books(Log):'); b=s.index('def _blob(')
s=s[:a]+'''class MetricsLog(Log):
    """The log and the metrics of a gateway, each in a stream of its own unless `stream` is given."""

    def __init__(self, *, per_model: bool = True, stream: TextIO | None = None) -> None:
        super().__init__()
        self.service = f"gateway-{next(self._numbers)}"  # Powertools keeps a handler for each name
        self.metrics = io.StringIO()
        logger = Logger(service=self.service, stream=stream or self.stream)
        self.telemetry = Telemetry(logger, per_model=per_model, metrics_to=stream or self.metrics)

    @property
    def blobs(self) -> list[Blob]:
        return read(self.metrics.getvalue())

    def sums(self, **dimensions: str) -> dict[str, float]:
        """Return by name what is published under the service and these dimensions."""
        wanted = (("service", self.service), *dimensions.items())
        sums = published(self.blobs)
        return {name: value for (found, name), value in sums.items() if found == wanted}


'''+s[b:]
s=s.replace('"""What a gateway writes for CloudWatch, held against AWS\'s specification as it is read.\n','"""Reads metrics in CloudWatch\'s embedded metric format, and checks them against the specification.\n')
s=s.replace('\nhttps://docs.aws','\nSource: https://docs.aws')
s=s.replace('"""What CloudWatch keeps apart, and bills: the dimensions with their values, and the name."""','"""What CloudWatch bills separately: the dimensions with their values, and the metric\'s name."""')
s=s.replace('"""When CloudWatch would take no metrics from a document."""','"""CloudWatch would take no metrics from a document."""')
s=s.replace('"""One document, once it is known to be one."""','"""One valid document."""')
s=s.replace('"""The documents, one a line. When a line is no document: NotEmf."""','"""Read one document from each line.\n\n    Raises:\n        NotEmf: A line is not a valid document.\n    """')
s=s.replace('"""The specification\'s rules. When one of them is broken: NotEmf."""','"""Check the rules of the specification.\n\n    Raises:\n        NotEmf: One of them is broken.\n    """')
s=s.replace('"""What CloudWatch makes of them: the sum of each metric in each of its dimension sets."""','"""Add up each metric in each of its dimension sets, as CloudWatch does."""')
open(p,'w').write(s)
p='tests/support/vectors.py'; s=open(p).read()
j=open('tests/support/json_test_suite.py').read()
s=s.replace('"""Public collections of difficult inputs, which lie beside the repository where there are some."""','"""Public collections of difficult inputs, if they lie beside the repository."""')
s=s.replace('"""The JSON of a collection. Where it is absent the test is skipped, but never in CI."""','"""Load a collection; without it the test is skipped, but never in CI."""')
s=s.replace("    # Who has the repository alone can still run the rest; the summary names what was not tried.\n","")
s=s.replace("import json\n","import base64\nimport json\n")
r=j[j.index('# What the gateway'):j.index('def cases')].replace("# What the gateway decides: nothing but UTF-8 and no depth without end, but any number and escape.","# Of the cases that a parser may decide, the gateway refuses these: other encodings than UTF-8, and\n# great depth. It takes any number and any escape.")
s=s.replace('\n\ndef vectors','\n\n'+r.rstrip()+'\n\n\ndef vectors')
s+='''

def json_test_suite() -> dict[str, bytes]:
    """Load JSONTestSuite: bytes by name, which begins with `y_` (JSON), `n_` (none) or `i_` (either)."""
    suite = vectors("json_test_suite.json")["cases"]
    return {name: base64.b64decode(body) for name, body in suite.items()}
'''
open(p,'w').write(s)
