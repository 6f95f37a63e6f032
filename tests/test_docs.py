"""The pages of docs/: links lead somewhere, and the formatter of `make check` accepts them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "secrets" / "README.md"])
CODE = [*(ROOT / "workflows_dagster").rglob("*.py"), *(ROOT / "bench").rglob("*.py"), ROOT / "Makefile"]
CODE += [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
CODE += [ROOT / "docker-compose.dagster.yml", *(ROOT / "config").glob("*.yaml")]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`([a-z_]+(?:/[\w.]+)*/[\w.]+\.(?:py|po|yaml|json))`")
_MENTION = re.compile(r"\bdocs/[\w/.-]+\.md(?:#[\w-]+)?")


def anchors(page: Path) -> set[str]:
    """The anchors of a page, as its headings give them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_there(target: str, folder: Path) -> bool:
    """Whether a path with an optional anchor leads to a file and a heading in it."""
    path, _, anchor = target.partition("#")
    page = (folder / path).resolve() if path else None
    return page is None or (page.exists() and (not anchor or anchor in anchors(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    here = {f"#{anchor}" for anchor in anchors(page)}
    assert [link for link in links if not (link in here if link[0] == "#" else is_there(link, page.parent))] == []


def test_every_page_that_the_code_names_is_there():
    named = {
        mention for path in CODE for mention in _MENTION.findall(path.read_text(encoding="utf-8", errors="ignore"))
    }
    assert len(named) > 10
    assert sorted(mention for mention in named if not is_there(mention, ROOT)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_the_code_that_a_page_names_is_there(page):
    named = _PATH.findall(page.read_text(encoding="utf-8"))
    places = (ROOT, ROOT / "workflows_dagster")
    # Files of the owner's: his data folder is not in the repository.
    named = [path for path in named if not path.startswith(("data/", "secrets/"))]
    assert [path for path in named if not any((place / path).exists() for place in places)] == []
