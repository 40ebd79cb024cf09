from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.tiktok.safe_json import MAX_DEPTH, UnsafeJsonError, parse, sanitise

any_text = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        (rb'"a\u0000b"', r'"a\ufffdb"'),
        (rb'"\ud83d"', r'"\ufffd"'),
        (rb'"\ude00\ud83d"', r'"\ufffd\ufffd"'),
        (rb'"\ud83d\ud83d\ude00"', r'"\ufffd\ud83d\ude00"'),
        (b'"\xff"', '"\ufffd"'),
        (b'"\xed\xa0\xbd"', '"\ufffd\ufffd\ufffd"'),
    ],
)
def test_what_jsonb_cannot_hold_becomes_the_replacement_character(came: bytes, kept: str) -> None:
    assert sanitise(came) == kept


@pytest.mark.parametrize(
    "text",
    [
        r'"\ud83d\ude00"',
        r'"\\u0000"',
        r'"\\\\ud83d"',
        '"😀 العربية \u200d e\u0301"',
        r'{"a":   [1, 2.50, "\/"]}',
    ],
)
def test_everything_else_stays_byte_for_byte(text: str) -> None:
    assert sanitise(text.encode()) == text


@given(any_text)
def test_sanitising_changes_only_nul_and_lone_halves(text: str) -> None:
    repaired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    expected = repaired.replace("\0", "\ufffd")
    kept = parse(sanitise(json.dumps([text]).encode()))[0]
    # Decoders differ in how many replacements a run of bad halves becomes, not in what surrounds it.
    assert kept.replace("\ufffd", "") == expected.replace("\ufffd", "")
    assert "\0" not in kept
    kept.encode()


@given(any_text)
def test_sanitising_twice_is_sanitising_once(text: str) -> None:
    once = sanitise(json.dumps(text).encode())
    assert sanitise(once.encode()) == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "{",
        '{"a": NaN}',
        "[Infinity]",
        "[-Infinity]",
        "[1e400]",
        "[1e200000]",
        "[1e-200000]",
        "[" + "9" * 5000 + "]",
        "[1." + "0" * 5000 + "]",
        '{"a": 1, "a": 2}',
        '[{"b": {"a": 1, "a": 1}}]',
        '"raw \0 inside"',
        "{} trailing",
        "[" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 500 + "1" + "}" * 500,
    ],
)
def test_unsafe_json_is_refused(text: str) -> None:
    with pytest.raises(UnsafeJsonError):
        parse(text)


def test_nesting_is_allowed_up_to_the_cap() -> None:
    padding = ",[]" * 300
    parse("[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 2) + padding + "]")
    with pytest.raises(UnsafeJsonError, match="deep"):
        parse("[" * (MAX_DEPTH + 1) + "1" + "]" * MAX_DEPTH + padding + "]")


def test_the_complaint_quotes_nothing_of_the_text() -> None:
    with pytest.raises(UnsafeJsonError) as refused:
        parse('{"access_token": "act.secret", "access_token": "act.secret"}')
    assert "secret" not in str(refused.value)
