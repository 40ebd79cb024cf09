"""The vault opens with the key ring of its database, and with no other."""

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tiktok_pipeline.vault import KeyRingError, TokenVault
from tiktok_pipeline.vault.keyring import read_key_ring
from tiktok_pipeline.vault.registry import open_key_ring
from tiktok_pipeline.warehouse.connection import Warehouse
from tiktok_pipeline_tests.conftest import database


def registered(warehouse: Warehouse) -> dict[int, bytes]:
    return {row["key_id"]: row["check_value"] for row in warehouse.execute("vault/registered_keys")}


def write_ring(path: Path, keys: dict[str, bytes], primary: str) -> None:
    path.write_text(
        json.dumps(
            {"primary": primary, "keys": {name: base64.b64encode(key).decode() for name, key in keys.items()}}
        )
    )
    path.chmod(0o600)


def test_the_first_start_makes_a_ring_and_registers_it(warehouse: Warehouse, keys_file: Path) -> None:
    TokenVault.open(warehouse, keys_file, "test", create=True)
    assert registered(warehouse) == read_key_ring(keys_file).check_values


def test_the_next_start_uses_the_same_ring(warehouse: Warehouse, keys_file: Path) -> None:
    first = open_key_ring(warehouse, keys_file, "test", create=True)
    second = open_key_ring(warehouse, keys_file, "test", create=False)
    assert second.check_values == first.check_values


def test_a_ring_that_was_given_by_name_is_never_made(warehouse: Warehouse, keys_file: Path) -> None:
    with pytest.raises(KeyRingError, match="no such file"):
        TokenVault.open(warehouse, keys_file, "production", create=False)
    assert not keys_file.exists()
    assert registered(warehouse) == {}


def test_a_lost_ring_stops_the_start_and_no_other_is_made(warehouse: Warehouse, keys_file: Path) -> None:
    open_key_ring(warehouse, keys_file, "test", create=True)
    keys_file.unlink()
    with pytest.raises(KeyRingError, match="Restore the file from a backup"):
        open_key_ring(warehouse, keys_file, "test", create=True)
    assert not keys_file.exists()


def test_another_key_under_the_same_id_stops_the_start(warehouse: Warehouse, keys_file: Path) -> None:
    ring = open_key_ring(warehouse, keys_file, "test", create=True)
    write_ring(keys_file, {f"{ring.primary:08x}": os.urandom(32)}, f"{ring.primary:08x}")
    with pytest.raises(KeyRingError, match=f"{keys_file}.*check value differs"):
        open_key_ring(warehouse, keys_file, "test", create=True)


def test_the_ring_of_another_database_stops_the_start(warehouse: Warehouse, keys_file: Path) -> None:
    ring = open_key_ring(warehouse, keys_file, "test", create=True)
    write_ring(keys_file, {"0000000a": os.urandom(32)}, "0000000a")
    with pytest.raises(KeyRingError, match=f"lacks key {ring.primary:08x}"):
        open_key_ring(warehouse, keys_file, "test", create=True)
    assert set(registered(warehouse)) == {ring.primary}


def test_a_key_that_is_added_to_the_ring_is_registered(warehouse: Warehouse, keys_file: Path) -> None:
    old, new = os.urandom(32), os.urandom(32)
    write_ring(keys_file, {"0000000a": old}, "0000000a")
    open_key_ring(warehouse, keys_file, "test", create=False)
    write_ring(keys_file, {"0000000a": old, "0000000b": new}, "0000000b")
    open_key_ring(warehouse, keys_file, "test", create=False)
    assert set(registered(warehouse)) == {10, 11}


def test_two_databases_that_share_a_folder_share_its_ring(
    warehouse: Warehouse, keys_file: Path, other_warehouse: Warehouse
) -> None:
    assert (
        open_key_ring(warehouse, keys_file, "test", create=True).check_values
        == open_key_ring(other_warehouse, keys_file, "test", create=True).check_values
    )


def test_many_first_starts_at_once_make_one_ring(
    database_url: str, keys_file: Path, at_once: Callable[[Callable[[], object]], list[object]]
) -> None:
    def start() -> object:
        own = Warehouse(database_url)
        try:
            return open_key_ring(own, keys_file, "test", create=True).primary
        finally:
            own.close()

    assert len(set(at_once(start))) == 1


def test_first_starts_in_two_folders_make_one_ring_and_one_clear_error(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    open_key_ring(warehouse, tmp_path / "here" / "keys.json", "test", create=True)
    with pytest.raises(KeyRingError, match="this database knows key"):
        open_key_ring(warehouse, tmp_path / "there" / "keys.json", "test", create=True)


def test_a_folder_that_cannot_be_written_is_one_clear_error(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyRingError, match=r"cannot be made .*DATA_DIR"):
        open_key_ring(warehouse, tmp_path / "file" / "keys.json", "test", create=True)
    assert registered(warehouse) == {}


@pytest.fixture
def other_warehouse(server_url: str, migrated_template: str) -> Iterator[Warehouse]:
    with database(server_url, "other", template=migrated_template) as url:
        warehouse = Warehouse(url)
        yield warehouse
        warehouse.close()


@pytest.fixture
def at_once() -> Callable[[Callable[[], object]], list[object]]:
    def run(work: Callable[[], object]) -> list[object]:
        gate = threading.Barrier(8)

        def wait_and_work() -> object:
            gate.wait()
            return work()

        with ThreadPoolExecutor(8) as threads:
            return [future.result() for future in [threads.submit(wait_and_work) for _ in range(8)]]

    return run
