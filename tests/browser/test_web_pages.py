"""What a web page that somebody opens can do to the programs on their machine: nothing."""

from urllib.parse import urlsplit

import pytest

from tests.faults.rows import row
from tests.support.local_gateway import LocalGateway
from tests.support.stand_in import wait_until

# Each step returns what the page learns: the status and the text, or that it learns nothing.
FETCH = """async ([url, options]) => {
    try {
        const response = await fetch(url, options);
        return [response.type, response.status, await response.text()];
    } catch (error) {
        return ["error", 0, ""];
    }
}"""
POST_FORM = """([url, type, fields]) => {
    const frame = Object.assign(document.createElement("iframe"), {name: "answer"});
    const form = Object.assign(
        document.createElement("form"),
        {action: url, method: "POST", enctype: type, target: "answer"},
    );
    for (const [name, value] of Object.entries(fields)) {
        const field = Object.assign(document.createElement("textarea"), {name, value});
        form.append(field);
    }
    document.body.append(frame, form);
    form.submit();
}"""
FOLLOW_LINK = "url => { location.assign(url); }"
SHOW_IMAGE = "url => { document.body.append(Object.assign(new Image(), {src: url})); }"

FORM, TEXT = "multipart/form-data", "text/plain"
OBJECT = {"key": "models/model.tar.gz", "file": "code"}
JSON = "application/x-amz-json-1.1"
ROLE = "arn:aws:iam::123456789012:role/page"
MODEL = f'{{"ModelName": "page", "ExecutionRoleArn": "{ROLE}"}}'
CREATE_MODEL = {"X-Amz-Target": "SageMaker.CreateModel", "Content-Type": JSON}
QUERY = (
    "?Action=CreateUser&UserName=page&Version=2010-05-08"
    "&X-Amz-Credential=a/20260101/us-east-1/iam/aws4_request"
)
BUCKET = "from-a-page"


def fetches(path, **options):
    return lambda page, url: page.evaluate(FETCH, [url + path, options])


def posts_form(path, kind, fields):
    return lambda page, url: page.evaluate(POST_FORM, [url + path, kind, fields])


def shows_image(path):
    return lambda page, url: page.evaluate(SHOW_IMAGE, url + path)


def follows_link(path):
    return lambda page, url: page.evaluate(FOLLOW_LINK, url + path)


def rebinds(step):
    """The page's own host name leads to this machine, so that it is of the same origin."""

    def rebound(page, url):
        own = f"http://rebinding.test:{urlsplit(url).port}"
        page.goto(own)
        return step(page, own)

    return rebound


POST = {"method": "POST", "body": MODEL, "headers": CREATE_MODEL}
STEPS = [
    pytest.param(posts_form(f"/{BUCKET}", FORM, OBJECT), id="object-by-a-form"),
    pytest.param(fetches(f"/{BUCKET}/key", method="PUT", body="code"), id="object"),
    pytest.param(fetches(f"/{BUCKET}-2", method="PUT"), id="bucket"),
    pytest.param(fetches(f"/{BUCKET}/secret"), id="reads-an-object"),
    pytest.param(fetches(f"/{BUCKET}/secret", mode="no-cors"), id="reads-an-object-blindly"),
    pytest.param(fetches("/", **POST), id="model"),
    pytest.param(fetches("/", **POST, mode="no-cors"), id="model-without-cors"),
    pytest.param(posts_form("/", TEXT, {"a": MODEL}), id="model-by-a-form"),
    pytest.param(posts_form(f"/{QUERY}", TEXT, {}), id="user-by-a-form"),
    pytest.param(fetches(f"/{QUERY}", mode="no-cors"), id="user-without-cors"),
    pytest.param(shows_image(f"/{QUERY}"), id="user-by-an-image"),
    pytest.param(follows_link(f"/{QUERY}"), id="user-by-a-link"),
    pytest.param(fetches("/_local/faults/e", method="PUT", body='{"fault": "hang"}'), id="fault"),
    pytest.param(fetches("/moto-api/reset", method="POST", mode="no-cors"), id="moto-reset"),
    pytest.param(rebinds(fetches("/", **POST)), id="model-by-rebinding"),
    pytest.param(rebinds(fetches(f"/{BUCKET}/key", method="PUT")), id="object-by-rebinding"),
    pytest.param(rebinds(fetches(f"/{BUCKET}/secret")), id="reads-by-rebinding"),
    pytest.param(rebinds(fetches(f"/{QUERY}")), id="user-by-rebinding"),
]


class Account:
    """What is in the local SageMaker, as boto3 sees it."""

    def __init__(self, stand_in):
        self.s3, self.sagemaker, self.iam = map(stand_in.client, ("s3", "sagemaker", "iam"))

    @property
    def content(self):
        buckets = [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]]
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        models = self.sagemaker.list_models(NameContains="page")["Models"]
        users = self.iam.list_users()["Users"]
        return buckets, [one["Key"] for one in listed], models, users


@pytest.fixture(scope="module")
def account(sagemaker_local):
    account = Account(sagemaker_local)
    account.s3.create_bucket(Bucket=BUCKET)
    account.s3.put_object(Bucket=BUCKET, Key="secret", Body=b"the object's content")
    return account


@row("M1")
@pytest.mark.parametrize("step", STEPS)
def test_local_sagemaker(page, elsewhere, sagemaker_local, account, step):
    """The request arrives and is refused: it changes nothing, and the page reads nothing."""
    before, refused = account.content, sagemaker_local.log.count("refused: ")
    page.goto(elsewhere)

    learned = step(page, sagemaker_local.url)

    wait_until(lambda: sagemaker_local.log.count("refused: ") > refused)
    assert account.content == before
    assert "the object's content" not in str(learned)


def test_programs(account):
    """The same steps succeed with boto3."""
    account.s3.create_bucket(Bucket=f"{BUCKET}-2")
    account.s3.put_object(Bucket=BUCKET, Key="key", Body=b"code")
    image = {"Image": "local/sklearn", "ModelDataUrl": f"s3://{BUCKET}/key"}
    account.sagemaker.create_model(ModelName="page", ExecutionRoleArn=ROLE, PrimaryContainer=image)
    account.iam.create_user(UserName="page")

    buckets, keys, models, users = account.content
    assert (f"{BUCKET}-2" in buckets, "key" in keys) == (True, True)
    assert (len(models), len(users)) == (1, 1)
    account.sagemaker.delete_model(ModelName="page")
    account.iam.delete_user(UserName="page")


@pytest.fixture(scope="module")
def gateway():
    with LocalGateway() as gateway:
        yield gateway


def test_gateway_by_cors(page, elsewhere, gateway):
    """A page of another origin may call the API of `make run`; it needs a key as everybody does."""
    page.goto(elsewhere)

    headers = {"Authorization": "Bearer gw_none"}
    kind, status, text = page.evaluate(FETCH, [f"{gateway.url}/models", {"headers": headers}])

    assert (kind, status) == ("cors", 401)
    assert "urn:inference-gateway:unauthorized" in text


@row("M2")
def test_gateway_by_rebinding(page, gateway):
    """A page whose own host name leads to this machine may not call the API of `make run`."""
    port = urlsplit(gateway.url).port
    answer = page.goto(f"http://rebinding.test:{port}/health")

    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert "rebinding.test" in answer.json()["detail"]
    kind, status, _ = page.evaluate(FETCH, ["/models", {}])
    assert (kind, status) == ("basic", 403)
