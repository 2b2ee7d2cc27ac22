"""`gatewayctl import` on a local SageMaker: the table leads to the models of the account."""

import json
import os
import re
from functools import partial

import pytest

from chalicelib.routing.reading import file
from tests.containers.account import artifacts, image
from tests.containers.container import failing
from tests.support.clients import LocalClient
from tests.support.command_line import gatewayctl
from tests.support.drifted_demo import without_progress
from tests.support.gateway import AWS, FixedTable, build_gateway, runtime_at
from tests.support.paths import ROOT
from tests.unit.importing.accounts import parsed, paths, targets

NOTE = "10 models of 7 endpoints\n"
ASYNCHRONOUS = (("EndpointName", "digit-reader-async"),)
"""Its calls need jobs."""

PROJECT_TABLE = file.load(ROOT / "routing.yaml")
ODD = [
    "no.tar.gz",
    "007.tar.gz",
    "1e3.tar.gz",
    "null/~.tar.gz",
    "it's_(quite)=odd,@home!+~.tar.gz",
    "a.b..c/-d-/E.tar.gz",
    "deep/er/and/deeper/model.tar.gz",
    f"{'long-' * 40}name.tar.gz",
]


def imported_by(monkeypatch, folder, url, *arguments, region=AWS["region_name"]):
    """Run the command on this SageMaker."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", AWS["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS["aws_secret_access_key"])
    outcome = gatewayctl("import", "--calls-per-second=1000", *arguments, project=folder)
    return outcome._replace(err=without_progress(outcome.err))


@pytest.fixture(name="run")
def _run(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return partial(imported_by, monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def of_demo(demo, tmp_path_factory):
    """The outcome for the demo account."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return imported_by(monkeypatch, tmp_path_factory.getbasetemp(), demo.url)


def by_target(table):
    """Return the path of each target; of two versions of an artifact, an import takes the newer."""
    newer = {"wine-v1.tar.gz": "wine-v2.tar.gz"}
    return {
        tuple(sorted((name, newer.get(value, value)) for name, value in target.items())): path
        for target, path in pairs(table)
    }


def pairs(table):
    return zip(targets(table), paths(table), strict=True)


class TestDemo:
    """The demo account, whose table is in this repository."""

    def test_targets(self, of_demo):
        """The imported table has the same targets as the repository's."""
        imported = parsed(of_demo.out)

        assert (of_demo.code, of_demo.err) == (0, NOTE)
        assert by_target(imported).keys() == by_target(PROJECT_TABLE).keys()
        assert len(by_target(imported)) == len(paths(imported))

    def test_predictions(self, demo, of_demo):
        """Each model gives the same answer through both tables."""
        imported = parsed(of_demo.out)
        with_own, with_imported = (
            build_gateway(LocalClient, source=FixedTable(table), runtime=runtime_at(demo.url))
            for table in (PROJECT_TABLE, imported)
        )
        chosen = by_target(PROJECT_TABLE)
        for target, path in by_target(imported).items() - {(ASYNCHRONOUS, "digit-reader-async")}:
            example = with_own.get(f"/models/{chosen[target]}").json()["example"]
            body = json.dumps(example).encode()
            own, answer = with_own.predict(chosen[target], body), with_imported.predict(path, body)

            assert (answer.status, answer.body) == (200, own.body), path

    def test_again(self, demo, of_demo, run):
        """A second import gives the same text."""
        assert run(demo.url) == of_demo

    def test_one_endpoint(self, demo, run):
        """Only endpoints that match --endpoint are read."""
        outcome = run(demo.url, "--endpoint", "di*s")

        assert outcome.err == "3 models of 2 endpoints\n"
        assert {target["EndpointName"] for target in targets(parsed(outcome.out))} == {
            "diabetes",
            "digits",
        }

    def test_json(self, demo, of_demo, run):
        """The data has the entries and the text."""
        data = json.loads(run(demo.url, "--format", "json").out)

        assert data["table"] == of_demo.out
        assert data["models"]["iris"] == {
            "kind": "mme",
            "endpoint": "tabular",
            "target_model": "iris-v1.tar.gz",
        }
        assert data["omitted"] == []

    def test_no_match(self, demo, run):
        """A pattern that matches no endpoint is refused."""
        assert run(demo.url, "--endpoint", "*-prod") == (
            1,
            "",
            "gatewayctl import: none of 7 endpoints matches '*-prod'\n",
        )

    def test_another_region(self, demo, run):
        """An account without endpoints is refused."""
        assert run(demo.url, region="eu-west-1") == (
            1,
            "",
            "gatewayctl import: the account has no endpoint in this region; check the region\n",
        )


