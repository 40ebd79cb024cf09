from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.errors import RateLimitedError, TransientError
from tiktok_pipeline.tiktok.oauth import TokenGrant
from tiktok_pipeline.tiktok.quota import Quota, scheduled_a_minute
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.integration.tiktok.quota_load import (
    arrivals,
    fullest_window,
    mean_window,
    task_for,
    workers,
)

ENDPOINT = "/v2/user/info/"


def used(quota: Quota, permits: int, endpoint: str = ENDPOINT) -> list[float]:
    """The instants at which so many permits came, one after the other."""
    instants = []
    for _ in range(permits):
        quota.acquire(endpoint)
        instants.append(time.monotonic())
    return instants


def test_processes_use_the_limit_and_never_exceed_it_while_some_are_killed(
    sandbox: SandboxProcess, database_url: str, connect: Callable[..., TokenGrant]
) -> None:
    window, limit = 3.0, 150
    task = task_for(sandbox, database_url, connect(), limit=limit, window=window, seconds=7, threads=4)
    sandbox.reset_requests()
    with workers(6, **task) as processes:
        for process in processes[:2]:
            time.sleep(1.5)
            process.kill()
        for process in processes[2:]:
            process.wait(30)
    came = arrivals(sandbox)
    assert fullest_window(came, window) <= limit
    assert mean_window(came, window) / limit >= 0.95


def test_scheduled_processes_use_their_part_and_leave_the_rest_to_who_asks_on_demand(
    sandbox: SandboxProcess, warehouse: Warehouse, database_url: str, connect: Callable[..., TokenGrant]
) -> None:
    window, limit, share = 3.0, 200, 10
    grant = connect()
    task = task_for(
        sandbox, database_url, grant, limit=limit, window=window, seconds=8, threads=4, on_demand_share=share
    )
    sandbox.reset_requests()
    waits = []
    with workers(3, **task) as processes:
        time.sleep(0.5 + 2 * window)  # nobody asks on demand yet
        quota = Quota(warehouse, sandbox.client_key, limit, window_seconds=window, on_demand=True)
        client = TikTokClient(sandbox.base_url, sandbox.client_key, quota)
        asked_from = time.time()
        for _ in range(12):  # of 20 in the window
            asked_at = time.monotonic()
            client.user_info(grant.access_token, grant.scopes)
            waits.append(time.monotonic() - asked_at)
        client.close()
        for process in processes:
            process.wait(30)
    came = arrivals(sandbox)
    assert fullest_window(came, window) <= limit
    alone = [instant for instant in came if instant < asked_from]
    part = limit * (100 - share) / 100
    assert 0.92 * part <= mean_window(alone, window, after=0.0) <= 1.02 * part
    assert sorted(waits)[6] < 0.15
    assert max(waits) < 1.5


def test_whoever_asks_on_demand_may_use_all_of_the_limit(warehouse: Warehouse) -> None:
    scheduled = Quota(warehouse, "key", 40, window_seconds=1.0, on_demand_share=50)
    instants = used(Quota(warehouse, "key", 40, window_seconds=1.0, on_demand_share=50, on_demand=True), 60)
    assert instants[-1] - instants[0] < 2.6  # 2.9 s with half of it
    later = used(scheduled, 30)
    assert later[-1] - later[0] > 1.2
    assert fullest_window(instants + later, 1.0) <= 40  # what is used on demand counts for everybody


@pytest.mark.parametrize(
    ("limit", "share", "a_minute"),
    [(600, 10, 540), (600, 0, 585.4), (600, 90, 60), (5, 10, 4.5), (1, 50, 0.5)],
)
def test_what_scheduled_callers_come_to_in_a_minute(limit: int, share: int, a_minute: float) -> None:
    assert scheduled_a_minute(limit, share) == pytest.approx(a_minute, rel=0.001)


