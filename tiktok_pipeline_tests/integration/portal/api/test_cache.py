"""What is kept of answers: made once for all who ask, current, never another's, and worth something in an outage."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from tiktok_pipeline.portal.api import cache, redis
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.brokers import RedisServer
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.portal.api.conftest import MINE, OTHER, Api
from tiktok_pipeline_tests.integration.portal.conftest import Portal, running_portal

MANY = 500
DAILY = f"/stores/{MINE}/daily"


class CountingWarehouse(Warehouse):
    """Counts the statements of each name."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: Counter[str] = Counter()

    def execute(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        self.asked[name] += 1
        return super().execute(name, parameters)


@contextmanager
def further_portal(api: Api, **settings: Any) -> Iterator[tuple[Api, CountingWarehouse]]:
    """Another portal of the same installation, which keeps answers of its own."""
    portal = api.portal
    warehouse = CountingWarehouse(portal.warehouse.url.render_as_string(hide_password=False))
    folder = portal.settings.data_dir
    told = {"api_requests_per_minute": 1_000_000, **settings}
    with running_portal(warehouse, portal.sandbox, folder, **told) as other:
        yield api.of(other), warehouse
    warehouse.close()


async def statuses(portal: Portal, path: str, token: str, number: int) -> list[int]:
    """What so many callers are answered who all ask at the same moment, each over a connection of its own."""
    place = urlsplit(portal.url)
    request = f"GET /api/v1{path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    everyone = asyncio.Barrier(number)

    async def one() -> int:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        await everyone.wait()
        writer.write(request.encode())
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1])

    return await asyncio.gather(*(one() for _ in range(number)))


@contextmanager
def held_up(warehouse: Warehouse, seconds: float) -> Iterator[None]:
    """Whoever reads stores waits for so long, as behind a slow query; ends by itself."""
    with warehouse.session() as connection:
        held, over = threading.Event(), threading.Event()

        def hold() -> None:
            with connection.transaction():
                connection.execute("lock table hub.stores in access exclusive mode")
                held.set()
                over.wait(seconds)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(10)
        try:
            yield
        finally:
            thread.join()


def test_an_answer_is_made_once_and_is_older_each_time(api: Api) -> None:
    api.changed()
    first = api.get(DAILY)
    time.sleep(1.1)
    second = api.get(DAILY)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("miss", "hit")
    assert second.content == first.content
    assert int(second.headers["Age"]) > int(first.headers["Age"])


def test_what_is_derived_anew_is_seen_at_once(api: Api) -> None:
    before = api.data(DAILY)
    rows(
        api.portal.warehouse, "update snapshots.tiktok_user_daily set follower_count = follower_count + 1000"
    )
    version = api.portal.context.data.now
    try:
        assert derive(api.portal.warehouse, "reporting.account_daily", api.day, api.day) > 0
        deadline = time.monotonic() + 2  # a notification, not the look every five seconds
        while api.portal.context.data.now == version:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        answer = api.get(DAILY)
        assert answer.headers["X-Cache"] == "miss"
        assert answer.json()["data"][0]["follower_count"] == before[0]["follower_count"] + 1000
    finally:
        rows(
            api.portal.warehouse,
            "update snapshots.tiktok_user_daily set follower_count = follower_count - 1000",
        )
        derive(api.portal.warehouse, "reporting.account_daily", api.day, api.day)
        api.changed()


def test_what_is_kept_for_one_service_is_not_given_to_another_that_sees_less(api: Api) -> None:
    with RedisServer() as server, further_portal(api, redis_url=SecretStr(server.url)) as (other, _):
        for asked in (api, other):
            assert len(asked.data("/stores", "reader")) == 2
            assert [store["store_code"] for store in asked.data("/stores", "scoped")] == [MINE]
            assert asked.get(f"/stores/{OTHER}", "reader").status_code == 200
            assert asked.get(f"/stores/{OTHER}", "scoped").status_code == 404
            assert asked.get("/stores", None).status_code == 401
            assert asked.get("/stores", "syncer").status_code == 403


def test_of_five_hundred_who_ask_at_once_one_asks_the_database(api: Api) -> None:
    with further_portal(api) as (other, warehouse):
        token = other.token_of("reader")
        with held_up(api.portal.warehouse, 2):
            found = asyncio.run(statuses(other.portal, DAILY, token, MANY))
        assert Counter(found) == {200: MANY}
        assert warehouse.asked["api/store_daily"] == 1


