# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["airbyte-cdk==7.39.1", "psycopg[binary]==3.2.9"]
# ///
"""Airbyte's CDK: a declarative manifest, read by its concurrent source.

Airbyte's own destination for PostgreSQL comes as a container only; in its place stands the least that keeps its
promise: COPY into a raw table for every 10,000 records, then one upsert.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import psycopg
import yaml
from airbyte_cdk.models import ConfiguredAirbyteCatalog, ConfiguredAirbyteCatalogSerializer, Type
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

BATCH = 10_000
CATALOG = {
    "streams": [
        {
            "stream": {"name": "videos", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append_dedup",
            "primary_key": [["id"]],
        }
    ]
}


def main() -> None:
    manifest = yaml.safe_load((Path(__file__).parent / "airbyte.yaml").read_text(encoding="utf-8"))
    config = {
        "api": os.environ["PEER_API"],
        "tokens": os.environ["PEER_TOKENS"].split(","),
        "fields": os.environ["PEER_FIELDS"],
    }
    catalog: ConfiguredAirbyteCatalog = ConfiguredAirbyteCatalogSerializer.load(CATALOG)
    source = ConcurrentDeclarativeSource(catalog=catalog, config=config, source_config=manifest)
    with psycopg.connect(os.environ["PEER_DATABASE"]) as connection:
        connection.execute(
            "create table if not exists peer_videos (day date, id text, video jsonb, primary key (day, id))"
        )
        connection.execute("create temporary table raw (id text, video jsonb)")
        connection.commit()
        waiting: list[dict[str, Any]] = []
        try:
            for message in source.read(logging.getLogger("airbyte"), config, catalog):
                if message.type == Type.RECORD and message.record:
                    waiting.append(message.record.data)
                if len(waiting) >= BATCH:
                    load(connection, waiting)
        finally:  # what came before a stream failed is kept
            load(connection, waiting)


def load(connection: psycopg.Connection[Any], waiting: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("truncate raw")
        with cursor.copy("copy raw from stdin") as copy:
            for video in waiting:
                copy.write_row((video["id"], json.dumps(video)))
        cursor.execute(
            "insert into peer_videos select distinct on (id) %s, id, video from raw "
            "on conflict (day, id) do update set video = excluded.video",
            (os.environ["PEER_DAY"],),
        )
    connection.commit()
    waiting.clear()


if __name__ == "__main__":
    main()
