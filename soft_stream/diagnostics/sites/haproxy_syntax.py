"""The sections of haproxy's configuration files, each with the lines that it inherits.

The rules are those of https://docs.haproxy.org/2.6/configuration.html#2: there is no library for them in Debian.
"""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from soft_stream.config import env_file

SECTIONS = (
    "global", "defaults", "frontend", "backend", "listen", "peers", "mailers", "resolvers", "userlist", "cache",
    "program", "http-errors", "ring", "log-forward", "fcgi-app", "crt-store", "traces",
)  # fmt: skip
# the options of Debian's unit, beside the folder of haproxy
DEFAULTS = "default/haproxy"


@dataclass(frozen=True)
class Line:
    """The words of a line, and its place for messages."""

    words: tuple[str, ...]
    where: str


@dataclass
class Section:
    """A section; `lines` begin with those of its `defaults`."""

    kind: str
    name: str
    lines: list[Line] = field(default_factory=list)

    def named(self, *words: str) -> Iterator[Line]:
        """Yield the lines that begin with these words."""
        for line in self.lines:
            if line.words[: len(words)] == words:
                yield line


def read_sections(etc: Path) -> list[Section]:
    """Return the sections of all files of haproxy.

    Raises:
        OSError: a file cannot be read.
    """
    return parse(line for path in _files(etc) for line in _lines(path))


def _files(etc: Path) -> list[Path]:
    """Return the files that Debian's unit loads, and those in conf.d, which other units load."""
    file = etc.parent / DEFAULTS
    text = file.read_text(errors="replace") if file.is_file() else ""
    options = {each.key: each.value or "" for each in env_file.parse(text)}
    words = options.get("EXTRAOPTS", "").split()
    further = [Path(word) for option, word in pairwise(words) if option == "-f"]
    places = [Path(options.get("CONFIG") or etc / "haproxy.cfg"), *further, etc / "conf.d"]
    files = [path for place in places for path in (sorted(place.glob("*.cfg")) if place.is_dir() else [place])]
    return [path for path in dict.fromkeys(files) if path.is_file()]


def parse(lines: Iterable[Line]) -> list[Section]:
    """Return the sections of the lines of all files."""
    sections: list[Section] = []
    defaults: dict[str, list[Line]] = {}
    last: list[Line] = []
    for line in lines:
        kind, *rest = line.words
        if kind in SECTIONS:
            name = rest[0] if rest else ""
            inherited = defaults.get(rest[rest.index("from") + 1], last) if "from" in rest[1:-1] else last
            sections.append(Section(kind, name, list(inherited) if kind in ("frontend", "backend", "listen") else []))
            if kind == "defaults":
                last = defaults[name] = sections[-1].lines
        elif sections:
            sections[-1].lines.append(line)
    return sections


def _lines(path: Path) -> Iterator[Line]:
    # a NUL byte must be in no name of a file; haproxy does not start with one
    for number, text in enumerate(path.read_text(errors="replace").replace("\0", " ").splitlines(), start=1):
        try:
            words = shlex.split(text, comments=True)
        except ValueError:  # haproxy does not start with a quote that does not end
            words = text.split()
        if words:
            yield Line(tuple(words), f"{path}:{number}")
