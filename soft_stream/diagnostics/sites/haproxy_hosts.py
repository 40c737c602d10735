"""The names in haproxy's conditions (`if { hdr(host) -i cam.example.org }`), ACLs and maps."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soft_stream.diagnostics.sites.haproxy_syntax import Section
from soft_stream.diagnostics.sites.site import Names, below, single, union

# A fetch of the name that the client requests, the kind of match in its name, and what is done with the value.
HOST = re.compile(
    r"(?:(?:req\.)?f?hdr(?:_(?P<hdr>\w+))?\(\s*host\s*(?:,[^)]*)?\)|(?:req\.ssl_sni|req_ssl_sni|ssl_fc_sni)(?:_(?P<sni>\w+))?"
    r"|base(?:_(?P<base>\w+))?)(?P<converters>,.*)?",
    re.IGNORECASE,
)
VARIABLE = re.compile(r"var\((?P<name>[^)]*)\)(?P<converters>,.*)?")
SET_VARIABLE = re.compile(r"set-var\((?P<name>[^),]*).*\)")
# converters after which the value is still the name
HARMLESS = re.compile(r"(?:,(?:lower|host_only|field\(1,:\)|word\(1,:\)))*", re.IGNORECASE)
# kinds of a match that show nothing about the name
NO_NAMES = ("cnt", "found", "len", "val")
WITH_VALUE = ("-m", "-f", "-M")
MAP = re.compile(r"map(?:_(?P<kind>\w+))?\((?P<file>[^),]+)(?:,(?P<default>[^)]*))?\)")


OR = ("or", "||")


@dataclass(frozen=True)
class HostTest:
    """A test of the name in a condition; a negated one is true for other names."""

    names: Names
    negated: bool
    is_only: bool = True
    """Whether the test is true for these names only; an ACL may have further lines."""


class Conditions:
    """The conditions of a section, which may refer to its ACLs and variables."""

    def __init__(self, section: Section) -> None:
        self._acls: dict[str, list[tuple[str, ...]]] = {}
        self._variables: set[str] = set()
        for line in section.lines:
            if line.words[0] == "acl" and len(line.words) > 2:
                self._acls.setdefault(line.words[1], []).append(line.words[2:])
            setting = next((match for word in line.words[1:2] if (match := SET_VARIABLE.fullmatch(word))), None)
            if setting and len(line.words) > 2 and _is_plain_host(line.words[2]):
                self._variables.add(setting["name"])

    def tests(self, words: Sequence[str]) -> list[HostTest]:
        """Return the tests of the name in the condition at the end of a line."""
        return [test for tests in self.alternatives(words) for test in tests]

    def alternatives(self, words: Sequence[str]) -> list[list[HostTest]]:
        """Return the tests of the name in each part of a condition that has `or` between its parts."""
        at = next((at for at, word in enumerate(words) if word in ("if", "unless")), None)
        found: list[list[HostTest]] = [[]]
        for negated, tests in self._terms(words[at + 1 :]) if at is not None else ():
            if not tests:
                found.append([])
                continue
            names = [each for test in tests if (each := self._names(test))]
            if names:
                is_negated = negated != (words[at or 0] == "unless")
                found[-1].append(HostTest(union(names), is_negated, len(names) == len(tests)))
        return found

    def _terms(self, words: Sequence[str]) -> Iterator[tuple[bool, Sequence[Sequence[str]]]]:
        """Yield each term: whether it is negated, and the words of its tests, of which one must be true.

        A term without tests is an `or`.
        """
        negated, at = False, 0
        while at < len(words):
            word = words[at].lstrip("!")
            negated = negated != bool((len(words[at]) - len(word)) % 2)
            if word == "{":
                end = next((end for end in range(at, len(words)) if words[end] == "}"), len(words))
                yield negated, [words[at + 1 : end]]
                at = end
            elif word in OR:
                yield False, []
            elif word:
                yield negated, self._acls.get(word, [("",)])
            negated, at = (negated if not word else False), at + 1

    def _names(self, test: Sequence[str]) -> Names | None:
        """Return the names in a test; None if it is no test of the name, or one that shows no names."""
        match = HOST.fullmatch(test[0]) if test else None
        kind = "" if match is None else match["hdr"] or match["sni"] or match["base"] or ""
        if match is None:
            match = VARIABLE.fullmatch(test[0]) if test else None
            if match is None or match["name"] not in self._variables:
                return None
        patterns, files, kind = _patterns(test[1:], kind)
        if kind.lower() in NO_NAMES:
            return None
        if not HARMLESS.fullmatch(match["converters"] or ""):
            return Names(unknown=f"the names in `{' '.join(test)}` are not known")
        return union([*(pattern_names(kind, each) for each in patterns), *(_in_file(kind, each) for each in files)])


def pattern_names(kind: str, pattern: str) -> Names:
    """Return the names that a pattern matches; kinds are those of `-m`."""
    kind = kind.lower()
    name = pattern.partition("/")[0]
    plain = "." in name.strip(".") and "$" not in name and "%" not in name and bool(single(name.strip(".")).known)
    if kind in ("", "str"):
        return Names(unknown=f"the name {pattern} is not known") if "$" in name or "%" in name else single(name)
    if plain and kind == "end":
        return below(name) if name.startswith(".") else single(name) | below(name)
    if plain and kind in ("dom", "sub"):
        return single(name.strip(".")) | below(name.strip("."))
    if plain and kind == "beg" and not name.endswith("."):
        return single(name)
    return Names(unknown=f"the pattern {pattern} matches names that are not known")


def map_names(expression: str, backends: Iterable[str]) -> tuple[Names, bool]:
    """Return the names that `use_backend %[...]` leads to these backends, and whether any other name does, too."""
    found = list(MAP.finditer(expression))
    if not found:
        return Names(unknown=f"the names in `{expression}` are not known"), False
    names, others = Names(), False
    for each in found:
        others |= (each["default"] or "").strip() in backends
        entries = _entries(each["file"])
        if entries is None:
            names |= Names(unknown=f"the map {each['file']} cannot be read")
            continue
        for line in entries:
            key, _, value = line.partition(" ")
            if value.strip() in backends:
                names |= pattern_names(each["kind"] or "str", key)
    return names, others


def _patterns(words: Sequence[str], kind: str) -> tuple[list[str], list[str], str]:
    """Return the patterns of a test, its files of patterns, and its kind of match."""
    patterns: list[str] = []
    files: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word in WITH_VALUE and at + 1 < len(words):
            if word == "-m":
                kind = words[at + 1]
            elif word == "-f":
                files.append(words[at + 1])
            at += 1
        elif not word.startswith("-"):
            patterns.append(word)
        at += 1
    return patterns, files, kind


def _in_file(kind: str, file: str) -> Names:
    entries = _entries(file)
    if entries is None:
        return Names(unknown=f"the file {file} cannot be read")
    return union(pattern_names(kind, each) for each in entries)


def _entries(file: str) -> list[str] | None:
    try:
        lines = [line.strip().replace("\t", " ") for line in Path(file).read_text(errors="replace").splitlines()]
    except OSError:
        return None
    return [line for line in lines if line and not line.startswith("#")]


def _is_plain_host(expression: str) -> bool:
    match = HOST.fullmatch(expression)
    return match is not None and bool(HARMLESS.fullmatch(match["converters"] or ""))
