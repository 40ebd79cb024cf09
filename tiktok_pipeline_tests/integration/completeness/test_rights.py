"""With database roles: runs derive and keep evidence, and BI tools read what follows from it."""

from __future__ import annotations

import psycopg
import pytest

from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.integration.completeness.conftest import Book, listing, paged
from tiktok_pipeline_tests.integration.warehouse.test_roles import As, log_in

__all__ = ["log_in"]


def test_runs_derive_and_readers_read_states_and_falls_but_no_evidence(book: Book, log_in: As) -> None:
    book.accounts()
    runs, reader = log_in("pipeline"), log_in("bi_reader")
    book.warehouse = runs
    for day, numbers in enumerate([(1, 2, 3), (1, 2), (1, 2), (1, 2)]):
        book.capture(day, paged(listing(*numbers, like_count=9 - day)), counted=len(numbers))
        book.derive(day, day)
    book.answer(3, ["v003"], found=[])
    runs.execute("presence/set_gone_after", {"captures": 3})
    book.warehouse = reader
    assert book.states() == {"v001": "present", "v002": "present", "v003": "gone"}
    assert book.verdicts() == dict.fromkeys(range(4), "COMPLETE")
    # Two videos' likes on three days, and the profile's video_count on the one on which a video vanished.
    assert rows(reader, "select count(*) from reporting.counter_falls") == [{"count": 7}]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(reader, "select * from capture.video_query")
