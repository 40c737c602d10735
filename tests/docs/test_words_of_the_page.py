"""The names of buttons, badges and messages in the documents are those that the page shows."""

import json
import re
from pathlib import Path

import pytest

from tests.docs import pages
from tests.support.checkout import ROOT

WORDS = json.loads((ROOT / "soft_stream/web/pages/static/words/en.json").read_text())
SHOWN = {text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") for text in WORDS.values()}
PAGE = ROOT / "docs/page.md"


def first_cells(text: str, heading: str) -> set[str]:
    """Return what the first column of the table below a heading has."""
    section = text.partition(heading)[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return {name for row in rows for name in row.split("|")[1].strip().split(", ")}


@pytest.mark.parametrize("heading", ["## What it shows", "## The buttons"])
def test_badges_and_buttons(heading: str) -> None:
    """The tables of badges and buttons have the words of the page."""
    named = {name for name in first_cells(pages.read(PAGE), heading) if re.match("[A-Z]", name)}
    assert len(named) > 6
    assert named - SHOWN == set()


@pytest.mark.parametrize(
    "path", [ROOT / f"docs/{name}.md" for name in ("quick-start", "troubleshooting")], ids=pages.name
)
def test_bold_words(path: Path) -> None:
    """What is bold in a cell after `badge`, `says` or `with the badge` is shown by the page."""
    named = set(re.findall(r"(?:badge|says|says that|or) \*\*([^*]+)\*\*", pages.read(path)))
    assert named
    assert named - SHOWN == set()


def test_quoted_buttons() -> None:
    """What is to be pressed is there."""
    text = " ".join(pages.read(ROOT / f"docs/{name}.md") for name in ("troubleshooting", "faq", "upgrade", "page"))
    named = set(re.findall(r'(?:[Pp]ress|then|or|under|and) "([A-Z][^"]*)"', text)) | set(
        re.findall(r'"([A-Z][a-z ]+)" on the page', text)
    )
    assert len(named) > 5
    assert named - SHOWN == set()
