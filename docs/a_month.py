"""A month of three made-up stores for pictures: imported history, with a gap and a new video."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

from tiktok_pipeline.capture.imports import ImportedDay, import_history
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.derive import derive
from tiktok_pipeline_tests.building import add_account, rows, video
from tiktok_pipeline_tests.integration.completeness.conftest import TABLES
from tiktok_pipeline_tests.integration.digest.week import REPORTS

DAYS = 35
STORES = (
    ("jakarta_batik", "Batik Jakarta", "Ayu Lestari", 18_400, 120),
    ("bandung_kopi", "Kopi Bandung", "Budi Santoso", 6_300, 45),
    ("medan_snack", "Snack Medan", "Citra Dewi", 2_900, -6),
    ("surabaya_hijab", "Hijab Surabaya", "Dimas Pratama", 41_000, 260),
)
CAPTIONS = (
    "Batik tulis, from wax to dye #umkm",
    "Kopi susu gula aren ☕ #kopi",
    "Unboxing: our new season",
    "Behind the counter 🇮🇩",
    "Harga spesial minggu ini",
    "“Just one more,” she said #smallbusiness",
)


def a_month(warehouse: Warehouse, today: dt.date) -> None:
    """Import and derive the days before `today`; the third store has a gap, the first posts a video."""
    chance = random.Random(5)
    accounts = []
    for number, (code, name, person, followers, growth) in enumerate(STORES):
        add_store(warehouse, code, name, person, f"{person.split()[0].lower()}@example.com")
        account = add_account(warehouse, f"-month{number}", store=code)
        rows(warehouse, "update hub.store_accounts set display_name = %s where id = %s", name, account)
        accounts.append((account, followers, growth))
    for number, (account, followers, growth) in enumerate(accounts):
        days = _days(account, number, followers, growth, today, chance)
        import_history(warehouse, days, zone="UTC", imported_from="made up")
    first, last = today - dt.timedelta(days=DAYS), today
    rows(warehouse, "select ops.ensure_partitions(%s, %s)", first, last)
    for table in (*TABLES, *REPORTS):
        derive(warehouse, table, first, last)


def _days(
    account: int, number: int, followers: int, growth: int, today: dt.date, chance: random.Random
) -> Iterator[ImportedDay]:
    views = [chance.randrange(2_000, 60_000) for _ in CAPTIONS]
    likes = 6 * followers
    for back in range(DAYS, 0, -1):
        followers += round(growth * chance.uniform(0.4, 1.8)) - chance.randrange(8)
        likes += chance.randrange(20, 400)
        views = [seen + round(seen * chance.uniform(0.002, 0.03)) for seen in views]
        if number == 2 and back in (9, 10):
            continue
        day = today - dt.timedelta(days=back)
        listed = [n for n in range(len(CAPTIONS)) if not (number == 0 and n == 5 and back > 1)]
        yield ImportedDay(
            account,
            day,
            {"follower_count": followers, "likes_count": likes, "video_count": len(listed)},
            [_video(account, n, views[n]) for n in listed],
            dt.datetime.combine(day, dt.time(2), dt.UTC),
        )


def _video(account: int, number: int, views: int) -> dict[str, object]:
    caption = CAPTIONS[(number + account) % len(CAPTIONS)]
    return video(
        f"{7_300 + account}{number:03}", views, video_description=caption, comment_count=views // 300
    )
