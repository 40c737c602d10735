"""The tables of the older programs: for each option the settings that it becomes, or why it becomes none."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

TABLES = "tables"


class Takes(StrEnum):
    """What follows an option on a command line."""

    VALUE = "value"
    NOTHING = "nothing"
    MAYBE = "maybe"
    MANY = "many"


@dataclass(frozen=True)
class Rule:
    """What becomes of one option; `reason` is empty if it is translated."""

    names: tuple[str, ...]
    takes: Takes = Takes.VALUE
    to: tuple[str, ...] = ()
    """Settings, `controls:NAME` for a control of libcamera, or `@NAME` for a fact that decides with others."""
    by: tuple[str, ...] = ("same",)
    """The name of the conversion and its arguments."""
    value: str | None = None
    """The value of an option that takes none."""
    reason: str = ""
    is_later: bool = False
    """Whether the feature is not there yet, rather than without meaning here."""
    secret: bool = False
    """Whether the value must not be printed."""


@dataclass(frozen=True)
class Section:
    """The options of a program, of one of its plugins, or of a section of its file."""

    name: str
    style: str
    rules: Mapping[str, Rule]
    defaults: Mapping[str, str]
    """The program's own defaults where they decide what its owner sees: sizes, rates, addresses."""
    unsupported: str = ""
    """Why nothing of a plugin can be translated."""

    def rule(self, name: str) -> Rule | None:
        """Return the rule of an option, by its full name without dashes."""
        return self.rules.get(plain(name))

    def rule_of_prefix(self, name: str) -> Rule | None:
        """Return the rule of an option, by its name or by an unambiguous beginning of it, as getopt_long does."""
        if exact := self.rule(name):
            return exact
        found = {rule.names: rule for key, rule in self.rules.items() if len(name) > 1 and key.startswith(plain(name))}
        return next(iter(found.values())) if len(found) == 1 else None


@dataclass(frozen=True)
class Program:
    """An older program."""

    name: str
    sections: Mapping[str, Section]
    data: Mapping[str, Any]
    """The whole table, for the parts that are not options."""


@cache
def program(table: str) -> Program:
    """Return the table of a program, by the name of its file without `.toml`."""
    text = resources.files(__package__).joinpath(TABLES, f"{table}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    sections = {name: _section(name, value) for name, value in data.items() if "options" in value}
    return Program(data["name"], sections, data)


def plain(name: str) -> str:
    """Return the name of an option as it is compared: some programs accept `-` for `_`."""
    return name.replace("_", "-")


def _section(name: str, data: Mapping[str, Any]) -> Section:
    rules = [_rule(names, row) for names, row in data["options"].items()]
    by_name = {plain(each): rule for rule in rules for each in rule.names}
    return Section(name, data["style"], by_name, data.get("defaults", {}), data.get("unsupported", ""))


def _rule(names: str, row: Mapping[str, Any]) -> Rule:
    return Rule(
        names=tuple(names.split()),
        takes=Takes(row.get("takes", "value")),
        to=tuple(row.get("to", "").split()),
        by=tuple(row.get("by", "same").split()),
        value=row.get("value"),
        reason=row.get("none", "") or row.get("later", ""),
        is_later="later" in row,
        secret=row.get("secret", False),
    )
