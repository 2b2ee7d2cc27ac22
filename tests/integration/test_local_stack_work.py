"""`make run` as a place to work: commands to paste, seeds, the table, and keys."""

import json
import os
import re
import shutil
import signal
import sys
import urllib.request

import pytest

from sagemaker_local.private_files import aws_variables
from tests.support.local_stack import LocalStack
from tests.support.paths import ROOT
from tests.support.stand_in import gone, wait_until

IRIS = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
MINE = "  mine: {kind: mme, endpoint: mine, target_model: iris-v1.tar.gz}\n"
SEED = """\
import os
import boto3

print(sorted(name for name in os.environ if name.startswith("AWS_")))
sagemaker, role = boto3.client("sagemaker"), "arn:aws:iam::000000000000:role/demo"
prefix = "s3://inference-gateway-demo/tabular/"
container = {"Image": "local/sklearn", "Mode": "MultiModel", "ModelDataUrl": prefix}
sagemaker.create_model(ModelName="mine", PrimaryContainer=container, ExecutionRoleArn=role)
variant = {"VariantName": "v", "ModelName": "mine", "InstanceType": "ml.m5.large"}
variant["InitialInstanceCount"] = 1
sagemaker.create_endpoint_config(EndpointConfigName="mine", ProductionVariants=[variant])
sagemaker.create_endpoint(EndpointName="mine", EndpointConfigName="mine")
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="mine", WaiterConfig={"Delay": 1})
print("created mine")
"""


class Work:
    """A running stack, and the table that its user edits."""

    def __init__(self, folder):
        self.folder, self.table = folder, folder / "routing.yaml"
        self.original = (ROOT / "routing.yaml").read_text()
        self.table.write_text(self.original)
        seeds = folder / "seed.d"
        seeds.mkdir()
        (seeds / "mine.py").write_text(SEED)
        self.stack = LocalStack(
            folder,
            *("--seed", seeds),
            AWS_PROFILE="nobody",
            GATEWAY_ROUTING=f"file:{self.table}",
        )

    def save(self, text, *, until):
        """Save the table as many editors do, and wait for a line with this pattern."""
        before = len(self.stack.log)
        new = self.folder / "new"
        new.write_text(text)
        new.replace(self.table)
        self.stack.until(until, before)
        return self.stack.log[before:]

    def restore(self):
        before = len(self.stack.log)
        self.table.unlink(missing_ok=True)
        self.table.write_text(self.original)
        self.stack.until(r"in force", before)


@pytest.fixture(scope="module", name="work")
def _work(tmp_path_factory):
    work = Work(tmp_path_factory.mktemp("work"))
    with work.stack.until_ready():
        yield work


@pytest.fixture(name="edited")
def _edited(work):
    """The stack for a test that changes the table."""
    yield work
    work.restore()


@pytest.fixture(name="stack")
def _stack(work):
    return work.stack


