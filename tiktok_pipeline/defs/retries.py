"""Which failures of a run are worth another try: those that pass by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tiktok_pipeline.warehouse.connection import AWAY

MOST_RETRIES = 3
SECONDS_TO_WAIT = 20


@contextmanager
def retry_when_transient() -> Iterator[None]:
    """Ask Dagster to try the step again when the database went away in the block; other errors are final.

    A wrong statement or a missing key does not get better by repeating, and a repeat would hide it for a minute.
    """
    try:
        yield
    except AWAY as error:
        raise dg.RetryRequested(max_retries=MOST_RETRIES, seconds_to_wait=SECONDS_TO_WAIT) from error
