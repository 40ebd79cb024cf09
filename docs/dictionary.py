"""`make dictionary`: what tables and columns mean, from the comments of the database.

Writes `docs/dictionary.md` for people, `docs/dbt/sources.yml` for dbt, and the datasets of Superset's bundle.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.embedded import EmbeddedServer
from tiktok_pipeline.warehouse.migrations import migrate

DOCS = Path(__file__).parent
HEAD = """# Data dictionary

What `bi_reader` may read, from the comments of the database. Made by `make dictionary`; change the comments, not this.
"""
SCHEMAS = ("reporting", "snapshots", "hub")
DATASETS = DOCS.parent / "docker" / "superset" / "bundle" / "datasets" / "tiktok"
# Superset knows things by UUIDs: those of the bundle are made of names, so that they stay what they are.
OURS = uuid.uuid5(uuid.NAMESPACE_URL, "tiktok_pipeline")
TIMES = ("date", "timestamp with time zone")
DAY_COLUMNS = ("snapshot_date", "day", "month")

Tables = dict[str, list[dict[str, Any]]]  # by schema.table, the columns in order


def tables(warehouse: Warehouse) -> Tables:
    """Every table and view that BI tools may read, with the columns that they may read."""
    found: Tables = defaultdict(list)
    with warehouse.transaction() as cursor:
        cursor.execute(sql("exporting/dictionary").encode(), {"schemas": list(SCHEMAS)})
        for row in cursor.fetchall():
            found[f"{row['schema']}.{row['name']}"].append(row)
    order = sorted(found, key=lambda name: (SCHEMAS.index(name.split(".")[0]), name))
    return {name: found[name] for name in order}


def dictionary(known: Tables) -> str:
    """The text of `dictionary.md`."""
    parts = [HEAD]
    for name, columns in known.items():
        parts.append(
            f"\n## {name}\n\n{columns[0]['description']}\n\n| column | type | meaning |\n|---|---|---|\n"
        )
        for column in columns:
            meaning = column["meaning"].replace("|", "\\|")
            parts.append(f"| `{column['column']}` | {column['type']} | {meaning} |\n")
    return "".join(parts)


def sources(known: Tables) -> str:
    """The text of dbt's `sources.yml`."""
    by_schema: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, columns in known.items():
        schema, table = name.split(".")
        described = [
            {"name": c["column"], "description": c["meaning"], "data_type": c["type"]} for c in columns
        ]
        by_schema[schema].append(
            {"name": table, "description": columns[0]["description"], "columns": described}
        )
    said = {
        "version": 2,
        "sources": [
            {"name": f"tiktok_{schema}", "schema": schema, "tables": listed}
            for schema, listed in by_schema.items()
        ],
    }
    return _yaml(said)


def datasets(known: Tables) -> dict[str, str]:
    """The texts of Superset's datasets, one per report, by the report's name."""
    return {
        name.removeprefix("reporting."): _dataset(name, columns)
        for name, columns in known.items()
        if name.startswith("reporting.")
    }


def _dataset(name: str, columns: list[dict[str, Any]]) -> str:
    times = [column["column"] for column in columns if column["type"] in TIMES]
    return _yaml(
        {
            "table_name": name.removeprefix("reporting."),
            "schema": "reporting",
            "description": columns[0]["description"],
            "main_dttm_col": next((day for day in DAY_COLUMNS if day in times), None),
            "columns": [
                {
                    "column_name": column["column"],
                    "description": column["meaning"],
                    "type": column["type"].upper(),
                    "is_dttm": column["column"] in times,
                    "filterable": True,
                    "groupby": True,
                }
                for column in columns
            ],
            "metrics": [{"metric_name": "count", "expression": "count(*)", "verbose_name": "Rows"}],
            "uuid": str(uuid.uuid5(OURS, name)),
            "database_uuid": str(uuid.uuid5(OURS, "database")),
            "version": "1.0.0",
        }
    )


def _yaml(said: dict[str, Any]) -> str:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    text: str = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `make dictionary` from the comments of the database.\n{text}"


def write(warehouse: Warehouse) -> None:
    """Write all of them from a migrated database."""
    known = tables(warehouse)
    (DOCS / "dictionary.md").write_text(dictionary(known), encoding="utf-8")
    (DOCS / "dbt").mkdir(exist_ok=True)
    (DOCS / "dbt" / "sources.yml").write_text(sources(known), encoding="utf-8")
    DATASETS.mkdir(parents=True, exist_ok=True)
    for name, text in datasets(known).items():
        (DATASETS / f"{name}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "pg") as server:
        database = Warehouse(server.url("postgres"))
        migrate(database)
        write(database)
        database.close()
