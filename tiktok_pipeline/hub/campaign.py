"""Reconnect links for many accounts at once, as a table that a spreadsheet opens safely."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

from tiktok_pipeline.exporting.formulas import harmless
from tiktok_pipeline.hub.words import one_line
from tiktok_pipeline.warehouse.connection import Warehouse

if TYPE_CHECKING:
    from tiktok_pipeline.hub.links import ConnectLinks

COLUMNS = (
    "store_code", "store_name", "pic_name", "pic_contact", "account_id", "display_name", "reason", "since",
    "link", "link_expires_at",
)  # fmt: skip


def write_campaign(
    warehouse: Warehouse,
    links: ConnectLinks,
    file: TextIO,
    zone: ZoneInfo,
    *,
    account_ids: Sequence[int] | None = None,
    ending_within: int | None = None,
) -> int:
    """Write a row with a new link for every account that needs one, in columns COLUMNS; how many.

    With `account_ids` for exactly those accounts; with `ending_within` also for those whose grant ends within
    so many days, `since` being then when it ends. Times are of `zone`.
    """
    wanted = {"account_ids": list(account_ids) if account_ids else None, "ending_within": ending_within}
    accounts = warehouse.execute("hub/to_reconnect", wanted)
    made = links.make_for_accounts([row["account_id"] for row in accounts], made_by="cli") if accounts else []
    by_account = {link.account_id: link for link in made}
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    written = 0
    for row in accounts:
        link = by_account.get(row["account_id"])
        if link is None:
            continue  # deleted meanwhile
        row |= {
            "link": link.url,
            "link_expires_at": link.expires_at.astimezone(zone).isoformat(" ", "minutes"),
        }
        row["since"] = row["since"].astimezone(zone).isoformat(" ", "minutes")
        table.writerow(cell(row[column]) for column in COLUMNS)
        written += 1
    return written


def cell(value: object) -> str:
    """A value as a spreadsheet's cell: one line, and never taken for a formula."""
    return harmless("" if value is None else one_line(str(value)).lstrip("\ufeff"))
