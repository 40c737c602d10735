"""Options as an older program was given them: parsing of command lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soft_stream.config.urls import without_secrets
from soft_stream.migration.rules import Rule, Section, Takes

# the name of an option that no table has, and whose value may be a password
SECRET = re.compile(r"pass|pwd|cred|auth|secret|token|key", re.IGNORECASE)


@dataclass(frozen=True)
class Given:
    """An option as it was written; `rule` is None if the program has no such option."""

    written: str
    value: str | None
    rule: Rule | None

    def __str__(self) -> str:
        if self.value is None or (not self.value and self.written.startswith("-")):
            return self.written
        is_secret = SECRET.search(self.written) if self.rule is None else self.rule.secret
        shown = "(not shown)" if is_secret else shown_value(self.value)
        return f"{self.written} {shown}" if self.written.startswith("-") else f"{self.written}={shown}"


def shown_value(text: str) -> str:
    """Return a value for notes and titles: a URL has no login in them."""
    return without_secrets(text) if "://" in text else text


def parse(words: Sequence[str], section: Section) -> list[Given]:
    """Return the options of a command line, in their order; words that are no options have no rule."""
    return list(_parse(list(words), section))


def _parse(words: list[str], section: Section) -> Iterator[Given]:
    while words:
        word = words.pop(0)
        if word == "--":
            yield from (Given(each, None, None) for each in words)
            return
        if not _is_option(word):
            yield Given(word, None, None)
        elif word.startswith("--") or section.style in ("long_only", "equals"):
            yield from _long(word, words, section)
        else:
            yield from _short(word, words, section)


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not word[1:].replace(".", "", 1).isdecimal()


def _long(word: str, words: list[str], section: Section) -> Iterator[Given]:
    """Parse `--name=value`, `--name value`, or the same with one dash."""
    written, equals, value = word.partition("=")
    rule = section.rule_of_prefix(written.lstrip("-"))
    if equals or section.style == "equals":
        yield Given(written, value if equals else None, rule)
    else:
        yield from _with_values(written, words, rule)


def _short(word: str, words: list[str], section: Section) -> Iterator[Given]:
    """Parse `-n value`, `-nvalue`, flags such as `-ab`, or argparse's options such as `-af value`."""
    written, equals, value = word.partition("=")
    if rule := section.rule(written[1:]):
        if equals:
            yield Given(written, value, rule)
        else:
            yield from _with_values(written, words, rule)
        return
    rule = section.rule(word[1])
    rest = word[2:]
    if rule is None:
        yield from _with_values(word, words, None)
    elif rule.takes == Takes.NOTHING:
        yield Given(word[:2], None, rule)
        if rest:
            yield from _short(f"-{rest}", words, section)
    else:
        yield Given(word[:2], rest, rule)


def _with_values(written: str, words: list[str], rule: Rule | None) -> Iterator[Given]:
    """Take the values of an option from the following words; an unknown option takes one, if there is one."""
    takes = rule.takes if rule else Takes.MAYBE
    follows = bool(words) and (takes == Takes.VALUE or not _is_option(words[0]))
    if takes == Takes.NOTHING or not follows:
        yield Given(written, None, rule)
        return
    yield Given(written, words.pop(0), rule)
    while takes == Takes.MANY and words and not _is_option(words[0]):
        yield Given(written, words.pop(0), rule)
