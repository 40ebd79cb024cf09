"""Who may do what: each role does its work, and none reaches the vault but the vault's own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tiktok_pipeline.sandbox.server import SandboxProcess
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline.warehouse.migrations import migrate, pending
from tiktok_pipeline.warehouse.roles import ROLES, apply_roles, roles_applied
from tiktok_pipeline_tests.building import rows
from tiktok_pipeline_tests.capturing import Pipeline
from tiktok_pipeline_tests.conftest import database

As = Callable[[str], Warehouse]

SECRET = "\\x545601"  # how a sealed token begins

# Everything a curious holder of the BI password might type. `{view}` shows the vault to whoever may read it.
ATTACKS = [
    "select * from vault.token",
    "select access_token from vault.token limit 1",
    "select * from vault.key",
    "table vault.token",
    "copy vault.token to stdout",
    "copy (select refresh_token from vault.token) to stdout",
    "copy vault.token to program 'cat'",
    "select * from reporting.careless",
    "select * from reporting.careless_copy()",
    "select query_to_xml('select * from vault.token', true, true, '')",
    "select table_to_xml('vault.token'::regclass, true, true, '')",
    "select schema_to_xml('vault', true, true, '')",
    "select pg_read_file('pg_hba.conf')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    "set role vault",
    "set role pipeline",
    "set role migrator",
    "set session authorization vault",
    "alter role bi_reader set role vault",
    "grant vault to current_user",
    "create table reporting.mine (a int)",
    "create table public.mine (a int)",
    "create temporary table mine as select 1",
    "create function reporting.mine() returns int language sql as 'select 1'",
    "create view reporting.mine as select * from vault.token",
    "create extension dblink",
    "create schema mine",
    "select pic_contact from hub.stores",
    "select * from hub.stores",
    "select * from capture.page",
    "select body from capture.user_info",
    "select * from capture.account_day",
    "select * from ops.quota",
    "select ops.ensure_partitions('2020-01-01', '2020-01-01')",
    "insert into snapshots.tiktok_user_daily select * from snapshots.tiktok_user_daily",
    "update hub.store_accounts set status = 'DISABLED'",
    "delete from hub.stores",
    "truncate snapshots.tiktok_user_daily",
    "drop table snapshots.tiktok_user_daily",
    "alter table hub.stores disable row level security",
    "select * from hub.stores for update",
    "select setval('hub.store_accounts_id_seq', 1)",
    "lock table hub.stores in access exclusive mode",
    "select * from pg_authid",
    "select * from pg_statistic",
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(accounts=2, videos=5, even=True) as process:
        yield process


@pytest.fixture
def log_in(warehouse: Warehouse, database_url: str) -> Iterator[As]:
    """The roles applied; call it with a role's name to connect as a user that has been granted that role."""
    apply_roles(warehouse)
    opened: list[Warehouse] = []
    users: list[str] = []

    def user_of(role: str) -> Warehouse:
        user = f"test_{role}_{uuid.uuid4().hex[:8]}"
        with warehouse.transaction() as cursor:
            cursor.execute(f'create role "{user}" login in role {role}'.encode())
        users.append(user)
        opened.append(
            Warehouse(make_url(database_url).set(username=user).render_as_string(hide_password=False))
        )
        return opened[-1]

    yield user_of
    for connection in opened:
        connection.close()
    with warehouse.transaction() as cursor:
        for user in users:
            cursor.execute(f'drop owned by "{user}"'.encode())
            cursor.execute(f'drop role "{user}"'.encode())


@pytest.fixture
def pipeline(warehouse: Warehouse, log_in: As, sandbox: SandboxProcess, tmp_path: Path) -> Pipeline:
    """Two connected accounts, worked on by the pipeline's and the vault's roles alone."""
    pipeline = Pipeline(log_in("pipeline"), sandbox, tmp_path / "keys.json", vault_warehouse=log_in("vault"))
    pipeline.connect(2)
    return pipeline


