"""RabbitMQ: a topic exchange by event type, and for each service a queue with its retries and dead letters.

    tiktok.events ──(event type)──► crm ──(refused)──► tiktok.events.retry ──► crm.retry ──(30 s)──► crm
                                      └─(refused too often)──► tiktok.events.dead ──► crm.dead

All of it is durable and is declared here, so that a broker that was wiped has its queues again before it gets events.
Queues are quorum queues: a consumer that dies with a message again and again does not keep it for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.events.event import MEDIA_TYPE, Event
from tiktok_pipeline.events.targets import NotReached, Sink

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

EXCHANGE, RETRY, DEAD = "tiktok.events", "tiktok.events.retry", "tiktok.events.dead"
RETRY_MS = 30_000
MOST_DELIVERIES = 5  # to consumers that died with it; then it is as if they had refused it
TIMEOUT_SECONDS = 10
PERSISTENT = 2


class Exchange:
    """The exchange, confirming every message. Its position is the names of the queues that it had."""

    def __init__(self, channel: BlockingChannel, source: str, queues: Mapping[str, Sequence[str]]) -> None:
        self._channel = channel
        self._source = source
        self._queues = queues

    @property
    def position(self) -> str:
        """The queues, which must still be there the next time."""
        return ",".join(sorted(self._queues))

    def lost(self, position: str) -> bool:
        """Whether the exchange or one of the queues that are still wanted is gone."""
        there = [name for name in position.split(",") if name in self._queues]
        return not all(
            (self._is_there("exchange", EXCHANGE), *(self._is_there("queue", name) for name in there))
        )

    def prepare(self) -> None:
        """Declare all; what is there stays."""
        self._channel.exchange_declare(EXCHANGE, "topic", durable=True)
        self._channel.exchange_declare(RETRY, "direct", durable=True)
        self._channel.exchange_declare(DEAD, "direct", durable=True)
        for name, patterns in self._queues.items():
            self._declare(name, patterns)
        self._channel.confirm_delivery()

    def send(self, event: Event) -> None:
        """Publish it, persistent; returns when the broker has confirmed it."""
        import pika

        self._channel.basic_publish(
            EXCHANGE,
            event.event_type,
            event.body,
            pika.BasicProperties(
                content_type=MEDIA_TYPE,
                delivery_mode=PERSISTENT,
                message_id=str(event.event_id),
                type=event.event_type,
                headers={
                    f"cloudEvents_{name}": said for name, said in event.attributes(self._source).items()
                },
            ),
        )

    def _declare(self, name: str, patterns: Sequence[str]) -> None:
        quorum: dict[str, Any] = {"x-queue-type": "quorum", "x-overflow": "reject-publish"}
        at_least_once = {**quorum, "x-dead-letter-strategy": "at-least-once"}
        self._channel.queue_declare(
            name,
            durable=True,
            arguments={
                **at_least_once,
                "x-delivery-limit": MOST_DELIVERIES,
                "x-dead-letter-exchange": RETRY,
                "x-dead-letter-routing-key": name,
            },
        )
        self._channel.queue_declare(
            f"{name}.retry",
            durable=True,
            arguments={
                **at_least_once,
                "x-message-ttl": RETRY_MS,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": name,
            },
        )
        self._channel.queue_declare(f"{name}.dead", durable=True, arguments=quorum)
        self._channel.queue_bind(f"{name}.retry", RETRY, name)
        self._channel.queue_bind(f"{name}.dead", DEAD, name)
        for pattern in patterns:
            self._channel.queue_bind(name, EXCHANGE, pattern)

    def _is_there(self, kind: str, name: str) -> bool:
        """Asked on a channel of its own: a no closes it."""
        import pika.exceptions

        asking = self._channel.connection.channel()
        try:
            if kind == "exchange":
                asking.exchange_declare(name, passive=True)
            else:
                asking.queue_declare(name, passive=True)
        except pika.exceptions.ChannelClosedByBroker as answer:
            if answer.reply_code == 404:
                return False
            raise
        asking.close()
        return True


@contextmanager
def reach(url: str, source: str, queues: Mapping[str, Sequence[str]]) -> Iterator[Sink]:
    """The exchange on the broker at `url`. What the broker refuses is as if it were not there."""
    import pika
    import pika.exceptions

    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.stack_timeout = TIMEOUT_SECONDS
    parameters.blocked_connection_timeout = TIMEOUT_SECONDS
    try:
        connection = pika.BlockingConnection(parameters)
        try:
            yield Exchange(connection.channel(), source, queues)
        finally:
            if connection.is_open:
                connection.close()
    except (pika.exceptions.AMQPError, OSError) as error:  # whose texts may quote the address
        raise NotReached(f"not reached ({type(error).__name__})") from None
