"""Where events go: what the settings name, and how each is reached.

The libraries of the brokers are imported when one is reached: who has none needs none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.events.event import Event

if TYPE_CHECKING:
    from tiktok_pipeline.settings import Settings

QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
PATTERN = re.compile(r"[a-z_.*#]{1,80}")


class NotReached(PipelineError):
    """A target is not there; it may be in a minute. The text holds nothing of its address."""


class Sink(Protocol):
    """A target that is reached."""

    def lost(self, position: str) -> bool:
        """Whether it does not know any more what it knew at `position`: it was wiped."""

    def prepare(self) -> None:
        """Make there what sending needs."""

    def send(self, event: Event) -> None:
        """Returns when the target has it. Raises NotTaken and NotReached."""

    @property
    def position(self) -> str | None:
        """What it must know the next time; None: nothing."""


@dataclass(frozen=True)
class Target:
    """A place that gets every event. `reach` reaches it while a block runs, or raises NotReached; it holds secrets."""

    name: str
    reach: Callable[[], AbstractContextManager[Sink]] = field(repr=False)


def targets_of(settings: Settings) -> list[Target]:
    """All that the settings name: Redis, RabbitMQ, webhooks; empty when none is."""
    from tiktok_pipeline.events import rabbitmq, redis_stream, webhook

    found = []
    source = settings.portal_url
    if settings.redis_url:
        found.append(
            Target("redis", partial(redis_stream.reach, settings.redis_url.get_secret_value(), source))
        )
    if settings.rabbitmq_url:
        url, queues = settings.rabbitmq_url.get_secret_value(), queues_of(settings.rabbitmq_queues or "")
        found.append(Target("rabbitmq", partial(rabbitmq.reach, url, source, queues)))
    if settings.event_webhooks and settings.event_webhook_secret:
        secret = webhook.key_of(settings.event_webhook_secret.get_secret_value())
        for nth, url in enumerate(webhooks_of(settings.event_webhooks.get_secret_value()), 1):
            name = "webhook" if nth == 1 else f"webhook-{nth}"
            found.append(Target(name, partial(webhook.reach, url, source, secret)))
    return found


def webhooks_of(text: str) -> list[str]:
    """Addresses, with commas or blanks between them."""
    return [url for url in re.split(r"[,\s]+", text) if url]


def queues_of(text: str) -> dict[str, list[str]]:
    """Queues, and the patterns of event types that each gets: `crm=account.*,crm=video.viral,all`; or ValueError."""
    queues: dict[str, list[str]] = {}
    for part in re.split(r"[,\s]+", text.strip()):
        if not part:
            continue
        name, _, pattern = part.partition("=")
        pattern = pattern or "#"
        if not QUEUE.fullmatch(name) or not PATTERN.fullmatch(pattern):
            raise ValueError(f"'{part}' is no queue such as crm or crm=account.*")
        queues.setdefault(name, []).append(pattern)
    return queues
