"""Asking TikTok after videos that are on no list any more: what was deleted or made private is in no answer.

The answers are evidence beside the pages. Which video is missing or gone follows from both, in
`snapshots.video_presence`; nothing is decided here, and nothing here can fail a capture.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tiktok_pipeline.capture.account import AccountRequests
from tiktok_pipeline.tiktok.client import MOST_QUERIED
from tiktok_pipeline.warehouse.connection import Warehouse

MOST_VIDEOS = 200  # of an account in one run
FEW_VIDEOS = 20  # so many may vanish at once, whatever share of the list that is

log = logging.getLogger(__name__)


def ask_after_vanished(
    warehouse: Warehouse,
    requests: AccountRequests,
    day: dt.date,
    *,
    zone: str,
    run_id: str | None = None,
    workers: int = 8,
) -> int:
    """Ask after the videos that today's lists lack, and keep the answers; how many videos were asked after.

    `day` is today, in the time zone `zone`. Whatever goes wrong is logged, and tried again by the next run.
    """

    def ask(account_id: int, video_ids: list[str]) -> int:
        asked = 0
        try:
            for start in range(0, len(video_ids), MOST_QUERIED):
                asked += _ask(account_id, video_ids[start : start + MOST_QUERIED])
        except Exception as error:  # the lists are captured: this must not take them down
            log.warning("account %s: vanished videos were not asked after: %s", account_id, error)
        return asked

    def _ask(account_id: int, video_ids: Sequence[str]) -> int:
        answer = requests.videos_of(account_id, video_ids)
        kept = warehouse.execute(
            "capture/keep_query",
            {
                "account_id": account_id,
                "day": day,
                "zone": zone,
                "asked": list(video_ids),
                "body": answer.body,
                "log_id": answer.log_id,
                "run_id": run_id,
            },
        )
        return len(video_ids) if kept else 0

    try:
        vanished = warehouse.execute("capture/vanished", {"day": day, "most": MOST_VIDEOS, "few": FEW_VIDEOS})
    except Exception as error:
        log.warning("vanished videos were not looked for: %s", error)
        return 0
    with ThreadPoolExecutor(workers, thread_name_prefix="vanished") as pool:
        try:
            return sum(pool.map(lambda row: ask(row["account_id"], row["video_ids"]), vanished))
        except BaseException:  # told to stop: no thread waits for the quota any more
            requests.stop()
            raise
