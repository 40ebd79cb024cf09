"""One secret signs all links of a database; another one is refused, and replaced only on purpose."""

from pathlib import Path

import pytest

from tiktok_pipeline.runtime.credentials import connect_links
from tiktok_pipeline.runtime.portal_secret import is_registered, portal_secret, replace_portal_secret
from tiktok_pipeline.settings import Settings, SettingsError
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.building import rows


def settings_in(folder: Path, **more: object) -> Settings:
    return Settings(_env_file=None, data_dir=folder, **more)  # type: ignore[arg-type, call-arg, unused-ignore]


def test_no_links_are_made_from_a_folder_without_the_portals_secret(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    secret = portal_secret(warehouse, settings_in(tmp_path / "portal"))
    elsewhere = settings_in(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match=r"no such file, and this database knows one.*Copy the file"):
        connect_links(warehouse, elsewhere)
    assert not elsewhere.portal_secret_path.exists()
    assert portal_secret(warehouse, settings_in(tmp_path / "portal")) == secret


def test_a_secret_of_another_database_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    portal_secret(warehouse, settings_in(tmp_path))
    other = tmp_path / "other"
    other.write_text("o" * 40)
    other.chmod(0o600)
    with pytest.raises(SettingsError, match="not the one that this database knows") as refused:
        portal_secret(warehouse, settings_in(tmp_path, portal_secret_file=other))
    assert "ooo" not in str(refused.value)


def test_a_secret_from_before_it_was_registered_is_not_replaced_by_a_new_one(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows(warehouse, "insert into hub.stores (store_code, store_name, pic_name) values ('s', 'S', 'P')")
    connect_links(warehouse, settings_in(tmp_path / "portal")).make("s", made_by="cli")
    rows(warehouse, "delete from ops.portal_secret")
    with pytest.raises(SettingsError, match="there are links made with one"):
        portal_secret(warehouse, settings_in(tmp_path / "elsewhere"))
    portal_secret(warehouse, settings_in(tmp_path / "portal"))


def test_a_replaced_secret_ends_every_link_and_login(warehouse: Warehouse, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    before = portal_secret(warehouse, settings)
    rows(warehouse, "insert into hub.stores (store_code, store_name, pic_name) values ('s', 'S', 'P')")
    link = connect_links(warehouse, settings).make("s", made_by="cli")
    rows(
        warehouse,
        "insert into ops.operator_session (session_hash, ends_at) "
        "values (sha256('x'), ops.now() + interval '1 hour')",
    )
    assert replace_portal_secret(warehouse, settings) == 1
    after = portal_secret(warehouse, settings)
    assert after != before
    assert (is_registered(warehouse, before), is_registered(warehouse, after)) == (False, True)
    assert connect_links(warehouse, settings).look(link.url.rpartition("/")[2]).state == "unknown"
    assert rows(warehouse, "select * from ops.operator_session") == []
    assert rows(warehouse, "select * from ops.connect_link where expires_at > ops.now()") == []


def test_a_given_secret_is_replaced_by_what_its_file_holds(warehouse: Warehouse, tmp_path: Path) -> None:
    given = tmp_path / "secret"
    given.write_text("a" * 40)
    given.chmod(0o600)
    settings = settings_in(tmp_path, portal_secret_file=given)
    portal_secret(warehouse, settings)
    with pytest.raises(SettingsError, match="the old one still"):
        replace_portal_secret(warehouse, settings)
    given.write_text("b" * 40)
    replace_portal_secret(warehouse, settings)
    assert portal_secret(warehouse, settings) == b"b" * 40
