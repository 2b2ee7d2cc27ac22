"""A page of this machine gets the objects that a presigned URL and the bucket's CORS rules allow.

Everything else that a page can send is refused: test_web_pages.py. tests/browser has a browser.
"""

from urllib.parse import urlsplit

import boto3
import pytest

from chalicelib.jobs.aws_calls import CONFIG
from tests.faults.rows import row
from tests.support.gateway import AWS
from tests.support.wire import send

PAGE, OTHER_PAGE = "http://127.0.0.1:8000", "http://localhost:5173"
RULE = {
    "AllowedOrigins": [PAGE],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedHeaders": ["content-type", "if-none-match"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 600,
}
EVERY_PAGE = {**RULE, "AllowedOrigins": ["*"]}
HEADERS = {"Content-Type": "text/csv", "If-None-Match": "*"}
ASKED = "content-type,if-none-match"


@pytest.fixture(scope="module")
def s3(sagemaker_local):
    client = boto3.client("s3", endpoint_url=sagemaker_local.url, config=CONFIG, **AWS)
    for name, rules in {"pages": [RULE], "every-page": [EVERY_PAGE], "no-pages": []}.items():
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="folder/result", Body=b"[1]")
        if rules:
            client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
    yield client
    client.close()


@pytest.fixture
def key(request):
    """A key that no other test writes."""
    return f"{request.node.name}/body"


def presigned(s3, operation, bucket="pages", key="folder/result", **arguments):
    """Return the path and query of a presigned URL."""
    url = s3.generate_presigned_url(operation, {"Bucket": bucket, "Key": key, **arguments})
    return "{0.path}?{0.query}".format(urlsplit(url))


def to_put(s3, key, bucket="pages"):
    """Return the path and query of an upload, as the gateway signs it."""
    return presigned(
        s3, "put_object", bucket, key, ContentType="text/csv", ContentLength=3, IfNoneMatch="*"
    )


def preflight(sagemaker_local, path, method, origin=PAGE, headers=ASKED):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    asked |= {"Access-Control-Request-Headers": headers} if headers else {}
    return send(sagemaker_local.url, path, method="OPTIONS", headers=asked)


def allowed(reply):
    """Return what the answer allows the page, by the last word of the header."""
    start = "access-control-"
    return {
        name.lower().removeprefix(start): value
        for name, value in reply.headers.items()
        if name.lower().startswith(start)
    }


@row("M1")
def test_upload_and_result(sagemaker_local, s3, key):
    """A page may ask, send an object, and read it."""
    asked = preflight(sagemaker_local, to_put(s3, key), "PUT")
    page = {"Origin": PAGE, "Sec-Fetch-Site": "same-site"}
    sent = send(
        sagemaker_local.url, to_put(s3, key), method="PUT", headers={**page, **HEADERS}, body=b"a,b"
    )
    read = send(
        sagemaker_local.url, presigned(s3, "get_object", key=key), method="GET", headers=page
    )

    assert (asked.status, sent.status, read.status, read.body) == (200, 200, 200, b"a,b")
    assert allowed(asked) == {
        "allow-origin": PAGE,
        "allow-methods": "GET, PUT",
        "allow-headers": "content-type, if-none-match",
        "expose-headers": "ETag",
        "max-age": "600",
    }
    for reply in (sent, read):
        assert allowed(reply) == {
            "allow-origin": PAGE,
            "allow-methods": "GET, PUT",
            "expose-headers": "ETag",
        }
        assert "Origin" in reply.headers["Vary"]
        assert reply.headers["ETag"]


@row("M1")
def test_errors_can_be_read(sagemaker_local, s3, key):
    """A page may also read S3's errors: an upload that was sent twice, an object that is gone."""
    page, path = {"Origin": PAGE}, to_put(s3, key)
    url = sagemaker_local.url
    send(url, path, method="PUT", headers={**page, **HEADERS}, body=b"a,b")
    twice = send(url, path, method="PUT", headers={**page, **HEADERS}, body=b"c,d")
    gone = send(url, presigned(s3, "get_object", key="no/key"), method="GET", headers=page)

    assert (twice.status, gone.status) == (412, 404)
    assert allowed(twice)["allow-origin"] == allowed(gone)["allow-origin"] == PAGE
    assert s3.get_object(Bucket="pages", Key=key)["Body"].read() == b"a,b"


@row("M1")
@pytest.mark.parametrize("origin", [PAGE, OTHER_PAGE, "https://[::1]:9000"])
def test_every_page_of_this_machine(sagemaker_local, s3, origin):
    """`*` in a rule stands for the pages that this machine serves."""
    path = presigned(s3, "get_object", "every-page")
    reply = send(sagemaker_local.url, path, method="GET", headers={"Origin": origin})

    assert (reply.status, allowed(reply)["allow-origin"]) == (200, "*")