def test_a_day_is_captured_and_derived_by_the_pipeline_and_vault_roles(pipeline: Pipeline) -> None:
    pipeline.capture("user_info")
    pipeline.capture("video_list")
    pipeline.snapshot()
    with pipeline.warehouse.transaction() as cursor:
        cursor.execute("select count(*) as videos from snapshots.tiktok_video_daily")
        found = cursor.fetchone()
    assert found
    assert found["videos"] == 10


def test_the_pipeline_makes_partitions_of_months_to_come_and_may_use_them(pipeline: Pipeline) -> None:
    with pipeline.warehouse.transaction() as cursor:
        cursor.execute("select ops.ensure_partitions('2031-05-01', '2031-05-02') as made")
        made = cursor.fetchone()
        cursor.execute("select count(*) from snapshots.tiktok_video_daily_2031_05")
    assert made
    assert made["made"] == 5


@pytest.mark.parametrize("role", ["migrator", "pipeline", "portal", "api_reader", "bi_reader"])
@pytest.mark.parametrize("table", ["token", "key"])
def test_no_role_but_the_vaults_reads_the_vault(
    pipeline: Pipeline, log_in: As, role: str, table: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), log_in(role).transaction() as cursor:
        cursor.execute(f"select * from vault.{table}".encode())


def test_no_attack_of_a_bi_reader_gets_through(pipeline: Pipeline, warehouse: Warehouse, log_in: As) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute("create view reporting.careless as select * from vault.token")
        cursor.execute(
            "create function reporting.careless_copy() returns setof vault.token language sql "
            "as 'select * from vault.token'"
        )
    apply_roles(warehouse)
    curious = log_in("bi_reader")
    got_through: list[tuple[str, object]] = []
    for attack in ATTACKS:
        try:
            with curious.transaction() as cursor:
                cursor.execute(attack.encode())
                got_through.append((attack, cursor.fetchall() if cursor.description else None))
        except psycopg.Error as refused:
            if SECRET in str(refused):
                got_through.append((attack, str(refused)))
    assert got_through == []


def test_catalogues_show_a_bi_reader_no_token_and_no_query_of_others(
    pipeline: Pipeline, warehouse: Warehouse, log_in: As
) -> None:
    with warehouse.transaction() as cursor:
        cursor.execute("analyze vault.token")
    with log_in("bi_reader").transaction() as cursor:
        cursor.execute("select * from pg_stats where schemaname in ('vault', 'ops', 'capture')")
        assert cursor.fetchall() == []
        cursor.execute("select distinct query from pg_stat_activity where usename <> current_user")
        assert {row["query"] for row in cursor.fetchall()} <= {"<insufficient privilege>", ""}


def test_a_bi_reader_reads_snapshots_and_the_hub_without_contacts(pipeline: Pipeline, log_in: As) -> None:
    pipeline.capture("user_info")
    pipeline.snapshot()
    with log_in("bi_reader").transaction() as cursor:
        cursor.execute(
            "select s.store_code, s.store_name, s.pic_name, a.status, d.follower_count "
            "from hub.stores as s join hub.store_accounts as a using (store_code) "
            "join snapshots.tiktok_user_daily as d using (store_code)"
        )
        assert len(cursor.fetchall()) == 2


def test_a_bi_reader_reads_what_became_of_every_account_day(pipeline: Pipeline, log_in: As) -> None:
    pipeline.capture("user_info")
    expected = {
        "account_days": 4,  # one more per account than was captured: nothing has planned its videos
        "capture_calendar": 2,
        "account_gaps": 0,
        "failed_captures": 0,
        "sync_logs": 2,
    }
    with log_in("bi_reader").transaction() as cursor:
        for view, rows in expected.items():
            cursor.execute(f"select * from reporting.{view}".encode())
            assert len(cursor.fetchall()) == rows, view


def test_the_portal_manages_stores_and_cannot_change_what_was_captured(
    pipeline: Pipeline, log_in: As
) -> None:
    pipeline.capture("user_info")
    portal = log_in("portal")
    with portal.transaction() as cursor:
        cursor.execute("update hub.stores set pic_contact = 'ayu@example.com'")
        cursor.execute("select count(*) as days from capture.account_day")
        assert cursor.fetchone() == {"days": 2}
    for change in ("delete from capture.account_day", "update snapshots.tiktok_user_daily set late = true"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), portal.transaction() as cursor:
            cursor.execute(change.encode())


