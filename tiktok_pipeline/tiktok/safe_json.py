"""JSON of a stranger, made fit for PostgreSQL's jsonb, or refused.

jsonb cannot hold NUL or half of a surrogate pair, nor numbers beyond its numeric type; everything else of a
text is kept as it came, byte for byte.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from typing import Any, NoReturn

MAX_DEPTH = 64  # TikTok's answers have 4 levels; PostgreSQL's parser has a stack of 2 MB

_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
# Escaped backslashes and whole pairs are matched first, so that what is left over is really alone.
_ESCAPES = re.compile(
    r"(?P<fine>\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_STORABLE_FLOAT = re.compile(r"-?\d{1,400}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?")
_BRACKETS_OF_A_FULL_PAGE = 200


class UnsafeJsonError(ValueError):
    """Not JSON, or JSON that no one should store; the text says why and quotes nothing."""


def sanitise(body: bytes) -> str:
    """The text of a JSON body with NUL, lone surrogates and bytes that are no UTF-8 replaced by U+FFFD."""
    text = body.decode("utf-8", errors="replace")
    if not _SUSPECT.search(text):
        return text
    return _ESCAPES.sub(lambda found: found["fine"] or "\\ufffd", text)


def parse(text: str) -> Any:
    """The value of a sanitised JSON text. Raises UnsafeJsonError.

    Refused: what is no JSON, NaN and Infinity, numbers that PostgreSQL cannot hold, the same key twice in one
    object (two readers could see two answers), and nesting deeper than MAX_DEPTH.
    """
    try:
        value = _decoder.decode(text)
    except UnsafeJsonError:
        raise
    except RecursionError:
        raise UnsafeJsonError("nested too deeply") from None
    except ValueError:
        raise UnsafeJsonError("not JSON") from None
    if text.count("{") + text.count("[") > _BRACKETS_OF_A_FULL_PAGE:
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise UnsafeJsonError("nested too deeply")


def _children(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) != len(pairs):
        raise UnsafeJsonError("the same key twice in one object")
    return whole


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or not _STORABLE_FLOAT.fullmatch(text):
        raise UnsafeJsonError("a number beyond all measure")
    return number


def _constant(name: str) -> NoReturn:
    raise UnsafeJsonError("NaN or Infinity")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
