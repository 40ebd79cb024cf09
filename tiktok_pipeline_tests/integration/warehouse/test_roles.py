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
CONTACT = "ayu@example.com"

# Everything a curious holder of the BI password might type, by the way that it goes. `reporting.careless` and
# `careless_copy` show the vault to whoever may read it; `hub.careless` tries to by the rights of its owner.
ATTACKS = {
    "directly": [
        "select * from vault.token",
        "select access_token from vault.token limit 1",
        "select * from vault.key",
        "table vault.token",
        "select count(*) from vault.token where access_token is not null",
        "explain analyze select * from vault.token",
        "declare c cursor for select * from vault.token",
        "prepare p as select * from vault.token",
        "do $$ begin perform * from vault.token; end $$",
        "select pic_contact from hub.stores",
        "select * from hub.stores",
        "select s from hub.stores as s",
        "select to_jsonb(s) from hub.stores as s",
        "select store_code from hub.stores where pic_contact like '%a%'",
        "select store_code from hub.stores order by pic_contact",
        "select * from capture.page",
        "select body from capture.user_info",
        "select * from capture.account_day",
        "select * from ops.quota",
        "select * from ops.outbox",
        "select * from ops.oauth_transaction",
        "select * from public._yoyo_migration",
    ],
    "by a view": [
        "select * from reporting.careless",
        "create view reporting.mine as select * from vault.token",
        "create or replace view reporting.sync_logs as select * from vault.token",
        "alter view reporting.careless set (security_invoker = false)",
        "alter view reporting.careless owner to current_user",
        "create rule r as on select to reporting.careless do instead select * from vault.token",
    ],
    "by a function": [
        "select * from reporting.careless_copy()",
        "select query_to_xml('select * from vault.token', true, true, '')",
        "select table_to_xml('vault.token'::regclass, true, true, '')",
        "select schema_to_xml('vault', true, true, '')",
        "select ops.ensure_partitions('2020-01-01', '2020-01-01')",
        "create function reporting.mine() returns int language sql as 'select 1'",
        "alter function reporting.careless_copy() security definer",
    ],
    "by a temporary function or table": [
        "create function pg_temp.mine() returns int language sql as 'select 1'",
        "create temporary table mine as select 1",
        "create temporary view mine as select * from vault.token",
        "create temporary sequence mine",
    ],
    "by copy": [
        "copy vault.token to stdout",
        "copy (select refresh_token from vault.token) to stdout",
        "copy vault.token to program 'cat'",
        "copy hub.stores to stdout",
        "copy (select 1) to '/tmp/mine'",
        "copy hub.stores from '/etc/passwd'",
    ],
    "by files": [
        "select pg_read_file('pg_hba.conf')",
        "select pg_read_binary_file('base')",
        "select pg_stat_file('pg_hba.conf')",
        "select pg_ls_dir('.')",
        "select pg_ls_logdir()",
        "select pg_ls_waldir()",
        "select pg_current_logfile()",
        "select pg_hba_file_rules()",
        "load 'dblink'",
    ],
    "by what errors say": [
        "select access_token::text::integer from vault.token",
        "select access_token::text::integer from reporting.careless",
        "select 1 / (select count(*) from vault.token where get_byte(access_token, 0) = 84)",
        "select store_code from hub.stores where pic_contact::integer = 1",
        "insert into vault.token select * from vault.token",
        "insert into hub.stores (store_code, store_name, pic_name) select store_code, '', '' from hub.stores",
        "update hub.stores set store_code = pic_contact",
    ],
    "by another role": [
        "set role vault",
        "set role pipeline",
        "set role migrator",
        "set role reporting_owner",
        "set session authorization vault",
        "alter role bi_reader set role vault",
        "alter role current_user superuser",
        "grant vault to current_user",
        "grant bi_reader to current_user with admin option",
        "grant select on vault.token to current_user",
        "reassign owned by vault to current_user",
        "alter default privileges for role vault grant select on tables to current_user",
    ],
    "by another server": [
        "create extension dblink schema reporting",
        "create extension postgres_fdw schema reporting",
        "create foreign data wrapper mine",
        "create subscription mine connection 'dbname=postgres' publication mine with (connect = false)",
        "create publication mine for all tables",
        "select pg_create_logical_replication_slot('mine', 'test_decoding')",
    ],
    "by large objects": [
        "select lo_import('/etc/passwd')",
        "select lo_export(1, '/tmp/mine')",
        "select lo_create(0)",
        "select lo_creat(-1)",
        "select lo_from_bytea(0, 'mine')",
    ],
    "by a setting": [
        "set session_replication_role = replica",
        "set track_functions = 'all'",
        "set log_statement = 'none'",
        "grant alter system on parameter log_statement to current_user",
        "alter table hub.stores disable row level security",
        "create policy mine on hub.stores using (true)",
    ],
    "by a foreign key": [
        "create table reporting.mine (a bytea references vault.token (access_token))",
        "alter table hub.stores add foreign key (pic_contact) references hub.stores",
        "alter table vault.token drop constraint token_pkey",
    ],
    "by a sequence": [
        "select setval('hub.store_accounts_id_seq', 1)",
        "select nextval('hub.store_accounts_id_seq')",
        "select last_value from hub.store_accounts_id_seq",
    ],
    "by the catalogue": [
        "select * from pg_authid",
        "select * from pg_shadow",
        "select * from pg_statistic",
        "select stxdmcv from pg_statistic_ext_data",
        "select * from pg_largeobject",
        "select umoptions from pg_user_mapping",
        "select * from pg_config()",
        "select * from pg_backend_memory_contexts",
        "update pg_class set relacl = null",
    ],
    "by stopping others": [
        "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user and pid <> pg_backend_pid()",
        "select pg_cancel_backend(pid) from pg_stat_activity where usename <> current_user",
        "select pg_reload_conf()",
        "select pg_rotate_logfile()",
        "select pg_switch_wal()",
        "select * from hub.stores for update",
        "lock table hub.stores in access exclusive mode",
        "select pg_advisory_lock(7011022)",
        "select pg_advisory_lock_shared(7011022)",
        "select pg_advisory_xact_lock(7011011, 1)",
        "select pg_advisory_xact_lock_shared(7011020)",
        "select pg_try_advisory_lock(7011050, 1)",
        "select pg_try_advisory_lock_shared(7011022)",
        "select pg_try_advisory_xact_lock(7011022)",
        "select pg_try_advisory_xact_lock_shared(7011011, 1)",
        "checkpoint",
    ],
    "by writing": [
        "create table reporting.mine (a int)",
        "create table public.mine (a int)",
        "create schema mine",
        "create index on hub.stores (store_name)",
        "comment on table hub.stores is 'mine'",
        "insert into snapshots.tiktok_user_daily select * from snapshots.tiktok_user_daily",
        "update hub.store_accounts set status = 'DISABLED'",
        "delete from hub.stores",
        "delete from reporting.video_latest",
        "truncate snapshots.tiktok_user_daily",
        "drop table snapshots.tiktok_user_daily",
    ],
}  # fmt: skip


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
    rows(warehouse, "update hub.stores set pic_contact = %s", CONTACT)
    curious = log_in("bi_reader")
    got_through: list[tuple[str, str, object]] = []
    for way, attacks in ATTACKS.items():
        for attack in attacks:
            try:
                with curious.transaction() as cursor:
                    cursor.execute(attack.encode())
                    got_through.append((way, attack, cursor.fetchall() if cursor.description else None))
            except psycopg.Error as refused:
                known = refused.sqlstate in ("42501", "0A000")  # no right to; not on this server
                if not known or any(secret in str(refused) for secret in (SECRET, CONTACT)):
                    got_through.append((way, attack, str(refused)))
    assert got_through == []