class TestFirstSteps:
    """What is printed to paste."""

    def test_commands(self, stack):
        """Each kind of target, a parameter and the list have a command that works as printed."""
        stack.until("^# Ctrl-C ends everything")
        commands = re.findall(r"^# .*\n(curl (?:.*\\\n)*.*)", stack.log, re.MULTILINE)
        members = {"predictions"}, {"models"}, {"job", "status", "model", "expires"}

        assert len(commands) == 9
        for command in commands:
            answer = json.loads(stack.shell(f"{command} --silent").stdout)
            assert answer.keys() in members, command
            assert "Authorization" in command
        assert stack.log.count("\nready: ") == 1

    def test_job(self, stack):
        """The commands of a job work as printed, one after the other, and each step is a line."""
        stack.until("^# Ctrl-C ends everything")
        (commands,) = re.findall(r"^# A job.*\n((?:.+\n)+)", stack.log, re.MULTILINE)
        before = len(stack.log)
        asked, result = stack.shell(commands).stdout.split("\n", 1)
        job = json.loads(asked)

        assert (job["model"], job["status"]) == ("iris", "succeeded")
        assert json.loads(result) == {"predictions": [0, 2]}
        assert len(commands.splitlines()) == 7
        short = f"{job['job'][:8]}…"
        stack.until(rf"^202 POST /predict/iris +iris .*\(job {short}\) +[\d,]+ ms$", before)
        stack.until(rf"^200 job {short} +iris → tabular/iris-v1\.tar\.gz .*ms$", before)
        stack.until(r"^200 GET /jobs/", before)

    def test_larger_file(self, stack):
        """The commands of the documentation for a larger file work as they stand there."""
        text = (ROOT / "docs/local-sagemaker.md").read_text()
        (commands,) = re.findall(r"^```bash\n(yes .*?)^```$", text, re.MULTILINE | re.DOTALL)
        here = commands.replace("http://127.0.0.1:8000", stack.url)
        here = here.replace(".local/demo-key", str(stack.key_file))
        finished = stack.shell(f"cd {stack.key_file.parent}; {here}")

        result = json.loads(finished.stdout.splitlines()[-1])
        assert result["predictions"] == [0] * 300_000, finished.stderr

    def test_page(self, stack):
        """A link opens the page, with the demo key where no server sees it."""
        key = stack.key_file.read_text()

        assert f"\n{stack.url}/#key={key}\n" in stack.log

    def test_env_file(self, stack):
        """The file leads boto3 to the local SageMaker, whatever the shell had before."""
        (source,) = re.findall("^source .*", stack.log, re.MULTILINE)
        program = (
            "import boto3; print(boto3.client('sagemaker').list_endpoints(NameContains='mine'))"
        )
        wrong = {
            "AWS_PROFILE": "nobody",
            "AWS_REGION": "eu-west-1",
            "AWS_SESSION_TOKEN": "a-token",
            "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:9",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        }
        finished = stack.shell(f'{source} && {sys.executable} -c "{program}"', **wrong)

        assert "'EndpointName': 'mine'" in finished.stdout, finished.stderr
        assert stack.env_file.stat().st_mode & 0o777 == 0o600


def calls(stack):
    """The lines of calls, with single spaces."""
    found = re.findall(r"^\d{3} [A-Z]+ .*(?:\n {4}.*)?", stack.log, re.MULTILINE)
    return [" ".join(line.split()) for line in found]


class TestLines:
    """What is printed of the start, and of each call."""

    def test_start(self, stack):
        """Fewer than fifteen lines are printed before it is ready, the seed's own included."""
        before = stack.log.partition("\nready:")[0]
        assert len(before.splitlines()) < 15, before
        assert "sagemaker | endpoints in service: tabular, digits, " in before

    def test_calls(self, stack):
        """A call is a line, with the model's own sentence if it failed; no JSON, no colours."""
        assert stack.call("/predict/iris", IRIS).status == 200
        assert stack.call("/predict/iris", {"instances": [[1]]}).status == 400
        assert stack.call("/predict/irs", IRIS).status == 404
        assert stack.call("/predict/iris", IRIS, "gw_abcd1234_" + "x" * 43).status == 401
        assert stack.call("/nothing").status == 404
        rejected = "The model rejected the input · → tabular/iris-v1.tar.gz"
        expected = (
            r"200 POST /predict/iris iris → tabular/iris-v1\.tar\.gz .*\d ms",
            rf"400 POST /predict/iris {rejected} .*ms 400: Row 1: expected 4 numbers, got 1\.",
            r"404 POST /predict/irs There is no such model: no-such-model \d+ ms",
            r"401 POST /predict/iris The credential was not accepted: unknown-key \d+ ms",
            r"404 GET /nothing There is no such path",
        )
        for pattern in expected:
            wait_until(lambda one=pattern: any(re.fullmatch(one, line) for line in calls(stack)))
        assert '{"' not in stack.log.replace('{"instances"', "")
        assert "\x1b" not in stack.log

    def test_artifacts(self, stack):
        """The load of an artifact is shown."""
        stack.call("/predict/iris", IRIS)
        stack.until(r"^sagemaker \| .* tabular/primary: loaded iris-v1\.tar\.gz in ")


