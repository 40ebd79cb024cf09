"""What the docs say can be typed: every command and option exists, every link leads somewhere, every target is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tiktok_pipeline.cli.app import app
from tiktok_pipeline.project_files import project_file

ROOT = project_file("pyproject.toml").parent
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")])
COMMAND = re.compile(
    r"(?m)(?:^|`|bin/)tiktok-pipeline((?: [a-z][a-z-]+| --[a-z-]+| [A-Z0-9./:\"'$…\[\]{}_=-]+)+)"
)


@pytest.mark.parametrize("doc", DOCS, ids=lambda path: path.name)
def test_every_command_of_a_doc_exists(doc: Path) -> None:
    for words in COMMAND.findall(doc.read_text("utf-8")):
        command, options = _resolve(words.split())
        known = {option for parameter in command.params for option in parameter.opts}
        assert options <= known | {"--help", "--version"}, f"tiktok-pipeline{words}: {options - known}"


@pytest.mark.parametrize("doc", DOCS, ids=lambda path: path.name)
def test_every_link_of_a_doc_leads_somewhere(doc: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", doc.read_text("utf-8")):
        if "://" in link:
            continue
        file, _, heading = link.partition("#")
        target = (doc.parent / file) if file else doc
        assert target.exists(), f"{doc.name}: {link}"
        if heading:
            assert heading in set(_headings(target)), f"{doc.name}: {link}"


def test_every_make_target_of_the_docs_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for doc in DOCS for name in re.findall(r"`make ([a-z]+)", doc.read_text("utf-8"))}
    assert named <= targets, named - targets


def _resolve(words: list[str]) -> tuple[Any, set[str]]:
    """The command that the words name, as far as they name one, and their options."""
    command: Any = typer.main.get_command(app)
    for word in words:
        inner = getattr(command, "commands", None)
        if not inner or not re.fullmatch("[a-z][a-z-]*", word):
            break
        assert word in inner, f"tiktok-pipeline {' '.join(words)}: there is no {word}"
        command = inner[word]
    return command, {word.rstrip(",.;") for word in words if word.startswith("--")}


def _headings(doc: Path) -> Iterator[str]:
    """The anchors of a document, as forges make them."""
    for title in re.findall(r"^#+ (.+)$", doc.read_text("utf-8"), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
