"""Faults in what is served: broken counters, texts and fields of one user or video object."""

import math
import zlib
from typing import Any

from tiktok_pipeline.sandbox.fault_box import FaultBox
from tiktok_pipeline.sandbox.faults import (
    BadCounters,
    BadTexts,
    ContentRule,
    ExtraFields,
    FallingCounters,
    MissingFields,
    RenamedFields,
    RisingCounters,
)

CONTENT_KINDS = (
    "falling_counters", "rising_counters", "counters", "texts", "missing_fields", "renamed_fields", "extra_fields",
)  # fmt: skip

_COUNTERS = frozenset(
    {
        "view_count", "like_count", "comment_count", "share_count",
        "follower_count", "following_count", "likes_count", "video_count",
    }
)  # fmt: skip
_TEXTS = ("video_description", "title", "display_name", "bio_description")


class Mangler:
    """The content faults that hit one request."""

    def __init__(self, faults: FaultBox, endpoint: str, account: int | None) -> None:
        self._rules: list[ContentRule] = [
            rule for kind in CONTENT_KINDS for rule in faults.picked(kind, endpoint, account)
        ]
        self.idle = not self._rules

    def apply(self, served: dict[str, Any], name: str) -> dict[str, Any]:
        """Return an object as the faults want it; `name` decides whether a rule with a fraction hits it."""
        result = dict(served)
        for rule in self._rules:
            if chosen(name, rule.fraction):
                result = _changed(result, rule)
        return result


def chosen(name: str, fraction: float) -> bool:
    """Return whether a name belongs to a fraction of all names; always the same answer."""
    return fraction >= 1 or zlib.crc32(name.encode()) < fraction * 2**32


def _changed(served: dict[str, Any], rule: ContentRule) -> dict[str, Any]:
    """Return an object as one rule wants it; the one given may be changed."""
    match rule:
        case RisingCounters() if rule.ids is not None and served.get("id") not in rule.ids:
            return served
        case FallingCounters() | RisingCounters():
            return {k: int(v * rule.factor) if k in rule.fields else v for k, v in served.items()}
        case BadCounters():
            _break_counters(served, rule)
        case BadTexts():
            _break_texts(served, rule)
        case MissingFields():
            return {k: v for k, v in served.items() if k not in rule.fields}
        case RenamedFields():
            return {rule.names.get(k, k): v for k, v in served.items()}
        case ExtraFields():
            return {**served, **rule.fields}
    return served


def _break_counters(result: dict[str, Any], rule: BadCounters) -> None:
    for field in (set(rule.fields) if rule.fields is not None else _COUNTERS) & set(result):
        if rule.value == "missing":
            del result[field]
        else:
            result[field] = _broken(result[field], rule.value)


def _broken(value: Any, how: str) -> Any:
    return {
        "null": None,
        "zero": 0,
        "negative": -1,
        "2^63": 1 << 63,
        "1e30": 1e30,
        "float": (value or 0) + 0.5,
        "string": str(value),
        "NaN": math.nan,
        "Infinity": math.inf,
    }[how]


def _break_texts(result: dict[str, Any], rule: BadTexts) -> None:
    for field in set(_TEXTS) & set(result):
        text = result[field]
        result[field] = {
            "nul": text[:3] + "\x00" + text[3:],
            "surrogate": text + "\ud83d",
            "long": (text + " 🔥 long ") * (rule.length // (len(text) + 8) + 1),
            "empty": "",
        }[rule.content]
        if rule.content == "long":
            result[field] = result[field][: rule.length]
