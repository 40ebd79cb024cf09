"""Where a list goes on: the last row's place in its order, as a text that callers pass back unread."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ValidationError

T = TypeVar("T", bound=BaseModel)


def cursor_after(place: BaseModel) -> str:
    """The cursor that asks for what follows `place`."""
    return base64.urlsafe_b64encode(place.model_dump_json().encode()).rstrip(b"=").decode()


def place_of(kind: type[T], cursor: str | None) -> T | None:
    """The place that a cursor names; None without one. Raises 422 for a text that is none of this list's."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        said: Any = json.loads(base64.b64decode(padded, b"-_", validate=True))
        return kind.model_validate(said)
    except (binascii.Error, ValueError, ValidationError, RecursionError):
        raise HTTPException(422, "cursor: not one of this list. Begin without one.") from None
