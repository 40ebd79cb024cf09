"""What people type is checked once."""

import pytest

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.hub.words import checked_line, storable


@pytest.mark.parametrize("text", ["Toko Ayu", "店舗 東京", "Ayu 👩‍👧 & Co.", "a" * 255, "O'Neil; drop table"])
def test_one_plain_line_is_taken_as_it_is(text: str) -> None:
    assert checked_line(text, "name") == text


def test_blanks_around_a_line_are_not_part_of_it() -> None:
    assert checked_line(" \u00a0Toko\t\n", "name") == "Toko"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" \t\n", "empty"),
        ("a" * 256, "256 characters"),
        ("a\0b", "control characters"),
        ("a\nb", "control characters"),
        ("a\x1bb", "control characters"),
        ("a\ud800b", "broken text"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(PipelineError, match=f"^name: .*{says}"):
        checked_line(text, "name")


def test_foreign_text_becomes_storable() -> None:
    assert storable("a\0b\ud800c 店") == "a\ufffdb?c 店"
