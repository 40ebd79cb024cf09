"""`tiktok-pipeline digest`: what changed on a day, on the terminal, as a file, or sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.dates import a_date
from tiktok_pipeline.digest.charts import draw
from tiktok_pipeline.digest.content import Digest
from tiktok_pipeline.digest.reading import calendar, read_digest
from tiktok_pipeline.digest.render import as_html, as_markdown, as_text, link_to
from tiktok_pipeline.digest.sending import send_digests
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.runtime.database import migrated_warehouse, shared_database
from tiktok_pipeline.settings import load_settings

FORMATS = ("text", "markdown", "html")


def digest(
    date: Annotated[
        str | None, typer.Option(help="The day, YYYY-MM-DD; the latest that is over by default.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="The digest of this store.")] = None,
    format: Annotated[str, typer.Option(help="text, markdown or html; the last two hold charts.")] = "text",
    output: Annotated[Path | None, typer.Option(help="The file; standard output by default.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to DIGEST_URLS, unless it was.")] = False,
) -> None:
    """Say what changed on a day: followers, likes, views, videos, gaps, what is broken."""
    settings = load_settings()
    if format not in FORMATS:
        raise PipelineError(f"--format {format}: not known. Use one of {', '.join(FORMATS)}.")
    if send:
        settings.require("digest_urls")
    day = a_date("--date", date) if date else None
    with shared_database(settings) as url, migrated_warehouse(settings, url) as warehouse:
        known = calendar(warehouse, settings.reporting_timezone, settings.capture_grace)
        read = read_digest(warehouse, known, day, store)
        if send:
            new = send_digests(
                warehouse, settings.digest_channels, known, read.day, settings.portal_url, store
            )
            typer.echo(
                f"{new} to send: tiktok-pipeline alerts list"
                if new
                else "nothing to send: it was before, or no channel and no contact wants it"
            )
            return
    text = _rendered(read, format, link_to(settings.portal_url, read))
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PipelineError(
            f"--output {output}: cannot be written ({error.strerror}). Name another."
        ) from None


def _rendered(read: Digest, format: str, link: str) -> str:
    if format == "text":
        return as_text(read, link=link)
    if format == "markdown":
        return as_markdown(read, draw(read, "png"), link=link)
    return as_html(read, draw(read, "svg"), source=lambda picture: picture.data_uri, link=link)
