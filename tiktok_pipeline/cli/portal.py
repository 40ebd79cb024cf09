"""`tiktok-pipeline portal`: where stores connect their accounts, and operators look after them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tiktok_pipeline.cli.stopping import quietly_stopped
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.runtime.portal import require_portal_settings
from tiktok_pipeline.runtime.portal_secret import replace_portal_secret
from tiktok_pipeline.runtime.ports import require_free
from tiktok_pipeline.settings import load_settings

app = typer.Typer(invoke_without_command=True)


@app.callback()
def portal(
    command: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; people reach it by PORTAL_URL.")
    ] = "127.0.0.1",
) -> None:
    """Serve the portal until Ctrl-C: connect pages for stores, an overview for operators, TikTok's webhooks."""
    if command.invoked_subcommand is not None:
        return
    settings = load_settings()
    require_portal_settings(settings)
    settings.require_key_ring()
    require_free(host, port)
    from tiktok_pipeline.portal.context import open_portal
    from tiktok_pipeline.portal.server import serve_portal
    from tiktok_pipeline.portal.watch import DaemonWatch

    with (
        quietly_stopped(),
        shared_database(settings) as url,
        migrated_warehouse(settings, url) as warehouse,
        open_portal(warehouse, settings) as context,
        DaemonWatch(warehouse, settings),
    ):
        typer.echo(f"Portal: {settings.portal_url} (listens on {host}:{port}; Ctrl-C stops)")
        serve_portal(context, host, port)


@app.command("new-secret")
def new_secret(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Replace what signs links and sessions, when it is lost or was seen: all links and logins end."""
    settings = load_settings()
    if not yes:
        typer.confirm(
            "Every connect link that was sent and every login ends. Replace the secret?", abort=True, err=True
        )
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        ended = replace_portal_secret(warehouse, settings)
    typer.echo(f"{settings.portal_secret_path}: a new secret. {ended} open links and every login have ended.")
    typer.echo(
        "Copy the file to every machine, restart the portal, and make new links: tiktok-pipeline reconnect --all"
    )


@app.command("hash-password")
def hash_password() -> None:
    """Print what OPERATOR_PASSWORD_HASH must be for a password, which nobody can read back from it.

    The password is asked for, or read from a pipe.
    """
    from tiktok_pipeline.portal.operator.password import SHORTEST_PASSWORD, password_hash

    if sys.stdin.isatty():
        # On stderr, so that the answer alone can be sent to a file.
        password = typer.prompt(
            "The operator's password", hide_input=True, confirmation_prompt=True, err=True
        )
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < SHORTEST_PASSWORD:
        raise PipelineError(
            f"password: {len(password)} characters long. Take {SHORTEST_PASSWORD} or more; "
            "three or four words will do."
        )
    typer.echo(f"OPERATOR_PASSWORD_HASH='{password_hash(password)}'")
