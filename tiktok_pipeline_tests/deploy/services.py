"""The services of docker/compose.yaml as processes of this machine: the same commands, settings, secrets and checks.

A service sees the secrets that its entry names and no others, and has a data folder of its own. What containers get from
the network is put in its place: names and ports of services, and the addresses of PostgreSQL and RabbitMQ.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml  # type: ignore[import-untyped, unused-ignore]

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.runtime.ports import free_port

IMAGE_USER = 10001
START_SECONDS = 180.0
PROGRAMS = {
    "tiktok-pipeline": [sys.executable, "-m", "tiktok_pipeline.cli"],
    "dagster": [sys.executable, "-m", "dagster"],
    "python": [sys.executable],
}
LAUNCH = """
mutation Launch($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
RUNS = """
query Runs {
  runsOrError(filter: {pipelineName: "daily"}) {
    ... on Runs { results { runId status parentRunId tags { key value } } }
  }
}
"""


def compose(*names: str) -> dict[str, Any]:
    """The services of these files of docker/, a later one added to an earlier one."""
    services: dict[str, Any] = {}
    for name in names:
        for service, entry in yaml.safe_load(project_file(f"docker/{name}").read_text("utf-8"))[
            "services"
        ].items():
            known = services.setdefault(service, {})
            named = [
                secret if isinstance(secret, str) else secret["source"] for secret in entry.get("secrets", [])
            ]
            secrets = [*known.get("secrets", []), *named]
            known.update(entry)
            known["secrets"] = secrets
    return services


class Service:
    """A process of a service; `folder` is its /data, `log` what it printed."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.environment = environment
        self.folder = folder
        self.log = folder.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """The machine is gone: all of its processes at once, without a word."""
        with contextlib.suppress(psutil.NoSuchProcess):
            whole = [
                *psutil.Process(self.process.pid).children(recursive=True),
                psutil.Process(self.process.pid),
            ]
            for process in whole:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.suspend()  # nobody ends in order because another one did
            for process in whole:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(30)

    def stop(self, seconds: float = 120) -> int:
        """As `docker stop`: SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


class Host:
    """A machine without containers that runs the services of `files`, with `settings` as docker/.env."""

    def __init__(
        self, folder: Path, files: Iterable[str], *, settings: dict[str, str], secrets: dict[str, str]
    ) -> None:
        self.folder = folder
        self.services = compose(*files)
        self.settings = settings
        self.ports = {4000: free_port(), 3000: free_port(), 8000: free_port()}
        self.running: list[Service] = []
        self.secrets = folder / "secrets"
        self.command("secrets", str(self.secrets))
        for name, text in secrets.items():
            (self.secrets / name).unlink(missing_ok=True)
            (self.secrets / name).write_text(text)
        for file in self.secrets.iterdir():
            _for_the_image(file)

    @property
    def keys_file(self) -> Path:
        """The key ring, readable for this process."""
        copy = self.folder / "keys.json"
        if not copy.exists():
            shutil.copyfile(self.secrets / "encryption_keys.json", copy)
            copy.chmod(0o600)
        return copy

    def command(
        self, *words: str, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end."""
        done = subprocess.run(
            [*PROGRAMS["tiktok-pipeline"], *words], env=environment or _plain(), cwd=self.folder,
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """A service that does its work and ends, such as `migrate`."""
        folder = self._data_folder(name)
        return self.command(*self.services[name]["command"], environment=self._environment(name, folder))

    def start(self, name: str, number: int = 1) -> Service:
        """A service that goes on; `number` tells replicas apart, each of which has a folder of its own."""
        folder = self._data_folder(f"{name}-{number}")
        command = [self._here(word) for word in self.services[name]["command"]]
        environment = self._environment(name, folder) | {"PGAPPNAME": f"{name}-{number}"}
        service = Service(name, [*PROGRAMS["tiktok-pipeline"], *command], environment, folder)
        self.running.append(service)
        return service

    def is_healthy(self, service: Service) -> bool:
        """What the health check of its entry says."""
        _, program, *words = self.services[service.name]["healthcheck"]["test"]
        command = [*PROGRAMS[program], *(self._here(word) for word in words)]
        done = subprocess.run(
            command, env=service.environment, cwd=service.folder, capture_output=True, check=False
        )
        return done.returncode == 0

    def until_healthy(self, *services: Service) -> None:
        for service in services:
            until(partial(self._lives, service), START_SECONDS, f"{service.name} is healthy", 1.0)

    def _lives(self, service: Service) -> bool:
        assert service.process.poll() is None, f"{service.name} has ended:\n{service.said()}"
        return self.is_healthy(service)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """What Dagster's GraphQL answers."""
        answer = requests.post(
            f"http://127.0.0.1:{self.ports[3000]}/graphql",
            json={"query": query, "variables": variables},
            timeout=60,
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]  # type: ignore[no-any-return]

    def launch_daily(self, day: str) -> str:
        """Launch the daily job for a day; the id of its run."""
        selector = {
            "repositoryLocationName": "tiktok_pipeline",
            "repositoryName": "__repository__",
            "jobName": "daily",
        }
        tags = [{"key": "dagster/partition", "value": day}]
        answer = self.ask(LAUNCH, parameters={"selector": selector, "executionMetadata": {"tags": tags}})[
            "launchRun"
        ]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def first_daily_run(self) -> str:
        """The id of the run that the sensor `reconnect` asks for, since there are accounts without captures."""
        until(lambda: bool(self.daily_runs()), 120, "the sensor has asked for a run", 1.0)
        return str(self.daily_runs()[-1]["runId"])

    def daily_runs(self) -> list[dict[str, Any]]:
        """Runs of the daily job, newest first: runId, status, parentRunId."""
        found: list[dict[str, Any]] = self.ask(RUNS)["runsOrError"]["results"]
        return found

    def close(self) -> None:
        """End what still runs."""
        for service in self.running:
            if service.process.poll() is None:
                service.process.terminate()
        for service in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                service.process.wait(30)
            service.kill()

    def _environment(self, name: str, folder: Path) -> dict[str, str]:
        entry = self.services[name]
        mounted = folder.with_suffix(".secrets")
        mounted.mkdir(exist_ok=True)
        for secret in entry["secrets"]:
            shutil.copyfile(self.secrets / secret, mounted / secret)
            _for_the_image(mounted / secret)
        given = self.settings if "env_file" in entry else {}
        own = {
            key: str(value).replace("/run/secrets", str(mounted))
            for key, value in entry["environment"].items()
        }
        return _plain() | given | own | {"DATA_DIR": str(folder)}

    def _data_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _here(self, word: str) -> str:
        word = word.replace("0.0.0.0", "127.0.0.1").replace("code-server:", "127.0.0.1:")
        for inside, here in self.ports.items():
            if word == str(inside):
                return str(here)
            word = word.replace(f"127.0.0.1:{inside}", f"127.0.0.1:{here}")
        return word


def until(true: Callable[[], bool], seconds: float, what: str, pause: float = 0.2) -> None:
    """Wait until it is true; fails with `what` when it is not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return
        time.sleep(pause)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def _for_the_image(file: Path) -> None:
    """As a mounted secret is: another's file, readable for the image's group."""
    if os.geteuid() == 0:
        os.chown(file, IMAGE_USER, os.getegid())
        file.chmod(0o440)
    else:
        file.chmod(0o400)


def _plain() -> dict[str, str]:
    """An environment without anything of ours, as in a fresh container."""
    kept = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    root = str(project_file("pyproject.toml").parent)
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONPATH": root}
