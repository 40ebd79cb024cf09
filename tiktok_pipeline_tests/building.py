"""Building blocks of tests: accounts without TikTok, a clock that can be set, captured pages."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from tiktok_pipeline.capture.ledger import Endpoint, Ledger
from tiktok_pipeline.warehouse.connection import Warehouse

UTC = dt.UTC
ALL_SCOPES = "user.info.basic,user.info.profile,user.info.stats,video.list"


class DatabaseClock:
    """The clock of one test database. Only tests can set it: it replaces the function `ops.now()`."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def set(self, instant: str | dt.datetime) -> None:
        """Let time go on from `instant` (ISO, UTC when it has no offset)."""
        at = dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        ahead = (at - dt.datetime.now(UTC)).total_seconds()
        with self.warehouse.transaction() as cursor:
            cursor.execute(
                f"""
                create or replace function ops.now() returns timestamptz language sql volatile parallel safe
                as 'select clock_timestamp() + interval ''{ahead:.6f} seconds'''
                """.encode()
            )


def add_store(warehouse: Warehouse, code: str = "jakarta_01") -> str:
    """A store."""
    with warehouse.transaction() as cursor:
        cursor.execute(
            "insert into hub.stores (store_code, store_name, pic_name) values (%s, %s, 'Ayu') on conflict do nothing",
            (code, code.title()),
        )
    return code


def add_account(
    warehouse: Warehouse,
    open_id: str = "-000open",
    *,
    store: str = "jakarta_01",
    status: str = "CONNECTED",
    connected_at: str | dt.datetime | None = None,
    known_since: str | dt.datetime | None = None,
    status_changed_at: str | dt.datetime | None = None,
) -> int:
    """A connected account of `store`, without tokens, known since it was connected; its id."""
    add_store(warehouse, store)
    with warehouse.transaction() as cursor:
        cursor.execute(
            """
            insert into hub.store_accounts (
                store_code, client_key, open_id, scope, status, connected_at, known_since, status_changed_at,
                token_expires_at, refresh_token_expires_at
            )
            values (
                %s, 'key', %s, %s, %s, coalesce(%s::timestamptz, ops.now()),
                coalesce(%s::timestamptz, ops.now()), coalesce(%s::timestamptz, ops.now()), ops.now(), ops.now()
            )
            returning id
            """,
            (
                store,
                open_id,
                ALL_SCOPES,
                status,
                connected_at,
                known_since or connected_at,
                status_changed_at,
            ),
        )
        row = cursor.fetchone()
        assert row
        return int(row["id"])


def ledger(
    warehouse: Warehouse,
    endpoint: Endpoint = "video_list",
    *,
    zone: str = "UTC",
    grace_hours: float = 6,
    **more: Any,
) -> Ledger:
    """A ledger seen by a worker of its own."""
    return Ledger(warehouse, endpoint, zone, dt.timedelta(hours=grace_hours), **more)


def video(video_id: str, views: Any = 100, **fields: Any) -> dict[str, Any]:
    """A video as TikTok gives it."""
    return {
        "id": video_id,
        "create_time": 1_700_000_000,
        "video_description": f"caption of {video_id}",
        "share_url": f"https://www.tiktok.com/@x/video/{video_id}?utm_source=key",
        "view_count": views,
        "like_count": 10,
        "comment_count": 1,
        "share_count": 0,
        **fields,
    }


def videos_body(*videos: dict[str, Any], cursor: int = 0, has_more: bool = False) -> str:
    """The text of a `video/list` answer."""
    data = {"videos": list(videos), "cursor": cursor, "has_more": has_more}
    return json.dumps({"data": data, "error": {"code": "ok", "message": "", "log_id": "L"}})


def user_body(**fields: Any) -> str:
    """The text of a `user/info` answer."""
    user = {"open_id": "-000open", "display_name": "Ayu", "follower_count": 5, **fields}
    return json.dumps({"data": {"user": user}, "error": {"code": "ok", "message": "", "log_id": "L"}})


def capture_today(ledger: Ledger, body: str) -> dt.date:
    """Capture today with one page that says `body`, for every account that is planned; the day."""
    today = ledger.today()
    ledger.ensure_partitions(today, today)
    ledger.plan(today)
    for unit in ledger.claim(today, 1000):
        ledger.land(unit, body, log_id="L", items=1, refused=0, next_cursor=None, last=True)
    return today


def rows(warehouse: Warehouse, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    """Rows of a query."""
    with warehouse.transaction() as cursor:
        cursor.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []
