"""Sending one letter through one channel.

`apprise` speaks to everything but our JSON webhook. It is imported when the first letter is sent: that takes a
second or two, which definitions cannot spare.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tiktok_pipeline.alerts.letters import Letter
from tiktok_pipeline.alerts.outbox import Attachment
from tiktok_pipeline.alerts.routes import WEBHOOK, Channel
from tiktok_pipeline.posting import NotTaken, post

HTML = "text/html"
STATUS = re.compile(r"error=([0-9]{3})")
CALLS = re.compile(r"(?<!\w)@(?=\w)|<(?=[@#])|](?=\()")  # @name, <@id>, <#id>, [text](address)

MAIL = ("mailto", "mailtos")

_one_at_a_time = threading.Lock()


def send(channel: Channel, letter: Letter) -> None:
    """Send it; NotTaken when the channel does not say that it has it."""
    if channel.scheme in WEBHOOK:
        _post(channel, letter)
    else:
        _notify(channel, letter)


def _post(channel: Channel, letter: Letter) -> None:
    content = {
        "severity": letter.severity,
        "message": f"{letter.subject}\n\n{letter.body}".rstrip(),
        "details": dict(letter.details),
        "timestamp": letter.created_at.isoformat(),
    }
    with requests.Session() as session:
        post(session, channel.url.removeprefix("webhook+"), json=content)


def _notify(channel: Channel, letter: Letter) -> None:
    import apprise
    from apprise.attachment.memory import AttachMemory

    kinds = {"warning": apprise.NotifyType.WARNING, "error": apprise.NotifyType.FAILURE}
    with _kept_from_logs() as said:
        sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="tiktok_pipeline", storage_mode="memory"))
        page, pictures = _shown(letter)
        address = channel.url_for(letter.recipient)
        if not sender.add(_with_pictures_inside(address) if page else address):
            raise NotTaken("is no address that apprise understands")
        try:
            taken = sender.notify(
                title=calling_nobody(channel, letter.subject),
                body=page or calling_nobody(channel, f"{letter.body}\n\n({letter.key})".lstrip()),
                notify_type=kinds.get(letter.severity, apprise.NotifyType.INFO),
                body_format=apprise.NotifyFormat.HTML if page else apprise.NotifyFormat.TEXT,
                attach=[
                    AttachMemory(one.content, name=one.name, mimetype=one.media_type)  # type: ignore[no-untyped-call]
                    for one in pictures
                ],
            )
        except Exception as error:  # a plugin of a hundred services: whatever it raises quotes the address
            raise NotTaken(f"not sent ({type(error).__name__})") from None
    if not taken:
        raise NotTaken(_why(" ".join(said)))


def _shown(letter: Letter) -> tuple[str | None, list[Attachment]]:
    """The letter's HTML, if it has one, and the pictures in it."""
    pages = [one.content.decode() for one in letter.attachments if one.media_type == HTML]
    return (pages[0], [one for one in letter.attachments if one.media_type != HTML]) if pages else (None, [])


def _with_pictures_inside(address: str) -> str:
    """The address of a mail so that its pictures stand in the text, and not behind it."""
    return f"{address}{'&' if '?' in address else '?'}inline=yes"


def calling_nobody(channel: Channel, text: str) -> str:
    """The text so that a TikTok account's name in it calls nobody and leads nowhere, whichever chat it is for."""
    if channel.scheme in MAIL:
        return text
    return CALLS.sub(lambda found: f"{found[0]}\N{ZERO WIDTH SPACE}", text)


def _why(said: str) -> str:
    """What apprise said to its log, in words of ours: its own may quote hosts, users and paths."""
    if status := STATUS.search(said):
        return f"answered HTTP {status[1]}"
    lower = said.lower()
    if "timeout" in lower or "timed out" in lower:
        return "no answer in time"
    if "authentication" in lower:
        return "refused the login"
    if "connection" in lower:
        return "not reached"
    return "did not take it"


@contextmanager
def _kept_from_logs() -> Iterator[list[str]]:
    """What apprise logs goes into a list, and nowhere else."""
    said: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    log = logging.getLogger("apprise")
    with _one_at_a_time:
        before = log.handlers[:], log.level, log.propagate
        log.handlers, log.propagate = [Listening()], False
        log.setLevel(logging.INFO)
        try:
            yield said
        finally:
            log.handlers, log.propagate = before[0], before[2]
            log.setLevel(before[1])
