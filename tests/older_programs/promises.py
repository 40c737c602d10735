"""The list of promises, promises.toml: reading and checking it.

Each row has the document and the line of a promise, and the text as it is there. `here` says what it does in this
program. `test` is the test that proves it, without parameters. `tried` has what the test must run or request:
instances of the text where that has placeholders; without it, the text itself.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIST = Path(__file__).with_name("promises.toml")
# what the recording of a test must contain for each kind; see matching.py
OBSERVED = frozenset({"command", "file", "flag", "log line", "path", "setting", "unit", "url"})
# `tried` of these kinds are commands or URLs that show it; the text is not among them
SHOWN = frozenset({"behaviour", "exit status", "key", "plugin"})
NOT_NEEDED = "not needed"
KINDS = OBSERVED | SHOWN | {NOT_NEEDED}
LAB = "tests/end_to_end/lab/"


class ListError(Exception):
    """The list is wrong; the message has one line for each problem."""


@dataclass(frozen=True)
class Document:
    """One of the older programs' documents."""

    name: str
    title: str
    sha256: str


@dataclass(frozen=True)
class Promise:
    """One row of the list."""

    document: str
    lines: tuple[int, ...]
    kind: str
    text: str
    here: str
    test: str
    tried: tuple[str, ...]
    later: str

    @property
    def name(self) -> str:
        """Return document, line and text, for messages."""
        return f"{self.document}:{self.lines[0]} `{self.text}`"

    @property
    def is_judged(self) -> bool:
        """Return whether a test must prove it."""
        return bool(self.test)


@dataclass(frozen=True)
class PromiseList:
    """The whole list."""

    documents: tuple[Document, ...]
    promises: tuple[Promise, ...]
    placeholders: dict[str, str]
    no_promise: dict[str, dict[str, str]]


def load(path: Path = LIST) -> PromiseList:
    """Read the list.

    Raises:
        ListError: some rows are wrong.
    """
    content = tomllib.loads(path.read_text())
    placeholders: dict[str, str] = content.get("placeholders", {})
    documents = tuple(Document(name, **facts) for name, facts in content["documents"].items())
    problems: list[str] = []
    promises: list[Promise] = []
    for document in documents:
        for row in content.get(document.name, []):
            promise = _promise(document.name, row, placeholders)
            problems += [f"{promise.name}: {problem}" for problem in _problems(promise, row, placeholders)]
            promises.append(promise)
    seen: set[str] = set()
    for promise in promises:
        if promise.name in seen:
            problems.append(f"{promise.name}: is twice in the list")
        seen.add(promise.name)
    if problems:
        raise ListError("\n".join(problems))
    return PromiseList(documents, tuple(promises), placeholders, content.get("no_promise", {}))


def _promise(document: str, row: dict[str, Any], placeholders: dict[str, str]) -> Promise:
    line, text = row.get("line", 0), row.get("text", "")
    itself = [] if any(placeholder in text for placeholder in placeholders) else [text]
    return Promise(
        document=document,
        lines=tuple(line) if isinstance(line, list) else (line,),
        kind=row.get("kind", ""),
        text=text,
        here=row.get("here", ""),
        test=row.get("test", ""),
        tried=tuple(row.get("tried", itself if row.get("kind") in OBSERVED else [])),
        later=row.get("later", ""),
    )


def _problems(promise: Promise, row: dict[str, Any], placeholders: dict[str, str]) -> list[str]:
    problems = [f"has no {key}" for key in ("line", "kind", "text", "here") if not row.get(key)]
    unknown = row.keys() - {"line", "kind", "text", "here", "test", "tried", "later"}
    problems += [f"has an unknown key: {key}" for key in sorted(unknown)]
    if promise.kind not in KINDS:
        return [*problems, f"kind = {promise.kind!r} must be one of: {', '.join(sorted(KINDS))}"]
    if promise.kind == NOT_NEEDED:
        return problems + [f"is not needed, and must have no {key}" for key in ("test", "tried", "later") if key in row]
    if bool(promise.test) == bool(promise.later):
        problems.append("must have either a test or later")
    if promise.test and not promise.tried:
        problems.append("has nothing that was tried: tried = [...] with instances of the text")
    if promise.kind in OBSERVED:
        problems += [
            f"tried {each!r} is no instance of it, and `here` does not name it"
            for each in promise.tried
            if not is_instance(promise, each, placeholders) and f"`{each}`" not in promise.here
        ]
    return problems


def is_instance(promise: Promise, tried: str, placeholders: dict[str, str]) -> bool:
    """Return whether something that was tried is the text of a row with its placeholders replaced."""
    text = promise.text
    if promise.kind == "flag":
        return tried == text or tried.startswith(f"{text} ")
    if promise.kind == "setting" and tried.startswith(f"{text}="):
        return True
    if promise.kind == "log line" or (promise.kind == "url" and (text.startswith("&") or text.isdigit())):
        return bool(instance_of(text, placeholders).search(tried))
    return bool(instance_of(text, placeholders).fullmatch(tried))


def instance_of(text: str, placeholders: dict[str, str]) -> re.Pattern[str]:
    """Return a pattern for a text in which each placeholder may be any of its instances."""
    longest_first = sorted(placeholders, key=len, reverse=True)
    split = re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if placeholders else [text]
    return re.compile("".join(placeholders.get(part, re.escape(part)) for part in split))


def tried_by(test: str) -> list[str]:
    """Return what a test must run or request, to run it once for each."""
    return sorted({each for row in load().promises if row.test == test for each in row.tried})
