"""What is expected of the tables, as plain data: the words are those of Great Expectations.

A suite is a check of its table: its name is the check's. `{batch}` stands for the rows of the days that are looked at,
`{zone}` for the reporting time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tiktok_pipeline.quality.rules import Severity

LARGEST = 2**63 - 1
USERS = "snapshots.tiktok_user_daily"
VIDEOS = "snapshots.tiktok_video_daily"


@dataclass(frozen=True, slots=True, eq=False)  # each is itself: its arguments need not be hashable
class Expectation:
    """One expectation: the name of its class, and its arguments."""

    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """What is expected of what, in a word or two."""
        if told := self.arguments.get("description"):
            return str(told)
        column = self.arguments.get("column") or ", ".join(self.arguments.get("column_list", []))
        return f"{self.kind} {column}"


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of one kind of a table; the severity has its reason. `what_to_do` is for "
    "who is told of it.
    """

    name: str
    table: str
    description: str
    severity: Severity
    why: str
    what_to_do: str
    expectations: tuple[Expectation, ...]
    of_the_table: bool = False  # about its columns, not about the rows of some days


def _types(**types: str) -> tuple[Expectation, ...]:
    return tuple(
        Expectation("ExpectColumnValuesToBeOfType", {"column": name, "type_": type_})
        for name, type_ in types.items()
    )


def _not_null(*columns: str, mostly: float = 1.0) -> tuple[Expectation, ...]:
    return tuple(
        Expectation("ExpectColumnValuesToNotBeNull", {"column": column, "mostly": mostly})
        for column in columns
    )


def _between(least: int, most: int, *columns: str) -> tuple[Expectation, ...]:
    return tuple(
        Expectation("ExpectColumnValuesToBeBetween", {"column": c, "min_value": least, "max_value": most})
        for c in columns
    )


def _no_rows(description: str, query: str) -> Expectation:
    return Expectation(
        "UnexpectedRowsExpectation", {"description": description, "unexpected_rows_query": query}
    )


# TikTok is asked within the day, or in the grace of at most 12 hours after it (CAPTURE_GRACE_HOURS).
_OBSERVED = _no_rows(
    "observed_at of what was captured lies in its day, or in the grace after it",
    """
    select snapshot_date, account_id, observed_at
    from {batch}
    where
        source = 'capture'
        and (
            observed_at is null
            or observed_at < snapshot_date::timestamp at time zone '{zone}'
            or observed_at >= (snapshot_date + 1)::timestamp at time zone '{zone}' + interval '12 hours'
            or observed_at > ops.now() + interval '5 minutes'
        )
    """,
)
_REFERENCES = _no_rows(
    "every row belongs to an account of its store",
    """
    select snapshot_date, store_code, account_id
    from {batch}
    where (account_id, store_code) not in (select a.id, a.store_code from hub.store_accounts as a)
    """,
)

# What helps whoever is told that a suite fails; two tables have them in common.
_MEND_TYPES = (
    "run `tiktok-pipeline db migrate` with the version that is deployed; a column that somebody "
    "changed by hand must be changed back"
)
_MEND_VALUES = (
    "look whether TikTok left counters out (missing_counters, refused_counters) and capture today "
    "again with force: true; of a past day the hole stays"
)
_MEND_ONCE_OF_USERS = (
    "materialize the snapshot of these dates again; if it stays, a row was written by hand: the "
    "examples name it"
)
_MEND_ONCE_OF_VIDEOS = (
    "see which stores have the video: two that connected one account after the other are honest; "
    "disable the account in the store that it does not belong to"
)
_MEND_FRESH = "look at the clock of the machine that captures, and whether REPORTING_TIMEZONE was changed"

SUITES = (
    Suite(
        "expected_types",
        USERS,
        "Columns have the types that reports count on; counters are 64 bits wide.",
        "error",
        "every report that reads the column would fail or be cut off",
        _MEND_TYPES,
        _types(
            snapshot_date="DATE", account_id="BIGINT", follower_count="BIGINT", following_count="BIGINT",
            likes_count="BIGINT", video_count="BIGINT", observed_at="TIMESTAMP WITH TIME ZONE",
        ),
        of_the_table=True,
    ),
    Suite(
        "expected_values",
        USERS,
        "What every profile has is there, and counters are counts.",
        "warning",
        "NULL is honest where TikTok did not say, and one account's number is doubtful, not the day",
        _MEND_VALUES,
        (
            *_not_null("open_id", "account_id", "source"),
            *_not_null("follower_count", "likes_count", "video_count", mostly=0.95),
            *_between(0, LARGEST, "follower_count", "following_count", "likes_count", "video_count"),
        ),
    ),
    Suite(
        "expected_once",
        USERS,
        "An account has one row a day, and is one of ours.",
        "error",
        "sums would count an account twice",
        _MEND_ONCE_OF_USERS,
        (
            Expectation("ExpectCompoundColumnsToBeUnique", {"column_list": ["account_id", "snapshot_date"]}),
            _REFERENCES,
        ),
    ),
    Suite(
        "expected_fresh",
        USERS,
        "Counters were read on the day that they stand under.",
        "error",
        "a number under another day's date is made up",
        _MEND_FRESH,
        (_OBSERVED,),
    ),
    Suite(
        "expected_types",
        VIDEOS,
        "Columns have the types that reports count on; counters are 64 bits wide, ids and captions are text.",
        "error",
        "every report that reads the column would fail or be cut off",
        _MEND_TYPES,
        _types(
            snapshot_date="DATE", video_id="TEXT", description="TEXT", account_id="BIGINT", view_count="BIGINT",
            like_count="BIGINT", comment_count="BIGINT", share_count="BIGINT", create_time="TIMESTAMP WITH TIME ZONE",
            observed_at="TIMESTAMP WITH TIME ZONE",
        ),
        of_the_table=True,
    ),
    Suite(
        "expected_values",
        VIDEOS,
        "What every video has is there, and counters are counts.",
        "warning",
        "NULL is honest where TikTok did not say, and one video's number is doubtful, not the day",
        _MEND_VALUES,
        (
            *_not_null("video_id", "account_id", "source"),
            *_not_null("view_count", "like_count", "create_time", mostly=0.95),
            *_between(0, LARGEST, "view_count", "like_count", "comment_count", "share_count"),
            *_between(0, 6 * 3600, "duration"),
        ),
    ),
    Suite(
        "expected_once",
        VIDEOS,
        "A video has one row a day over all stores, and belongs to an account of ours.",
        "warning",
        "two stores may honestly have connected one account after the other; sums over stores count it twice",
        _MEND_ONCE_OF_VIDEOS,
        (
            Expectation("ExpectCompoundColumnsToBeUnique", {"column_list": ["video_id", "snapshot_date"]}),
            _REFERENCES,
        ),
    ),
    Suite(
        "expected_fresh",
        VIDEOS,
        "Counters were read on the day that they stand under.",
        "error",
        "a number under another day's date is made up",
        _MEND_FRESH,
        (_OBSERVED,),
    ),
)  # fmt: skip
