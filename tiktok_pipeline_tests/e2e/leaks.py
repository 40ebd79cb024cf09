"""Looking for secrets where none may be, in whatever form they got there."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote_from_bytes, quote_plus

import psycopg
from psycopg import sql

from tiktok_pipeline.runtime.database import libpq_url

BYTEA = re.compile(rb"\\x((?:[0-9a-f]{2}){8,})")
TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
"""
PIECE = 12
SHIFTS = (
    (0, 0),
    (1, 2),
    (2, 3),
)  # bytes before the secret, and characters of base64 that also hold their bits


def forms(secret: bytes) -> dict[str, bytes]:
    """How a secret looks as it is, cut off and encoded, by the name of what was done to it."""
    found = {
        "raw": secret,
        "url": quote_from_bytes(secret, safe="").encode(),
        "url with slashes": quote_from_bytes(secret).encode(),
        "form": quote_plus(secret).encode(),
        "hex": secret.hex().encode(),
        "HEX": secret.hex().upper().encode(),
    }
    for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        for before, shared in SHIFTS:
            whole_characters = (before + len(secret)) * 8 // 6
            found[f"{name}, {before} bytes on"] = encode(bytes(before) + secret)[shared:whole_characters]
    if len(secret) >= 2 * PIECE:  # messages are cut, at their end or in the middle
        found |= {"its beginning": secret[:PIECE], "its end": secret[-PIECE:]}
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return found
    return found | {"json": json.dumps(text)[1:-1].encode(), "html": html.escape(text).encode()}


def leaks(secrets: Mapping[str, bytes], places: Mapping[str, bytes]) -> list[str]:
    """Where a secret stands, in words that do not repeat it. Both are given by name."""
    found = []
    for place, packed in places.items():
        content = b"\n".join(_unpacked(packed))
        for name, secret in secrets.items():
            assert len(secret) >= 8, f"{name} is so short that it is everywhere"
            found += [
                f"{name} ({form}) in {place}" for form, text in forms(secret).items() if text in content
            ]
    return found


def tables(database_url: str) -> dict[str, bytes]:
    """The rows of every table of a database as COPY writes them, by the table's name."""
    with psycopg.connect(libpq_url(database_url)) as connection:
        return {
            f"{schema}.{table}": b"".join(_copied(connection, schema, table))
            for schema, table in connection.execute(TABLES).fetchall()
        }


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _copied(connection: psycopg.Connection, schema: str, table: str) -> Iterator[bytes]:
    statement = sql.SQL("copy (select * from {}) to stdout").format(sql.Identifier(schema, table))
    with connection.cursor().copy(statement) as rows:
        yield from (bytes(part) for part in rows)


def _unpacked(content: bytes) -> Iterator[bytes]:
    """`content`, and what is inside of its bytea values, which Dagster also compresses."""
    yield content
    for found in BYTEA.finditer(content):
        inside = binascii.unhexlify(found[1])
        yield inside
        try:
            yield zlib.decompress(inside, wbits=zlib.MAX_WBITS | 32)
        except zlib.error:
            continue
