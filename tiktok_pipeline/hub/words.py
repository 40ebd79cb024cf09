"""Text that people type, checked once before it reaches a table; and words that programs look for."""

from __future__ import annotations

import unicodedata

from tiktok_pipeline.errors import PipelineError

LONGEST = 255
DISCONNECTED = (
    "disconnected by an operator"  # how the reason of every account begins whose grant was given back
)
CONTROL_OR_SURROGATE = ("Cc", "Cs")


def checked_line(text: str, what: str) -> str:
    """One line of text, without the blanks around it.

    Raises PipelineError that names `what` when the line is empty, longer than 255 characters, or holds
    control characters or half an emoji.
    """
    line = text.strip()
    if not line:
        raise PipelineError(f"{what}: empty. Give at least one visible character.")
    if len(line) > LONGEST:
        raise PipelineError(f"{what}: {len(line)} characters long. Give at most {LONGEST}.")
    if any(unicodedata.category(character) in CONTROL_OR_SURROGATE for character in line):
        raise PipelineError(f"{what}: holds control characters or broken text. Write it as one plain line.")
    return line


def storable(text: str) -> str:
    """Foreign text as PostgreSQL can keep it: NUL and lone surrogates become U+FFFD and `?`."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def one_line(text: str) -> str:
    """Foreign text as one line that can be stored and shown in a terminal: control characters become blanks."""
    shown = (" " if unicodedata.category(character) == "Cc" else character for character in storable(text))
    return " ".join("".join(shown).split())
