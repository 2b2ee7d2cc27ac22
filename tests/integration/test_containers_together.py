"""Endpoints of several containers: Direct mode, serial pipelines, and variants."""

from collections import Counter

import pytest

from tests.containers.account import artifacts, image
from tests.containers.container import failing, huge, wrapping
from tests.support.stand_in import error_of


class TestDirect:
    @pytest.fixture
    def containers(self, start_container):
        return [start_container(answer=wrapping(name)) for name in ("first", "second")]

    @pytest.fixture
    def endpoint(self, account, containers):
        first, second = containers
        return account.deploy(
            image(first, ContainerHostname="first"),
            image(second, ContainerHostname="second"),
            mode="Direct",
        )

    def test_named_container(self, account, containers, endpoint):
        """Only the container that TargetContainerHostname names receives the request."""
        first, second = containers

        response = account.invoke(endpoint, b"x", TargetContainerHostname="second")

        assert response["Body"] == b"second(x)"
        assert [r.path for r in second.invocations] == ["/invocations"]
        assert not first.invocations

    def test_error_of_a_container(self, account, containers, endpoint):
        """A ModelError names the container by its hostname."""
        containers[1].answer = failing(500, "broken")

        error = error_of(account.invoke, endpoint, TargetContainerHostname="second")

        assert 'server error (500) from second with message "broken"' in error["Error"]["Message"]

    def test_multi_model_containers(self, account, containers):
        """Every container of a Direct endpoint may be a multi-model one."""
        many = [account.multi_model(c, artifacts("a.tar.gz")) for c in containers]
        hostnames = ("first", "second")
        named = [{**m, "ContainerHostname": h} for m, h in zip(many, hostnames, strict=True)]
        endpoint = account.deploy(*named, mode="Direct")

        for hostname in hostnames:
            target = {"TargetContainerHostname": hostname, "TargetModel": "a.tar.gz"}
            answer = account.invoke(endpoint, b"x", **target)
            assert answer["Body"] == f"{hostname}(x)".encode()

    @pytest.mark.parametrize(
        "members",
        [
            pytest.param({}, id="no-hostname"),
            pytest.param({"TargetContainerHostname": "third"}, id="unknown-hostname"),
        ],
    )
    def test_wrong_hostname(self, account, containers, endpoint, members):
        """A missing or unknown hostname is a ValidationError, and no container is invoked."""
        assert account.rejection(endpoint, **members)
        assert not any(container.invocations for container in containers)

    @pytest.mark.parametrize("containers_in_model", [1, 2])
    def test_hostname_without_direct_mode(self, account, containers, containers_in_model):
        """A single model and a pipeline reject TargetContainerHostname."""
        endpoint = account.deploy(*map(image, containers[:containers_in_model]))

        assert account.rejection(endpoint, TargetContainerHostname="first")
        assert not any(container.invocations for container in containers)


class TestPipeline:
    @pytest.fixture
    def containers(self, start_container):
        return [start_container(answer=wrapping(name, f"text/{name}")) for name in ("a", "b", "c")]

    @pytest.fixture
    def endpoint(self, account, containers):
        named = zip(containers, ("first", "second", "third"), strict=True)
        return account.deploy(*(image(c, ContainerHostname=name) for c, name in named))

    def test_order(self, account, containers, endpoint):
        """Each response is the request of the next container; the caller gets the last one."""
        response = account.invoke(endpoint, b"x", ContentType="text/csv")

        assert response["Body"] == b"c(b(a(x)))"
        assert response["ContentType"] == "text/c"
        assert [[r.body for r in c.invocations] for c in containers] == [
            [b"x"],
            [b"a(x)"],
            [b"b(a(x))"],
        ]

    def test_content_type(self, account, containers, endpoint):
        """A container receives the Content-Type of the previous container's response."""
        account.invoke(endpoint, b"x", ContentType="text/csv")

        seen = [c.invocations[0].headers["Content-Type"] for c in containers]
        assert seen == ["text/csv", "text/a", "text/b"]

    def test_error(self, account, containers, endpoint):
        """A ModelError names the failing container, and the containers after it are not invoked."""
        containers[1].answer = failing(400, "not so")

        error = error_of(account.invoke, endpoint)

        assert error["Error"]["Code"] == "ModelError"
        assert error["OriginalStatusCode"] == 400
        assert 'client error (400) from second with message "not so"' in error["Error"]["Message"]
        assert not containers[2].invocations

    def test_five_megabytes_between_containers(self, account, containers, endpoint):
        """A larger response is a ModelError that names both containers; the last may be larger."""
        containers[0].answer = huge(6)
        error = error_of(account.invoke, endpoint)
        assert error["Error"]["Code"] == "ModelError"
        assert "from first to second" in error["Error"]["Message"]
        assert "exceeded the maximum limit of 5 MB" in error["Error"]["Message"]
        assert not containers[1].invocations

        containers[0].answer = huge(4)
        containers[2].answer = huge(6)
        assert len(account.invoke(endpoint)["Body"]) == 6 * 1024 * 1024
        assert len(containers[1].invocations[0].body) == 4 * 1024 * 1024

    def test_multi_model_container(self, account, containers):
        """TargetModel is for the multi-model container; the others are invoked as usual."""
        endpoint = account.deploy(
            image(containers[0]), account.multi_model(containers[1], artifacts("a.tar.gz"))
        )

        response = account.invoke(endpoint, b"x", TargetModel="a.tar.gz")

        assert response["Body"] == b"b(a(x))"
        assert [r.path for r in containers[0].invocations] == ["/invocations"]
        assert list(containers[1].target_models.values()) == ["a.tar.gz"]


class TestVariants:
    @pytest.fixture
    def models(self, account, start_container):
        names = ("old", "new")
        containers = [start_container(answer=wrapping(name)) for name in names]
        return [account.create_model(image(container)) for container in containers]

    def test_weights(self, account, models):
        """Requests are distributed at random by weight, here nine to one."""
        old, new = models
        endpoint = account.deploy_variants({"old": (old, 9), "new": (new, 1)})

        responses = [account.invoke(endpoint, b"x") for _ in range(200)]

        shares = Counter(response["InvokedProductionVariant"] for response in responses)
        assert 150 < shares["old"] < 200
        assert shares["old"] + shares["new"] == 200
        assert {r["InvokedProductionVariant"] + "(x)" for r in responses} == {
            r["Body"].decode() for r in responses
        }

    def test_target_variant(self, account, models):
        """TargetVariant chooses the variant, even one of weight 0."""
        old, new = models
        endpoint = account.deploy_variants({"old": (old, 1), "new": (new, 0)})

        chosen = account.invoke(endpoint, b"x", TargetVariant="new")
        by_weight = [account.invoke(endpoint, b"x") for _ in range(20)]

        assert (chosen["InvokedProductionVariant"], chosen["Body"]) == ("new", b"new(x)")
        assert {response["InvokedProductionVariant"] for response in by_weight} == {"old"}

    def test_unknown_variant(self, account, models):
        """An unknown TargetVariant is a ValidationError."""
        endpoint = account.deploy_variants({"old": (models[0], 1)})

        assert account.rejection(endpoint, TargetVariant="newest")
