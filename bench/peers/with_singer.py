# /// script
# requires-python = ">=3.11"
# dependencies = ["singer-sdk==0.54.9", "meltanolabs-target-postgres==0.8.1"]
# ///
"""Singer: a tap built on the Singer SDK, one partition an account, piped into target-postgres with COPY."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseAPIPaginator


def _type(name: str) -> Any:
    whole = name.endswith("_count") or name in ("create_time", "duration", "height", "width")
    return th.IntegerType if whole else th.StringType


class Cursor(BaseAPIPaginator[Any]):
    def get_next(self, response: requests.Response) -> Any:
        return response.json()["data"]["cursor"]

    def has_more(self, response: requests.Response) -> bool:
        return bool(response.json()["data"]["has_more"])


class Videos(RESTStream[Any]):
    name = "videos"
    path = "/v2/video/list/"
    http_method = "POST"
    rest_method = "POST"
    records_jsonpath = "$.data.videos[*]"
    primary_keys = ("day", "id")
    schema = th.PropertiesList(
        th.Property("day", th.StringType),
        *(th.Property(name, _type(name)) for name in os.environ["PEER_FIELDS"].split(",")),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return os.environ["PEER_API"]

    @property
    def partitions(self) -> list[dict[str, Any]]:
        return [{"token": token} for token in os.environ["PEER_TOKENS"].split(",")]

    def get_new_paginator(self) -> Cursor:
        return Cursor(None)

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {"fields": os.environ["PEER_FIELDS"]}

    def prepare_request_payload(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {"max_count": 20} | ({"cursor": next_page_token} if next_page_token else {})

    def prepare_request(self, context: Any, next_page_token: Any) -> requests.PreparedRequest:
        prepared = super().prepare_request(context, next_page_token)
        prepared.headers["Authorization"] = f"Bearer {context['token']}"
        return prepared

    def post_process(self, row: dict[str, Any], context: Any = None) -> dict[str, Any]:
        return {**row, "day": os.environ["PEER_DAY"]}


class TapTikTok(Tap):
    name = "tap-tiktok"
    config_jsonschema = th.PropertiesList().to_dict()

    def discover_streams(self) -> Iterable[Any]:
        return [Videos(self)]


def main() -> int:
    """`tap | target-postgres`, as Meltano would start it."""
    if "--tap" in sys.argv:
        TapTikTok(config={}).sync_all()
        return 0
    settings = Path(os.environ["PEER_STATE"]) / "target.json"
    settings.write_text(
        json.dumps(
            {
                "sqlalchemy_url": os.environ["PEER_DATABASE"].replace("postgresql:", "postgresql+psycopg:"),
                "default_target_schema": "peer",
                "use_copy": True,
                "validate_records": False,
            }
        )
    )
    tap = subprocess.Popen([sys.executable, __file__, "--tap"], stdout=subprocess.PIPE)
    target = Path(sys.executable).parent / "target-postgres"
    loaded = subprocess.run(
        [target, "--config", settings], stdin=tap.stdout, stdout=subprocess.DEVNULL, check=False
    )
    return tap.wait() or loaded.returncode


if __name__ == "__main__":
    sys.exit(main())
