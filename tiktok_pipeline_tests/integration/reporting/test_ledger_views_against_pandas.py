"""The views over the ledger, and of stores, against an independent second opinion in pandas."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import DatabaseClock, add_store, rows
from tiktok_pipeline_tests.integration.reporting.test_facts import FIRST, Book, day_numbers, many
from tiktok_pipeline_tests.integration.reporting.test_views_against_pandas import (
    STORES,
    ZONE,
    Row,
    as_rows,
    in_order,
)

ENDPOINTS = ("user_info", "video_list")
HERE = ZoneInfo(ZONE)
REASONS = ("missed", "cancelled", "needs_reconnect", "provider_down")
Key = tuple[str, int, int]  # endpoint, number of the account, number of the day
State = tuple[
    str, str | None, str | None, int, bool
]  # state, reason, error code, attempts, whether it is final

states = st.one_of(
    st.just(("capturing", None, None, 1, False)),
    st.tuples(st.just("gap"), st.sampled_from(REASONS), st.none(), st.integers(0, 2), st.just(True)),
    st.tuples(
        st.just("failed"),
        st.sampled_from([None, *REASONS]),
        st.sampled_from([None, "internal_error", "access_token_invalid"]),
        st.integers(1, 3),
        st.booleans(),
    ),
    st.tuples(
        st.sampled_from(["planned", "captured", "imported"]),
        st.none(),
        st.none(),
        st.integers(0, 3),
        st.just(False),
    ),
)
ledgers = st.dictionaries(
    st.tuples(st.sampled_from(ENDPOINTS), st.integers(0, 2), day_numbers), states, max_size=40
)


class Ledger(Book):
    """Three accounts, known since a day each, and account-days in any state, as if written when their day was."""

    def __init__(self, warehouse: Warehouse, since: list[int]) -> None:
        super().__init__(warehouse)
        for account, day in zip(self.accounts, since, strict=True):
            known = dt.datetime.combine(FIRST + dt.timedelta(days=day), dt.time(9), HERE)
            rows(
                warehouse,
                "update hub.store_accounts set connected_at = %s, known_since = %s where id = %s",
                known,
                known,
                account,
            )

    def write_state(self, key: Key, state: State) -> None:
        endpoint, what, number = key
        day = FIRST + dt.timedelta(days=number)
        began = dt.datetime.combine(day, dt.time(3), HERE)
        name, reason, code, attempts, final = state
        rows(
            self.warehouse,
            """
            insert into capture.account_day (
                account_id, endpoint, day, time_zone, state, reason, error_code, attempts, final,
                chosen_capture_no, planned_at, started_at, captured_at, finished_at
            )
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s)
            """,
            self.accounts[what],
            endpoint,
            day,
            ZONE,
            name,
            reason,
            code,
            attempts,
            final,
            began,
            began,
            began if name == "captured" else None,
            began,
        )

    def days(self, ledger: dict[Key, State], since: list[int], today: dt.date) -> pd.DataFrame:
        """What became of each day of each account, as it must be told: of days without a state too."""
        made = {
            (endpoint, what, FIRST + dt.timedelta(days=number)): state
            for (endpoint, what, number), state in ledger.items()
        }
        for what, first in enumerate(since) if ledger else ():
            for day in pd.date_range(FIRST + dt.timedelta(days=first), today):
                for endpoint in ENDPOINTS:
                    made.setdefault((endpoint, what, day.date()), ("unplanned", None, None, 0, False))
        names = [
            "store_code",
            "account_id",
            "endpoint",
            "day",
            "state",
            "reason",
            "error_code",
            "attempts",
            "final",
        ]
        return pd.DataFrame(
            [
                (STORES[what], self.accounts[what], endpoint, day, *state)
                for (endpoint, what, day), state in made.items()
            ],
            columns=names,
            dtype=object,
        )


def gaps(days: pd.DataFrame, today: dt.date, now: dt.datetime) -> list[Row]:
    """Days in a row that are lost, of one account and for one reason."""
    over = [
        row["state"] == "gap"
        or (row["state"] in ("planned", "failed", "unplanned") and row["day"] < today)
        or (row["state"] == "capturing" and row["day"] < now.astimezone(dt.UTC).date() - dt.timedelta(days=1))
        for row in as_rows(days)
    ]
    made: list[Row] = []
    lost = days[pd.Series(over, index=days.index, dtype=bool)].sort_values("day")
    for (store, account, endpoint, reason), group in lost.groupby(
        ["store_code", "account_id", "endpoint", "reason"], dropna=False
    ):
        dates = pd.Series(pd.to_datetime(group["day"]).to_numpy())
        for _, island in dates.groupby((dates.diff() != pd.Timedelta(days=1)).cumsum()):
            made.append(
                {
                    "store_code": store,
                    "account_id": account,
                    "endpoint": endpoint,
                    '"from"': island.iloc[0].date(),
                    '"to"': island.iloc[-1].date(),
                    "days": len(island),
                    "reason": unless_missing(reason),
                }
            )
    return made


def calendar(days: pd.DataFrame) -> list[Row]:
    """Both endpoints' states of an account's day, side by side."""
    made = []
    for (account, day), group in days.groupby(["account_id", "day"]):
        of = {row["endpoint"]: row for row in as_rows(group)}
        told: Row = {"account_id": account, "day": day}
        for endpoint in ENDPOINTS:
            for name in ("state", "reason", "attempts"):
                told[f"{endpoint}_{name}"] = of[endpoint][name] if endpoint in of else None
        made.append(told)
    return made


def failed(days: pd.DataFrame) -> list[Row]:
    """What failed and is not given up, by its cause."""
    there = days[days["state"] == "failed"]
    return [
        {
            "reason": unless_missing(reason),
            "error_code": unless_missing(code),
            "endpoint": endpoint,
            "account_days": len(group),
            "accounts": group["account_id"].nunique(),
            "final": bool(group["final"].astype(bool).all()),
            "newest_day": group["day"].max(),
        }
        for (reason, code, endpoint), group in there.groupby(
            ["reason", "error_code", "endpoint"], dropna=False
        )
    ]


def unless_missing(key: Any) -> Any:
    """What a group is named by; None when its rows say nothing there."""
    return None if pd.isna(key) else key


def told(warehouse: Warehouse, view: str, expected: list[Row]) -> list[Row]:
    names = ", ".join(expected[0]) if expected else "1 as one"
    return in_order(rows(warehouse, f"select {names} from reporting.{view}"))


@pytest.fixture
def clock(warehouse: Warehouse) -> DatabaseClock:
    """The past is written as it was then: nothing refuses it."""
    rows(warehouse, "alter table capture.account_day disable trigger user")
    return DatabaseClock(warehouse)


@settings(many, max_examples=25)
@given(
    ledger=ledgers,
    since=st.lists(day_numbers, min_size=3, max_size=3),
    which=st.integers(0, 39),
    hours=st.integers(0, 96),
)
def test_what_became_of_every_day_is_what_pandas_says(
    warehouse: Warehouse,
    clock: DatabaseClock,
    ledger: dict[Key, State],
    since: list[int],
    which: int,
    hours: int,
) -> None:
    # Soon after one of the days; in Jakarta it may be the next day already.
    days_on = [*(number for _, _, number in ledger), 0]
    now = dt.datetime.combine(FIRST, dt.time(0, 30), dt.UTC) + dt.timedelta(
        days=days_on[which % len(days_on)], hours=hours
    )
    today = now.astimezone(HERE).date()
    book = Ledger(warehouse, since)
    for key, state in ledger.items():
        book.write_state(key, state)
    clock.set(now)
    days = book.days(ledger, since, today)
    of_the_days: list[Row] = as_rows(
        days[["store_code", "account_id", "endpoint", "day", "state", "reason", "attempts"]]
    )
    for view, expected in (
        ("account_days", of_the_days),
        ("account_gaps", gaps(days, today, now)),
        ("capture_calendar", calendar(days)),
        ("failed_captures", failed(days)),
    ):
        # The names of columns with quotes are without them in what comes back.
        wanted = [{name.strip('"'): value for name, value in row.items()} for row in expected]
        assert told(warehouse, view, expected) == in_order(wanted), view


@many
@given(
    statuses=st.lists(
        st.sampled_from(["CONNECTED", "NEED_RECONNECT", "ERROR", "DISABLED"]), min_size=3, max_size=3
    ),
    removed=st.sets(st.integers(0, 2)),
)
def test_a_store_has_the_accounts_that_pandas_counts(
    warehouse: Warehouse, statuses: list[str], removed: set[int]
) -> None:
    book = Book(warehouse)
    add_store(warehouse, "empty_03")
    for what, status in enumerate(statuses):
        statement: Any = "update hub.store_accounts set status = %s where id = %s"
        rows(warehouse, statement, status, book.accounts[what])
        if what in removed:
            rows(warehouse, "delete from hub.store_accounts where id = %s", book.accounts[what])
    left = [what for what in range(3) if what not in removed]
    accounts = pd.DataFrame(
        {
            "store_code": [STORES[what] for what in left],
            "connected": [statuses[what] == "CONNECTED" for what in left],
        }
    )
    stores = pd.DataFrame(
        rows(warehouse, "select store_code, store_name, pic_name, created_at from hub.stores")
    )
    counted = (
        accounts.groupby("store_code")["connected"]
        .agg(["size", "sum"])
        .reindex(stores["store_code"])
        .fillna(0)
    )
    stores["accounts"] = counted["size"].astype(int).to_list()
    stores["connected_accounts"] = counted["sum"].astype(int).to_list()
    assert len(stores) == 3
    assert in_order(rows(warehouse, "select * from reporting.dim_store")) == in_order(as_rows(stores))
