"""The demonstration's past: what the sandbox remembers of the days before today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.connection import Warehouse

THREADS = 4
SEEN_AT = dt.time(2)  # the hour at which the daily job would have looked


def missing_days(
    warehouse: Warehouse, accounts: Mapping[int, str], first: dt.date, last: dt.date
) -> list[tuple[int, dt.date]]:
    """The account ids and days from `first` to `last` for which nothing was captured or imported."""
    known = {
        (row["account_id"], row["day"])
        for row in warehouse.execute("runtime/known_days", {"first": first, "last": last})
    }
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    return [(account, day) for account in accounts for day in days if (account, day) not in known]


def import_missing(
    warehouse: Warehouse,
    sandbox: SandboxProcess,
    settings: Settings,
    accounts: Mapping[int, str],
    missing: list[tuple[int, dt.date]],
) -> Iterator[int]:
    """Import the `missing` days; yields how many account-days were taken, one account at a time.

    A day of an account is two account-days, one per endpoint. `accounts` maps account ids to open_ids.
    """

    def remembered(account_id: int, day: dt.date) -> ImportedDay:
        history = sandbox.history(accounts[account_id], day, settings.reporting_timezone)
        seen_at = dt.datetime.combine(day, SEEN_AT, settings.zone)
        return ImportedDay(account_id, day, history["user"], history["videos"], seen_at)

    with ThreadPoolExecutor(THREADS) as pool:
        for account_id in accounts:
            days = [day for account, day in missing if account == account_id]
            if days:
                yield import_history(
                    warehouse,
                    pool.map(remembered, [account_id] * len(days), days),
                    zone=settings.reporting_timezone,
                    imported_from="sandbox",
                )
