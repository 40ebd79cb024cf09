"""Least privilege: the database roles of `sql/roles.sql`, which says who may do what."""

from __future__ import annotations

import psycopg

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.project_files import sql
from tiktok_pipeline.warehouse.connection import Warehouse

# Those that people and processes get; `roles.sql` has two more, which hold things together.
ROLES = ("migrator", "vault", "pipeline", "portal", "api_reader", "bi_reader")
ROLES_LOCK = 7_011_003  # any number, the same in every process


def apply_roles(warehouse: Warehouse) -> None:
    """Make the roles and give each what it may do here, all or nothing. Safe to run twice and at once.

    Raises PipelineError when the connection's user may not do that.
    """
    try:
        with warehouse.transaction() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", (ROLES_LOCK,))
            cursor.execute(sql("roles").encode())
    except psycopg.errors.InsufficientPrivilege as refused:
        raise PipelineError(
            f"database {warehouse.url.database}: user {warehouse.url.username} may not set up the roles "
            f"({refused.diag.message_primary}). Run `tiktok-pipeline db roles` once as an administrator of the server."
        ) from None


def roles_applied(warehouse: Warehouse) -> bool:
    """Whether `apply_roles` was run on this database."""
    [found] = warehouse.execute("runtime/roles_applied")
    return bool(found["applied"])
