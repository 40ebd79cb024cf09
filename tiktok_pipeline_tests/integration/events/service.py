"""A service that counts each event in SQLite, and dies at moments that the command line names.

python service.py DATABASE URL QUEUE MOMENT...   a MOMENT is `<n>:effect` (in the handler of event n, after its
effect) or `<n>:noted` (after event n was committed, before the broker is told).
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
from typing import Any

from tiktok_pipeline_client.events.envelope import Event
from tiktok_pipeline_client.events.taking import Book, Taker


def main() -> None:
    path, url, queue, *moments = sys.argv[1:]
    database = sqlite3.connect(path)
    database.execute("create table if not exists effect (event_id text, account_id integer, nth integer)")
    database.execute("create table if not exists seen (event_id text)")
    database.commit()
    taker = Taker(Book(database))

    def die_at(nth: int, moment: str) -> None:
        if f"{nth}:{moment}" in moments:
            os.kill(os.getpid(), signal.SIGKILL)

    @taker.on("account.connected")
    def count(event: Event, connection: Any) -> None:
        connection.execute(
            "insert into effect values (?, ?, ?)",
            (event.event_id, event.data["account_id"], event.data["nth"]),
        )
        die_at(event.data["nth"], "effect")
        if event.data["nth"] == 666:
            raise ValueError("this one always fails")

    def take(body: bytes | str) -> None:
        taker.take(body)
        die_at(json.loads(body)["data"]["nth"], "noted")

    if url.startswith("redis"):
        from tiktok_pipeline_client.events.redis_stream import StreamConsumer

        StreamConsumer(url, queue, "one", attempts=3, pause=0.05, idle=0.2).run(take, threading.Event())
    else:
        from tiktok_pipeline_client.events.rabbitmq import QueueConsumer

        QueueConsumer(url, queue, attempts=3).run(take, threading.Event())


if __name__ == "__main__":
    main()