class TestJobs:
    """Jobs of both kinds, and one that fails."""

    def test_asynchronous_endpoint(self, stack):
        """Its calls are jobs without a header; the container loads its model for the first one."""
        example = stack.call("/models/digit-async").body["example"]
        submitted = stack.call("/predict/digit-async", example)

        assert submitted.status == 202
        assert result_of(stack, submitted.body["job"]) == {"predictions": [1]}

    def test_page(self, stack):
        """The page of the gateway may fetch the results of both kinds from their buckets."""
        for model in ("iris", "digit-async"):
            example = stack.call(f"/models/{model}").body["example"]
            asynchronous = {"Prefer": "respond-async"}
            job = stack.call(f"/predict/{model}", example, headers=asynchronous).body["job"]
            url = ended(stack, job)["result"]["url"]
            request = urllib.request.Request(url, headers={"Origin": stack.url})
            with urllib.request.urlopen(request, timeout=60) as response:
                allowed = response.headers["Access-Control-Allow-Origin"]

            assert allowed in {"*", stack.url}

    def test_example(self, stack, tmp_path):
        """The Python client of the examples gets the answer of a body that is sent as a file."""
        (tmp_path / "rows.csv").write_text("5.1,3.5,1.4,0.2\n" * 300_000)
        program = f"{sys.executable} examples/python-client/job.py"
        rest = f"--url {stack.url} --key-file {stack.key_file} --content-type text/csv"
        done = stack.shell(f"{program} iris {tmp_path}/rows.csv {rest}")
        refused = stack.shell(f"{program} irs {tmp_path}/rows.csv {rest}")

        assert json.loads(done.stdout)["predictions"] == [0] * 300_000, done.stderr
        assert (refused.returncode, "unknown-model" in refused.stderr) == (1, True)

    def test_too_large(self, stack):
        """A body that API Gateway itself would refuse is told how a larger one is sent."""
        refused = stack.call("/predict/iris", "0" * 10_485_760)

        assert (refused.status, refused.body["type"][-17:]) == (413, "payload-too-large")
        assert "POST /uploads" in refused.body["detail"]

    def test_failed(self, stack):
        """A job that fails is a line with the model's own sentence, and says why."""
        before = len(stack.log)
        asynchronous = {"Prefer": "respond-async"}
        job = stack.call("/predict/iris", {"instances": [[1]]}, headers=asynchronous).body["job"]
        stack.until(
            rf"^400 job {job[:8]}… +The model rejected the input .*\n +400: Row 1: expected 4",
            before,
        )

        assert ended(stack, job)["problem"]["status"] == 400


def ended(stack, job):
    """Wait for the end of a job, and return what is known of it."""
    seen = []
    wait_until(
        lambda: seen.append(stack.call(f"/jobs/{job}").body) or seen[-1]["status"] != "running"
    )
    return seen[-1]


def result_of(stack, job):
    with urllib.request.urlopen(ended(stack, job)["result"]["url"], timeout=60) as response:
        return json.load(response)


class TestSeed:
    """A boto3 program of the user, which has run before the gateway was ready."""

    def test_output(self, stack):
        """Its lines have its name, and it sees the variables of the file to source alone."""
        ours = ["ACCESS_KEY_ID", "DEFAULT_REGION", "ENDPOINT_URL", "SECRET_ACCESS_KEY"]
        lines = re.findall(r"^mine\.py \| (.*)", stack.log, re.MULTILINE)

        assert lines == [str([f"AWS_{name}" for name in ours]), "created mine"]

    def test_endpoint(self, edited):
        """A model on its endpoint is called once the table has it."""
        log = edited.save(edited.original + MINE, until="added mine")

        assert edited.stack.call("/predict/mine", IRIS) == (200, {"predictions": [0]})
        assert "will fail" not in log