def test_nobody_there(run):
    """Without AWS the exit code is 3."""
    outcome = run("http://127.0.0.1:9")

    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("gatewayctl import: Amazon SageMaker cannot be reached")


class TestFile:
    """`--out FILE`"""

    def test_out(self, demo, of_demo, run, tmp_path):
        """The command prints the name of the file."""
        outcome = run(demo.url, "--out", "table.yaml")

        assert outcome == (0, "table.yaml\n", NOTE)
        assert (tmp_path / "table.yaml").read_text() == of_demo.out

    @pytest.mark.parametrize("kind", ["file", "link", "broken link"])
    def test_no_file_is_replaced(self, demo, run, tmp_path, kind):
        """An existing file is replaced only with --force."""
        target, link = tmp_path / "real.yaml", tmp_path / "table.yaml"
        if kind != "broken link":
            target.write_text("mine")
        if kind == "file":
            target.rename(link)
        else:
            link.symlink_to(target)

        assert run(demo.url, "--out", "table.yaml") == (
            1,
            "",
            "gatewayctl import: table.yaml exists; give another file, or replace it with --force\n",
        )
        assert kind == "broken link" or link.read_text() == "mine"

    def test_force(self, demo, of_demo, run, tmp_path):
        """A symbolic link stays a link; its file is replaced."""
        target, link = tmp_path / "real.yaml", tmp_path / "table.yaml"
        target.write_text("mine")
        link.symlink_to(target)

        assert run(demo.url, "--out", "table.yaml", "--force").code == 0
        assert link.is_symlink()
        assert target.read_text() == of_demo.out
        assert sorted(tmp_path.iterdir()) == [target, link]

    def test_force_into_a_pipe(self, demo, of_demo, run, tmp_path):
        """A device or pipe is written to, and not replaced."""
        pipe = tmp_path / "table.yaml"
        os.mkfifo(pipe)
        descriptor = os.open(pipe, os.O_RDWR)
        code = run(demo.url, "--out", "table.yaml", "--force").code
        content = os.read(descriptor, 100_000)
        os.close(descriptor)

        assert (code, pipe.is_fifo()) == (0, True)
        assert content.decode() == of_demo.out

    @pytest.mark.parametrize("options", [(), ("--force",)])
    def test_no_place_to_write(self, demo, run, options):
        """A file that cannot be written is wrong use."""
        assert run(demo.url, "--out", "none/table.yaml", *options) == (
            2,
            "",
            "gatewayctl import: none/table.yaml cannot be written: No such file or directory\n",
        )


