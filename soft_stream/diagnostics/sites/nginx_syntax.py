"""The syntax of nginx's configuration files, with the place of each directive in its text.

crossplane reports lines, but several servers may be on one line; and neither Debian nor a release has it. The rules are
those of ngx_conf_read_token() in nginx's src/core/ngx_conf_file.c.
"""

import glob
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = re.compile(
    r"""
      (?P<space> [ \t\r\n]+ | \#[^\n]* )
    | (?P<mark> [;{}] )
    | "(?P<double> (?: \\. | [^"\\] )* )"
    | '(?P<single> (?: \\. | [^'\\] )* )'
    | (?P<word> (?: \\. | \$\{ | [^ \t\r\n;{\\"'] ) (?: \\. | \$\{ | [^ \t\r\n;{\\] )* )
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPED = re.compile(r"\\([\\\"'trn])")
CONTROLS = {"t": "\t", "r": "\r", "n": "\n"}
LUA = "_by_lua_block"
# Comments and strings of Lua, which may contain braces, and braces: https://www.lua.org/manual/5.1/manual.html#2.1
LUA_TOKEN = re.compile(
    r"""
      (?: -- )? \[ (?P<level> =* ) \[ .*? \] (?P=level) \]
    | -- [^\n]*
    | " (?: \\. | [^"\\\n] )* " | ' (?: \\. | [^'\\\n] )* '
    | (?P<brace> [{}] )
    """,
    re.VERBOSE | re.DOTALL,
)
MAX_DEPTH = 100


class NotUnderstood(Exception):
    """A text that is not in nginx's syntax."""


@dataclass(frozen=True)
class Directive:
    """A directive, from `start` to `end` of the text of its file; the block of `include` is what it includes."""

    file: Path
    line: int
    start: int
    end: int
    words: tuple[str, ...]
    block: tuple["Directive", ...] = ()

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0]

    @property
    def where(self) -> str:
        """The file and the line, for messages."""
        return f"{self.file}:{self.line}"

    def inside(self, *names: str) -> Iterator["Directive"]:
        """Yield the directives with these names in the block, at any depth and in included files."""
        for each in self.block:
            if each.name in names:
                yield each
            yield from each.inside(*names)


@dataclass
class Configuration:
    """The files that nginx loads, each with its directives; paths are those by which nginx loads the files."""

    prefix: Path
    files: dict[Path, tuple[Directive, ...]] = field(default_factory=dict)
    by_wildcard: set[Path] = field(default_factory=set)
    """Files that may disappear, because an `include` with a wildcard loads them."""
    not_understood: dict[Path, str] = field(default_factory=dict)

    def load(self, path: Path, ignored: Iterable[Path] = ()) -> tuple[Directive, ...]:
        """Load a file and all that it includes; ignored files are left out."""
        if path in self.files or path in ignored or not path.is_file():
            return self.files.get(path, ())
        self.files[path] = ()  # a file that includes itself ends here
        try:
            self.files[path] = tuple(self._with_includes(each, ignored) for each in parse(path, _text(path)))
        except NotUnderstood as problem:
            self.not_understood[path] = str(problem)
        return self.files[path]

    def _with_includes(self, directive: Directive, ignored: Iterable[Path]) -> Directive:
        if directive.name == "include" and len(directive.words) == 2:
            pattern = str(self.prefix / directive.words[1])
            found = [Path(name) for name in sorted(glob.glob(pattern))]
            if glob.has_magic(pattern):
                self.by_wildcard.update(found)
            block = [each for path in found for each in self.load(path, ignored)]
        else:
            block = [self._with_includes(each, ignored) for each in directive.block]
        return Directive(directive.file, directive.line, directive.start, directive.end, directive.words, tuple(block))


def _text(path: Path) -> str:
    """Return the text of a file of any encoding; a directive's place in it is that in the file."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def parse(file: Path, text: str) -> list[Directive]:
    """Return the directives of a text.

    Raises:
        NotUnderstood: it is not in nginx's syntax.
    """
    stack: list[tuple[list[Directive], list[str], int]] = []  # the enclosing blocks
    directives: list[Directive] = []
    words: list[str] = []
    newlines = [match.start() for match in re.finditer("\n", text)]
    start = at = 0

    def directive(words: list[str], end: int, block: list[Directive]) -> Directive:
        return Directive(file, bisect_left(newlines, start) + 1, start, end, tuple(words), tuple(block))

    def problem(what: str) -> NotUnderstood:
        return NotUnderstood(f"{file}:{bisect_left(newlines, at) + 1}: {what}")

    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise problem("a quoted string does not end")
        mark, end = token["mark"], token.end()
        if token["space"] is None and not words:
            start = at
        if (mark in (";", "{") and not words) or (mark == "}" and (words or not stack)):
            raise problem(f"unexpected {mark}")
        if mark == "{" and words[0].endswith(LUA):
            end = _end_of_lua(text, end)
            if not end:
                raise problem(f"the block of {words[0]} does not end")
            mark = ";"
        if mark == ";":
            directives.append(directive(words, end, []))
            words = []
        elif mark == "{":
            stack.append((directives, words, start))
            directives, words = [], []
            if len(stack) > MAX_DEPTH:
                raise problem(f"more than {MAX_DEPTH} blocks in each other")
        elif mark == "}":
            block = directives
            directives, outer, start = stack.pop()
            directives.append(directive(outer, end, block))
        elif token["space"] is None:
            word = next(each for each in token.group("double", "single", "word") if each is not None)
            if "\0" in word:
                raise problem("a NUL byte")
            words.append(ESCAPED.sub(lambda match: CONTROLS.get(match[1], match[1]), word))
        at = end
    if words or stack:
        raise problem("unexpected end of the file")
    return directives


def _end_of_lua(text: str, at: int) -> int:
    """Return the end of the block that begins before a position; 0 if it has none."""
    depth = 1
    for token in LUA_TOKEN.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(token["brace"], 0)
        if not depth:
            return token.end()
    return 0
