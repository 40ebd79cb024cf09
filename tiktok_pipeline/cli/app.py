"""The commands by name, and what becomes of an error: one line for a mistake, a traceback for a bug."""

from __future__ import annotations

import contextlib
import signal
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from tiktok_pipeline.cli import (
    accounts,
    alerts,
    dagster,
    database,
    events,
    failed,
    portal,
    quarantine,
    service,
    stores,
    vault,
)
from tiktok_pipeline.cli.archive import archive
from tiktok_pipeline.cli.broken import broken
from tiktok_pipeline.cli.demo import demo
from tiktok_pipeline.cli.digest import digest
from tiktok_pipeline.cli.disconnecting import disable, disconnect, enable
from tiktok_pipeline.cli.doctor import doctor
from tiktok_pipeline.cli.drill import drill
from tiktok_pipeline.cli.export import export
from tiktok_pipeline.cli.import_history import import_history
from tiktok_pipeline.cli.rebuild import rebuild
from tiktok_pipeline.cli.reconnect import reconnect
from tiktok_pipeline.cli.run import run
from tiktok_pipeline.cli.sandbox import sandbox
from tiktok_pipeline.cli.secrets import secrets
from tiktok_pipeline.cli.serve import serve
from tiktok_pipeline.cli.verify import verify
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.logs import configure_logging
from tiktok_pipeline.sandbox import SandboxError
from tiktok_pipeline.settings import SettingsError, load_settings
from tiktok_pipeline.tiktok.errors import TikTokError
from tiktok_pipeline.warehouse.connection import AWAY, reason

app = typer.Typer(
    help="An honest daily history of every organic video: TikTok accounts captured daily into PostgreSQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it prints local variables, and a secret could be one
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(database.app, name="db")
app.add_typer(dagster.app, name="dagster")
app.add_typer(stores.app, name="store")
app.add_typer(accounts.app, name="account")
app.add_typer(portal.app, name="portal")
app.add_typer(alerts.app, name="alerts")
app.add_typer(events.app, name="events")
app.add_typer(failed.app, name="failed")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(service.app, name="service")
app.add_typer(vault.app, name="vault")
for of_account in (disable, enable, disconnect):
    accounts.app.command()(of_account)
for command in (
    archive,
    broken,
    demo,
    digest,
    doctor,
    drill,
    export,
    import_history,
    rebuild,
    reconnect,
    run,
    sandbox,
    secrets,
    serve,
    verify,
):
    app.command()(command)


def main() -> None:
    """Run the command line; exits with 1 after a mistake, 2 after wrong options, 130 after Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that `with` blocks end
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job comes with it ignored
    try:
        app()
    except (PipelineError, TikTokError, SandboxError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except AWAY as error:
        sys.stderr.write(
            f"the database went away: {reason(error)}. Nothing half-done stays; run the command again.\n"
        )
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tiktok-pipeline {version('tiktok-pipeline')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    # A wrong setting is the command's to say: not every command reads them, and the doctor has a line for it.
    with contextlib.suppress(SettingsError):
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
