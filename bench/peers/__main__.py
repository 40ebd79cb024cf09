"""The same pages from the same sandbox into the same PostgreSQL, by us and by what users would take instead.

    python -m bench.peers [--accounts 100] [--videos 100] [--rounds 3] [--only NAME …] [--write]

A whole chain is: start the process, read every page of every account, have a row of each video in PostgreSQL, end. The
order of the contenders changes from round to round; each figure is the median of the rounds. `--write` puts tables and
chart into docs/benchmarks.md and docs/images/peers.svg.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import altair

from bench.peers.contenders import CONTENDERS, Contender, prepare, stage
from bench.peers.measure import Took, measured
from bench.peers.troubles import TROUBLES

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
LATENCIES_MS = (0, 50)
Runs = dict[tuple[str, int], list[Took]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="words of contenders' names")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    size = parser.parse_args()
    chosen = [one for one in CONTENDERS if not size.only or any(word in one.name for word in size.only)]
    prepare()
    runs = speed(chosen, size)
    text = f"{_when(size)}\n\n{_speed_table(chosen, runs, size)}\n{_troubles_table(chosen)}"
    sys.stdout.write(text)
    if size.write:
        document = DOCS / "benchmarks.md"
        before, rest = document.read_text(encoding="utf-8").split(BEGIN)
        document.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")
        _chart(chosen, runs, size).save(DOCS / "images" / "peers.svg")


def speed(contenders: list[Contender], size: argparse.Namespace) -> Runs:
    """Each contender's runs by latency. A run that fails, or lacks a row, ends the benchmark."""
    runs: Runs = defaultdict(list)
    for number in range(size.rounds):
        for latency in LATENCIES_MS:
            for contender in contenders[number:] + contenders[:number]:
                with stage(contender, size.accounts, size.videos) as on:
                    if latency:
                        on.sandbox.set_faults(slow={"delay_ms": latency, "endpoint": "video/list"})
                    took = measured(on.begin())
                    asked, rows = on.requests(), on.rows()
                if took.code or rows != size.accounts * size.videos:
                    raise SystemExit(
                        f"{contender.name}: exit code {took.code}, {rows} rows, {asked} requests"
                    )
                runs[contender.name, latency].append(took)
                sys.stderr.write(
                    f"round {number + 1}, {latency} ms, {contender.name}: {took.seconds:.1f} s\n"
                )
    return runs


def _speed_table(contenders: list[Contender], runs: Runs, size: argparse.Namespace) -> str:
    pages = size.accounts * -(-size.videos // 20)
    lines = [
        "| | rows/s | requests/s | requests/s at 50 ms | CPU, s | peak memory, MB |",
        "|---|---|---|---|---|---|",
    ]
    for contender in contenders:
        quick, slow = (_median(runs, contender, latency) for latency in LATENCIES_MS)
        lines.append(
            f"| {contender.name} | {size.accounts * size.videos / quick:,.0f} | {pages / quick:,.0f} "
            f"| {pages / slow:,.0f} | {statistics.median(r.cpu_seconds for r in runs[contender.name, 0]):.1f} "
            f"| {statistics.median(r.memory for r in runs[contender.name, 0]) / 1e6:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def _troubles_table(contenders: list[Contender]) -> str:
    lines = [
        "| | wanted | " + " | ".join(one.name for one in contenders) + " |",
        "|---" * (len(contenders) + 2) + "|",
    ]
    for trouble in TROUBLES:
        found = []
        for contender in contenders:
            found.append(trouble.try_it(contender))
            sys.stderr.write(f"{trouble.name}: {contender.name}: {found[-1]}\n")
        lines.append(f"| {trouble.name} | {trouble.promised} | " + " | ".join(found) + " |")
    return "\n".join(lines) + "\n"


def _chart(contenders: list[Contender], runs: Runs, size: argparse.Namespace) -> Any:
    bars = [
        {
            "tool": contender.name,
            "latency": f"{latency} ms a request",
            "rows a second": round(size.accounts * size.videos / _median(runs, contender, latency)),
        }
        for contender in contenders
        for latency in LATENCIES_MS
    ]
    return (
        altair.Chart(
            altair.InlineData(values=bars), width=420, title="From TikTok to PostgreSQL: video rows a second"
        )
        .mark_bar()
        .encode(
            x=altair.X("rows a second:Q", title=None),
            y=altair.Y("tool:N", title=None, sort=[one.name for one in contenders]),
            yOffset="latency:N",
            color=altair.Color("latency:N", title=None),
        )
        .configure_axisY(labelLimit=220)
    )


def _median(runs: Runs, contender: Contender, latency: int) -> float:
    return statistics.median(run.seconds for run in runs[contender.name, latency])


def _when(size: argparse.Namespace) -> str:
    today = dt.datetime.now(dt.UTC).date()
    return f"{today:%-d %B %Y}, {size.accounts} accounts x {size.videos} videos, median of {size.rounds}."


if __name__ == "__main__":
    main()