def test_a_429_stops_every_process_for_as_long_as_it_says(
    sandbox: SandboxProcess, database_url: str, connect: Callable[..., TokenGrant]
) -> None:
    task = task_for(sandbox, database_url, connect(), limit=80, window=1.0, seconds=2.5, threads=2)
    sandbox.reset_requests()
    with workers(2, **task) as processes:
        time.sleep(0.4)
        sandbox.set_faults(rate_limited={"retry_after": "1.2", "times": 1})
        for process in processes:
            process.wait(30)
    log = sandbox.requests(log=True)["log"]
    at = [dt.datetime.fromisoformat(one["time"]).timestamp() for one in log]
    refused = [i for i, one in enumerate(log) if one["status"] == 429]
    assert len(refused) == 1
    stopped = at[refused[0]]
    assert [t for t in at if t < stopped - 0.01]
    assert not [t - stopped for t in at if 0.25 < t - stopped < 1.2]
    assert [t for t in at if t > stopped + 1.2]


def test_a_killed_process_leaves_nothing_to_clean_up(
    sandbox: SandboxProcess, warehouse: Warehouse, database_url: str, connect: Callable[..., TokenGrant]
) -> None:
    task = task_for(sandbox, database_url, connect(), limit=100, window=1.0, seconds=60, threads=4)
    with workers(2, **task) as processes:
        time.sleep(0.7)
        for process in processes:
            process.kill()
    instants = used(Quota(warehouse, sandbox.client_key, 100, window_seconds=1.0), 150)
    assert instants[-1] - instants[0] < 2.5
    assert fullest_window(instants, 1.0) <= 100


def test_a_429_answered_to_one_client_delays_another(
    sandbox: SandboxProcess, warehouse: Warehouse, connect: Callable[..., TokenGrant]
) -> None:
    grant = connect()
    client = TikTokClient(sandbox.base_url, sandbox.client_key, Quota(warehouse, sandbox.client_key))
    other = Quota(warehouse, sandbox.client_key)
    other.acquire(ENDPOINT)
    sandbox.set_faults(rate_limited={"retry_after": "0.6", "times": 1})
    started = time.monotonic()
    asking = threading.Thread(target=client.user_info, args=(grant.access_token, grant.scopes))
    asking.start()
    time.sleep(0.2)
    other.acquire("/v2/video/list/")
    assert time.monotonic() - started < 0.5
    other.acquire(ENDPOINT)
    assert time.monotonic() - started > 0.6
    asking.join()


def test_a_longer_pause_outlasts_a_shorter_one(warehouse: Warehouse) -> None:
    quota = Quota(warehouse, "key")
    quota.pause(ENDPOINT, 0.6)
    quota.pause(ENDPOINT, 0.1)
    started = time.monotonic()
    quota.acquire(ENDPOINT)
    assert time.monotonic() - started > 0.5


def test_a_pause_reaches_a_permit_that_is_already_waiting(warehouse: Warehouse) -> None:
    quota = Quota(warehouse, "key", 1, window_seconds=0.5)
    quota.acquire(ENDPOINT)
    started = time.monotonic()
    threading.Timer(0.2, Quota(warehouse, "key").pause, (ENDPOINT, 0.6)).start()
    quota.acquire(ENDPOINT)
    assert time.monotonic() - started > 0.75


def test_each_app_and_endpoint_has_its_own_limit(warehouse: Warehouse) -> None:
    started = time.monotonic()
    for key in ("one", "two"):
        quota = Quota(warehouse, key, 1)
        for endpoint in (ENDPOINT, "/v2/video/list/"):
            quota.acquire(endpoint)
    assert time.monotonic() - started < 1


def test_a_deadline_that_cannot_be_met_is_refused_at_once(warehouse: Warehouse) -> None:
    quota = Quota(warehouse, "key", 1)
    quota.acquire(ENDPOINT, deadline=time.monotonic() + 5)
    started = time.monotonic()
    with pytest.raises(RateLimitedError) as error:
        quota.acquire(ENDPOINT, deadline=time.monotonic() + 5)
    assert time.monotonic() - started < 0.5
    assert (error.value.code, error.value.sent) == ("quota_exhausted", False)


def test_closing_ends_the_wait(warehouse: Warehouse) -> None:
    quota = Quota(warehouse, "key", 1)
    quota.acquire(ENDPOINT)
    threading.Timer(0.2, quota.close).start()
    with pytest.raises(TransientError, match="closed"):
        quota.acquire(ENDPOINT)


