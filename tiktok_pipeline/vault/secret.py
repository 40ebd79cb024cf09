"""A token in memory: it can be used, and it refuses to be seen."""

from __future__ import annotations

from typing import NoReturn


class SecretToken:
    """A token that refuses to print, format, compare, pickle, copy or serialise itself.

    `reveal()` gives the text, for the one header or form field that needs it. Two of them are equal only when
    they are the same object, so that a comparison cannot be used to guess the text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The token itself. Call it where it is sent or sealed, never to keep it."""
        return self._text

    def __repr__(self) -> str:
        return "SecretToken(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretToken cannot be pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a SecretToken cannot be pickled or copied")
