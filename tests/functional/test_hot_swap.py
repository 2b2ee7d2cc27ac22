"""Tables that change under load: each request uses one table for everything."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import Fetched, S3Source
from chalicelib.sagemaker.answers import InferenceResponse
from tests.support.clients import LambdaClient
from tests.support.gateway import Log, build_gateway
from tests.support.profile import LONG

THREADS = 8
REQUESTS, SWAPS = (100_000, 1_000) if LONG else (4_000, 50)


def generation(number):
    """Build a table in which every value has its number."""
    return f"""\
version: 1
models:
  model/{{part}}:
    kind: mme
    endpoint: endpoint-{number}
    target_model: "{{part}}-{number}.tar.gz"
    description: Number {number}
    parameters: {{part: {{one_of: [only, part-{number}]}}}}
""".encode()


class Place:
    """A source that has a newer table when the test sets one."""

    name = "s3://tables/routing.yaml"

    def __init__(self):
        self.number = 0
        self.read = threading.Semaphore(0)

    def fetch(self, etag):
        number = self.number
        return None if etag == str(number) else Fetched(generation(number), str(number))

    def compiled(self, fetched):
        self.read.release()
        return file.parse(fetched.data, self.name)


def told(target, _):
    """Answer with the target."""
    return InferenceResponse(json.dumps(target).encode(), "application/json")


def test_no_torn_reads():
    """Name, target, parameters and the digest in the log of a request are of one table."""
    place, log = Place(), Log()
    source = S3Source(place, log.telemetry, max_age_seconds=0.0)
    gateway = build_gateway(LambdaClient, source=source)
    gateway.runtime.answer = told
    swapped = threading.Event()

    def call(_):
        responses = []
        while len(responses) < REQUESTS // THREADS or not swapped.is_set():
            responses.append(gateway.predict("model/only").json())
        return responses

    with ThreadPoolExecutor(THREADS) as pool:
        calling = [pool.submit(call, number) for number in range(THREADS)]
        for number in range(SWAPS):
            assert place.read.acquire(timeout=60)
            place.number = number + 1
        swapped.set()
        responses = [response for each in calling for response in each.result()]

    tables = {file.parse(generation(n), "").digest[:12]: n for n in range(SWAPS + 1)}
    lines = gateway.log.requests
    numbers = [tables[line["table"]] for line in lines]
    assert [(line["endpoint"], line["target"], line["status"]) for line in lines] == [
        (f"endpoint-{n}", f"TargetModel=only-{n}.tar.gz", 200) for n in numbers
    ]
    assert sorted(response["EndpointName"] for response in responses) == sorted(
        line["endpoint"] for line in lines
    )
    assert all(
        response["EndpointName"].removeprefix("endpoint-") in response["TargetModel"]
        for response in responses
    )
    assert len(lines) >= REQUESTS
    assert len(set(numbers)) > SWAPS // 2  # the others were replaced before anybody asked