ORIGINS = ["https://evil.example", "http://127.0.0.1.evil.example", "null", "", "127.0.0.1:8000"]
ORIGINS += ["http://127.0.0.1:8000/", "file://127.0.0.1", "http://evil@127.0.0.1"]


@row("M1")
@pytest.mark.parametrize("origin", ORIGINS)
def test_foreign_origin(sagemaker_local, s3, origin):
    """No other page is answered, whatever the bucket allows: nothing here checks signatures."""
    path = presigned(s3, "get_object", "every-page")
    replies = [
        send(sagemaker_local.url, path, method="GET", headers={"Origin": origin}),
        preflight(sagemaker_local, path, "GET", origin),
    ]

    for reply in replies:
        assert (reply.status, allowed(reply)) == (403, {})


@row("M1")
@pytest.mark.parametrize(
    ("bucket", "origin", "asked"),
    [
        pytest.param("no-pages", PAGE, ("GET", ""), id="bucket without rules"),
        pytest.param("no-bucket", PAGE, ("GET", ""), id="no bucket"),
        pytest.param("pages", OTHER_PAGE, ("GET", ""), id="other origin"),
        pytest.param("pages", PAGE, ("DELETE", ""), id="other method"),
        pytest.param("pages", PAGE, ("HEAD", ""), id="method without a rule"),
        pytest.param("pages", PAGE, ("PUT", "content-type,x-more"), id="other header"),
        pytest.param("pages", PAGE, ("PUT", "x-amz-target"), id="header of AWS"),
        pytest.param("pages", PAGE, ("", ""), id="no method"),
    ],
)
def test_preflight_refused(sagemaker_local, s3, bucket, origin, asked):
    """A preflight for a method and headers is answered as the rules say."""
    path, (method, headers) = presigned(s3, "get_object", bucket), asked
    reply = preflight(sagemaker_local, path, method, origin, headers)

    assert (reply.status, allowed(reply)) == (403, {})


def changed(old, new):
    return lambda path: path.replace(old, new)


@row("M1")
@pytest.mark.parametrize(
    ("change", "method", "headers"),
    [
        pytest.param(lambda path: path.partition("?")[0], "GET", {}, id="no signature"),
        pytest.param(lambda path: path.partition("&")[0], "GET", {}, id="a part of a signature"),
        pytest.param(changed("/folder/result", ""), "GET", {}, id="a bucket"),
        pytest.param(changed("/folder/result", "/"), "GET", {}, id="a bucket and a slash"),
        pytest.param(changed("/pages/", "//pages/"), "GET", {}, id="two slashes"),
        pytest.param(changed("?", "?acl&"), "GET", {}, id="another operation"),
        pytest.param(changed("?", "?uploadId=1&"), "PUT", {}, id="an upload in parts"),
        pytest.param(changed("?", "?X-Amz-Date=1&"), "GET", {}, id="a parameter twice"),
        pytest.param(changed("%2Fs3%2F", "%2Fsagemaker%2F"), "GET", {}, id="another service"),
        pytest.param(changed("", ""), "POST", {}, id="POST"),
        pytest.param(changed("", ""), "DELETE", {}, id="DELETE"),
        pytest.param(changed("", ""), "GET", {"Authorization": "AWS4 …"}, id="two signatures"),
        pytest.param(changed("", ""), "PUT", {"X-Amz-Target": "SageMaker.Create"}, id="a target"),
        pytest.param(changed("", ""), "PUT", {"X-Amz-Copy-Source": "a/b"}, id="a copy"),
        pytest.param(changed("", ""), "GET", {"Host": "pages.localhost"}, id="a bucket's host"),
        pytest.param(changed("", ""), "GET", {"Host": "evil.example"}, id="DNS rebinding"),
        pytest.param(
            changed("", ""), "PUT", {"Content-Type": "application/x-www-form-urlencoded"}, id="form"
        ),
    ],
)
def test_other_requests(sagemaker_local, s3, change, method, headers):
    """An allowed page gets objects by a presigned URL, and nothing else."""
    path = change(presigned(s3, "get_object"))
    encoded = {name: value.encode() for name, value in headers.items()}
    reply = send(sagemaker_local.url, path, method=method, headers={"Origin": PAGE, **encoded})

    assert (reply.status, allowed(reply)) == (403, {})
    assert s3.get_object(Bucket="pages", Key="folder/result")["Body"].read() == b"[1]"


@row("M1")
def test_program(sagemaker_local, s3):
    """A program, which sends no origin, uses a presigned URL without CORS headers."""
    reply = send(sagemaker_local.url, presigned(s3, "get_object"), method="GET")

    assert (reply.status, reply.body, allowed(reply)) == (200, b"[1]", {})
