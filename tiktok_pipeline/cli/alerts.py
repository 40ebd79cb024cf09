"""`tiktok-pipeline alerts …`: the messages to people, and the channels that bring them."""

from __future__ import annotations

import datetime as dt
import textwrap
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from tiktok_pipeline.alerts import mutes
from tiktok_pipeline.alerts.channels import send
from tiktok_pipeline.alerts.incidents import Open, open_incidents
from tiktok_pipeline.alerts.letters import Letter
from tiktok_pipeline.alerts.outbox import MOST_LISTED, OPERATORS, Delivery, Listed, list_messages, pending
from tiktok_pipeline.hub.words import one_line
from tiktok_pipeline.posting import NotTaken
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

app = typer.Typer(help="Messages to people.", no_args_is_help=True)


@app.command("list")
def list_all(
    everything: Annotated[bool, typer.Option("--all", help="Also those that were sent or muted.")] = False,
    most: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = MOST_LISTED,
) -> None:
    """List what is wrong now, and the messages that wait to be sent or could not be, with their links."""
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        incidents = open_incidents(warehouse)
        messages = list_messages(warehouse, most) if everything else pending(warehouse, most)
    for incident in incidents:
        typer.echo(_open(incident, settings.zone))
    for listed in messages:
        typer.echo(_shown(listed, settings.zone))
    if not messages:
        typer.echo("no messages" if everything else "no messages wait")


@app.command("test")
def try_channels(
    contact: Annotated[str | None, typer.Option(help="An e-mail or phone, to try the store=… ones.")] = None,
) -> None:
    """Send a test message through every channel, now; exits with 1 when one did not take it."""
    settings = load_settings()
    settings.require("alert_urls")
    now = dt.datetime.now(settings.zone)
    failed = False
    for channel in settings.channels:
        recipient = contact or "" if channel.route == "store" else OPERATORS
        if not channel.takes("error", recipient):
            typer.echo(
                f"{channel.name}: not tried. Give --contact, "
                "an e-mail address for mailto, a phone number for the others."
            )
            continue
        letter = Letter(
            key=f"test:{now.isoformat(timespec='seconds')}",
            kind="test",
            severity="info",
            recipient=recipient,
            subject="a test message of tiktok-pipeline",
            body="If you can read this, alerts reach you here. There is nothing to do.",
            details={"kind": "test"},
            created_at=now,
            ids=(),
        )
        try:
            send(channel, letter)
        except NotTaken as error:
            failed = True
            typer.echo(f"{channel.name}: {error}")
        else:
            typer.echo(f"{channel.name}: ok")
    raise typer.Exit(1 if failed else 0)


@app.command()
def mute(
    what: Annotated[str | None, typer.Argument(help="A kind such as reconnected, or account:ID.")] = None,
    how_long: Annotated[str, typer.Option("--for", help="30m, 8h or 3d.")] = "8h",
    end: Annotated[bool, typer.Option("--end", help="Hear of it again.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="What is muted now.")] = False,
) -> None:
    """Hear nothing of something for a while. Its messages are kept, and not sent later."""
    if listing == (what is not None) or (listing and end):
        raise typer.BadParameter("give what to mute, or --list.")
    settings = load_settings()
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        if what is None:
            found = mutes.mutes(warehouse)
            for muted in found:
                until = _at(muted.ends_at, settings.zone)
                typer.echo(f"{muted.what}: until {until}, {muted.messages} messages so far")
            if not found:
                typer.echo("nothing is muted")
        elif end:
            mutes.end_mute(warehouse, what)
            typer.echo(f"{what}: not muted any more")
        else:
            typer.echo(f"{what}: muted until {_at(mutes.mute(warehouse, what, how_long), settings.zone)}")


def _shown(listed: Listed, zone: ZoneInfo) -> str:
    message = listed.message
    head = (
        f"{listed.id}  {_at(listed.created_at, zone)}  {message.severity}  to {one_line(message.recipient)}"
    )
    head += _state(listed, zone)
    body = "\n".join(one_line(line) for line in message.body.splitlines())
    channels = "".join(f"      {_told(delivery)}\n" for delivery in listed.deliveries)
    return f"{head}\n    {message.subject}\n{textwrap.indent(body, '      ')}\n{channels}"


def _open(incident: Open, zone: ZoneInfo) -> str:
    told = f"told {_at(incident.told_at, zone)}" if incident.told_at else "not told yet"
    head = f"open  {incident.severity}  {incident.kind}, since {_at(incident.first_seen_at, zone)}, {told}"
    if incident.missing_since:
        head += f", away since {_at(incident.missing_since, zone)}"
    elif incident.next_reminder_at:
        head += f", next reminder {_at(incident.next_reminder_at, zone)}"
    return f"{head}\n    {incident.subject}\n"


def _state(listed: Listed, zone: ZoneInfo) -> str:
    if listed.sent_at:
        return f", sent {_at(listed.sent_at, zone)}"
    if listed.muted_at:
        return ", muted"
    if listed.given_up_at:
        return f", given up {_at(listed.given_up_at, zone)}: no channel took it for three days"
    return ", no channel takes it" if listed.is_routed and not listed.deliveries else ""


def _told(delivery: Delivery) -> str:
    if delivery.sent:
        return f"{delivery.channel}: sent"
    tried = f", {delivery.attempts} attempts: {delivery.error}" if delivery.error else ""
    return f"{delivery.channel}: {'given up' if delivery.given_up else 'waits'}{tried}"


def _at(at: dt.datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
