"""`python -m tiktok_pipeline.cli` is `tiktok-pipeline`."""

from tiktok_pipeline.cli import main

main()