def test_with_redis_one_process_asks_for_all(api: Api) -> None:
    with (
        RedisServer() as server,
        further_portal(api, redis_url=SecretStr(server.url)) as (first, one),
        further_portal(api, redis_url=SecretStr(server.url)) as (second, two),
    ):

        async def both() -> list[int]:
            asked = [
                statuses(each.portal, DAILY, each.token_of("reader"), MANY // 2) for each in (first, second)
            ]
            return [status for found in await asyncio.gather(*asked) for status in found]

        with held_up(api.portal.warehouse, 2):
            found = asyncio.run(both())
        assert Counter(found) == {200: MANY}
        assert one.asked["api/store_daily"] + two.asked["api/store_daily"] == 1
        assert any(DAILY in key for key in server.held())


def test_redis_is_killed_and_wiped_under_load_and_nobody_notices(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "REST_SECONDS", 0.5)
    monkeypatch.setitem(cache.LIFETIMES, "/stores/{code}/daily", cache.Lifetime(0, 0))
    with RedisServer() as server, further_portal(api, redis_url=SecretStr(server.url)) as (other, _):
        found: Counter[int] = Counter()
        ends = time.monotonic() + 5

        def load() -> None:
            while time.monotonic() < ends:
                found[other.get(DAILY).status_code] += 1

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        server.kill()
        server.wipe()
        time.sleep(1.5)
        server.start()
        for thread in threads:
            thread.join()
        assert set(found) == {200}
        assert found[200] > 50
        assert any(DAILY in key for key in server.held())  # it is used again


def counted(found: str) -> float:
    """How many answers this process gave so, as /metrics tells it."""
    return REGISTRY.get_sample_value(f"portal_cache_{found}_total") or 0.0


def test_what_was_kept_and_what_was_made_is_counted(api: Api) -> None:
    with further_portal(api) as (other, _):
        hits, misses = counted("hits"), counted("misses")
        other.get(DAILY)
        assert (counted("hits") - hits, counted("misses") - misses) == (0, 1)
        other.get(DAILY)
        assert (counted("hits") - hits, counted("misses") - misses) == (1, 1)


@contextmanager
def database_away(api: Api, warehouse: Warehouse) -> Iterator[None]:
    """Nobody can connect to the database, and whoever was connected is not any more."""
    name = warehouse.url.database
    server = Warehouse(warehouse.url.set(database="postgres").render_as_string(hide_password=False))
    rows(server, f'alter database "{name}" allow_connections false')
    rows(server, "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", name)
    try:
        yield
    finally:
        rows(server, f'alter database "{name}" allow_connections true')
        server.close()


def test_while_the_database_is_away_the_last_answer_is_given_and_says_so(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cache.LIFETIMES, "/stores/{code}/daily", cache.Lifetime(0, 0))
    with further_portal(api) as (other, warehouse):
        before = other.get(DAILY)
        as_csv = other.get(DAILY, Accept="text/csv")
        with database_away(api, warehouse):
            stale = other.get(DAILY)
            assert (stale.status_code, stale.headers["X-Stale"]) == (200, "true")
            assert stale.headers["Warning"].startswith("110 ")
            assert stale.json()["data"] == before.json()["data"]
            assert (before.json()["about"]["stale"], stale.json()["about"]["stale"]) == (False, True)
            assert stale.headers["ETag"] != before.headers["ETag"]
            again = other.get(DAILY, Accept="text/csv")
            assert (again.content, again.headers["X-Stale"]) == (as_csv.content, "true")
            never_asked = other.get(f"/stores/{OTHER}/daily")
            assert (never_asked.status_code, never_asked.headers["Retry-After"]) == (503, "30")
            monkeypatch.setattr(cache, "STALE_IF_ERROR_SECONDS", 0)
            assert other.get(DAILY).status_code == 503
        back = other.get(DAILY)
        assert (back.status_code, back.headers["X-Cache"]) == (200, "miss")
        assert "X-Stale" not in back.headers


def test_an_answer_past_its_time_is_given_once_more_while_the_next_is_made(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cache.LIFETIMES, "/stores/{code}/daily", cache.Lifetime(1, 60))
    with further_portal(api) as (other, warehouse):
        other.get(DAILY)
        time.sleep(1.1)
        began = time.monotonic()
        with held_up(api.portal.warehouse, 1):
            assert other.get(DAILY).headers["X-Cache"] == "hit"
            assert time.monotonic() - began < 0.9
        deadline = time.monotonic() + 5
        while warehouse.asked["api/store_daily"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
