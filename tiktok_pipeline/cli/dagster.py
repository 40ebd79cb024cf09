"""`tiktok-pipeline dagster …`: Dagster's processes one by one, for containers, units and many machines."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated

import typer

from tiktok_pipeline.cli.serve import watch
from tiktok_pipeline.cli.stopping import quietly_stopped
from tiktok_pipeline.runtime import dagster_parts
from tiktok_pipeline.runtime.children import Child
from tiktok_pipeline.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, help="Dagster's processes one by one; `serve` is all of them on one machine."
)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
CodeServer = Annotated[str, typer.Option(help="Where the code server is, HOST:PORT.")]


@app.command("code-server")
def code_server(host: Host = "127.0.0.1", port: Port = 4000) -> None:
    """Serve the definitions to daemon and webserver; have the runs, unless workers do."""
    _foreground(dagster_parts.code_server(load_settings(), host, port))


@app.command()
def daemon(code_server: CodeServer = "127.0.0.1:4000") -> None:
    """Run the schedules, the sensors and the queue of runs; one of it in all."""
    _foreground(dagster_parts.daemon(load_settings(), dagster_parts.address(code_server)))


@app.command()
def webserver(
    code_server: CodeServer = "127.0.0.1:4000",
    host: Host = "127.0.0.1",
    port: Port = 3000,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show everything, launch nothing.")] = False,
) -> None:
    """Serve the Dagster UI, which has no login of its own."""
    where = dagster_parts.address(code_server)
    _foreground(dagster_parts.webserver(load_settings(), where, host, port, read_only=read_only))


@app.command()
def worker(
    runs: Annotated[int, typer.Option(min=1, max=64, help="How many runs it executes at once.")] = 4,
    drain_minutes: Annotated[
        int, typer.Option(min=1, max=1440, help="How long its runs may go on once it is asked to stop.")
    ] = 30,
) -> None:
    """Execute runs that arrive through CELERY_BROKER_URL; any number of these, on any machines."""
    _foreground(dagster_parts.worker(load_settings(), runs, drain_minutes))


@app.command("daemon-lives")
def daemon_lives() -> None:
    """Exit with 0 when the daemon has given a sign of life lately; a container's health check."""
    if not dagster_parts.daemon_lives(load_settings()):
        raise typer.Exit(1)


@app.command("worker-lives")
def worker_lives() -> None:
    """Exit with 0 when the worker of this data folder answers; a container's health check."""
    if not dagster_parts.worker_lives(load_settings()):
        raise typer.Exit(1)


def _foreground(part: AbstractContextManager[Child]) -> None:
    with quietly_stopped(), part as child:
        watch([child])
