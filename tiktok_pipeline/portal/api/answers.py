"""What every answer of the API has: the data, how old and how complete it is, an ETag; as JSON, or lists as CSV."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

from fastapi import HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tiktok_pipeline.exporting.formulas import harmless
from tiktok_pipeline.portal.api.cache import Found, Kept
from tiktok_pipeline.portal.api.cursors import cursor_after
from tiktok_pipeline.portal.api.tokens import Caller
from tiktok_pipeline.warehouse.connection import Warehouse

T = TypeVar("T", bound=BaseModel)
CSV = "text/csv"
JSON = "application/json"


class About(BaseModel):
    """How far the data may be relied on. The header Age says how many seconds ago `observed_at` was."""

    observed_at: dt.datetime | None = Field(description="When the newest of it was read from TikTok.")
    completeness: Literal["COMPLETE", "IMPORTED", "UNSTABLE", "TRUNCATED"] | None = Field(
        description="The worst verdict on a list of videos within it; null: there is no list."
    )
    gaps: int = Field(description="Account-days within it that have no data, profiles and lists alike.")
    stale: bool = Field(
        default=False,
        description="The database is away: this answer was made before, within 15 minutes.",
    )


class One(BaseModel, Generic[T]):
    """One thing."""

    data: T
    about: About


class Page(BaseModel, Generic[T]):
    """Some of a list. `next` is the `cursor` that asks for what follows; null: nothing does."""

    data: list[T]
    next: str | None
    about: About


def about(
    warehouse: Warehouse,
    caller: Caller,
    *,
    store: str | None = None,
    account: int | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> tuple[About, int | None]:
    """How far data of these days (of the latest one without) may be relied on, and its age in seconds."""
    stores = [store] if store is not None else caller.stores
    values = {
        "stores": None if stores is None else list(stores),
        "account": account,
        "first": first,
        "last": last,
    }
    [row] = warehouse.execute("api/about", values)
    age = row.pop("age_seconds")
    return About(**row), age


def page_of(
    kind: type[T],
    rows: Sequence[Mapping[str, Any]],
    limit: int,
    place: Callable[[Mapping[str, Any]], BaseModel],
    said: About,
) -> Page[T]:
    """The first `limit` of `rows`, and where the list goes on when there is one more: after the `place` of the last."""
    following = cursor_after(place(rows[limit - 1])) if len(rows) > limit else None
    return Page[kind](data=[kind(**row) for row in rows[:limit]], next=following, about=said)  # type: ignore[valid-type]


class Answer(Response):
    """An answer to whoever asks in this way: what it `said` of itself, and the `age` of its data in seconds."""

    def __init__(self, content: bytes, said: dict[str, str], age: int | None) -> None:
        super().__init__(content)
        self.said = said
        self.age = age


def answer(request: Request, body: BaseModel, age: int | None) -> Answer:
    """`body` as the caller wants it.

    The ETag is of the bytes: the same data has the same one in every process.
    """
    kind = wanted(request)
    if kind == CSV and not isinstance(body, Page):
        raise HTTPException(406)
    content = _csv(body) if isinstance(body, Page) and kind == CSV else body.model_dump_json().encode()
    said = {
        "Content-Type": f"{kind}; charset=utf-8" if kind == CSV else kind,
        "ETag": f'"{hashlib.sha256(kind.encode() + content).hexdigest()[:32]}"',
        "Vary": "Accept, Authorization",
    }
    if isinstance(body, Page) and body.next is not None:
        following = request.url.include_query_params(cursor=body.next)
        said["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return Answer(content, said, age)


def shown(request: Request, kept: Kept, found: Found) -> Response:
    """A kept answer, as old as it is by now and marked when it is stale; 304 when the caller has it already."""
    content, headers = kept.content, {**kept.headers, "X-Cache": found}
    if kept.age is not None:
        headers["Age"] = str(kept.age + max(0, int(time.time() - kept.made_at)))
    if found == "stale":
        headers |= {"X-Stale": "true", "Warning": '110 - "Response is Stale"'}
        if headers["Content-Type"] == JSON:
            before, _, after = content.rpartition(b'"stale":false')
            content = before + b'"stale":true' + after
            headers["ETag"] = f'{headers["ETag"][:-1]}-stale"'
    tags = _tags(request)
    if headers["ETag"] in tags or "*" in tags:
        headers.pop("Content-Type")
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers)


def wanted(request: Request) -> str:
    """JSON or CSV, whichever the caller names first. Raises 406 for anything else."""
    for part in request.headers.get("accept", "*/*").split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in (JSON, "application/*", "*/*", ""):
            return JSON
        if kind in (CSV, "text/*"):
            return CSV
    raise HTTPException(406)


def _tags(request: Request) -> list[str]:
    """The ETags that the caller has. Weak ones count here, as they do for GET (RFC 9110)."""
    said = request.headers.get("if-none-match", "")
    return [tag.strip().removeprefix("W/") for tag in said.split(",")]


def _csv(page: Page[Any]) -> bytes:
    """A header and a line per row, as exports write them: nothing in a text begins a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    rows: Sequence[dict[str, Any]] = [json.loads(row.model_dump_json()) for row in page.data]
    names = list(rows[0]) if rows else []
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in names])
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    return harmless(value) if isinstance(value, str) else value
