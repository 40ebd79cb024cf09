"""`tiktok-pipeline serve`: everything one machine needs, in the foreground."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from tiktok_pipeline.cli.stopping import quietly_stopped
from tiktok_pipeline.runtime.children import Child
from tiktok_pipeline.runtime.credentials import open_vault
from tiktok_pipeline.runtime.dagster import dagster_in_charge
from tiktok_pipeline.runtime.data_folder import DataFolder
from tiktok_pipeline.runtime.database import migrated_warehouse, owned_database
from tiktok_pipeline.runtime.portal import portal_beside, require_portal_settings, wait_until_it_answers
from tiktok_pipeline.runtime.ports import require_free
from tiktok_pipeline.settings import load_settings


def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address of the Dagster UI. It has no login: keep others behind a proxy.")
    ] = "127.0.0.1",
    portal_port: Annotated[
        int,
        typer.Option(
            min=1, max=65535, help="Port of the portal; it runs when OPERATOR_PASSWORD_HASH is set."
        ),
    ] = 8000,
    portal_host: Annotated[str, typer.Option(help="Address of the portal.")] = "127.0.0.1",
) -> None:
    """Serve the Dagster UI and the portal, and run the schedules, until Ctrl-C."""
    settings = load_settings()
    settings.require("tiktok_client_key", "tiktok_client_secret")
    settings.require_key_ring()
    require_free(host, port)
    if settings.operator_password_hash is not None:
        require_portal_settings(settings)
        require_free(portal_host, portal_port, "--portal-port")
    of_portal = settings.model_copy(update={"dagster_url": settings.dagster_url or f"http://{host}:{port}"})
    with (
        quietly_stopped(),
        DataFolder(settings.data_dir) as folder,
        owned_database(settings, folder) as url,
        migrated_warehouse(settings, url) as warehouse,
    ):
        with open_vault(warehouse, settings):
            pass  # a missing or wrong key ring stops the start
        with (
            dagster_in_charge(settings, folder, url) as dagster,
            portal_beside(of_portal, folder, url, portal_host, portal_port) as portal,
            dagster.serving(host, port) as children,
        ):
            wait_until_it_answers(portal, portal_host, portal_port)
            typer.echo(f"Dagster: http://{host}:{port} (logs in {folder.logs}; Ctrl-C stops)")
            if portal:
                typer.echo(f"Portal: {settings.portal_url} (listens on {portal_host}:{portal_port})")
            else:
                typer.echo(
                    "No portal: OPERATOR_PASSWORD_HASH is not set (tiktok-pipeline portal hash-password)."
                )
            watch([*children, *portal])


def watch(children: list[Child]) -> None:
    """Wait for ever; raises ChildFailed when one of the children ends."""
    while True:
        for child in children:
            child.require()
        time.sleep(0.5)
