"""What a service does with an event: a handler for each type and version, and a book of the events it has had.

The book is a table in the service's own database. Its row and the effect of the event are one transaction, so an event
that comes twice has its effect once, whenever the service dies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tiktok_pipeline_client.events.envelope import DeadLetter, Event, parse

Handler = Callable[[Event, Any], None]
NOTE = "insert into event_book (event_id) values (?) on conflict do nothing"


class Book:
    """The events that this service has had, in the table `event_book` of its database.

    `connection` is a DB-API connection that commits when told to: sqlite3, or psycopg without autocommit.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._note = NOTE.replace("?", "?" if type(connection).__module__.startswith("sqlite3") else "%s")
        self._execute("create table if not exists event_book (event_id text primary key)")
        connection.commit()

    def once(self, event: Event, handler: Handler) -> bool:
        """Whether the event is new; then the handler's work on the connection is committed with the note of it."""
        try:
            new = self._execute(self._note, event.event_id) == 1
            if new:
                handler(event, self.connection)
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise
        return new

    def _execute(self, statement: str, *parameters: str) -> int:
        cursor = self.connection.cursor()
        cursor.execute(statement, parameters)
        count: int = cursor.rowcount
        cursor.close()
        return count


class Taker:
    """Takes the bodies of messages. Types without a handler are none of this service's business."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._handlers: dict[tuple[str, int], Handler] = {}

    def on(self, event_type: str, version: int = 1) -> Callable[[Handler], Handler]:
        """Decorates the handler of a type in a version: it works on the book's connection, and commits nothing."""

        def register(handler: Handler) -> Handler:
            self._handlers[event_type, version] = handler
            return handler

        return register

    def take(self, body: bytes | str) -> bool:
        """Whether the event had its effect now. Raises DeadLetter, and what a handler raises: it may come again."""
        event = parse(body)
        handler = self._handlers.get((event.event_type, event.version))
        if handler is None:
            if any(known == event.event_type for known, _ in self._handlers):
                raise DeadLetter(f"{event.event_type} in version {event.version}, which has no handler")
            return False
        return self._book.once(event, handler)
