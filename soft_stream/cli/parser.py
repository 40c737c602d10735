"""The parser of the command line: two lines about wrong arguments, and help that fits the terminal."""

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NoReturn, TypeGuard

from soft_stream.cli.terminal import Terminal
from soft_stream.config.settings import did_you_mean
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

PROG = "soft-stream"
WRONG_ARGUMENTS = 2
NEGATIVE = re.compile(r"-\d+|-\d*\.\d+")
# what people try, and what does that
ELSEWHERE = {
    **{name: f"sudo systemctl {name} camera-soft-cam@0" for name in ("start", "stop", "restart", "enable", "disable")},
    **dict.fromkeys(("log", "logs", "journal"), "journalctl -u camera-soft-cam@0"),
    "version": "soft-stream --version",
    "list": "soft-stream cameras",
}


class HelpFormatter(argparse.HelpFormatter):
    """Fills paragraphs, and keeps indented lines as they are; options have their short form first."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = [block if is_verbatim else "\n".join(_wrap(block, width)) for is_verbatim, block in blocks(text)]
        return "\n".join(lines)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrap(text, width)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = ", ".join(sorted(action.option_strings, key=lambda name: name.startswith("--")))
        return names if action.nargs == 0 else f"{names} {self._format_args(action, action.dest.upper())}"

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        text = super()._format_args(action, default_metavar)
        return f"{text.split()[0]} ..." if action.nargs == argparse.ONE_OR_MORE else text


class Parser(argparse.ArgumentParser):
    """A parser of arguments, also of those of a command: `add_subparsers` makes parsers of this class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", HelpFormatter)
        super().__init__(*args, **kwargs)
        self._positionals.title = "arguments"
        for each in self._actions:  # only -h
            each.help = "print this help and exit"
        self.sections: dict[str, list[str]] = {}
        """The titles of groups of commands, with the names of these; `add_subparsers` alone shows none."""

    @property
    def commands(self) -> "Mapping[str, Parser]":
        """The parsers of the commands, by name."""
        return {name: parser for each in self._command_actions() for name, parser in each.choices.items()}

    @property
    def summaries(self) -> dict[str, argparse.Action]:
        """The lines of the help about the commands, by name."""
        return {line.dest: line for each in self._command_actions() for line in each._choices_actions}

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments; an unknown one is an error of the command that got it."""
        words = sys.argv[1:] if args is None else list(args)
        if self.commands and not words:
            self.exit(WRONG_ARGUMENTS, self.format_help())
        if unknown := self._find_unknown(words):
            self.error(self._describe_unknown(unknown))
        parsed, rest = super().parse_known_args(words, namespace)
        if rest:
            self.error(self._describe_unknown(rest[0]))
        return parsed, rest

    def error(self, message: str) -> NoReturn:
        """Print how to call the command and what is wrong, and exit."""
        message = message.replace("ignored explicit argument", "takes no value, and got")
        word = Terminal(sys.stderr).colour("error:", "red")
        usage = f"usage: {self.short_usage()}  (see {self.prog} --help)"
        self.exit(WRONG_ARGUMENTS, f"{usage}\n{self.prog}: {word} {one_line(message)}\n")

    def short_usage(self) -> str:
        """Return the usage in one line, without the options one by one."""
        if self.usage:
            return self.usage
        words = [self._get_formatter()._format_args(each, each.dest) for each in self._get_positional_actions()
                 if each.help != argparse.SUPPRESS and not _has_commands(each)]  # fmt: skip
        commands = [str(each.metavar) for each in self._command_actions()]
        return " ".join([self.prog, *commands, "[OPTION ...]", *words])

    def format_usage(self) -> str:
        """Return the usage for the help."""
        return f"usage: {self.short_usage()}\n"

    def format_help(self) -> str:
        """Return the help; commands are in their sections, if there are some."""
        formatter = self._get_formatter()
        formatter.add_text(self.format_usage().rstrip())
        formatter.add_text(self.description)
        for title, names in self.sections.items():
            formatter.start_section(title)
            formatter.add_arguments([self.summaries[name] for name in names])
            formatter.end_section()
        for group in self._action_groups:
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(each for each in group._group_actions if not _has_commands(each))
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print as other commands do; argparse ignores an output that cannot be written."""
        if file:
            print(message, end="", file=file)

    def _command_actions(self) -> "Iterator[argparse._SubParsersAction[Parser]]":
        return (each for each in self._actions if _has_commands(each))

    def _find_unknown(self, words: Sequence[str]) -> str:
        """Return the first word that argparse takes for an option of this parser and that is none.

        argparse itself finds it last: after it has taken the value of the option for a positional argument.
        """
        for word in words:
            is_value = not word.startswith("-") or word == "-" or " " in word or NEGATIVE.fullmatch(word)
            if word == "--" or (is_value and self.commands):
                break
            name = word.partition("=")[0] if word.startswith("--") else word[:2]
            if not is_value and not any(option.startswith(name) for option in self._option_string_actions):
                return word
        return ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Exit if a value is none of the choices, with the most similar one."""
        if action.choices is None or value in action.choices:
            return
        hint = did_you_mean(str(value), [*action.choices])
        if not isinstance(action, argparse._SubParsersAction):
            raise argparse.ArgumentError(action, f"{value!r}: must be one of: {', '.join(action.choices)}{hint}")
        if value in ELSEWHERE and self.prog == PROG:
            hint = f"; use: {ELSEWHERE[value]}"
        self.error(f"{value}: no such command{hint}")

    def _describe_unknown(self, word: str) -> str:
        """Return what is wrong with an argument that no option and no positional argument takes."""
        name = word.partition("=")[0]
        if not word.startswith("-") or word == "--":
            is_camera = word.isdecimal() and "--camera" in self._option_string_actions
            return f"{word}: one argument too many" + (f"; did you mean --camera {word}?" if is_camera else "")
        if owner := next((each for each in _all_of(self.commands) if name in each._option_string_actions), None):
            return f"{name}: it must be after the command, such as: {owner.prog} {name}"
        return f"{name}: no such option{did_you_mean(name, [*self._option_string_actions])}"


def blocks(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the paragraphs of a text, with False, and its indented or empty lines as they are, with True."""
    for (is_empty, is_indented), lines in groupby(text.splitlines(), lambda line: (not line, line.startswith(" "))):
        yield is_empty or is_indented, "\n".join(lines)


def exit_status(meanings: Mapping[ExitStatus, str]) -> str:
    """Return the section of a help text about exit statuses; that of wrong arguments is added."""
    rows = {WRONG_ARGUMENTS: "wrong arguments"} | {int(status): text for status, text in meanings.items()}
    return "exit status:\n" + "\n".join(f"  {status:<3} {text}" for status, text in sorted(rows.items()))


def _has_commands(action: argparse.Action) -> "TypeGuard[argparse._SubParsersAction[Parser]]":
    return isinstance(action, argparse._SubParsersAction)


def _wrap(text: str, width: int) -> list[str]:
    """Return the lines of a paragraph; paths and options are not broken at their hyphens."""
    return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def _all_of(parsers: Mapping[str, Parser]) -> Iterator[Parser]:
    for parser in parsers.values():
        yield parser
        yield from _all_of(parser.commands)