def test_the_migrator_migrates_and_gives_the_rights_again(warehouse: Warehouse, log_in: As) -> None:
    migrator = log_in("migrator")
    assert pending(migrator) == []
    with migrator.transaction() as cursor:
        cursor.execute("set local role vault")
        cursor.execute("alter table vault.token add column tried boolean")
        cursor.execute("create table vault.more (a int)")
    with migrator.transaction() as cursor:
        cursor.execute("create table hub.more (a int)")
        cursor.execute("alter view reporting.sync_logs rename column store_code to store")
        cursor.execute("create view reporting.more as select store_code from hub.stores")
    apply_roles(migrator)
    with log_in("bi_reader").transaction() as cursor:
        cursor.execute("select * from reporting.more")
    with log_in("vault").transaction() as cursor:
        cursor.execute("select tried from vault.token")
        cursor.execute("select a from vault.more")
    with log_in("portal").transaction() as cursor:
        cursor.execute("insert into hub.more values (1)")


def test_roles_are_known_to_be_applied_only_where_they_are(warehouse: Warehouse) -> None:
    assert not roles_applied(warehouse)
    apply_roles(warehouse)
    apply_roles(warehouse)
    assert roles_applied(warehouse)


@pytest.mark.parametrize(
    "trap",
    [
        "create function reporting.trap() returns int language sql as 'select 1'",
        "create view reporting.trap as select 1",
        "create or replace view reporting.sync_logs as select 1",
        "alter view reporting.sync_logs rename to trap",
        "set role vault",
        "set role migrator",
        "set role reporting_owner",
    ],
)
def test_the_pipeline_cannot_borrow_the_rights_of_whoever_reads_a_view(log_in: As, trap: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), log_in("pipeline").transaction() as cursor:
        cursor.execute(trap.encode())


def test_an_administrator_who_applies_the_roles_gets_none_of_the_vaults_rights(
    warehouse: Warehouse, server_url: str
) -> None:
    apply_roles(warehouse)
    with warehouse.transaction() as cursor:
        cursor.execute("create role test_administrator login createrole")
        cursor.execute("select current_setting('server_version_num')::int >= 160000 as can_be_set")
        found = cursor.fetchone()
        if found and found["can_be_set"]:
            roles = ", ".join(ROLES)
            cursor.execute(
                f"grant {roles} to test_administrator with admin true, inherit false, set false".encode()
            )
    try:
        with database(server_url, "administered") as url:
            superuser = Warehouse(url)
            with superuser.transaction() as cursor:
                cursor.execute(
                    f'alter database "{make_url(url).database}" owner to test_administrator'.encode()
                )
                cursor.execute("alter schema public owner to test_administrator")
            administrator = Warehouse(
                make_url(url).set(username="test_administrator").render_as_string(hide_password=False)
            )
            migrate(administrator)
            for _ in range(2):
                apply_roles(administrator)
            with administrator.transaction() as cursor:
                cursor.execute(
                    "select pg_has_role('vault', 'usage') as is_vault, "
                    "has_schema_privilege('vault', 'usage') as sees, pg_has_role('migrator', 'usage') as migrates"
                )
                assert cursor.fetchone() == {"is_vault": False, "sees": False, "migrates": True}
            administrator.close()
            superuser.close()
    finally:
        with warehouse.transaction() as cursor:
            cursor.execute("drop owned by test_administrator")
            cursor.execute("drop role test_administrator")


def test_a_migration_of_the_vaults_tables_runs_as_the_vault(warehouse: Warehouse, log_in: As) -> None:
    rows(warehouse, "drop function vault.refuse_retired_keys cascade")
    rows(warehouse, "delete from public._yoyo_migration where migration_id = '0019.retired-keys'")
    assert "0019.retired-keys" in migrate(log_in("migrator"))
    [made] = rows(
        warehouse,
        "select proowner::regrole::text as owner from pg_proc where proname = 'refuse_retired_keys'",
    )
    assert made["owner"] == "vault"
