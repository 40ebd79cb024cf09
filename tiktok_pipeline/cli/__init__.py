"""The command line, `tiktok-pipeline`: one file per command. It never imports Dagster."""

from tiktok_pipeline.cli.app import main

__all__ = ["main"]
