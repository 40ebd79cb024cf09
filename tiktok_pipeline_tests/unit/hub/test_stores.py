"""A store that is not acceptable is refused before any database is asked."""

import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.stores import add_store
from tiktok_pipeline.warehouse.connection import Warehouse


@pytest.fixture
def nowhere() -> Warehouse:
    """A warehouse that cannot be reached."""
    return Warehouse("postgresql://nobody@localhost:1/nothing")


@pytest.mark.parametrize(
    "code", ["", "a" * 51, "Jakarta", "a b", "a.b", "ä", "a\n", "a\0", "a'; drop table hub.stores; --", "٣"]
)
def test_a_code_that_is_not_usable_is_refused_in_one_line(nowhere: Warehouse, code: str) -> None:
    with pytest.raises(PipelineError, match="lower-case letters, digits") as refusal:
        add_store(nowhere, code, "Name", "Ayu")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "pic", "contact", "says"),
    [
        (" ", "Ayu", None, "its name: empty"),
        ("Toko", "", None, "its person in charge: empty"),
        ("x" * 256, "Ayu", None, "its name: 256"),
        ("Toko", "Ayu", "x" * 256, "the contact: 256"),
        ("To\0ko", "Ayu", None, "its name: holds control characters"),
    ],
)
def test_words_that_are_not_acceptable_are_refused(
    nowhere: Warehouse, name: str, pic: str, contact: str | None, says: str
) -> None:
    with pytest.raises(PipelineError, match=f"store jakarta_01, {says}"):
        add_store(nowhere, "jakarta_01", name, pic, contact)
