"""Migrations expand and never contract: readers, writers and the release before go on, before, during and after them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tiktok_pipeline.project_files import project_file
from tiktok_pipeline.warehouse import migrations
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import migrate
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.conftest import database

MIGRATIONS = project_file("sql/migrations")
SQUAWK = Path(sys.executable).with_name("squawk")
SQUAWK_RULES = project_file(".squawk.toml")
GENTLE_SINCE = "0030"  # from here on, each migration is compared with the one before it

# What squawk finds and why that stops nobody: a rule and how often.
EXCUSED: dict[str, tuple[str, dict[str, int]]] = {
    "0006.refresh": (
        "a row per account: scanned in milliseconds",
        {"constraint-missing-not-valid": 1, "require-concurrent-index-creation": 1},
    ),
    "0007.keys": (
        "a row per account or key: rewritten in milliseconds",
        {"adding-field-with-default": 3, "adding-foreign-key-constraint": 2, "require-concurrent-index-creation": 1},
    ),
    "0012.ledger": ("before the first release: nobody had a ledger", {"require-concurrent-index-creation": 1}),
    "0014.delivery": ("an outbox of some hundred rows", {"require-concurrent-index-creation": 2}),
    "0015.completeness": ("before the first release", {"require-concurrent-index-creation": 1}),
    "0017.deletion": (
        "a wider constraint takes the place of a narrower one, on a small table",
        {"ban-drop-constraint": 1, "constraint-missing-not-valid": 1},
    ),
    "0020.once": (
        "a wider constraint takes the place of a narrower one, on a small table",
        {"ban-drop-constraint": 1, "constraint-missing-not-valid": 1},
    ),
    "0026.honest-history": (
        "before the first release",
        {"adding-not-nullable-field": 1, "require-concurrent-index-creation": 1},
    ),
    "0027.chain-parts": ("before the first release", {"require-concurrent-index-creation": 1}),
    "0037.days-of-stores": (
        "in one transaction a table with the same columns takes the place of a view, and the view over it is made again",
        {"ban-drop-view": 2},
    ),
    "0047.posting-time": (
        "in one transaction a table with the same columns takes the place of a view", {"ban-drop-view": 1}
    ),
}  # fmt: skip

# Functions of triggers that keep sums up to date or write events: whatever could be written still can.
REFUSE_NOTHING = (
    "reporting.sum_videos",
    "reporting.keep_latest",
    "reporting.keep_gains",
    "reporting.keep_hours",
    "hub.tell_status_change",
    "hub.tell_deleted_account",
)

CONTRACTS = [
    "alter table hub.stores drop column pic_contact",
    "alter table hub.stores rename column pic_name to person",
    "alter table hub.store_accounts alter column scope type varchar(500)",
    "alter table hub.stores add column motto text not null",
    "alter table hub.stores add constraint named check (store_name <> '')",
    "create unique index stores_by_name on hub.stores (store_name)",
    "drop view reporting.top_videos",
    "create trigger stop before insert on hub.stores for each row execute function capture.happens_now()",
    "drop function ops.ensure_partitions(date, date)",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `migrate` looks for migrations instead."""
    monkeypatch.setattr(migrations, "project_file", lambda _: tmp_path)
    return tmp_path


