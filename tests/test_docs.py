"""The documentation against the code and against itself: cards of all sources, links that lead somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from include.sources.offers import OFFERS
from include.sources.registry import _OPENERS
from tests.sources.card import CARDS, sources

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECTIONS = ["What it needs", "What it reads", "YAML", "Limits", "Try it"]
_LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def rows_of_the_index() -> list[list[str]]:
    table = text(CARDS / "README.md").split("\n\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", text(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_command_line_lists_what_can_be_opened() -> None:
    assert set(OFFERS) == set(_OPENERS)


@pytest.mark.parametrize("name", _OPENERS)
def test_every_type_of_source_has_a_card_with_an_example(name: str) -> None:
    assert name in {source.type for source in sources(name).values()}


@pytest.mark.parametrize("name", _OPENERS)
def test_every_type_of_source_has_a_row_in_the_index_that_leads_to_its_card(name: str) -> None:
    own = [row for row in rows_of_the_index() if row[1] == f"`{name}`"]
    assert any(f"]({name}.md)" in row[-1] for row in own), f"docs/sources/README.md has no row for {name}"


def test_every_card_is_in_the_index_and_has_the_same_sections() -> None:
    cards = sorted(path.stem for path in CARDS.glob("*.md") if path.stem != "README")
    assert sorted(re.findall(r"\((.+?)\.md\)", " ".join(row[-1] for row in rows_of_the_index()))) == cards
    for card in cards:
        assert re.findall(r"^## (.+)$", text(CARDS / f"{card}.md"), re.MULTILINE) == SECTIONS, card


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for found in _LINK.findall(_FENCE.sub("", text(page))):
        link = unquote(found[0] or found[1])
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}, which is not there"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}: no such heading"
