"""Reads the older programs' documents, which are not part of this project, and finds everything that they name."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.older_programs.promises import Document, PromiseList

CODE = re.compile(r"`([^`\n]+)`")
FLAGS = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
LINK = re.compile(r"\]\(([\w./-]+)(?:#[\w-]*)?\)")
NAMES = re.compile(
    r"https?://[^\s)>`\"]+"  # URLs
    r"|(?<![\w/.<])~?/[\w.@*-]+(?:/[\w.@*-]*)*"  # paths
    rf"|{FLAGS.pattern}"
    r"|[\w@*.{},-]+\.(?:cfg|env|jpg|lock|log|mjpg|py|service|sh|so)\b"  # files and units
    r"|\b(?:in|out)put_[a-z0-9]+\b"  # plugins
    r"|\[(?:default|server|/path/to/video_device)\]"  # sections
    r"|\b(?:logfile|loglevel|keyfile|certfile|width|height|fps)\b"  # keys of MJPGStreamer's file
)


def read(folder: Path, document: Document) -> list[str]:
    """Return the lines of a document, the first one at index 1.

    Raises:
        ValueError: it is another version of the document.
    """
    content = (folder / f"{document.name}.md").read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != document.sha256:
        raise ValueError(f"{folder / document.name}.md has the SHA-256 {found}, not {document.sha256}")
    return ["", *content.decode(errors="replace").split("\n")]


def named(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield line and text of everything that a document names as code, URL, path, flag, file, unit or plugin."""
    fenced = False
    for number, line in enumerate(lines):
        if line.startswith(("```", "   ```")):
            fenced = not fenced
        elif fenced and line.lstrip().startswith("-"):
            yield from ((number, flag) for flag in FLAGS.findall(line))
        elif fenced or (line.startswith("    ") and not lines[number - 1].lstrip().startswith(("-", "*", "1", "2"))):
            continued = number and lines[number - 1].endswith("\\")
            rest = without_comment(lines[number + 1]) if line.endswith("\\") else ""
            if not continued and (text := f"{without_comment(line)} {rest}".strip()):
                yield number, text
        else:
            yield from ((number, code.strip()) for code in CODE.findall(line))
            yield from ((number, name.rstrip(".,;:")) for name in NAMES.findall(CODE.sub(" ", line)))


def without_comment(line: str) -> str:
    """Return a line of code without white space, comment and the backslash of a line that continues."""
    return re.sub(r"(^|\s)#.*", "", line).strip().removesuffix("\\").rstrip(" ,")


def missing(promises: PromiseList, document: Document, lines: list[str]) -> list[str]:
    """Return what a document names and the list has not, one sentence for each."""
    rows = [row for row in promises.promises if row.document == document.name]
    excused = promises.no_promise.get(document.name, {})
    problems = []
    for number, text in named(lines):
        covered = any(is_covered(text, row.text) for row in rows if number in row.lines) or text in excused
        if not covered:
            problems.append(f"{document.name}:{number} `{text}` is in no row")
    return problems


def is_covered(text: str, promised: str) -> bool:
    """Return whether a row is about something that a document names: a key of JSON may be without its example."""
    return text.rstrip("/") in promised or (promised.endswith((":", "{")) and text.startswith(promised))


def misquoted(promises: PromiseList, document: Document, lines: list[str]) -> list[str]:
    """Return the rows whose text is not on their lines, one sentence for each."""
    problems = []
    for row in promises.promises:
        if row.document != document.name:
            continue
        for number in row.lines:
            # a command may continue on the next line
            first, second = (
                " ".join(line.replace("\\", " ").split()) for line in [*lines, "", ""][min(number, len(lines)) :][:2]
            )
            start = f"{first} {second}".find(" ".join(row.text.split()))
            if not 0 <= start < len(first):
                problems.append(f"{row.name} is not on line {number}")
    return problems
