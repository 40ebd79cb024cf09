"""The project's files that are not Python: SQL, `dagster.yaml`, `workspace.yaml`.

In a checkout they stand at its root; in an installed wheel they travel inside the package.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def project_file(name: str) -> Path:
    """Path of a project file or folder, e.g. `sql/snapshots` or `dagster.yaml`."""
    installed = PACKAGE / "project_files" / name
    return installed if installed.exists() else PACKAGE.parent / name


@cache
def sql(name: str) -> str:
    """Text of `sql/<name>.sql`, e.g. `sql("capture/plan")`; read once per process."""
    return project_file(f"sql/{name}.sql").read_text(encoding="utf-8")
