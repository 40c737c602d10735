"""The tables of docs/from-older-programs.md, made from the list."""

from itertools import chain

from tests.older_programs import plugins
from tests.older_programs.promises import NOT_NEEDED, Document, Promise, PromiseList
from tests.support.checkout import ROOT

PAGE = ROOT / "docs/from-older-programs.md"
BEGIN = "<!-- made by: .venv/bin/python -m tests.older_programs -->"
END = "<!-- end of what is made from tests/older_programs/promises.toml -->"


def with_tables(page: str, promises: PromiseList) -> str:
    """Return the page with new tables between its markers."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables(promises)}\n{END}{after}"


def tables(promises: PromiseList) -> str:
    """Return one table for each document."""
    documents = chain.from_iterable(_table(document, promises) for document in promises.documents)
    return "\n".join([*documents, *_plugins()])


def _plugins() -> list[str]:
    """Return the table of the options of mjpg-streamer's plugins."""
    file, _, name = plugins.TEST.partition("::")
    proof = f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})"
    lines = [
        "### Each option of mjpg-streamer's plugins",
        "",
        "| plugin | option | here | proof |",
        "|---|---|---|---|",
    ]
    for plugin, options in plugins.load().items():
        for option, here in options.items():
            lines.append(f"| `{plugin}` | `{option}` | {_imported(option, here)} | {proof} |")
    return [*lines, ""]


def _imported(option: str, here: str) -> str:
    """Return settings as code, and a note without the option at its beginning."""
    parts = []
    for part in here.split("; cam0_") if here.startswith("cam0_") else [here]:
        setting, _, note = part.partition("; ")
        text = f"`{'' if setting.startswith('cam0_') else 'cam0_'}{setting}`" if here.startswith("cam0_") else part
        parts.append(f"{text}; {note.removeprefix(f'{option}: ')}" if here.startswith("cam0_") and note else text)
    return ", ".join(parts).removeprefix(f"{option}: ").replace("|", "\\|")


def _table(document: Document, promises: PromiseList) -> list[str]:
    rows = [row for row in promises.promises if row.document == document.name]
    lines = [f"### The document of {document.title}", "", "| line | there | here | proof |", "|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: row.lines):
        numbers = ", ".join(map(str, row.lines))
        lines.append(f"| {numbers} | {_there(row)} | {row.here} | {_proof(row)} |")
    return [*lines, ""]


def _there(row: Promise) -> str:
    text = row.text.replace("|", "\\|")
    return f"`{text}`" if row.kind != "behaviour" and "`" not in text else text


def _proof(row: Promise) -> str:
    if row.kind == NOT_NEEDED:
        return "not needed"
    if row.later:
        return f"later: {row.later}"
    file, _, name = row.test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})"
