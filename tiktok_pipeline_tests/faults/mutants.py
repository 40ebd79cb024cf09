"""What the promise stands on, taken out piece by piece: with any of it missing, the matrix must go red.

SQL is changed in this process's memory only, tables in the scratch database of one case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline import project_files
from tiktok_pipeline.capture.ledger import AccountDay, Ledger
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse import connection, derive


@dataclass(frozen=True)
class Mutant:
    """One piece taken out: in the code of the workers (`code`), in the database (`tables`), and where it must show."""

    taken_out: str
    rows: tuple[str, ...]
    code: Callable[[], None] | None = None
    tables: tuple[str, ...] = ()


def _sql_changed(name: str, *changes: tuple[str, str]) -> None:
    """Let `sql(name)` give another text from now on, in this process."""
    text = sql(name)
    for old, new in changes:
        if old not in text:
            raise AssertionError(f"sql/{name}.sql no longer has {old!r}: change the mutant with it")
        text = text.replace(old, new)
    original = project_files.sql

    def changed(wanted: str) -> str:
        return text if wanted == name else original(wanted)

    for module in (project_files, connection, derive):
        module.sql = changed  # type: ignore[attr-defined]


def _no_lease() -> None:
    """Whoever asks gets what somebody else holds."""
    _sql_changed("capture/claim", ("d.lease_until is null", "d.owner is distinct from %(owner)s"))


def _imports_overwrite() -> None:
    """An imported day takes the place of whatever is there."""
    _sql_changed(
        "capture/accept_imports",
        (
            "account_day.state in ('gap', 'failed', 'planned')\n        and account_day.chosen_capture_no is null",
            "true",
        ),
        (
            "    cursor = null,",
            "    cursor = null, chosen_capture_no = null, captured_at = null, late = false,",
        ),
    )


def _no_transaction() -> None:
    """The progress first, the page later: two commits where there was one."""

    def two_commits(self: Ledger, unit: AccountDay, body: str, **progress: Any) -> None:
        with self.warehouse.transaction() as cursor:
            cursor.execute(
                """
                update capture.account_day
                set
                    pages = pages + 1,
                    items = items + %(items)s,
                    cursor = %(next_cursor)s,
                    state = case when %(last)s then 'captured' else state end,
                    chosen_capture_no = case when %(last)s then capture_no end,
                    captured_at = case when %(last)s then ops.now() end,
                    finished_at = case when %(last)s then ops.now() end,
                    owner = case when %(last)s then null else owner end,
                    lease_until = case when %(last)s then null else lease_until end
                where account_id = %(account_id)s and endpoint = %(endpoint)s and day = %(day)s
                """,
                {**progress, "account_id": unit.account_id, "endpoint": unit.endpoint, "day": unit.day},
            )
        with self.warehouse.transaction() as cursor:
            cursor.execute(
                """
                insert into capture.page (endpoint, day, account_id, capture_no, page_no, body, time_zone)
                values (%s, %s, %s, 1, %s, %s, 'UTC')
                """,
                (unit.endpoint, unit.day, unit.account_id, unit.pages, body),
            )

    Ledger.land = two_commits  # type: ignore[method-assign]


MUTANTS = {
    "lease": Mutant("a lease keeps others away", ("41",), _no_lease),
    "transaction": Mutant("a page and its progress commit together", ("5b",), _no_transaction),
    "import": Mutant("an import never overwrites a capture", ("51",), _imports_overwrite),
    "uniqueness": Mutant(
        "one row per account, endpoint and day",
        ("1",),
        tables=("alter table capture.account_day drop constraint account_day_pkey cascade",),
    ),
}


def break_here(name: str) -> None:
    """Take the piece out of this process's code."""
    change = MUTANTS[name].code
    if change is not None:
        change()
