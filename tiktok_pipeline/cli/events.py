"""`tiktok-pipeline events …`: what programs are told, and telling it again."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from typing import Annotated

import typer

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.events.delivery import replay
from tiktok_pipeline.events.listing import Delivery, list_events
from tiktok_pipeline.events.targets import targets_of
from tiktok_pipeline.events.webhook import PREFIX
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="Events for programs.", no_args_is_help=True)


@app.command("list")
def list_all(
    event_type: Annotated[str | None, typer.Option("--type", help="Only these, e.g. capture.gap.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those not delivered everywhere.")] = False,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 50,
) -> None:
    """List events, oldest first, and how far each target is with them."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        found = list_events(warehouse, event_type=event_type, waiting=waiting, most=most)
    for listed in found:
        event = listed.event
        at = f"{event.occurred_at.astimezone(settings.zone):%Y-%m-%d %H:%M:%S}"
        typer.echo(f"{event.event_id}  {at}  {event.event_type}  {event.subject}")
        typer.echo(f"    {json.dumps(event.data, ensure_ascii=False)}")
        for delivery in listed.deliveries:
            typer.echo(f"    {_told(delivery)}")
    if not found:
        typer.echo("no events wait" if waiting else "no events")


@app.command("replay")
def replay_from(
    first: Annotated[
        str, typer.Option("--from", help="The id of the first event, as `events list` shows it.")
    ],
    target: Annotated[
        str | None, typer.Option("--to", help="Only to this target: redis, rabbitmq, webhook …")
    ] = None,
) -> None:
    """Deliver all events from one on again, in their order; consumers know by the ids what they have had."""
    settings = load_settings()
    names = [one.name for one in targets_of(settings)]
    if not names:
        raise PipelineError("events: none of REDIS_URL, RABBITMQ_URL and EVENT_WEBHOOKS is set. Set one.")
    if target is not None and target not in names:
        raise PipelineError(f"target {target}: not in the settings. There are: {', '.join(names)}.")
    try:
        event_id = uuid.UUID(first)
    except ValueError:
        raise PipelineError(f"event {first}: no id. tiktok-pipeline events list shows them.") from None
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        again = replay(warehouse, event_id, [target] if target else names)
    if again is None:
        raise PipelineError(f"event {event_id}: there is none. tiktok-pipeline events list shows them.")
    typer.echo(f"{again} deliveries are made again, by the sensor events")


@app.command()
def secret() -> None:
    """Print a new secret for EVENT_WEBHOOK_SECRET."""
    typer.echo(PREFIX + base64.b64encode(secrets.token_bytes(32)).decode())


def _told(delivery: Delivery) -> str:
    if delivery.sent:
        return f"{delivery.target}: sent"
    said = "given up" if delivery.given_up else "waits"
    return f"{delivery.target}: {said}, {delivery.error}" if delivery.error else f"{delivery.target}: {said}"
