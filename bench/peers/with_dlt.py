# /// script
# requires-python = ">=3.11"
# dependencies = ["dlt[postgres]==1.31.0"]
# ///
"""dlt: a REST client, a resource that reads the accounts in parallel, a merge by day and video, COPY from CSV files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator
from psycopg2.extensions import parse_dsn

DAY = os.environ["PEER_DAY"]


@dlt.resource(name="accounts")
def accounts() -> Iterator[str]:
    yield from os.environ["PEER_TOKENS"].split(",")


@dlt.transformer(
    data_from=accounts,
    name="videos",
    write_disposition="merge",
    primary_key=("day", "id"),
    parallelized=True,
)
def videos(token: str) -> Iterator[list[dict[str, Any]]]:
    client = RESTClient(
        base_url=os.environ["PEER_API"],
        auth=BearerTokenAuth(token),
        paginator=JSONResponseCursorPaginator(
            cursor_path="data.cursor", cursor_body_path="cursor", has_more_path="data.has_more"
        ),
    )
    pages = client.paginate(
        "/v2/video/list/",
        method="POST",
        params={"fields": os.environ["PEER_FIELDS"]},
        json={"max_count": 20},
        data_selector="data.videos",
    )
    for page in pages:
        yield [{**video, "day": DAY} for video in page]


def _address() -> dict[str, Any]:
    """The server's address in parts, as dlt wants it."""
    found = parse_dsn(os.environ["PEER_DATABASE"])
    return {
        "host": "localhost",
        "query": {"host": found["host"]},  # of a socket, which may not stand in the address itself
        "port": int(found.get("port") or 5432),
        "username": found["user"],
        "database": found["dbname"],
    }


def main() -> None:
    pipeline = dlt.pipeline(
        pipeline_name="tiktok",
        pipelines_dir=os.environ["PEER_STATE"],
        destination=dlt.destinations.postgres({"password": "not asked for", **_address()}),
        dataset_name="peer",
    )
    pipeline.run(videos(), loader_file_format="csv")


if __name__ == "__main__":
    main()
