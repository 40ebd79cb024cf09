"""The data dictionary is what the database says."""

from __future__ import annotations

import yaml  # type: ignore[import-untyped, unused-ignore]

from docs.dictionary import DATASETS, DOCS, datasets, dictionary, sources, tables
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.roles import apply_roles
from tiktok_pipeline_tests.building import rows


def test_what_is_made_from_the_comments_is_up_to_date(warehouse: Warehouse) -> None:
    known = tables(warehouse)
    assert (DOCS / "dictionary.md").read_text() == dictionary(known), "run `make dictionary`"
    assert (DOCS / "dbt" / "sources.yml").read_text() == sources(known), "run `make dictionary`"
    assert yaml.safe_load(sources(known))["version"] == 2
    written = {file.stem: file.read_text() for file in DATASETS.glob("*.yaml")}
    assert written == datasets(known), "run `make dictionary`"


def test_the_dictionary_shows_exactly_what_a_bi_reader_may_read(warehouse: Warehouse) -> None:
    apply_roles(warehouse)
    readable = rows(
        warehouse,
        """
        select n.nspname || '.' || c.relname as name, a.attname as column
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where
            n.nspname in ('hub', 'vault', 'capture', 'snapshots', 'reporting', 'ops')
            and c.relkind in ('r', 'p', 'v')
            and not c.relispartition
            and has_schema_privilege('bi_reader', n.oid, 'usage')
            and has_column_privilege('bi_reader', c.oid, a.attnum, 'select')
        """,
    )
    shown = {(name, column["column"]) for name, columns in tables(warehouse).items() for column in columns}
    assert shown == {(row["name"], row["column"]) for row in readable}
