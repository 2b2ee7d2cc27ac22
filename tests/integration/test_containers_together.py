"""Several containers behind one endpoint: called by name, in series, or by weight."""

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

    def test_only_the_named_container_sees_the_call(self, account, containers, endpoint):
        """TargetContainerHostname chooses."""
        first, second = containers

        response = account.invoke(endpoint, b"x", TargetContainerHostname="second")

        assert response["Body"] == b"second(x)"
        assert [r.path for r in second.invocations] == ["/invocations"]
        assert not first.invocations

    def test_a_container_is_named_in_its_errors(self, account, containers, endpoint):
        """By its hostname, so that one knows whose log to read."""
        containers[1].answer = failing(500, "broken")

        error = error_of(account.invoke, endpoint, TargetContainerHostname="second")

        assert 'server error (500) from second with message "broken"' in error["Error"]["Message"]

    @pytest.mark.parametrize(
        "members",
        [
            pytest.param({}, id="no-hostname"),
            pytest.param({"TargetContainerHostname": "third"}, id="unknown-hostname"),
        ],
    )
    def test_a_call_that_names_no_container_is_refused(
        self, account, containers, endpoint, members
    ):
        """No container hears of it."""
        error = error_of(account.invoke, endpoint, **members)

        assert error["Error"]["Code"] == "ValidationError"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert not any(container.invocations for container in containers)

    @pytest.mark.parametrize("containers_in_model", [1, 2])
    def test_a_hostname_is_for_direct_endpoints(self, account, containers, containers_in_model):
        """A single model refuses it, and so does a pipeline."""
        endpoint = account.deploy(*map(image, containers[:containers_in_model]))

        error = error_of(account.invoke, endpoint, TargetContainerHostname="first")

        assert error["Error"]["Code"] == "ValidationError"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert not any(container.invocations for container in containers)


class TestPipeline:
    @pytest.fixture
    def containers(self, start_container):
        return [start_container(answer=wrapping(name, f"text/{name}")) for name in ("a", "b", "c")]

    @pytest.fixture
    def endpoint(self, account, containers):
        named = zip(containers, ("first", "second", "third"), strict=True)
        return account.deploy(*(image(c, ContainerHostname=name) for c, name in named))

    def test_each_answer_is_the_next_request(self, account, containers, endpoint):
        """Containers are called in the order of the model; the last one's answer is the answer."""
        response = account.invoke(endpoint, b"x", ContentType="text/csv")

        assert response["Body"] == b"c(b(a(x)))"
        assert response["ContentType"] == "text/c"
        assert [[r.body for r in c.invocations] for c in containers] == [
            [b"x"],
            [b"a(x)"],
            [b"b(a(x))"],
        ]

    def test_a_content_type_belongs_to_its_body(self, account, containers, endpoint):
        """A container is told the type that the one before it gave."""
        account.invoke(endpoint, b"x", ContentType="text/csv")

        seen = [c.invocations[0].headers["Content-Type"] for c in containers]
        assert seen == ["text/csv", "text/a", "text/b"]

    def test_an_error_ends_it(self, account, containers, endpoint):
        """The failing container is named, and those after it are not called."""
        containers[1].answer = failing(400, "not so")

        error = error_of(account.invoke, endpoint)

        assert error["Error"]["Code"] == "ModelError"
        assert error["OriginalStatusCode"] == 400
        assert 'client error (400) from second with message "not so"' in error["Error"]["Message"]
        assert not containers[2].invocations

    def test_five_megabytes_pass_between_containers(self, account, containers, endpoint):
        """More is a model error that names both containers; the answer itself may be larger."""
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

    def test_one_of_its_containers_may_be_multi_model(self, account, containers):
        """TargetModel is that container's; the others are called as ever."""
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

    def test_weights_share_the_calls_out(self, account, models):
        """Nine to one, within what chance allows."""
        old, new = models
        endpoint = account.deploy_variants({"old": (old, 9), "new": (new, 1)})

        responses = [account.invoke(endpoint, b"x") for _ in range(200)]

        shares = Counter(response["InvokedProductionVariant"] for response in responses)
        assert 150 < shares["old"] < 200
        assert shares["old"] + shares["new"] == 200
        assert {r["InvokedProductionVariant"] + "(x)" for r in responses} == {
            r["Body"].decode() for r in responses
        }

    def test_a_caller_may_choose_the_variant(self, account, models):
        """TargetVariant overrides the weights, even a weight of nothing."""
        old, new = models
        endpoint = account.deploy_variants({"old": (old, 1), "new": (new, 0)})

        chosen = account.invoke(endpoint, b"x", TargetVariant="new")
        by_weight = [account.invoke(endpoint, b"x") for _ in range(20)]

        assert (chosen["InvokedProductionVariant"], chosen["Body"]) == ("new", b"new(x)")
        assert {response["InvokedProductionVariant"] for response in by_weight} == {"old"}

    def test_an_unknown_variant_is_refused(self, account, models):
        """It is a mistake in the address."""
        endpoint = account.deploy_variants({"old": (models[0], 1)})

        error = error_of(account.invoke, endpoint, TargetVariant="newest")

        assert error["Error"]["Code"] == "ValidationError"
