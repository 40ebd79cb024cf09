"""`tiktok-pipeline sandbox`: a TikTok to develop and test against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.sandbox import SandboxSettings, serve


def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8100,
    accounts: Annotated[int, typer.Option(min=1, help="Number of TikTok accounts.")] = 10,
    videos: Annotated[int, typer.Option(min=0, help="Mean number of videos per account.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same world.")] = 7,
    videos_csv: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Serve the real videos of this file.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Requests per minute and endpoint; 0 lifts the limit.")
    ] = 600,
) -> None:
    """Serve a TikTok to develop and test against, until Ctrl-C.

    `python -m tiktok_pipeline.sandbox --help` lists every knob.
    """
    serve(
        SandboxSettings(
            port=port, accounts=accounts, videos=videos, seed=seed, videos_csv=videos_csv, limit=limit
        )
    )
