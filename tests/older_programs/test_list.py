"""The list of promises, the page that is made from it, and the documents that it quotes."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.older_programs import documents
from tests.older_programs.collecting import not_collected
from tests.older_programs.page import PAGE, with_tables
from tests.older_programs.promises import ListError, load
from tests.support.checkout import ROOT

# a folder with the older programs' documents, which are not part of this project
DOCUMENTS = os.environ.get("OLDER_PROGRAMS", "")
TOP = '[documents.a]\ntitle = "A"\nsha256 = ""\n[placeholders]\n"N" = \'\\d\'\n'


def test_the_page_is_made_from_the_list() -> None:
    """The tables of docs/from-older-programs.md are those of the list; `python -m tests.older_programs` writes them."""
    page = PAGE.read_text()
    assert page == with_tables(page, load())


def test_each_named_test_exists() -> None:
    """Pytest collects the test of each row."""
    judged = [row for row in load().promises if row.is_judged]
    unknown = not_collected({row.test for row in judged}, ROOT)
    assert [f"{row.name}: {row.test} does not exist" for row in judged if row.test in unknown] == []


def test_links_of_the_page() -> None:
    """Each file that a row of the list links to exists."""
    for row in load().promises:
        for target in documents.LINK.findall(row.here):
            assert (PAGE.parent / target).is_file(), row.name


@pytest.mark.skipif(not DOCUMENTS, reason="OLDER_PROGRAMS names no folder with the older programs' documents")
def test_the_list_is_complete_and_quotes_the_documents() -> None:
    """Each text is on its line, and everything that a document names is in the list."""
    promises = load()
    problems = []
    for document in promises.documents:
        lines = documents.read(Path(DOCUMENTS), document)
        problems += documents.misquoted(promises, document, lines) + documents.missing(promises, document, lines)
    assert problems == []


def test_a_document_is_compared(tmp_path: Path) -> None:
    """What is in no row and what is not on its line are found, and so is another version of the document."""
    text = "Run `a --fast` at /etc/a.conf.\n\n```\nb --slow \\\n  c  # why\n```\n"
    (tmp_path / "a.md").write_text(text)
    listed = tmp_path / "list.toml"
    row = '[[a]]\nline = {}\nkind = "not needed"\ntext = "{}"\nhere = "x"\n'
    listed.write_text(TOP + row.format(1, "a --fast") + row.format(4, "b --slow c") + row.format(3, "d"))
    promises = load(listed)
    lines = ["", *text.split("\n")]
    assert documents.missing(promises, promises.documents[0], lines) == ["a:1 `/etc/a.conf` is in no row"]
    assert documents.misquoted(promises, promises.documents[0], lines) == ["a:3 `d` is not on line 3"]
    moved = replace(promises, promises=tuple(replace(row, lines=(row.lines[0] - 1,)) for row in promises.promises[:2]))
    assert [line.partition(" is ")[2] for line in documents.misquoted(moved, moved.documents[0], lines)] == [
        "not on line 0", "not on line 3"
    ]  # fmt: skip
    beyond = replace(promises, promises=(replace(promises.promises[0], lines=(9,)),))
    assert documents.misquoted(beyond, beyond.documents[0], lines) == ["a:9 `a --fast` is not on line 9"]
    with pytest.raises(ValueError, match="has the SHA-256"):
        documents.read(tmp_path, promises.documents[0])


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('kind = "url"\ntext = "/a"\nhere = "x"', "must have either a test or later"),
        ('kind = "url"\ntext = "/a"\nhere = "x"\ntest = "t"\nlater = "l"', "must have either a test or later"),
        ('kind = "flag"\ntext = "--a"\nhere = "x"\ntest = "t"\ntried = ["--ab 1"]', "'--ab 1' is no instance of it"),
        ('kind = "url"\ntext = "/N"\nhere = "x"\ntest = "t"', "has nothing that was tried"),
        ('kind = "url"\ntext = "/N"\nhere = "x"\ntest = "t"\ntried = ["/x"]', "'/x' is no instance of it"),
        ('kind = "wish"\ntext = "/a"\nhere = "x"\ntest = "t"', "kind = 'wish' must be one of: "),
        ('kind = "not needed"\ntext = "/a"\nhere = "x"\ntest = "t"', "is not needed, and must have no test"),
        ('kind = "url"\ntext = "/a"\ntest = "t"', "has no here"),
        ('kind = "url"\ntext = "/a"\nhere = "x"\ntest = "t"\nfoo = 1', "has an unknown key: foo"),
    ],
)
def test_wrong_rows(tmp_path: Path, row: str, problem: str) -> None:
    """A row that proves nothing is an error with its document, line and text."""
    listed = tmp_path / "list.toml"
    listed.write_text(f"{TOP}[[a]]\nline = 3\n{row}\n")
    with pytest.raises(ListError) as refused:
        load(listed)
    assert str(refused.value).startswith("a:3 `")
    assert problem in str(refused.value)
