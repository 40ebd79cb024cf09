"""Events from a queue of RabbitMQ. The pipeline declares queues (RABBITMQ_QUEUES), their retries and dead letters."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pika
import pika.exceptions

from tiktok_pipeline_client.events.envelope import DeadLetter

DEAD = "tiktok.events.dead"
PERSISTENT = 2

log = logging.getLogger(__name__)


class QueueConsumer:
    """Consumes a queue, e.g. `crm`, one message at a time.

    What a handler fails at comes again after the pause of the queue `<queue>.retry`, behind what came meanwhile; after
    `attempts` it goes to `<queue>.dead`.
    """

    def __init__(self, url: str, queue: str, *, attempts: int = 5) -> None:
        self._parameters = pika.URLParameters(url)
        self._queue = queue
        self._attempts = attempts

    def run(self, take: Callable[[bytes], Any], stop: threading.Event) -> None:
        """Take events until `stop` is set. A broker that is away, and a queue that is not there yet, is waited for."""
        while not stop.is_set():
            try:
                connection = pika.BlockingConnection(self._parameters)
                try:
                    self._consume(connection.channel(), take, stop)
                finally:
                    if connection.is_open:
                        connection.close()
            except (pika.exceptions.AMQPError, OSError) as error:
                log.warning("events: RabbitMQ: %s; trying again", type(error).__name__)
                stop.wait(1)

    def _consume(self, channel: Any, take: Callable[[bytes], Any], stop: threading.Event) -> None:
        channel.basic_qos(prefetch_count=1)
        channel.confirm_delivery()
        for method, properties, body in channel.consume(self._queue, inactivity_timeout=0.5):
            if stop.is_set():
                return
            if method is None:
                continue
            try:
                take(body)
            except DeadLetter as reason:
                self._bury(channel, body, properties, str(reason))
            except Exception as error:  # a handler's: whatever it is, the event comes again
                attempt = 1 + sum(
                    death["count"]
                    for death in (properties.headers or {}).get("x-death", ())
                    if death["queue"] == self._queue
                )
                if attempt < self._attempts:
                    log.warning("events: attempt %d at %s: %s", attempt, properties.message_id, error)
                    channel.basic_nack(method.delivery_tag, requeue=False)
                    continue
                self._bury(channel, body, properties, f"{type(error).__name__}: {error}")
            channel.basic_ack(method.delivery_tag)

    def _bury(self, channel: Any, body: bytes, properties: pika.BasicProperties, reason: str) -> None:
        log.error("events: dead letter %s: %s", properties.message_id, reason)
        channel.basic_publish(
            DEAD,
            self._queue,
            body,
            pika.BasicProperties(
                content_type=properties.content_type,
                delivery_mode=PERSISTENT,
                message_id=properties.message_id,
                headers={**(properties.headers or {}), "reason": reason},
            ),
            mandatory=True,
        )
