"""All benchmarks, one after the other: python -m bench"""

from __future__ import annotations

import runpy
import sys

BENCHMARKS = (
    "bench.sandbox_pages",
    "bench.quota",
    "bench.capture",
    "bench.rederive",
    "bench.definitions",
    "bench.checks",
    "bench.quality",
    "bench.viral",
    "bench.digest",
    "bench.incidents",
    "bench.reports",
    "bench.peers",
    "bench.api",
)

if __name__ == "__main__":
    for name in BENCHMARKS:
        sys.argv = [name]
        runpy.run_module(name, run_name="__main__")