class TestTable:
    """The routing table follows its file."""

    def test_changes(self, edited):
        """A change says what is new, and what of it SageMaker does not have."""
        text = edited.original.replace("iris-v1", "iris-v9").replace("  wine:", "  vino:")
        text = text.replace("attempts: 2", "attempts: 1") + MINE.replace(
            "endpoint: mine", "endpoint: your"
        )
        log = edited.save(text, until="will fail: SageMaker does not have")
        (said,) = re.findall(
            "^.*routing.yaml: table [0-9a-f]{12} with 12 models in force; .*", log, re.MULTILINE
        )

        assert said.endswith(
            "; added mine, vino; removed wine; changed defaults.max_attempts, iris"
        )
        line = 1 + text[: text.index("iris-v9")].count("\n")
        assert (
            f"routing.yaml:{line}: models.iris.target_model: there is no artifact 'iris-v9" in log
        )
        assert "models.mine.endpoint: there is no endpoint 'your' in us-east-1" in log
        assert "calls of iris, mine will fail: SageMaker does not have" in log

    @pytest.mark.parametrize(
        ("break_it", "problem"),
        [
            (
                lambda path: path.write_text("version: 1\nmodels:\n  a: {kind: x}\n"),
                ":3: models.a.",
            ),
            (lambda path: path.write_bytes(b"\xff\x00"), ": "),
            (lambda path: path.unlink(), ": the file cannot be read: No such file or directory"),
            (lambda path: (path.unlink(), path.symlink_to(path)), ": the file cannot be read: "),
            (lambda path: (path.unlink(), path.mkdir()), ": this is not a file"),
            (lambda path: (path.unlink(), os.mkfifo(path)), ": this is not a file"),
        ],
        ids=["problem", "bytes", "deleted", "loop", "folder", "pipe"],
    )
    def test_refused(self, work, break_it, problem):
        """A file that cannot be used is a problem with its line, and the old table stays."""
        before = len(work.stack.log)
        digest = work.stack.call("/health").body["table"]
        break_it(work.table)
        work.stack.until(f"routing.yaml: refused; table {digest} stays in force", before)

        assert f"routing.yaml{problem}" in work.stack.log[before:]
        assert work.stack.call("/predict/iris", IRIS).status == 200
        assert work.stack.call("/health").body["status"] == "degraded"
        if work.table.is_dir():
            work.table.rmdir()
        work.restore()
        assert "in force, as before" in work.stack.log[before:]

    def test_half_a_save(self, edited):
        """An editor that empties the file and writes it again causes no line about a half of it."""
        before = len(edited.stack.log)
        text = edited.original + MINE
        with edited.table.open("w") as file:
            for line in text.splitlines(keepends=True):
                file.write(line)
                file.flush()
        edited.stack.until("added mine", before)

        assert "refused" not in edited.stack.log[before:]
        assert "removed" not in edited.stack.log[before:]


def gatewayctl(stack, *arguments):
    """Run a command in a shell that has sourced the file."""
    command = f"source {stack.env_file}; {sys.executable} -m gatewayctl"
    return stack.shell(f"{command} {' '.join(arguments)} --stage local")


def test_keys(stack):
    """A new key and a disabled key count within seconds."""
    key = gatewayctl(stack, "keys issue --principal me --grants iris").stdout.strip()
    wait_until(lambda: stack.call("/predict/iris", IRIS, key).status == 200, seconds=10)
    assert stack.call("/models", key=key).body["models"][0]["name"] == "iris"
    gatewayctl(stack, "keys disable", key.split("_")[1])
    wait_until(lambda: stack.call("/predict/iris", IRIS, key).status == 401, seconds=10)


def test_end(tmp_path):
    """SIGTERM ends with code 0; then `source` fails, and no program reaches AWS all the same."""
    with LocalStack(tmp_path, "--no-demo").until_ready() as stack:
        stack.process.terminate()
        assert stack.process.wait(timeout=60) == 0
        finished = stack.shell(f"source {stack.env_file} || echo $AWS_ENDPOINT_URL")

        assert finished.stdout.startswith("http://127.0.0.1:")
        assert "the local SageMaker is not running" in finished.stderr


