"""A capture in a process of its own, to be killed: python -m … DATABASE_URL BASE_URL KEYS_FILE LEASE_SECONDS"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.capturing import Pipeline


def main() -> None:
    database_url, base_url, keys_file, lease = sys.argv[1:]
    sandbox: Any = SimpleNamespace(
        base_url=base_url, client_key="sandbox-client-key", client_secret="sandbox-client-secret"
    )
    pipeline = Pipeline(Warehouse(database_url), cast(Any, sandbox), Path(keys_file))
    pipeline.capture(workers=1, lease=dt.timedelta(seconds=float(lease)))


if __name__ == "__main__":
    main()
