"""docs/reliability.md names tests that exist."""

import ast
import re
from functools import cache

import pytest

from tests.support.checkout import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Fault or attack")]


@cache
def names_in(file: str) -> set[str]:
    """Return the names of the tests in a file; none if there is no such file."""
    path = ROOT / file
    nodes = ast.walk(ast.parse(path.read_text())) if path.is_file() else ()
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {each.name for each in functions if each.name.startswith("test_")}


@pytest.mark.parametrize("row", ROWS)
def test_the_test_of_a_row_exists(row: str) -> None:
    """A row has a fault, what it gets, and the test that tries it."""
    fault, outcome, test = (cell.strip() for cell in row.strip("|").split("|"))
    named = re.fullmatch(r"`(tests/(?:\w+/)*test_\w+\.py)::(test_\w+)`", test)
    assert fault
    assert outcome
    assert named, f"{test} is no test"
    assert named[2] in names_in(named[1])


def test_each_fault_has_one_row() -> None:
    """No row is there twice, and the page is not empty."""
    assert ROWS
    assert len(set(ROWS)) == len(ROWS)
