"""Each link of the documents leads to a file and a heading that exist."""

from pathlib import Path

import pytest

from tests.docs import pages
from tests.support.checkout import ROOT

README = ROOT / "README.md"


@pytest.mark.parametrize("path", pages.DOCUMENTS, ids=pages.name)
def test_links(path: Path) -> None:
    """The file of a link exists, and has the heading of the anchor."""
    broken = [
        f"{target}#{anchor}"
        for target, anchor in pages.links(path)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in pages.anchors(target))
    ]
    assert broken == []


def test_the_readme_leads_to_each_page() -> None:
    """README.md links each page of docs/; the pages of clients have an index of their own."""
    linked = {target for target, _ in pages.links(README)}
    assert set((ROOT / "docs").glob("*.md")) - linked == set()


def test_broken_links_are_found(tmp_path: Path) -> None:
    """A missing file and a missing heading are broken; headings become anchors as on GitHub."""
    page = tmp_path / "page.md"
    page.write_text(
        "# It's `cam_x`, a [link](b.md)!\n\n[a](#its-cam_x-a-link) [b](b.md#c)\n```\n# [d](d.md)\n```\n## A\n## A\n"
    )
    assert pages.anchors(page) == {"its-cam_x-a-link", "a", "a-1"}
    assert list(pages.links(page)) == [
        (tmp_path.resolve() / "b.md", ""),
        (page, "its-cam_x-a-link"),
        (tmp_path.resolve() / "b.md", "c"),
    ]
