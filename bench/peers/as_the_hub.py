"""The way of the hub that this project replaces: an account after the other, one upsert a row."""

from __future__ import annotations

import json
import logging
import os

import psycopg
import requests

UPSERT = """
    insert into hub_videos (day, id, title, view_count, like_count, comment_count, share_count, video)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (day, id) do update set
        title = excluded.title,
        view_count = excluded.view_count,
        like_count = excluded.like_count,
        comment_count = excluded.comment_count,
        share_count = excluded.share_count,
        video = excluded.video
"""
TABLE = """
    create table if not exists hub_videos (
        day date, id text, title text,
        view_count bigint, like_count bigint, comment_count bigint, share_count bigint,
        video jsonb,
        primary key (day, id)
    )
"""


def main() -> None:
    address = f"{os.environ['PEER_API']}/v2/video/list/?fields={os.environ['PEER_FIELDS']}"
    with (
        requests.Session() as session,
        psycopg.connect(os.environ["PEER_DATABASE"], autocommit=True) as connection,
    ):
        session.trust_env = False
        connection.execute(TABLE)
        for number, token in enumerate(os.environ["PEER_TOKENS"].split(",")):
            try:
                _account(session, connection, address, token)
            except (requests.RequestException, KeyError, ValueError) as error:
                logging.warning("account %s: %s", number, error)  # noted, and the next one's turn


def _account(
    session: requests.Session, connection: psycopg.Connection[tuple[object, ...]], address: str, token: str
) -> None:
    body: dict[str, int] = {"max_count": 20}
    while True:
        answer = session.post(address, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        answer.raise_for_status()
        data = answer.json()["data"]
        for video in data["videos"]:
            counters = [video[f"{name}_count"] for name in ("view", "like", "comment", "share")]
            connection.execute(
                UPSERT, (os.environ["PEER_DAY"], video["id"], video["title"], *counters, json.dumps(video))
            )
        if not data["has_more"]:
            return
        body["cursor"] = data["cursor"]


if __name__ == "__main__":
    main()
