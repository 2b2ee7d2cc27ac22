"""`python -m local_stack.gateway --port N`: the gateway alone, on loopback.

It calls the AWS that the environment says: an account, or with AWS_ENDPOINT_URL the local
SageMaker. Its routing table follows the file. It prints the JSON lines of production, and a line
about each request that the app did not get. `make run` and `make gateway` start it, and make of its
lines what people read.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
from botocore.exceptions import BotoCoreError

from chalicelib.api import cors
from chalicelib.aws.deadline import Deadline
from chalicelib.aws.refreshed import FetchFailed
from chalicelib.errors import ConfigurationError
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.s3_source import FETCH_SECONDS, S3Object
from chalicelib.settings import S3Location
from gatewayctl import tables
from gatewayctl.command import connect
from local_stack import http_server, stage
from local_stack.first_steps import FirstSteps
from local_stack.rest_api import RestApi
from local_stack.table_news import TableNews
from sagemaker_local.modelserver import lifetime
from sagemaker_local.modelserver.lines import print_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.settings import Settings
    from gatewayctl.tables import TableFile
    from local_stack.followed_table import FollowedTable
    from local_stack.stage import Stage


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m local_stack.gateway", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8000, help="the port on loopback")
    add("--compare", action="store_true", help="say what of the table SageMaker does not have")
    add("--key-file", type=Path, help="print commands to paste, with the API key in this file")
    add("--env-file", type=Path, help="print how to source this file")
    add("--exit-with-parent", action="store_true", help="end when standard input ends")
    options = parser.parse_args(arguments)
    lifetime.end_on_signals(ignore_interrupt=False)
    if options.exit_with_parent:
        lifetime.end_with_parent()
    if missing := list(_missing_for_aws()):
        sys.exit("\n".join(f"error: {line}" for line in missing))
    try:
        asyncio.run(_serve(options))
    except ConfigurationError as error:
        sys.exit("\n".join(f"error: {line}" for line in error.lines))
    except OSError as error:
        sys.exit(f"error: {error}; choose another port, for example with PORT={options.port + 1}")


async def _serve(options: argparse.Namespace) -> None:
    local = stage.read()
    url = await http_server.start(_api(local), options.port)
    await asyncio.to_thread(_introduce, url, local.settings, local.table, options)
    await asyncio.Event().wait()


def _api(local: Stage) -> RestApi:
    settings = local.settings
    cors_headers = cors.headers(settings.cors_origin, settings.cors_headers)
    has_jobs = settings.jobs is not None
    return RestApi(local.app(), local.config, cors_headers, has_jobs=has_jobs)


def _introduce(
    url: str, settings: Settings, followed: FollowedTable | None, options: argparse.Namespace
) -> None:
    """Print what there is to say about the table, the address, and commands to paste."""
    file = None
    news = TableNews(print_line, connect if options.compare else None)
    if isinstance(settings.routing, S3Location):
        file = _show_table_in_s3(settings.routing, news)
    elif followed is not None:
        followed.follow(news)
        file = followed.file
    print_line(f"ready: {url}")
    if options.key_file is not None:
        steps = FirstSteps(
            url,
            options.key_file,
            options.env_file,
            has_page=settings.page,
            has_jobs=settings.jobs is not None,
        )
        for line in steps.lines(None if file is None else file.table, news.failing):
            print_line(line)


def _show_table_in_s3(location: S3Location, news: TableNews) -> TableFile | None:
    """Return the table that is in S3 now; the gateway itself looks at it again and again."""
    s3_object = S3Object(location)
    try:
        with Deadline.after(FETCH_SECONDS).in_force():
            fetched = s3_object.fetch(None)
        file = tables.parse(fetched.data if fetched else b"", s3_object.name)
    except FetchFailed as error:
        print_line(f"{s3_object.name}: cannot be read: {error.reason}; the gateway answers 503")
    except InvalidTable as error:
        news.on_refusal(error.problems, None)
    else:
        news.on_table(file, None)
        return file
    return None


def _missing_for_aws() -> Iterator[str]:
    """Say what boto3 needs to call AWS and does not find."""
    session = botocore.session.get_session()
    try:
        if session.get_config_variable("region") is None:
            yield "there is no AWS region; set AWS_DEFAULT_REGION, or a region in your profile"
        credentials = session.get_credentials()
        if credentials is not None:
            credentials.get_frozen_credentials()
            return
        yield (
            "there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY. For the local SageMaker: source .local/env"
        )
    except BotoCoreError as error:
        yield f"the AWS settings cannot be used: {error}"


if __name__ == "__main__":
    main()
