"""The yardstick of `bench.capture`: the least that fetches the same pages and keeps them.

A `requests` session and a connection per thread, one insert per page. No ledger, no lease, no quota, no checks,
no profile, no snapshot: what it leaves out is what `tiktok_pipeline` is for.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import requests

from bench.database import libpq
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.tiktok.fields import VIDEO_FIELDS


def seconds_for_all_pages(url: str, sandbox: SandboxProcess, accounts: int, threads: int) -> float:
    """How long the bare loop takes to fetch and insert every page of every account."""
    tokens = [sandbox.connect(index)["access_token"] for index in range(accounts)]
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        connection.execute(
            "create table if not exists bare (account int, page int, body jsonb, primary key (account, page))"
        )
        connection.execute("truncate bare")
    mine = threading.local()
    address = f"{sandbox.base_url}/v2/video/list/?fields={','.join(VIDEO_FIELDS)}"

    def fetch(account: int) -> None:
        if not hasattr(mine, "session"):
            mine.session, mine.connection = requests.Session(), psycopg.connect(libpq(url), autocommit=True)
            mine.session.trust_env = False
        headers, body, more, page = {"Authorization": f"Bearer {tokens[account]}"}, {"max_count": 20}, True, 0
        while more:
            text = mine.session.post(address, json=body, headers=headers, timeout=30).text
            data = json.loads(text)["data"]
            mine.connection.execute("insert into bare values (%s, %s, %s)", (account, page, text))
            more, page, body = data["has_more"], page + 1, {"max_count": 20, "cursor": data["cursor"]}

    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fetch, range(accounts)))
    return time.monotonic() - began