def findings(folder: Path) -> dict[str, dict[str, int]]:
    """What squawk says of the files of a folder: of each, the rules it breaks, and how often."""
    files = sorted(str(file) for file in folder.glob("*.sql"))
    told = subprocess.run(
        [SQUAWK, "--config", str(SQUAWK_RULES), "--reporter", "json", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, Counter[str]] = {}
    for one in json.loads(told.stdout):
        found.setdefault(Path(one["file"]).stem, Counter())[one["rule_name"]] += 1
    return {name: dict(rules) for name, rules in found.items()}


def promises(warehouse: Warehouse) -> dict[str, str]:
    """What code may name: columns with their types, functions with their results."""
    found = rows(
        warehouse,
        """
        select c.oid::regclass || '.' || a.attname as name, format_type(a.atttypid, a.atttypmod) as type
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where
            c.relnamespace::regnamespace::text = any (%(ours)s)
            and c.relkind in ('r', 'p', 'v')
            and not c.relispartition
        union all
        select p.oid::regprocedure::text, pg_get_function_result(p.oid)
        from pg_proc as p
        where p.pronamespace::regnamespace::text = any (%(ours)s) and p.prorettype <> 'trigger'::regtype
        """.replace("%(ours)s", "'{hub,vault,capture,snapshots,reporting,ops}'"),
    )
    return {row["name"]: row["type"] for row in found}


def demands(warehouse: Warehouse) -> dict[str, str]:
    """What a written row must fulfil, each with its table: columns to be given, constraints, unique indexes, triggers."""
    found = rows(
        warehouse,
        """
        with ours as (
            select c.oid, c.oid::regclass::text as name
            from pg_class as c
            where
                c.relnamespace::regnamespace::text = any ('{hub,vault,capture,snapshots,reporting,ops}')
                and c.relkind in ('r', 'p')
                and not c.relispartition
        )
        select o.name || '.' || a.attname || ' must be given' as demand, o.name
        from ours as o
        inner join pg_attribute as a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
        where a.attnotnull and not a.atthasdef and a.attidentity = ''
        union all
        select o.name || ': ' || pg_get_constraintdef(k.oid), o.name
        from ours as o
        inner join pg_constraint as k on k.conrelid = o.oid and k.contype <> 'n'
        union all
        select o.name || ': ' || pg_get_indexdef(i.indexrelid), o.name
        from ours as o
        inner join pg_index as i on i.indrelid = o.oid and i.indisunique
        union all
        select o.name || ': ' || t.tgfoid::regproc::text, o.name
        from ours as o
        inner join pg_trigger as t on t.tgrelid = o.oid and not t.tgisinternal
        """,
    )
    return {row["demand"]: row["name"] for row in found}


def broken(warehouse: Warehouse, folder: Path, file: Path) -> list[str]:
    """What code of before `file` may name or write, and may not any more once it is applied."""
    promised, demanded = promises(warehouse), demands(warehouse)
    (folder / file.name).write_text(file.read_text())
    assert migrate(warehouse) == [file.stem]
    now, asked = promises(warehouse), demands(warehouse)
    lost = [f"{name} was {kind}" for name, kind in promised.items() if now.get(name) != kind]
    return lost + [
        demand
        for demand, table in asked.items()
        if demand not in demanded
        and table in demanded.values()  # it was there before
        and demand.rpartition(": ")[2] not in REFUSE_NOTHING
    ]


def test_squawk_finds_nothing_that_is_not_excused() -> None:
    assert findings(MIGRATIONS) == {name: rules for name, (_, rules) in EXCUSED.items()}


def test_squawk_would_find_an_index_that_stops_writers_and_a_scan_that_stops_readers(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("create index stores_by_name on hub.stores (store_name);")
    (tmp_path / "2.sql").write_text("alter table hub.stores alter column store_name set not null;")
    (tmp_path / "3.sql").write_text("create table hub.more (a bigint); create index on hub.more (a);")
    assert findings(tmp_path) == {
        "1": {"require-concurrent-index-creation": 1},
        "2": {"adding-not-nullable-field": 1},
    }


def test_the_release_before_reads_and_writes_on_after_each_migration(server_url: str, folder: Path) -> None:
    files = sorted(MIGRATIONS.glob("*.sql"))
    with database(server_url, "gentle") as url:
        warehouse = Warehouse(url)
        for file in files:
            if file.stem < GENTLE_SINCE:
                (folder / file.name).write_text(file.read_text())
        migrate(warehouse)
        said = {file.stem: broken(warehouse, folder, file) for file in files if file.stem >= GENTLE_SINCE}
        warehouse.close()
    assert said == {name: [] for name in said}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_migration_that_contracts_would_be_noticed(
    warehouse: Warehouse, folder: Path, tmp_path_factory: pytest.TempPathFactory, contract: str
) -> None:
    for file in MIGRATIONS.glob("*.sql"):
        (folder / file.name).write_text(file.read_text())
    last = sorted(file.stem for file in MIGRATIONS.glob("*.sql"))[-1]
    file = tmp_path_factory.mktemp("contract") / "9999.contract.sql"
    file.write_text(f"-- depends: {last}\n{contract};")
    assert broken(warehouse, folder, file) != []
