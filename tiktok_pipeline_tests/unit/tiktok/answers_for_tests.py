"""HTTP answers as the transport hands them over."""

from __future__ import annotations

import json
from typing import Any

from requests.structures import CaseInsensitiveDict

from tiktok_pipeline.tiktok.transport import HttpAnswer

LOG_ID = "20260526142601C5E0987B496CA93C7825"


def http_answer(body: bytes, status: int = 200, **headers: str) -> HttpAnswer:
    """An answer of video/list with this body."""
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return HttpAnswer("POST", "/v2/video/list/", status, named, body, 0.1)


def envelope(data: object, code: object = "ok", message: object = "") -> bytes:
    """A body of the Display API."""
    error: dict[str, Any] = {"code": code, "message": message, "log_id": LOG_ID}
    return json.dumps({"data": data, "error": error}).encode()
