"""The heads of rules: a file of `sql/checks` says all that its check needs."""

from __future__ import annotations

import pytest

from tiktok_pipeline.quality.rules import BadRule, read_rule, rules

HEAD = """\
-- Nothing is wrong,
-- ever.
-- table: snapshots.video_change, snapshots.counter_fall
-- severity: info: nobody minds
-- what to do: nothing
-- counts: rows
-- A row is nothing.
select 1
"""


def test_a_head_makes_a_check_of_each_of_its_tables() -> None:
    first, second = read_rule("never_wrong", HEAD)
    assert (first.name, first.table, first.severity) == ("never_wrong", "snapshots.video_change", "info")
    assert first.description == "Nothing is wrong, ever."
    assert (second.table, second.endpoint) == ("snapshots.counter_fall", "counter_fall")
    assert (first.quarantines, first.standing, first.before) == (None, False, None)


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("-- counts: rows\n", "", "no line '-- counts: …'"),
        ("-- what to do: nothing\n", "", "no line '-- what to do: …'"),
        ("info: nobody minds", "info", "with a reason"),
        ("info: nobody minds", "fatal: everybody minds", "is not info, warning or error"),
        ("snapshots.video_change,", "video_change,", "'video_change' is not a table with its schema"),
        ("-- counts", "-- quarantine: everything: why not\n-- counts", "'-- quarantine: everything'"),
        ("-- counts", "-- days: all\n-- counts", "'-- days: all' means nothing"),
    ],
)
def test_a_head_that_lacks_something_is_refused_with_its_file(line: str, instead: str, said: str) -> None:
    with pytest.raises(BadRule) as refused:
        read_rule("never_wrong", HEAD.replace(line, instead))
    assert str(refused.value).startswith("sql/checks/never_wrong.sql: ")
    assert said in str(refused.value)


def test_few_rules_quarantine_and_all_of_them_are_errors() -> None:
    quarantining = {rule.name: rule.quarantines for rule in rules() if rule.quarantines}
    assert quarantining == {"zeroed_videos": "video_list", "zeroed_profile": "user_info"}
    assert {rule.severity for rule in rules() if rule.quarantines} == {"error"}