def test_seed_fails(tmp_path):
    """A seed that fails ends the program with an error that names it, after its lines."""
    seed = tmp_path / "seed.py"
    seed.write_text("import sys\nprint('hello')\nsys.exit('there is no bucket')\n")
    with LocalStack(tmp_path, "--no-demo", "--seed", seed) as stack:
        assert stack.process.wait(timeout=120) == 1
        lines = stack.log.splitlines()
        error = f"error: the seed {seed} ended with code 1; its last lines say why"
        assert lines.index("seed.py | there is no bucket") < lines.index(error)


def test_no_seed(tmp_path):
    """A seed that is not there is an error at once."""
    with LocalStack(tmp_path, "--seed", tmp_path / "sed.py") as stack:
        assert stack.process.wait(timeout=60) == 1
        assert stack.log == (
            f"error: there is no seed {tmp_path}/sed.py;"
            " name a boto3 program, or a folder of them\n"
        )


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGKILL"])
def test_ends_while_seed_runs(tmp_path, signal_name):
    """Nothing is left of a seed that runs, nor of what it has started."""
    seed = tmp_path / "seed.py"
    sleep = "import time; time.sleep(600)"
    seed.write_text(
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {sleep!r}])\n"
        "print('started')\ntime.sleep(600)\n"
    )
    with LocalStack(tmp_path, "--no-demo", "--seed", seed).until(r"seed\.py \| started") as stack:
        children = stack.descendants()
        stack.process.send_signal(getattr(signal, signal_name))
        code = stack.process.wait(timeout=60)

        assert code == (0 if signal_name == "SIGINT" else -9)
        wait_until(lambda: gone(children))


@pytest.mark.parametrize("ends_by_itself", [True, False])
def test_seed_leaves_a_daemon(tmp_path, ends_by_itself):
    """A process that left the seed's session, and holds its output open, holds up nothing."""
    seed = tmp_path / "seed.py"
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    seed.write_text(
        "import subprocess, time\n"
        f"print('daemon', subprocess.Popen({command}, start_new_session=True).pid, flush=True)\n"
        f"time.sleep({0 if ends_by_itself else 600})\n"
    )
    with LocalStack(tmp_path, "--no-demo", "--seed", seed).until(r"daemon \d+$") as stack:
        daemon = int(re.search(r"daemon (\d+)", stack.log)[1])
        try:
            if ends_by_itself:
                stack.until_ready()
            stack.process.send_signal(signal.SIGINT)
            assert stack.process.wait(timeout=30) == 0
        finally:
            os.kill(daemon, signal.SIGKILL)


def test_pipe_in_place_of_the_key(tmp_path):
    """Something that is no file in the key's place is an error, not a process that waits."""
    os.mkfifo(tmp_path / "key")
    with LocalStack(tmp_path, "--no-demo") as stack:
        assert stack.process.wait(timeout=120) == 1
        assert f"error: the demo key could not be written to {tmp_path}/key" in stack.log


def test_broken_at_start(tmp_path):
    """With a broken table, its problems are printed and every call is a 503 until it is right."""
    table = tmp_path / "routing.yaml"
    table.write_text("version: 1\nmodels:\n  iris: {kind: mme, endpont: tabular}\n")
    routing = {"GATEWAY_ROUTING": f"file:{table}"}
    with LocalStack(tmp_path, "--no-demo", **routing).until_ready() as stack:
        assert f"{table}:3: models.iris.endpont: unknown key; did you mean endpoint?" in stack.log
        assert f"{table}: there is no table, and the gateway answers 503 until" in stack.log
        assert stack.call("/models").status == 503
        before = len(stack.log)
        shutil.copy(ROOT / "routing.yaml", table)
        stack.until("11 models in force", before)
        assert len(stack.call("/models").body["models"]) == 11
        names = r"iris, wine, breast-cancer, is-digit/\{digit\}, digit and 6 more"
        stack.until(f"calls of {names} will fail: SageMaker does not have", before)
        before = len(stack.log)
        with table.open("a") as file:
            file.write("  churn: {kind: single, endpoint: churn}\n")
        stack.until("calls of churn will fail: SageMaker does not have", before)


