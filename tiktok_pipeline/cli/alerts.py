"""`tiktok-pipeline alerts …`: the messages to people."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from tiktok_pipeline.alerts.outbox import MOST_LISTED, Listed, list_messages, pending
from tiktok_pipeline.hub.words import one_line
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import Settings, load_settings

app = typer.Typer(help="Messages to people.", no_args_is_help=True)


@app.command("list")
def list_all(
    everything: Annotated[bool, typer.Option("--all", help="Also those that were sent.")] = False,
    most: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = MOST_LISTED,
) -> None:
    """List the messages that wait to be sent, oldest first, with their links."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        messages = list_messages(warehouse, most) if everything else pending(warehouse, most)
    for listed in messages:
        typer.echo(_shown(listed, settings))
    if not messages:
        typer.echo("no messages" if everything else "no messages wait")


def _shown(listed: Listed, settings: Settings) -> str:
    message = listed.message
    at = listed.created_at.astimezone(settings.zone).strftime("%Y-%m-%d %H:%M")
    sent = f", sent {listed.sent_at.astimezone(settings.zone):%Y-%m-%d %H:%M}" if listed.sent_at else ""
    head = f"{listed.id}  {at}  {message.severity}  to {one_line(message.recipient)}{sent}"
    body = "\n".join(one_line(line) for line in message.body.splitlines())
    return f"{head}\n    {message.subject}\n{textwrap.indent(body, '      ')}\n"
