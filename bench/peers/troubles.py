"""What becomes of the data when something goes wrong: 20 accounts of 40 videos, which are 40 requests."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from bench.peers.contenders import Contender, Stage, stage
from bench.peers.measure import killed

ACCOUNTS, VIDEOS, PAGES = 20, 40, 40
LIMIT, WINDOW_SECONDS = 30, 5.0
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Trouble:
    """`promised`: what one would like to read in its column."""

    name: str
    promised: str
    try_it: Callable[[Contender], str]


def _to_its_end(process: subprocess.Popen[bytes]) -> str:
    try:
        return "" if process.wait(PATIENCE_SECONDS) == 0 else "failed"
    except subprocess.TimeoutExpired:
        killed(process)
        return f"not done in {PATIENCE_SECONDS} s"


def an_account_fails(contender: Contender) -> str:
    """One account answers 500 each time; how many of the others have all their videos after one run."""
    with stage(contender, ACCOUNTS, VIDEOS) as on:
        on.sandbox.set_faults(internal_error={"endpoint": "video/list", "accounts": [ACCOUNTS // 2]})
        ended = _to_its_end(on.begin())
        return _said(f"{on.rows() // VIDEOS} of {ACCOUNTS - 1}", ended)


def the_load_fails(contender: Contender) -> str:
    """PostgreSQL is away for 3 s once everything was asked for; requests beyond the 40 until all rows are there."""
    with stage(contender, ACCOUNTS, VIDEOS) as on:
        process = on.begin()
        away = threading.Thread(target=_away_after_the_last_request, args=(on,))
        away.start()
        _to_its_end(process)
        away.join()
        return _again_if_need_be(on)


def the_day_is_repeated(contender: Contender) -> str:
    """A second run of a finished day: its requests, and the rows that it added."""
    with stage(contender, ACCOUNTS, VIDEOS) as on:
        first = _to_its_end(on.begin())
        asked, rows = on.requests(), on.rows()
        second = _to_its_end(on.begin())
        return _said(f"{on.requests() - asked} requests, {on.rows() - rows} rows", first or second)


def killed_half_way(contender: Contender) -> str:
    """`kill -9` after 20 of the 40 requests, then a second run; requests beyond the 40 until all rows are there."""
    with stage(contender, ACCOUNTS, VIDEOS) as on:
        process = on.begin()
        _wait_until(lambda: on.requests() >= PAGES // 2 or process.poll() is not None)
        killed(process)
        return _again_if_need_be(on)


def two_at_once(contender: Contender) -> str:
    """Two processes, half of the accounts each where they do not share, 30 requests in 5 s: 429s, accounts done."""
    with stage(contender, ACCOUNTS, VIDEOS, limit=LIMIT, window_seconds=WINDOW_SECONDS) as on:
        half = len(on.tokens) // 2
        limit = {"PEER_LIMIT": str(LIMIT), "PEER_WINDOW": str(WINDOW_SECONDS)}
        both = [on.begin(tokens, **limit) for tokens in (on.tokens[:half], on.tokens[half:])]
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(_to_its_end, both))
        seen = on.sandbox.requests()["endpoints"]["video/list"]
        said = f"{seen['rate_limited']} × 429, {on.rows() // VIDEOS} of {ACCOUNTS} accounts"
        return _said(said, ended[0] or ended[1])


TROUBLES = (
    Trouble("one account fails: of the others are there", "19 of 19", an_account_fails),
    Trouble("PostgreSQL away at the load: requests too many", "0", the_load_fails),
    Trouble("the same day again", "0 requests, 0 rows", the_day_is_repeated),
    Trouble("kill -9 half way: requests too many", "0 to 8, one a thread", killed_half_way),
    Trouble("two processes, one quota", "0 × 429, 20 of 20 accounts", two_at_once),
)


def _again_if_need_be(on: Stage) -> str:
    """Run it again while rows are missing, twice at most; what all runs asked for too much."""
    runs = 1
    while on.rows() < ACCOUNTS * VIDEOS and runs < 3:
        _to_its_end(on.begin())
        runs += 1
    missing = ACCOUNTS * VIDEOS - on.rows()
    said = f"{on.requests() - PAGES}" + (f", {missing} rows missing" if missing else "")
    return said + (f" ({runs} runs)" if runs > 1 else "")


def _away_after_the_last_request(on: Stage) -> None:
    """Let nobody into the contender's database for 3 s, once TikTok was asked for everything."""
    _wait_until(lambda: on.requests() >= PAGES)
    name = psycopg.conninfo.conninfo_to_dict(on.url)["dbname"]
    server = psycopg.conninfo.make_conninfo(on.url, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'alter database "{name}" with allow_connections false'.encode())
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
            )
            time.sleep(0.05)
        connection.execute(f'alter database "{name}" with allow_connections true'.encode())


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)


def _said(what: str, ended: str) -> str:
    return f"{what} ({ended})" if ended else what