def test_table_in_s3(tmp_path):
    """A seed may publish the table that the gateway then takes from S3."""
    seed = tmp_path / "seed.py"
    seed.write_text(
        "import boto3, subprocess, sys\n"
        "boto3.client('s3').create_bucket(Bucket='tables')\n"
        "boto3.client('s3').put_bucket_versioning(Bucket='tables',"
        " VersioningConfiguration={'Status': 'Enabled'})\n"
        "publish = [sys.executable, '-m', 'gatewayctl', 'publish', 's3://tables/routing.yaml']\n"
        "sys.exit(subprocess.call([*publish, '--table', 'routing.yaml']))\n"
    )
    routing = {"GATEWAY_ROUTING": "s3://tables/routing.yaml"}
    with LocalStack(tmp_path, "--no-demo", "--seed", seed, **routing).until_ready() as stack:
        assert len(stack.call("/models").body["models"]) == 11
        assert "s3://tables/routing.yaml: table " in stack.log
        assert f"curl {stack.url}/models" in stack.log
        assert f"{stack.url}/predict/" not in stack.log, "a command to paste would fail"


@pytest.mark.parametrize("log", ["calls", "json"])
def test_summary(tmp_path, log):
    """Ctrl-C prints the calls of each model, and ends with code 0."""
    with LocalStack(tmp_path, "--no-demo", "--log", log).until_ready() as stack:
        assert stack.call("/predict/iris", IRIS).status == 503
        assert stack.call("/predict/irs", IRIS).status == 404
        assert stack.call("/health").status == 200
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(timeout=60) == 0

        *_, stopping, heading, none, iris = stack.log.splitlines()
        assert stopping == "stopping …"
        assert heading.split() == ["model", "calls", "errors", "p50", "ms", "p99", "ms"]
        assert none.split()[:4] == ["(no", "model)", "1", "1"]
        assert iris.split()[:3] == ["iris", "1", "1"]


def test_json(tmp_path):
    """The gateway's own lines, which gatewayctl reads; one id leads to the authorizer's line."""
    with LocalStack(tmp_path, "--no-demo", "--log", "json").until_ready() as stack:
        stack.call("/predict/wine-release", {"instances": [[1]]})
        stack.until('"message":"request"')
        lines = [json.loads(one) for one in stack.log.splitlines() if one.startswith("{")]
        called, credential = (
            [one for one in lines if one.get("message") == kind]
            for kind in ("request", "credential")
        )
        assert called[0]["credential_request_id"] == credential[0]["request_id"]
        stack.until('"_aws":')
        (tmp_path / "log").write_text(stack.log)
        read = stack.shell(
            f"{sys.executable} -m gatewayctl targets wine-release --log {tmp_path}/log"
        )

        assert "wine-release" in read.stdout + read.stderr, read
        assert "could not be read" not in read.stdout + read.stderr


def test_nobody_reads(tmp_path):
    """Callers get their answers while nobody takes the lines, and Ctrl-C ends it all the same."""
    with LocalStack(tmp_path, "--no-demo", unread=True) as stack:
        wait_until(lambda: stack.answers("/health"))
        for _ in range(1_500):
            assert stack.answers("/health")
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(timeout=60) == 0


def test_gateway_alone(tmp_path, sagemaker_local):
    """`make gateway` prints the same lines and the same summary, and starts nothing else."""
    aws = aws_variables(sagemaker_local.url)
    with LocalStack(tmp_path, "--gateway-alone", **aws).until_ready() as stack:
        assert stack.call("/predict/iris", IRIS, "gw_abcd1234_" + "x" * 43).status in {401, 503}
        stack.until(r"^(401|503) POST /predict/iris ")
        assert len(stack.descendants()) == 1
        assert "curl" not in stack.log
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(timeout=60) == 0

        assert re.search(r"^\(no model\) +1 +1 ", stack.log, re.MULTILINE)
