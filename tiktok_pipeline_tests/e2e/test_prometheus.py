"""A real Prometheus reads the portal with our configuration, and its rules say what is wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml  # type: ignore[import-untyped, unused-ignore]
from pydantic import SecretStr

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.runtime.ports import free_port
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import add_account, rows
from tiktok_pipeline_tests.integration.portal.conftest import Portal, running_portal

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
FILES = project_file("docker/prometheus")
TOKEN = "a-token-for-prometheus"

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="prometheus: it is not installed on this machine"
)


@pytest.fixture
def watched(warehouse: Warehouse, tmp_path: Path) -> Iterator[Portal]:
    with (
        SandboxProcess(accounts=1, videos=1) as sandbox,
        running_portal(warehouse, sandbox, tmp_path / "data", metrics_token=SecretStr(TOKEN)) as portal,
    ):
        yield portal


@pytest.fixture
def prometheus(watched: Portal, tmp_path: Path) -> Iterator[str]:
    """Prometheus with our files, but every second and the portal's address; its own address."""
    folder = tmp_path / "prometheus"
    shutil.copytree(FILES, folder)
    (folder / "metrics_token").write_text(TOKEN)
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [watched.url.removeprefix("http://")]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    process = subprocess.Popen(
        [
            str(PROMETHEUS),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ],
        stdin=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    try:
        answer = requests.get(f"{prometheus}/api/v1/query", {"query": query}, timeout=5).json()
    except requests.ConnectionError:
        return []
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def wait_for(prometheus: str, query: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := ask(prometheus, query):
            return found
        time.sleep(0.2)
    raise AssertionError(f"never: {query}")


def test_prometheus_reads_the_portal_and_its_rules_speak(watched: Portal, prometheus: str) -> None:
    account = add_account(watched.warehouse)
    rows(
        watched.warehouse,
        "update hub.store_accounts set refresh_token_expires_at = ops.now() + interval '3 hours' where id = %s",
        account,
    )
    [up] = wait_for(prometheus, 'up{job="tiktok_portal"} == 1')
    assert up["metric"]["instance"] == watched.url.removeprefix("http://")
    [connected] = wait_for(prometheus, 'tiktok_accounts{status="CONNECTED"} == 1')
    assert connected["value"][1] == "1"
    assert wait_for(prometheus, 'portal_requests_total{route="/metrics",status="200"} > 0')
    [alert] = wait_for(prometheus, 'ALERTS{alertname="GrantsEnd",alertstate="firing"}')
    assert alert["metric"]["severity"] == "warning"
    assert ask(prometheus, 'ALERTS{alertname="DatabaseDown"}') == []
    rules = requests.get(f"{prometheus}/api/v1/rules", timeout=5).json()["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}


def test_every_metric_of_a_rule_is_one_that_the_portal_tells(watched: Portal) -> None:
    text = watched.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} | {"up"}
    rules = yaml.safe_load((FILES / "tiktok.rules.yml").read_text())["groups"][0]["rules"]
    asked = {
        word
        for rule in rules
        for word in re.findall(r"\b(?:tiktok|portal)_[a-z_]+", re.sub(r"\{.*?\}", "", rule["expr"]))
    }
    cache = {"portal_cache_hits_total", "portal_cache_misses_total"}  # of a portal that keeps its answers
    assert {name for name in asked if name not in told | {f"{one}_total" for one in told}} <= cache


@pytest.mark.parametrize(
    "words", [["check", "rules", "tiktok.rules.yml"], ["test", "rules", "tiktok.rules.test.yml"]]
)
def test_promtool_finds_nothing(words: list[str]) -> None:
    answer = subprocess.run(
        [str(PROMTOOL), *words], cwd=FILES, capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
