"""Log lines: as text for people or as JSON for machines, with the request they belong to, and without secrets.

Nothing here should ever meet a secret: tokens are in types that do not print, addresses are cut. This is the net below.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
from contextvars import ContextVar
from typing import Literal

LOGGED_PACKAGES = "tiktok_pipeline"
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN = "***"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_NAMED = (
    r"access_token|refresh_token|client_secret|code_verifier|password|passwd|secret|authorization|"
    r"idempotency-key|api[_-]?key|token|code|state"
)
_SECRETS = (
    # scheme://user:password@host
    (re.compile(r"(?<=://)[^/\s@]+@"), f"{HIDDEN}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/_.~=-]{8,}"), rf"\1 {HIDDEN}"),
    # name=value, name: value, "name": "value", 'name': 'value'
    (re.compile(rf"(?i)\b({_NAMED})(\\?[\"']?\s*[=:]\s*)(\\?[\"'])[^\"']*(\\?[\"'])"), rf"\1\2\3{HIDDEN}\4"),
    (re.compile(rf"(?i)\b({_NAMED})(=)[^\s&\"',;)]+"), rf"\1\2{HIDDEN}"),
    # TikTok's tokens, and JWTs
    (re.compile(r"\b(act|rft|clt)\.[A-Za-z0-9!_-]{8,}(?:\.[A-Za-z0-9!_-]+)*"), rf"\1.{HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), HIDDEN),
)


def redacted(text: str) -> str:
    """`text` without what looks like a secret: log-ins in addresses, tokens, and values with a secret's name."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class TextLines(logging.Formatter):
    """A line for people, with the time of this machine."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and what was raised below it."""
        return redacted(super().format(record))


class JsonLines(logging.Formatter):
    """A line of JSON: time in UTC, level, logger, message, request_id, error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
            "request_id": request_id.get(),
            "error": redacted(self.formatException(record.exc_info)) if record.exc_info else None,
        }
        return json.dumps(
            {name: value for name, value in said.items() if value is not None}, ensure_ascii=False
        )


def configure_logging(level: str, form: Literal["text", "json"] = "text") -> None:
    """Send the package's log lines of `level` and above to stderr, in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(handlers=[handler])
    logging.getLogger(LOGGED_PACKAGES).setLevel(level)
