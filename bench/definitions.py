"""How long the definitions take to load, as a code server does it: a fresh process each time.

    python -m bench.definitions [--rounds 5]

Bar: 3 s at best, on a quiet machine. Great Expectations, altair and apprise must not be imported by it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from rich.console import Console
from rich.table import Table

LATER = ("great_expectations", "altair", "vl_convert", "apprise", "scipy")
LOAD = f"""
import json, resource, sys, time
began = time.monotonic()
from tiktok_pipeline.definitions import defs
keys = len(list(defs().resolve_all_asset_specs()))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{
    "wall": time.monotonic() - began, "CPU": used.ru_utime + used.ru_stime, "assets": keys,
    "memory": used.ru_maxrss / 1024, "imported": [name for name in {LATER!r} if name in sys.modules],
}}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as home:
        found = [_load(home) for _ in range(rounds)]
    table = Table(title=f"{found[0]['assets']} assets, {rounds} processes")
    for heading in ("what", "best", "median"):
        table.add_column(heading, justify="right")
    for what, unit in (("wall", "s"), ("CPU", "s"), ("memory", "MB")):
        values = [one[what] for one in found]
        table.add_row(what, f"{min(values):.1f} {unit}", f"{statistics.median(values):.1f} {unit}")
    Console().print(table)
    Console().print(f"imported with them, of {', '.join(LATER)}: {', '.join(found[0]['imported']) or 'none'}")


def _load(home: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD],
        env={**os.environ, "DAGSTER_HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