def test_a_lowered_limit_holds_from_then_on(warehouse: Warehouse) -> None:
    before = used(Quota(warehouse, "key", 60, window_seconds=1.0), 40)
    after = used(Quota(warehouse, "key", 20, window_seconds=1.0), 25)
    assert fullest_window(before + after, 1.0) <= 60
    assert fullest_window(after, 1.0) <= 20
    assert after[-1] - after[0] < 1.6


def test_a_raised_limit_is_used_at_once_and_not_exceeded(warehouse: Warehouse) -> None:
    instants = used(Quota(warehouse, "key", 20, window_seconds=1.0), 6)
    started = time.monotonic()
    instants += used(Quota(warehouse, "key", 60, window_seconds=1.0), 80)
    assert time.monotonic() - started < 1.9
    assert fullest_window(instants, 1.0) <= 60


def test_two_limits_at_once_keep_the_higher_one_and_do_not_starve(warehouse: Warehouse) -> None:
    ends = time.monotonic() + 1.6
    instants: list[float] = []

    def ask(limit: int) -> None:
        quota = Quota(warehouse, "key", limit, window_seconds=1.0)
        try:
            while True:
                quota.acquire(ENDPOINT, deadline=ends)
                instants.append(time.monotonic())
        except RateLimitedError:
            return

    threads = [threading.Thread(target=ask, args=(limit,)) for limit in (60, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fullest_window(sorted(instants), 1.0) <= 60
    assert len(instants) >= 50


def test_a_high_limit_is_a_thousand_slots_that_go_round(warehouse: Warehouse) -> None:
    quota = Quota(warehouse, "key", 12_345, window_seconds=4.0)
    used(quota, 2_500)
    with warehouse.transaction() as cursor:
        cursor.execute("select count(*) as slots, (select uses from ops.quota) from ops.quota_slot")
        row = cursor.fetchone()
    assert row is not None
    assert row["slots"] <= 1000
    assert row["uses"] >= 2_500


FAKE_CLOCK = """
create or replace function ops.now() returns timestamptz language sql volatile
as $$ select to_timestamp(current_setting('test.now')::double precision) $$
"""

steps = st.lists(
    st.tuples(st.floats(0, 30), st.integers(1, 5), st.sampled_from([3, 5, 8]), st.floats(0, 20)), max_size=40
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_whatever_happens_no_window_holds_more_than_the_limit(
    warehouse: Warehouse, steps: list[tuple[float, int, int, float]]
) -> None:
    now, uses = 1_000.0, list[tuple[float, int]]()
    with warehouse.transaction() as cursor, cursor.connection.transaction(force_rollback=True):
        cursor.execute(FAKE_CLOCK)
        for idle, permits, slots, pause in steps:
            now = round(now + idle, 6)  # PostgreSQL knows instants to the microsecond
            cursor.execute("select set_config('test.now', %s, true)", (str(now),))
            paused_until = now
            if pause > 19:
                paused_until += pause
                cursor.execute(
                    "insert into ops.quota_pause values ('k', 'e', to_timestamp(%s)) "
                    "on conflict (client_key, endpoint) do update set paused_until = excluded.paused_until",
                    (paused_until,),
                )
            cursor.execute(
                "select ops.quota_reserve('k', 'e', %s, interval '10 s', %s, interval '100 s') as wait",
                (slots, permits),
            )
            for row in cursor.fetchall():
                assert now + row["wait"] >= paused_until - 1e-6
                uses.append((now + row["wait"], slots))
    assert all(one[0] <= two[0] + 1e-6 for one, two in pairwise(uses))
    for number, (at, slots) in enumerate(uses):
        if number >= slots:
            assert at - uses[number - slots][0] >= 10 - 1e-5


def test_a_database_that_is_away_for_a_moment_is_waited_for(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = Quota(warehouse, "key")
    quota.acquire(ENDPOINT)
    with psycopg.connect(
        warehouse.url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as other:
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    used(quota, 3)
