"""A hub's history, made up: as rows, and written as CSV, as Parquet, or into a database with the hub's own types."""

from __future__ import annotations

import csv
import datetime as dt
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.engine import make_url

FIRST = dt.date(2025, 1, 30)
CANARY = "sealed-by-the-hub"

DDL = """
create type account_status as enum ('CONNECTED', 'NEED_RECONNECT', 'ERROR', 'DISABLED');
create schema if not exists {schema};
create table {schema}.stores (
    store_code varchar(50) primary key, store_name varchar(255) not null, pic_name varchar(255) not null,
    pic_contact varchar(255), created_at timestamptz not null default now()
);
create table {schema}.store_accounts (
    id serial primary key, store_code varchar(50) not null, open_id varchar(100) not null,
    display_name varchar(255), avatar_url text, encrypted_access_token text not null, status account_status not null,
    connected_at timestamptz not null
);
create table {schema}.tiktok_user_daily (
    id serial primary key, store_code varchar(50) not null, open_id varchar(100) not null, snapshot_date date not null,
    display_name varchar(255), avatar_url text, follower_count integer, following_count integer, likes_count bigint,
    video_count integer, created_at timestamptz not null
);
create table {schema}.tiktok_video_daily (
    id serial primary key, store_code varchar(50) not null, video_id varchar(100) not null,
    snapshot_date date not null, description text, cover_image_url text, share_url text, create_time timestamptz,
    view_count bigint, like_count bigint, comment_count integer, share_count integer, created_at timestamptz not null
);
"""


@dataclass
class Hub:
    """The rows of the hub's four tables."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def to_csv(self, folder: Path, **how: Any) -> Path:
        """A folder of CSV files."""
        folder.mkdir(exist_ok=True)
        for name, rows in self.tables.items():
            with (folder / f"{name}.csv").open(
                "w", encoding=how.get("encoding", "utf-8"), newline=""
            ) as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator=how.get("end", "\n"))
                writer.writeheader()
                writer.writerows(rows)
        return folder

    def to_parquet(self, folder: Path) -> Path:
        """A folder of Parquet files."""
        folder.mkdir(exist_ok=True)
        for name, rows in self.tables.items():
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet", row_group_size=50)
        return folder

    def to_database(self, url: str, schema: str = "public") -> str:
        """The hub's tables in the database at `url`; an address of it."""
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            connection.execute(DDL.format(schema=schema).encode())
            for name, rows in self.tables.items():
                columns = list(rows[0])
                places = ", ".join(["%s"] * len(columns))
                with connection.cursor() as cursor:
                    cursor.executemany(
                        f"insert into {schema}.{name} ({', '.join(columns)}) values ({places})".encode(),
                        [tuple(row.values()) for row in rows],
                    )
        return plain


def made_hub(seed: int = 1, *, stores: int = 3, days: int = 5, videos: int = 8) -> Hub:
    """A hub with one account per store, random counters, captions with everything that breaks files."""
    dice = random.Random(seed)
    hub = Hub({"stores": [], "store_accounts": [], "tiktok_user_daily": [], "tiktok_video_daily": []})
    connected = dt.datetime(2025, 1, 20, 3, tzinfo=dt.UTC)
    for number in range(stores):
        code, open_id = f"store_{number:02}", f"-000open{number}"
        hub.tables["stores"].append(
            {
                "store_code": code,
                "store_name": f"Kopi {number}",
                "pic_name": "Ayu",
                "pic_contact": "ayu@example.com",
                "created_at": connected,
            }
        )
        hub.tables["store_accounts"].append(
            {
                "store_code": code,
                "open_id": open_id,
                "display_name": f"Kopi {number} ☕",
                "avatar_url": "https://p16.example.com/a.jpeg",
                "encrypted_access_token": CANARY,
                "status": "CONNECTED",
                "connected_at": connected,
            }
        )
        for n in range(days):
            day = FIRST + n * dt.timedelta(days=1)
            seen = dt.datetime.combine(day, dt.time(2, 0, 7), dt.UTC)
            hub.tables["tiktok_user_daily"].append(
                {
                    "store_code": code,
                    "open_id": open_id,
                    "snapshot_date": day,
                    "display_name": f'Kopi "{number}", ☕',
                    "avatar_url": None,
                    "follower_count": dice.choice([None, dice.randrange(2**31)]),
                    "following_count": dice.randrange(1000),
                    "likes_count": dice.choice([0, 4_900_000_000, 2**63 - 1]),
                    "video_count": videos,
                    "created_at": seen,
                }
            )
            for video in range(videos):
                hub.tables["tiktok_video_daily"].append(
                    {
                        "store_code": code,
                        "video_id": str(7_100_000_000_000_000_001 + number * 1000 + video),
                        "snapshot_date": day,
                        "description": dice.choice(['say "hi",\nthen go; 100 % ☕', None, " caption \\N \t"]),
                        "cover_image_url": None,
                        "share_url": f"https://www.tiktok.com/@x/video/{video}",
                        "create_time": dt.datetime(2024, 12, 1, 5, 6, video, tzinfo=dt.UTC),
                        "view_count": dice.choice([0, 2**53 + 1, dice.randrange(10**6)]),
                        "like_count": dice.choice([None, dice.randrange(10**4)]),
                        "comment_count": dice.randrange(100),
                        "share_count": dice.randrange(100),
                        "created_at": seen,
                    }
                )
    for rows in hub.tables.values():
        dice.shuffle(rows)  # an account-day's rows stand anywhere
    return hub
