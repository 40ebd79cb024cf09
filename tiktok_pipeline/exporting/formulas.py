"""What a spreadsheet would take for a formula, made harmless by an apostrophe before it.

A formula begins with =, +, -, @ or a full-width one of these, at the start of a cell or after blanks and quotes. Where
programs split lines by semicolon, tab or bar, whatever the file says, a cell begins in the middle of a text, too.
"""

from __future__ import annotations

import re

# Of an empty place, read alike by Python and PostgreSQL.
FORMULA = r'(^|[;|\t\r\n])([ \v\f\u00a0\u3000"]*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])'
HARMLESS = r"\1\2'"


def harmless(text: str) -> str:
    """`text` with an apostrophe before each formula that it could begin."""
    return re.sub(FORMULA, HARMLESS, text)
