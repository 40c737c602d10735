"""The documents of the project, and what a reader may type of them."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.checkout import ROOT

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "tests/**/*.md", "benchmarks/**/*.md", ".github/**/*.yml")
    for path in ROOT.glob(pattern)
)
"""All documents of the project."""


def name(path: Path) -> str:
    """Return the path of a document inside the project, which names the test."""
    return path.relative_to(ROOT).as_posix()


@cache
def read(path: Path) -> str:
    """Return the text of a document."""
    return path.read_text()


def links(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor of each link inside the project; the anchor may be empty."""
    for target in LINK.findall(FENCE.sub("", read(path))):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            yield ((path.parent / file).resolve() if file else path), anchor


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a document, as GitHub makes them of its headings."""
    found: list[str] = []
    for heading in HEADING.findall(FENCE.sub("", read(path))):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        repeated = sum(each == slug for each in found)
        found.append(f"{slug}-{repeated}" if repeated else slug)
    return frozenset(found)


def code(path: Path) -> Iterator[str]:
    """Yield each line of the code blocks of a document, and each piece of code in its text."""
    text = read(path)
    for _, block in FENCE.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from CODE.findall(FENCE.sub("", text))
