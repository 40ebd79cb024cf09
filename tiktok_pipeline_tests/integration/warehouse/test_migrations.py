"""Migrations can be run twice, and from several processes at once."""

from __future__ import annotations

import subprocess
import sys

from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import migrate, pending
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.conftest import database

MIGRATE = """
import sys
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import migrate
print(len(migrate(Warehouse(sys.argv[1]))))
"""


def test_an_empty_database_gets_every_migration_once(server_url: str) -> None:
    with database(server_url, "empty") as url:
        warehouse = Warehouse(url)
        waiting = pending(warehouse)
        assert waiting
        assert migrate(warehouse) == waiting
        assert migrate(warehouse) == []
        assert pending(warehouse) == []
        warehouse.close()


def test_processes_that_migrate_at_once_do_it_once(server_url: str) -> None:
    with database(server_url, "race") as url:
        racers = [
            subprocess.Popen([sys.executable, "-c", MIGRATE, url], stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        applied = sorted(int(racer.communicate(timeout=60)[0]) for racer in racers)
        assert [racer.returncode for racer in racers] == [0, 0, 0]
        assert applied[:2] == [0, 0]
        assert applied[2] > 0


def test_partitions_are_made_ahead_and_only_once(warehouse: Warehouse) -> None:
    def made() -> int:
        statement = "select ops.ensure_partitions('2027-11-15', '2028-01-01') as made"
        return int(rows(warehouse, statement)[0]["made"])

    assert made() == 15
    assert made() == 0


def test_every_table_and_column_says_what_it_is(warehouse: Warehouse) -> None:
    silent = rows(
        warehouse,
        """
        select c.oid::regclass::text || coalesce('.' || a.attname, '') as name
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where
            n.nspname in ('hub', 'vault', 'capture', 'snapshots', 'reporting', 'ops')
            and c.relkind in ('r', 'p', 'v')
            and c.relname !~ '_[0-9]{4}_[0-9]{2}$'
            and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
        """,
    )
    assert silent == []