class TestArtifacts:
    """Multi-model endpoints with unusual artifacts."""

    def test_odd_names(self, account, container, run):
        """An artifact with an odd name can be called."""
        endpoint = account.deploy(account.multi_model(container, artifacts(*ODD)))
        table = parsed(run(account.url, "--endpoint", endpoint).out)
        gateway = build_gateway(
            LocalClient, source=FixedTable(table), runtime=runtime_at(account.url)
        )

        assert sorted(target["TargetModel"] for target in targets(table)) == sorted(ODD)
        for target, path in pairs(table):
            assert gateway.predict(path, b"{}").status == 200
            called = container.invocations[-1].headers["X-Amzn-SageMaker-Target-Model"]
            assert called == target["TargetModel"]

    def test_prefix_without_a_slash(self, account, container, run, tmp_path):
        """The artifacts of a prefix without a slash at its end begin with one, in every command."""
        named = ["a-v1.tar.gz", "eu/b-v1.tar.gz"]
        definition = account.multi_model(container, artifacts(*named))
        definition["ModelDataUrl"] = definition["ModelDataUrl"].rstrip("/")
        endpoint = account.deploy(definition)
        outcome = run(account.url, "--endpoint", endpoint, "--out", "routing.yaml")
        table = file.load(tmp_path / "routing.yaml")
        gateway = build_gateway(
            LocalClient, source=FixedTable(table), runtime=runtime_at(account.url)
        )

        assert outcome.code == 0
        assert [target["TargetModel"] for target in targets(table)] == [f"/{one}" for one in named]
        for _, path in pairs(table):
            assert gateway.predict(path, b"{}").status == 200
        assert gatewayctl("validate", "--live", project=tmp_path).code == 0
        assert gatewayctl("prewarm", project=tmp_path).code == 0
        assert f"{endpoint}: artifact" not in gatewayctl("diff", project=tmp_path).out

    def test_three_hundred(self, account, container, run):
        """Very many similar artifacts are one entry with a pattern."""
        named = [f"eu/customer-{number:04}/churn-v2.tar.gz" for number in range(300)]
        endpoint = account.deploy(account.multi_model(container, artifacts(*named)))
        outcome = run(account.url, "--endpoint", endpoint)
        table = parsed(outcome.out)
        gateway = build_gateway(
            LocalClient, source=FixedTable(table), runtime=runtime_at(account.url)
        )

        assert outcome.err == "1 model of 1 endpoint\n"
        for number, artifact in enumerate(named):
            found = table.resolve(f"eu-churn/customer-{number:04}").target.invoke_args()
            assert found == {"EndpointName": endpoint, "TargetModel": artifact}
        assert gateway.predict("eu-churn/customer-0299").status == 200
        assert gateway.predict("eu-churn/customer-299").status == 400
        (covered,) = json.loads(run(account.url, "--endpoint", endpoint, "--format", "json").out)[
            "patterns"
        ]
        assert covered["model"] == "eu-churn/{name}"
        assert [one["artifact"] for one in covered["artifacts"]] == named
        assert covered["artifacts"][7]["path"] == "eu-churn/customer-0007"

    def test_pattern_of_the_table(self, account, container, run, tmp_path):
        """Artifacts that a pattern of the table covers are counted, and not added again."""
        named = ["c/a1.tar.gz", "c/a2.tar.gz", "c/sourcedir.tar.gz", "iris-v1.tar.gz"]
        endpoint = account.deploy(account.multi_model(container, artifacts(*named)))
        (tmp_path / "routing.yaml").write_text(
            f"version: 1\nmodels:\n  c/{{id}}:\n    kind: mme\n    endpoint: {endpoint}\n"
            "    target_model: 'c/{id}.tar.gz'\n    parameters: {id: {pattern: '[a-z0-9]+'}}\n"
        )
        outcome = run(account.url, "--missing", "--endpoint", endpoint, "--out", "routing.yaml")

        first, covered = outcome.err.splitlines()
        assert first.startswith("1 model of 1 endpoint")
        assert re.fullmatch(r"c/\{id\}: its pattern covers 2 artifacts of s3://\S+/", covered)
        difference = gatewayctl("diff", "--endpoint", endpoint, project=tmp_path)
        assert covered in difference.err
        assert f"endpoint {endpoint}" not in difference.out
        data = gatewayctl("diff", "--format", "json", project=tmp_path).data
        assert data["patterns"] == [
            {
                "model": "c/{id}",
                "artifacts": [
                    {"path": f"c/{one}", "artifact": f"c/{one}.tar.gz"} for one in ("a1", "a2")
                ],
                "unread": [],
            }
        ]

    def test_versions_and_rubbish(self, account, container, run):
        """Older versions, and objects that are no artifacts, are remarks."""
        named = ["iris-v1.tar.gz", "iris-v2.tar.gz", "readme.md", "a b.tar.gz", "ü.tar.gz"]
        endpoint = account.deploy(account.multi_model(container, artifacts(*named)))
        outcome = run(account.url, "--endpoint", endpoint)

        assert targets(parsed(outcome.out)) == [
            {"EndpointName": endpoint, "TargetModel": "iris-v2.tar.gz"}
        ]
        for remark in (
            "# Older versions, not in the table: iris-v1.tar.gz\n",
            "# Not in the table: 1 object not named .tar.gz: 'readme.md'\n",
            "# Not in the table: 2 objects with characters that a table cannot hold: "
            "'a b.tar.gz', 'ü.tar.gz'\n",
        ):
            assert remark in outcome.out
        assert outcome.err == (
            "1 model of 1 endpoint; 2 remarks in the table about what it does not hold\n"
        )


