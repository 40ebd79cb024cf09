"""A digest as HTML, Markdown and text: the same figures, and nothing in a foreign name does anything."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from tiktok_pipeline.digest.charts import draw
from tiktok_pipeline.digest.render import as_html, as_markdown, as_text, link_to
from tiktok_pipeline_tests.integration.digest.week import NASTY, Week

PNG, SVG = b"\x89PNG\r\n\x1a\n", b"<svg "
LARGEST_METADATA = 60_000  # characters of the Markdown that Dagster's UI is given


class Links(HTMLParser):
    """Where a page leads and what it shows; fails on what could run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "object", "form")
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.images += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).split())


def test_every_format_says_the_same_and_a_script_in_a_name_stays_a_name(week: Week) -> None:
    week.quarantine(5, "video_list", account=2)
    week.name(NASTY)
    digest = week.digest(5)
    link = link_to("https://portal.example.com/", digest)
    assert link == f"https://portal.example.com/digest/{digest.day}"
    pictures = draw(digest, "png")
    page = Links(as_html(digest, draw(digest, "svg"), source=lambda picture: picture.data_uri, link=link))
    marked = Links(MarkdownIt("commonmark").enable("table").render(as_markdown(digest, pictures, link=link)))
    text = as_text(digest, link=link)
    for said in (page.words, marked.words, text):
        assert NASTY in said
        assert "+7" in said
        assert "quarantine" in said
    assert (
        page.links == marked.links == [link]
    )  # neither javascript: nor what looks like an address in a name
    assert len(page.images) == len(marked.images) == 3
    for line in text.splitlines():
        assert line.isprintable()


def test_charts_are_pictures_that_need_nothing_else(week: Week) -> None:
    week.name(NASTY)
    digest = week.digest(5)
    for format, begins in (("png", PNG), ("svg", SVG)):
        pictures = draw(digest, format)  # type: ignore[arg-type]
        assert [picture.name for picture in pictures] == [
            f"{name}.{format}" for name in ("followers", "views", "movers")
        ]
        for picture in pictures:
            assert picture.content.startswith(begins)
            assert base64.b64decode(picture.data_uri.partition("base64,")[2]) == picture.content
    drawn = draw(digest, "svg")[2].content.decode()
    assert "&lt;script>" in drawn or "&lt;script&gt;" in drawn
    assert "<script" not in drawn
    assert len(re.findall(r'aria-roledescription="bar"', drawn)) == 2


def test_a_chart_shows_a_bar_for_each_day_that_was_compared(week: Week) -> None:
    followers, views, _ = (picture.content.decode() for picture in draw(week.digest(5), "svg"))
    # Days 1 to 5: five rises of one store, four falls of the other, which was not there on day 2.
    assert len(re.findall(r'aria-roledescription="bar"', followers)) == 9
    assert len(re.findall(r'aria-roledescription="bar"', views)) == 5
    assert draw(week.digest(0), "svg") == []


def test_the_markdown_with_two_charts_is_small_enough_for_a_page_of_the_dagster_ui(week: Week) -> None:
    digest = week.digest(5)
    assert len(as_markdown(digest, draw(digest, "png", most=2), link=None)) < LARGEST_METADATA
