"""A digest as an HTML page or mail, as text and as Markdown, each by its template.

Names of stores and captions of videos are foreign: in HTML jinja2 escapes them; in Markdown every sign that
could mean something is escaped, in text control characters go. Only what the filters here have made is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tiktok_pipeline.digest import words
from tiktok_pipeline.digest.charts import Picture
from tiktok_pipeline.digest.content import Digest
from tiktok_pipeline.hub.words import one_line

TEMPLATES = Path(__file__).parent / "templates"
SIGNS = re.compile(r"([!-/:-@\[-`{-~])")  # what CommonMark lets a backslash stand before


class Ready(str):
    """A text that was made here, of numbers or an address of ours: taken as it is."""


def as_html(
    digest: Digest, pictures: Sequence[Picture], *, source: Callable[[Picture], str], link: str | None
) -> str:
    """A whole page, styled in place as mail programs want it. `source` is a picture's address."""
    shown = [(picture.alt, source(picture)) for picture in pictures]
    return _html.get_template("mail.html").render(digest=digest, pictures=shown, link=link)


def as_text(digest: Digest, *, link: str | None) -> str:
    """Plain text, for a terminal, Slack and whatever shows nothing else."""
    return _text.get_template("text.txt").render(digest=digest, link=link).strip() + "\n"


def as_markdown(digest: Digest, pictures: Sequence[Picture], *, link: str | None) -> str:
    """Markdown with the pictures in it."""
    shown = [(picture.alt, Ready(picture.data_uri)) for picture in pictures]
    made = _markdown.get_template("markdown.md").render(
        digest=digest, pictures=shown, link=link and Ready(link)
    )
    return made.strip() + "\n"


def link_to(portal_url: str, digest: Digest) -> str:
    """The digest's page in the portal."""
    address = f"{portal_url.rstrip('/')}/digest/{digest.day}"
    return address if digest.store_code is None else f"{address}?store={quote(digest.store_code, safe='')}"


def safe_link(url: str | None) -> str | None:
    """An address that a page may lead to; None for what is no web address, e.g. javascript:."""
    try:
        return url if url and urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None


def _plain(value: Any) -> Any:
    return value if isinstance(value, Ready) else one_line(str(value))


def _marked_down(value: Any) -> Any:
    return value if isinstance(value, Ready) else SIGNS.sub(r"\\\1", one_line(str(value)))


def _environment(finalize: Callable[[Any], Any] | None) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=finalize is None,  # noqa: S701  # text and Markdown are escaped by finalize
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    add_words(made)
    return made


def add_words(environment: Environment) -> None:
    """The sentences and numbers of a digest, for a template; numbers need no escaping."""
    environment.filters.update(
        signed=lambda number: Ready(words.signed(number)),
        counted=lambda number: Ready(words.counted(number)),
        caption=words.caption,
        over=words.over,
        safe_link=safe_link,
    )
    environment.globals["words"] = words


_html, _text, _markdown = (_environment(finalize) for finalize in (None, _plain, _marked_down))