class TestEndpoints:
    """Endpoints that the demo does not have."""

    def test_multi_model_pipeline(self, account, start_container, run):
        """A pipeline with a multi-model container has an entry for each artifact."""
        first, second = start_container(), start_container()
        many = account.multi_model(second, artifacts("eu.tar.gz"))
        endpoint = account.deploy(image(first), many, mode="Serial")
        table = parsed(run(account.url, "--endpoint", endpoint).out)
        gateway = build_gateway(
            LocalClient, source=FixedTable(table), runtime=runtime_at(account.url)
        )

        assert table.resolve("eu").model.target.kind == "pipeline"
        assert targets(table) == [{"EndpointName": endpoint, "TargetModel": "eu.tar.gz"}]
        assert gateway.predict("eu").status == 200

    def test_variants(self, account, start_container, run):
        """Variants that host different models have entries of their own."""
        plain, many = start_container(), start_container()
        models = {
            "blue": (account.create_model(image(plain)), 1),
            "green": (account.create_model(account.multi_model(many, artifacts("a.tar.gz"))), 1),
        }
        endpoint = account.deploy_variants(models)
        table = parsed(run(account.url, "--endpoint", endpoint).out)
        gateway = build_gateway(
            LocalClient, source=FixedTable(table), runtime=runtime_at(account.url)
        )

        assert targets(table) == [
            {"EndpointName": endpoint, "TargetVariant": "green", "TargetModel": "a.tar.gz"},
            {"EndpointName": endpoint, "TargetVariant": "blue"},
        ]
        assert [gateway.predict(path).status for path in paths(table)] == [200, 200]
        assert (len(plain.invocations), len(many.invocations)) == (1, 1)

    def test_nothing_to_call(self, account, container, run):
        """An endpoint that cannot be called is a comment with the reason."""
        waiting = account.deploy_for_components()
        working = account.deploy(image(container))
        outcome = run(account.url, "--endpoint", "test-*")

        assert targets(parsed(outcome.out)) == [{"EndpointName": working}]
        assert f"# {waiting}: no inference component yet\n" in outcome.out

    def test_failed(self, impatient_account, start_container, run):
        """If no endpoint can be called, nothing is imported."""
        container = start_container(ping=failing(503))
        config = impatient_account.create_config(
            {
                "VariantName": "AllTraffic",
                "ModelName": impatient_account.create_model(image(container)),
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        )
        endpoint = impatient_account.start_endpoint(config)
        outcome = run(impatient_account.url, "--endpoint", endpoint)

        assert outcome.code == 1
        assert outcome.err.startswith(
            f"gatewayctl import: there is no model to import\ngatewayctl import: {endpoint}: is "
        )
