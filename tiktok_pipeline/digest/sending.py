"""Handing a day's digests to the outbox: the company's, and each store's to its person in charge.

The key of a message is its day and whose it is, so a run that is repeated, or killed on its way, writes each of them
once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict

from tiktok_pipeline.alerts.outbox import OPERATORS, Attachment, Message, attach, put_all, written
from tiktok_pipeline.alerts.routes import DIGEST, Channel
from tiktok_pipeline.digest import words
from tiktok_pipeline.digest.charts import draw
from tiktok_pipeline.digest.content import Calendar, Digest
from tiktok_pipeline.digest.reading import read_digest
from tiktok_pipeline.digest.render import as_html, as_text, link_to
from tiktok_pipeline.hub.stores import Store, list_stores
from tiktok_pipeline.warehouse.connection import Warehouse

PAGE = "digest.html"


def send_digests(
    warehouse: Warehouse,
    channels: Sequence[Channel],
    known: Calendar,
    day: dt.date,
    portal_url: str,
    store: str | None = None,
) -> int:
    """Write the digests of `day` that `channels` can bring, or that of `store` alone; how many are new.

    One of which no account was to be observed is not written.
    """
    to_stores = [channel for channel in channels if channel.route == "store"]
    wanted: dict[str, Store | None] = {}
    if store is None and len(to_stores) < len(channels):
        wanted[_key(day, None)] = None
    for one in list_stores(warehouse):
        if store not in (None, one.code) or one.contact is None:
            continue
        if any(channel.takes("info", one.contact) for channel in to_stores):
            wanted[_key(day, one.code)] = one
    known_keys = written(warehouse, list(wanted))
    return sum(
        _write(warehouse, read_digest(warehouse, known, day, one.code if one else None), key, one, portal_url)
        for key, one in wanted.items()
        if key not in known_keys
    )


def _key(day: dt.date, store: str | None) -> str:
    return f"{DIGEST}:{day}:{'company' if store is None else f'store:{store}'}"


def _write(warehouse: Warehouse, digest: Digest, key: str, store: Store | None, portal_url: str) -> bool:
    """Whether the digest was new and had something to say. Only operators get a link: stores have no login."""
    if not digest.accounts:
        return False
    link = link_to(portal_url, digest) if store is None else None
    pictures = draw(digest, "png")
    page = as_html(digest, pictures, source=lambda picture: f"cid:{picture.name}", link=link)
    parts = [Attachment(PAGE, "text/html", page.encode())]
    parts += [Attachment(picture.name, picture.media_type, picture.content) for picture in pictures]
    message = Message(
        key=key,
        kind=DIGEST,
        severity="info",
        recipient=OPERATORS if store is None else store.contact or "",
        subject=words.subject(digest),
        body=as_text(digest, link=link),
        store_code=digest.store_code,
        details={
            "day": str(digest.day),
            "is_over": digest.is_over,
            "is_complete": digest.is_complete,
            "accounts": digest.accounts,
            **asdict(digest.totals),
            "left_out_counters": {one.counter: one.lacking for one in digest.unknown},
            "new_videos": digest.new_videos.found,
            "missing_videos": digest.missing_videos.found,
            "gone_videos": digest.gone_videos.found,
        },
    )
    with warehouse.transaction() as cursor:
        if not put_all(cursor, [message]):
            return False
        attach(cursor, key, parts)
    return True
