"""A service that is told of events: it keeps a list of what a person in charge of a store should see to.

    python examples/event_service.py todo.db redis://127.0.0.1:6379/0
    python examples/event_service.py todo.db amqp://guest:guest@127.0.0.1:5672/ crm

Needs `pip install ./client[redis,rabbitmq]`. Ctrl-C ends it; killed at any moment, it loses nothing and does nothing
twice.
"""

from __future__ import annotations

import logging
import signal
import sqlite3
import sys
import threading
from typing import Any

from tiktok_pipeline_client.events.envelope import Event
from tiktok_pipeline_client.events.taking import Book, Taker

SERVICE = "crm"


def taker_for(connection: sqlite3.Connection) -> Taker:
    """What this service does with which event."""
    connection.execute(
        "create table if not exists todo (id integer primary key, store_code text, account_id integer, words text)"
    )
    taker = Taker(Book(connection))

    @taker.on("account.need_reconnect")
    def _ask_for_a_login(event: Event, database: Any) -> None:
        data = event.data
        database.execute(
            "insert into todo (store_code, account_id, words) values (?, ?, 'log in to TikTok again')",
            (data["store_code"], data["account_id"]),
        )

    @taker.on("account.connected")
    def _is_done(event: Event, database: Any) -> None:
        database.execute("delete from todo where account_id = ?", (event.data["account_id"],))

    @taker.on("video.viral")
    def _answer_the_comments(event: Event, database: Any) -> None:
        data = event.data
        database.execute(
            "insert into todo (store_code, account_id, words) values (?, ?, ?)",
            (
                data["store_code"],
                data["account_id"],
                f"video {data['video_id']} goes viral: answer its comments",
            ),
        )

    return taker


def main() -> None:
    """Consume until told to end."""
    logging.basicConfig(level=logging.INFO)
    path, url, *queue = sys.argv[1:]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    taker = taker_for(sqlite3.connect(path))
    if url.startswith("redis"):
        from tiktok_pipeline_client.events.redis_stream import StreamConsumer

        StreamConsumer(url, SERVICE, "first").run(taker.take, stop)
    else:
        from tiktok_pipeline_client.events.rabbitmq import QueueConsumer

        QueueConsumer(url, queue[0] if queue else SERVICE).run(taker.take, stop)


if __name__ == "__main__":
    main()
