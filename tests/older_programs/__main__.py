"""Writes the tables of docs/from-older-programs.md from promises.toml: `.venv/bin/python -m tests.older_programs`."""

from tests.older_programs.page import PAGE, with_tables
from tests.older_programs.promises import load

PAGE.write_text(with_tables(PAGE.read_text(), load()))
