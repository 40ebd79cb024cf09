"""The rules of `sql/checks`: a file is a check, its name is the check's name, its head says the rest.

    -- Views and shares never fall by themselves.      what the check says, up to the first line with a key
    -- table: snapshots.counter_fall                   the table it is a check of; several with commas
    -- severity: warning: why it is no worse           info, warning or error, and the reason
    -- quarantine: video_list: why that is certain     optional: what it finds is left out of reports
    -- what to do: capture today again …               what helps the person who is told of it
    -- counts: falls                                   what `checked` and `failing` count
    -- reads: snapshots.account_day_verdict           optional: tables, besides, that must be there first
    -- before: quality/note_fields                     optional: a statement that runs first
    -- days: latest closed                             optional: looks at that day, whatever the run is for

The statement takes `first` and `last`, if it likes `endpoint` (the table's last name) and `zone`, and returns the
columns `day`, `account_id` (NULL: not about one account), `checked`, `failing` and `example` in this order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast, get_args

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.project_files import project_file, sql

Severity = Literal["info", "warning", "error"]
KEY = re.compile(r"-- (table|severity|what to do|quarantine|counts|reads|before|days): (.+)")


class BadRule(PipelineError):
    """A file of `sql/checks` whose head does not say what a check needs."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the head of its file describes it, for one table."""

    name: str
    table: str
    description: str
    severity: Severity
    what_to_do: str
    counts: str
    quarantines: str | None = None  # the endpoint whose account-days it leaves out
    reads: tuple[str, ...] = ()
    before: str | None = None
    standing: bool = False  # about the latest closed day, and not about the days of the run

    @property
    def statement(self) -> str:
        """The text of its file."""
        return sql(f"checks/{self.name}")

    @property
    def endpoint(self) -> str:
        """The table's last name, for rules that are written for both endpoints."""
        return self.table.split(".")[1]


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by name and table. Raises BadRule for a head that lacks something."""
    files = sorted(project_file("sql/checks").glob("*.sql"))
    return tuple(rule for file in files for rule in read_rule(file.stem, file.read_text(encoding="utf-8")))


def read_rule(name: str, text: str) -> list[Rule]:
    """The rule of a file, once for each of its tables. Raises BadRule when its head lacks something."""
    said: dict[str, str] = {}
    description = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if match := KEY.fullmatch(line):
            said[match[1]] = match[2].strip()
        elif not said:
            description.append(line.removeprefix("--").strip())
    for key in ("table", "severity", "what to do", "counts"):
        if key not in said:
            raise BadRule(f"sql/checks/{name}.sql: its head has no line '-- {key}: …'. Add one.")
    severity, _, reason = said["severity"].partition(":")
    if severity not in get_args(Severity) or not reason.strip():
        raise BadRule(
            f"sql/checks/{name}.sql: '-- severity: {said['severity']}' is not info, warning or error with a reason."
            " Write e.g. '-- severity: warning: one number is doubtful'."
        )
    if "days" in said and said["days"] != "latest closed":
        raise BadRule(
            f"sql/checks/{name}.sql: '-- days: {said['days']}' means nothing. It is 'latest closed' or left out."
        )
    tables = _listed(said["table"])
    reads = _listed(said.get("reads", ""))
    for table in (*tables, *reads):
        if not re.fullmatch(r"[a-z_]+\.[a-z_]+", table):
            raise BadRule(
                f"sql/checks/{name}.sql: '{table}' is not a table with its schema, e.g. snapshots.video_change."
            )
    endpoint = said.get("quarantine", "").partition(":")[0]
    if endpoint not in {"", "user_info", "video_list"}:
        raise BadRule(
            f"sql/checks/{name}.sql: '-- quarantine: {endpoint}' is not user_info or video_list with a reason."
        )
    return [
        Rule(
            name,
            table,
            " ".join(description),
            cast(Severity, severity),
            said["what to do"],
            said["counts"],
            endpoint or None,
            reads,
            said.get("before"),
            "days" in said,
        )
        for table in tables
    ]


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
