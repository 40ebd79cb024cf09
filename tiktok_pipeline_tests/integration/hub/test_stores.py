"""Stores are added once, under a usable code."""

from concurrent.futures import ThreadPoolExecutor

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.stores import add_store, list_stores
from tiktok_pipeline.warehouse.connection import Warehouse


def test_a_store_that_was_added_is_listed(warehouse: Warehouse) -> None:
    added = add_store(warehouse, "jakarta_01", " Toko Ayu ", "Ayu", "ayu@example.com")
    add_store(warehouse, "bali-2", "Bali", "Made")
    assert [store.code for store in list_stores(warehouse)] == ["bali-2", "jakarta_01"]
    assert list_stores(warehouse)[1] == added
    assert (added.name, added.pic, added.contact) == ("Toko Ayu", "Ayu", "ayu@example.com")
    assert added.created_at.tzinfo is not None
    assert list_stores(warehouse)[0].contact is None


def test_a_code_is_given_once_even_when_asked_for_at_once(warehouse: Warehouse) -> None:
    def add(name: str) -> str:
        try:
            return add_store(warehouse, "jakarta_01", name, "Ayu").name
        except PipelineError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        outcomes = sorted(threads.map(add, ["a", "b", "c", "d"]))
    [store] = list_stores(warehouse)
    assert [outcome for outcome in outcomes if "exists already" not in outcome] == [store.name]
