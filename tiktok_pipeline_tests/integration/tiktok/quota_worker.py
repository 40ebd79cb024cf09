"""A process that asks the sandbox as often as the quota lets it: `python -m … '{"database_url": …}'`."""

from __future__ import annotations

import json
import sys
import threading
import time

from tiktok_pipeline.tiktok.client import TikTokClient
from tiktok_pipeline.tiktok.quota import Quota
from tiktok_pipeline.vault.secret import SecretToken
from tiktok_pipeline.warehouse.connection import Warehouse


def main() -> None:
    task = json.loads(sys.argv[1])
    warehouse = Warehouse(task["database_url"])
    quota = Quota(
        warehouse,
        task["client_key"],
        task["limit"],
        window_seconds=task["window"],
        on_demand_share=task.get("on_demand_share", 0),
        on_demand=task.get("on_demand", False),
    )
    client = TikTokClient(task["base_url"], task["client_key"], quota)
    token = SecretToken(task["token"])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    ends = time.monotonic() + task["seconds"]

    def ask() -> None:
        while time.monotonic() < ends:
            client.user_info(token, ["user.info.basic"])

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(task["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))


if __name__ == "__main__":
    main()
