"""`tiktok-pipeline demo`: the whole pipeline on this machine, without TikTok or a database of yours."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from tiktok_pipeline.cli.progress import follow_day, progress_bars
from tiktok_pipeline.cli.serve import watch
from tiktok_pipeline.cli.stopping import quietly_stopped
from tiktok_pipeline.demo.history import import_missing, missing_days
from tiktok_pipeline.demo.settings import demo_settings
from tiktok_pipeline.demo.stores import connect_stores, link_to_try
from tiktok_pipeline.demo.world import DemoWorld
from tiktok_pipeline.runtime.credentials import connect_links, oauth_client, open_vault, redirect_uri
from tiktok_pipeline.runtime.dagster import DagsterFailed, DagsterHere, dagster_beside
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import migrated_warehouse, owned_database
from tiktok_pipeline.runtime.portal import portal_beside, wait_until_it_answers
from tiktok_pipeline.runtime.ports import require_free
from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.settings import Settings, load_settings
from tiktok_pipeline.warehouse.connection import Warehouse

HOST = "127.0.0.1"
ENDPOINTS = ("user_info", "video_list")
DEFAULT_FOLDER = Path("data/demo")


def demo(
    accounts: Annotated[int | None, typer.Option(min=1, help="TikTok accounts.  [default: 25]")] = None,
    videos: Annotated[int | None, typer.Option(min=0, help="Videos per account.  [default: 60]")] = None,
    days: Annotated[int | None, typer.Option(min=0, help="Days of history.  [default: 30]")] = None,
    videos_csv: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Real videos to serve instead.")
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps everything.")] = DEFAULT_FOLDER,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End when the data is there.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI.")] = 3000,
    portal_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the portal.")] = 8000,
) -> None:
    """Show the whole pipeline: a sandbox TikTok, stores, a month of history, today, the Dagster UI, the portal.

    Started again in the same folder it goes on where it was. Of the settings only LOG_LEVEL is read: it has
    a database, a key ring and a TikTok of its own, and its days are UTC's.
    """
    started = time.monotonic()
    settings = demo_settings(load_settings(), data_dir, portal_port)
    if not no_serve:
        require_free(HOST, port)
        require_free(HOST, portal_port, "--portal-port")
    console = Console(highlight=False)
    with ExitStack() as stack:
        if not no_serve:
            stack.enter_context(quietly_stopped())
        folder = stack.enter_context(DataFolder(settings.data_dir))
        url = stack.enter_context(owned_database(settings, folder))
        warehouse = stack.enter_context(migrated_warehouse(settings, url))
        [row] = warehouse.execute("capture/today", {"zone": settings.reporting_timezone})
        today: dt.date = row["day"]
        world = DemoWorld.remembered(
            folder.path, today, accounts=accounts, videos=videos, days=days, videos_csv=videos_csv
        )
        sandbox = stack.enter_context(world.sandbox())
        first = world.first_started - dt.timedelta(days=world.days)
        settings = settings.model_copy(
            update={
                "start_date": first,
                "tiktok_api_base_url": sandbox.base_url,
                "tiktok_authorize_url": f"{sandbox.base_url}/v2/auth/authorize/",
                "tiktok_client_key": sandbox.client_key,
                "tiktok_client_secret": SecretStr(sandbox.client_secret),
            }
        )
        dagster = stack.enter_context(dagster_beside(settings, folder, url))
        _fill(warehouse, sandbox, settings, first, today, console)
        _run_today(warehouse, dagster, settings, today, console)
        _derive_history(warehouse, dagster, today, console)
        _print_summary(warehouse, sandbox, time.monotonic() - started, console)
        if no_serve:
            console.print(f"Kept in {folder.path}. Without --no-serve the Dagster UI shows it.")
        else:
            settings = _with_operator(settings, world.operator_password)
            portal = stack.enter_context(portal_beside(settings, folder, url, HOST, portal_port))
            children = stack.enter_context(dagster.serving(HOST, port))
            wait_until_it_answers(portal, HOST, portal_port)
            console.print(
                f"[bold]Open http://{HOST}:{port}/assets[/] (Ctrl-C stops; the data stays in {folder.path})"
            )
            console.print(
                f"[bold]Portal: {settings.portal_url}[/] — operator password {world.operator_password}",
                soft_wrap=True,
            )
            if link := link_to_try(warehouse, connect_links(warehouse, settings)):
                console.print(f"Connect a store as its person in charge would: {link}", soft_wrap=True)
            watch([*children, *portal])


def _with_operator(settings: Settings, password: str) -> Settings:
    from tiktok_pipeline.portal.operator.password import password_hash

    return settings.model_copy(update={"operator_password_hash": SecretStr(password_hash(password))})


def _fill(
    warehouse: Warehouse,
    sandbox: SandboxProcess,
    settings: Settings,
    first: dt.date,
    today: dt.date,
    console: Console,
) -> None:
    """Connect the stores, import what is missing before today."""
    accounts: dict[int, str] = {}
    with open_vault(warehouse, settings) as vault, progress_bars(console) as progress:
        connecting = connect_stores(warehouse, vault, oauth_client(settings), sandbox, redirect_uri(settings))
        task = progress.add_task("accounts connected", total=len(sandbox.accounts()))
        for account_id, open_id in connecting:
            accounts[account_id] = open_id
            progress.advance(task)
        progress.update(task, total=len(accounts))  # without the one that is left for people to try
        missing = missing_days(warehouse, accounts, first, today - dt.timedelta(days=1))
        if missing:
            task = progress.add_task("past account-days imported", total=len(missing) * len(ENDPOINTS))
            for imported in import_missing(warehouse, sandbox, settings, accounts, missing):
                progress.advance(task, imported)


def _run_today(
    warehouse: Warehouse, dagster: DagsterHere, settings: Settings, today: dt.date, console: Console
) -> None:
    [row] = warehouse.execute("capture/incomplete_today", {"day": today})
    if not row["missing"]:
        return
    with dagster.daily_job(str(today), str(today)) as job:
        if follow_day(warehouse, job, str(today), console) != 0:
            raise DagsterFailed(f"daily job for {today}: failed. See {job.log_file}")


def _derive_history(warehouse: Warehouse, dagster: DagsterHere, today: dt.date, console: Console) -> None:
    """One range run over the days that were imported and have no snapshot yet."""
    [days] = warehouse.execute("runtime/underived_days")
    if days["first"] is None:
        return
    with (
        console.status(f"snapshots of {days['first']} to {days['last']}, one run"),
        dagster.daily_job(str(days["first"]), str(days["last"])) as job,
    ):
        if job.wait() != 0:
            raise DagsterFailed(
                f"daily job for {days['first']} to {days['last']}: failed. See {job.log_file}"
            )


def _print_summary(warehouse: Warehouse, sandbox: SandboxProcess, seconds: float, console: Console) -> None:
    [held] = warehouse.execute("runtime/totals")
    seen = sandbox.requests()
    fullest = max((endpoint["max_in_window"] for endpoint in seen["endpoints"].values()), default=0)
    table = Table(show_header=False, box=None)
    for name, count in (
        ("accounts", held["accounts"]),
        ("videos", held["videos"]),
        ("days", held["days"]),
        ("snapshot rows", held["user_rows"] + held["video_rows"]),
        ("requests", seen["total"]),
        ("requests/min, the busiest endpoint's most", fullest),
    ):
        table.add_row(name, f"{count:,}")
    table.add_row("seconds", f"{seconds:.1f}")
    console.print(table)
