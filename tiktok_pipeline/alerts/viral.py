"""News of viral videos: each is told once at each level, whatever is derived again afterwards.

It is no incident, for it does not end: nothing is to be mended, and nobody wants to hear that it is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tiktok_pipeline.alerts.outbox import OPERATORS, Message, put_all
from tiktok_pipeline.quality.rules import rules
from tiktok_pipeline.warehouse.connection import Warehouse, run

MOST_EXAMPLES = 5
TABLE = "snapshots.tiktok_video_daily"


def tell_of_viral(warehouse: Warehouse, zone: str) -> int:
    """How many videos operators are told of now, all in one message, the most unusual first.

    `zone` is the reporting time zone's name; videos of its today and yesterday are news.
    """
    checks = [rule.name for rule in rules() if rule.table == TABLE and rule.quarantines]
    with warehouse.transaction() as cursor:
        news = run(cursor, "alerts/viral", {"zone": zone, "checks": checks})
        news.sort(key=lambda row: (-row["ratio"], row["store_code"], row["video_id"]))
        if news:
            put_all(cursor, [_message(news)])
    return len(news)


def _message(news: Sequence[Mapping[str, Any]]) -> Message:
    first = news[0]
    examples = [_in_words(row) for row in news[:MOST_EXAMPLES]]
    listed = "".join(f"- {example}\n" for example in examples)
    if len(news) > len(examples):
        listed += f"- and more, {len(news)} in all\n"
    return Message(
        key=f"viral:{first['store_code']}:{first['video_id']}:{first['level']}",
        kind="viral",
        severity="info",
        recipient=OPERATORS,
        subject=f"a video of store {first['store_code']} goes viral"
        if len(news) == 1
        else f"{len(news)} videos go viral",
        body=f"{listed}\nUsual is what the account's videos gain at that age. reporting.viral_videos has all of them; "
        "each is told once at each level.",
        details={
            "count": len(news),
            "examples": examples,
            "videos": [{name: row[name] for name in ("store_code", "video_id", "level")} for row in news],
        },
    )


def _in_words(row: Mapping[str, Any]) -> str:
    return (
        f"store {row['store_code']}: {row['link']} gained {row['gained']:,} views a day by {row['snapshot_date']}, "
        f"{row['ratio']:,.0f} times the usual {row['expected']:,} (level {row['level']}, {row['age_days']} days old)"
    )
