"""Which channels there are, and which messages each is to get, as ALERT_URLS and DIGEST_URLS say. Nothing is sent here.

One address per line, or with commas between them, each with a route before it if it needs one:

    slack://…                      everything, to the operators
    warning=slack://…              warnings and errors, to the operators; error=… only errors
    store=mailto://…?to={contact}  what is said to a store's person in charge, who has an e-mail address
    store=twilio://…/{contact}     and who has a phone number

An address of DIGEST_URLS gets the company's digest, one with store= the digest of each store; they get nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from typing import Literal
from urllib.parse import quote, urlsplit

from tiktok_pipeline.alerts.outbox import OPERATORS

CONTACT = "{contact}"
DIGEST = "digest"  # the kind of messages that go to DIGEST_URLS, and there alone
MAIL = ("mailto", "mailtos")
WEBHOOK = ("webhook+https", "webhook+http")
RANKS = {"info": 0, "warning": 1, "error": 2}

ADDRESS = r"(?:[a-z]+=)?[a-z][a-z0-9+.-]*://"
BETWEEN = re.compile(rf"\n|[\s,]+(?={ADDRESS})", re.IGNORECASE)
ENTRY = re.compile(r"(?:([a-z]+)=)?(([a-z][a-z0-9+.-]*)://\S+)", re.IGNORECASE)
E_MAIL = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+\.[^\s@,;<>\"]+")
PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,}[0-9]")
HOURS = re.compile(r"([01]?[0-9]|2[0-3])(?::([0-5][0-9]))?")


@dataclass(frozen=True)
class Channel:
    """One address. `name` is what people and tables call it, and holds nothing secret; `url` does."""

    name: str
    scheme: str
    route: Literal["info", "warning", "error", "store"]
    url: str = field(repr=False)
    for_digests: bool = False

    def takes(self, severity: str, recipient: str) -> bool:
        """Whether a message is for this channel, as far as it alone can tell."""
        if self.route == "store":
            return recipient != OPERATORS and self._reaches(recipient) is not None
        return RANKS[severity] >= RANKS[self.route]

    def url_for(self, recipient: str) -> str:
        """The address with the contact in its place."""
        if self.route != "store":
            return self.url
        return self.url.replace(CONTACT, quote(self._reaches(recipient) or "", safe=""))

    def _reaches(self, contact: str) -> str | None:
        """The contact as this channel writes it; None when it is of another kind."""
        contact = contact.strip()
        if self.scheme in MAIL:
            return contact if E_MAIL.fullmatch(contact) else None
        return re.sub(r"[^+0-9]", "", contact) if PHONE.fullmatch(contact) else None


def channels_of(alert_urls: str) -> list[Channel]:
    """The channels that ALERT_URLS names, in its order. Raises ValueError, whose text shows nothing of an address."""
    return _channels(alert_urls)


def digest_channels_of(digest_urls: str) -> list[Channel]:
    """The channels that DIGEST_URLS names, as `channels_of`; their names begin with `digest-`."""
    channels = _channels(digest_urls)
    if wrong := [n for n, channel in enumerate(channels, start=1) if channel.route not in ("info", "store")]:
        raise ValueError(f"number {wrong[0]}: before = stands store, or nothing")
    return [replace(c, name=f"{DIGEST}-{c.name}", for_digests=True) for c in channels]


def _channels(alert_urls: str) -> list[Channel]:
    channels: list[Channel] = []
    entries = [entry.strip(" \t\r\n,") for entry in BETWEEN.split(alert_urls)]
    for number, entry in enumerate(filter(None, entries), start=1):
        found = ENTRY.fullmatch(entry)
        if not found:
            raise ValueError(f"number {number} must look like slack://… or warning=slack://…")
        route, url, scheme = (found[1] or "info").lower(), found[2], found[3].lower()
        if route not in (*RANKS, "store"):
            raise ValueError(f"number {number}: before = stands info, warning, error or store")
        if (CONTACT in url) != (route == "store"):
            raise ValueError(f"number {number}: store=… holds {CONTACT}, the others do not")
        if scheme in WEBHOOK:
            _check_webhook(number, route, url)
        same = sum(channel.scheme == scheme for channel in channels)
        name = scheme if not same else f"{scheme}-{same + 1}"
        channels.append(Channel(name, scheme, route, url))  # type: ignore[arg-type]  # one of the words above
    return channels


def route(
    channels: Sequence[Channel], kind: str, severity: str, recipient: str, about_channel: str | None = None
) -> list[str]:
    """Names of the channels that are to get a message. What no channel can bring to a store goes to the operators.

    What is said about a channel is said through the others. Digests have channels of their own, and a store's digest is
    passed on by nobody.
    """
    channels = [channel for channel in channels if channel.for_digests == (kind == DIGEST)]
    of_stores = [channel for channel in channels if channel.route == "store"]
    taking = [channel.name for channel in of_stores if channel.takes(severity, recipient)]
    if not taking and (kind != DIGEST or recipient == OPERATORS):
        taking = [c.name for c in channels if c not in of_stores and c.takes(severity, recipient)]
    return [name for name in taking if name != about_channel]


def summary(channels: Sequence[Channel]) -> str:
    """All channels and routes in one line; when it changes, messages are routed anew."""
    return " ".join(f"{channel.route}={channel.name}" for channel in channels)


def quiet_hours(text: str) -> tuple[time, time]:
    """From when until when, of `22-07` or `22:30-06:45`. Raises ValueError."""
    ends = [HOURS.fullmatch(part.strip()) for part in text.split("-")]
    if len(ends) != 2 or not ends[0] or not ends[1]:
        raise ValueError("must look like 22-07 or 22:30-06:45")
    first, last = (time(int(end[1]), int(end[2] or 0)) for end in ends if end)
    if first == last:
        raise ValueError("begins and ends at the same time")
    return first, last


def _check_webhook(number: int, route: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable or route == "store":
        raise ValueError(f"number {number}: a webhook is for operators, webhook+https://host/path")
    if parts.scheme == "webhook+http" and parts.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError(f"number {number}: a webhook on another machine begins with webhook+https://")
