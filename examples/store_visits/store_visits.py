"""One row is a store and day: how many people came through its door.

The door counters write a CSV file a day (`store_code,visitors`). Unlike TikTok they can be asked about the past, so a
backfill reads the files of its dates again. Stores that nobody here knows are left out and counted.
"""

import csv
import os
from pathlib import Path

import dagster as dg

from tiktok_pipeline.defs.partitions import WHOLE_RANGE, dates_of, days
from tiktok_pipeline.defs.resources import WarehouseResource
from tiktok_pipeline.defs.retries import retry_when_transient

FILES = os.environ.get("DOOR_COUNTERS", "door_counters")  # a folder with 2026-11-29.csv and so on
TABLE, SAVE = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").split("-- one day, saved:")


@dg.asset(
    key=["visits", "store_visits"],
    group_name="visits",
    partitions_def=days,
    backfill_policy=WHOLE_RANGE,
    description=__doc__,
    kinds={"csv", "postgres"},
    owners=["team:data"],
    metadata={"dagster/table_name": "visits.store_visits"},
)
def store_visits(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """Read the files of the dates, and save each date as a whole: twice is as good as once."""
    with retry_when_transient(), warehouse.opened() as opened, opened.transaction() as cursor:
        cursor.execute(TABLE.encode())
        for date in dates_of(context):
            file = Path(FILES) / f"{date}.csv"
            if not file.exists():  # said, and never filled with a number of another day
                context.add_asset_metadata({"gap": f"no file {file.name}"}, partition_key=str(date))
                continue
            rows = list(csv.DictReader(file.open(encoding="utf-8", newline="")))
            stores = [row["store_code"] for row in rows]
            visitors = [int(row["visitors"]) for row in rows]
            cursor.execute(SAVE.encode(), {"day": date, "stores": stores, "visitors": visitors})
            counts = {
                "dagster/partition_row_count": cursor.rowcount,
                "unknown_stores": len(rows) - cursor.rowcount,
            }
            context.add_asset_metadata(counts, partition_key=str(date))
    return dg.MaterializeResult()