@pytest.mark.parametrize("role", ["migrator", "vault", "pipeline", "portal"])
def test_who_works_here_may_take_locks(log_in: As, role: str) -> None:
    with log_in(role).transaction() as cursor:
        cursor.execute(
            "select bool_and(has_function_privilege(oid, 'execute')) as all_of_them from pg_proc "
            "where proname ~ '^pg_.*advisory'"
        )
        assert cursor.fetchone() == {"all_of_them": True}
        cursor.execute("select pg_advisory_xact_lock(7011022)")


def test_a_bi_reader_may_let_go_of_locks_as_drivers_do(log_in: As) -> None:
    with log_in("bi_reader").transaction() as cursor:
        cursor.execute("select pg_advisory_unlock_all()")


def test_catalogues_show_a_bi_reader_no_token_no_contact_and_no_query_of_others(
    pipeline: Pipeline, warehouse: Warehouse, log_in: As
) -> None:
    rows(warehouse, "update hub.stores set pic_contact = %s", CONTACT)
    with warehouse.transaction() as cursor:
        cursor.execute("analyze vault.token, hub.stores")
    known = rows(
        warehouse, "select most_common_vals::text as values from pg_stats where attname = 'pic_contact'"
    )
    assert CONTACT in known[0]["values"]
    with log_in("bi_reader").transaction() as cursor:
        cursor.execute("select * from pg_stats where schemaname in ('vault', 'ops', 'capture')")
        assert cursor.fetchall() == []
        cursor.execute("select * from pg_stats where attname = 'pic_contact'")
        assert cursor.fetchall() == []
        cursor.execute("select distinct query from pg_stat_activity where usename <> current_user")
        assert {row["query"] for row in cursor.fetchall()} <= {"<insufficient privilege>", ""}


def test_statistics_of_statements_show_a_bi_reader_none_of_others(
    pipeline: Pipeline, warehouse: Warehouse, log_in: As
) -> None:
    [server] = rows(warehouse, "show shared_preload_libraries")
    if "pg_stat_statements" not in server["shared_preload_libraries"]:
        pytest.skip("this server does not load pg_stat_statements")
    rows(warehouse, "create extension if not exists pg_stat_statements with schema hub")
    curious = log_in("bi_reader")
    with curious.transaction() as cursor:
        cursor.execute(
            "select distinct query from hub.pg_stat_statements where userid <> current_user::regrole"
        )
        assert {row["query"] for row in cursor.fetchall()} <= {"<insufficient privilege>"}


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
