"""Write the man pages and the shell completion of soft-stream into a folder: make_manual.py FOLDER.

Both are made from the parser of the command line, so they have every command and option. The date in the pages is
SOURCE_DATE_EPOCH; without it, today. The files have the names and folders that Debian expects below /usr/share.
"""

import argparse
import os
import re
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import shtab

from soft_stream import __version__
from soft_stream.cli.main import make_parser
from soft_stream.cli.parser import PROG, Parser, blocks
from soft_stream.config.loader import INSTALLED_FILE, LOCAL_FILE
from soft_stream.config.settings import SETTINGS
from soft_stream.migration.recognise import KINDS

# the cameras of the settings file
CAMERAS = f"(echo 0; sed -nE 's/^cam([0-9]+)_.*/\\1/p' {INSTALLED_FILE} ./{LOCAL_FILE} 2>/dev/null) | sort -nu"
ESCAPES = str.maketrans({"\\": r"\e", "-": r"\-", "~": r"\(ti", "^": r"\(ha", "`": r"\(ga", "'": r"\(aq", '"': r"\(dq"})
# bash makes three words of --option=VALUE, which shtab does not expect
SPLIT = r"""
_soft_stream() {
  local number
  local -a words=()
  for ((number = 0; number <= COMP_CWORD; number++)); do
    if [[ ${COMP_WORDS[number]} != = || ${words[-1]} != --* ]]; then
      words+=("${COMP_WORDS[number]}")
    elif ((number == COMP_CWORD)); then
      words+=("")
    fi
  done
  local -a COMP_WORDS=("${words[@]}")
  local COMP_CWORD=$((${#words[@]} - 1))
  _shtab_soft_stream
}

complete -o bashdefault -F _soft_stream soft-stream
"""
MORE = {
    "FILES": {
        str(INSTALLED_FILE): "the settings of the service, with an explanation of each",
        f"./{LOCAL_FILE}": "the settings where the other file does not exist",
    },
    "ENVIRONMENT": {
        "cam_NAME, camN_NAME": "settings of all cameras, and of camera N; they override those of the file",
        "NO_COLOR": "if it is not empty, no colour is used at a terminal",
    },
    "SEE ALSO": {"systemctl(1), journalctl(1)": "start, stop and restart the service, and read its log"},
}
OTHERS = {"SEE ALSO": {f"{PROG}(1)": "the other commands, and files"}}


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description="Write the man pages and the shell completion of soft-stream.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder that gets man, bash-completion and zsh")
    folder: Path = parser.parse_args().folder
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    date = time.strftime("%Y-%m-%d", time.gmtime(int(seconds) if seconds else None))
    for name, text in {**pages(date), **completion()}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def pages(date: str) -> dict[str, str]:
    """Return the man pages, by file: one for the program and one for each command."""
    parser = make_parser()
    texts = {PROG: page(PROG, "stream the cameras of this machine over HTTP", parser, date)}
    for name, summary in parser.summaries.items():
        texts[f"{PROG}-{name}"] = page(f"{PROG}-{name}", str(summary.help), parser.commands[name], date)
    return {f"man/man1/{name}.1": text for name, text in texts.items()}


def page(name: str, summary: str, parser: Parser, date: str) -> str:
    """Return one man page."""
    title = f'.TH {name.upper()} 1 {date} "camera-soft-stream {__version__}" "User Commands"'
    lines = [title, ".nh", ".SH NAME", *fill(f"{name} - {summary}"), ".SH SYNOPSIS", *synopsis(parser)]
    lines += [".SH DESCRIPTION", *description(parser, ".SH")]
    lines += [".SH COMMANDS"] if parser.sections else []
    for section, names in parser.sections.items():
        if parser.prog == PROG:
            lines += [f".SS {escape(section.capitalize())}"]
            lines += definitions({f"{PROG}-{each}(1)": str(parser.summaries[each].help) for each in names})
            continue
        for action in map(parser.commands.__getitem__, names):
            lines += [f".SS {escape(action.prog)}", *synopsis(action), ".PP", *description(action, ".PP\n.B")]
            lines += details(action, ".PP\n.B")
    lines += details(parser, ".SH")
    for section, rows in (MORE if parser.prog == PROG else OTHERS).items():
        lines += [f".SH {section}", *definitions(rows)]
    return "\n".join(lines) + "\n"


def description(parser: Parser, heading: str) -> list[str]:
    """Return the description of a command, with what its help has before the first heading after the options."""
    return prose(f"{parser.description}\n\n{split_epilog(parser)[0]}".strip(), heading)


def details(parser: Parser, heading: str) -> list[str]:
    """Return the options and the rest of the help of a command."""
    return [*options(parser, heading), *prose(split_epilog(parser)[1], heading)]


def split_epilog(parser: Parser) -> tuple[str, str]:
    """Return the text after the options, up to its first heading and from there on."""
    text, *more = re.split(r"^(?=[^ \n].*:$)", parser.epilog or "", maxsplit=1, flags=re.MULTILINE)
    return text, "".join(more)


def synopsis(parser: Parser) -> list[str]:
    """Return how a command is called."""
    rest = parser.short_usage().removeprefix(parser.prog).strip()
    return [f".B {escape(parser.prog)}", *textwrap.wrap(re.sub(r"[A-Z]+", r"\\fI\g<0>\\fR", escape(rest)), 78)]


def options(parser: Parser, heading: str) -> list[str]:
    """Return the arguments and options of a command, in their groups."""
    lines = []
    for group in parser._action_groups:
        actions = [each for each in group._group_actions
                   if each.help != argparse.SUPPRESS and not isinstance(each, argparse._SubParsersAction)]  # fmt: skip
        if not actions:
            continue
        lines += [f"{heading} {title_case(str(group.title), heading)}", *prose(group.description or "", heading)]
        for action in actions:
            lines += [".TP", term(parser, action), *fill(parser._get_formatter()._expand_help(action))]
    return lines


def term(parser: Parser, action: argparse.Action) -> str:
    """Return the names of an option in bold, and its value in italics."""
    value = "" if action.nargs == 0 else parser._get_formatter()._format_args(action, action.dest.upper())
    names = sorted(action.option_strings, key=lambda name: name.startswith("--"))
    shown = ", ".join(f"\\fB{escape(name)}\\fR" for name in names)
    return f"{shown} \\fI{escape(value)}\\fR".strip() if value else shown


def prose(text: str, heading: str) -> list[str]:
    """Return a text of the help: paragraphs, headings that end with a colon, and indented lines as they are."""
    lines: list[str] = []
    for is_verbatim, block in blocks(text):
        if not block.strip():
            lines += [".PP"]
        elif is_verbatim:
            lines += verbatim(block)
        elif block.endswith(":") and "\n" not in block:
            lines = [*lines[:-1], f"{heading} {title_case(block[:-1], heading)}"]
        else:
            lines += fill(block)
    return lines


def verbatim(block: str) -> list[str]:
    """Return indented lines as they are; a list of numbers with their meanings as a list."""
    rows = [re.fullmatch(r"  (\d+) +(.+)", line) for line in block.splitlines()]
    if all(rows):
        return definitions({row[1]: row[2] for row in rows if row})
    return [".EX", *(protect(escape(line)) for line in block.splitlines()), ".EE"]


def definitions(rows: Mapping[str, str]) -> list[str]:
    """Return terms with their explanations."""
    return [line for term, text in rows.items() for line in (".TP", f"\\fB{escape(term)}\\fR", *fill(text))]


def title_case(title: str, heading: str) -> str:
    """Return a title for its heading: in capitals as a section, else as it is."""
    return escape(title.upper() if heading == ".SH" else title)


def fill(text: str) -> list[str]:
    """Return a paragraph; what is between backquotes is bold."""
    marked = re.sub(r"\\\(ga(.+?)\\\(ga", r"\\fB\1\\fR", escape(" ".join(text.split())))
    return [protect(line) for line in textwrap.wrap(marked, 78, break_long_words=False, break_on_hyphens=False)]


def protect(line: str) -> str:
    """Return a line of text that is no request of roff."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


def escape(text: str) -> str:
    """Return a text for roff: a hyphen is a minus, so that options can be copied and found."""
    return text.translate(ESCAPES)


def completion() -> dict[str, str]:
    """Return the completion of the shells, by file."""
    parser = make_parser()
    for each in all_parsers(parser):
        for action in each._actions:
            add_values(action, [*parser.commands])
    return {
        f"bash-completion/completions/{PROG}": shtab.complete(parser, "bash") + SPLIT,
        f"zsh/vendor-completions/_{PROG}": with_equals_signs(shtab.complete(parser, "zsh"), parser),
    }


def with_equals_signs(text: str, parser: Parser) -> str:
    """Return the completion of zsh so that it also completes --option=VALUE, which shtab does not write."""
    actions = [action for each in all_parsers(parser) for action in each._actions if action.nargs != 0]
    for names in {tuple(action.option_strings) for action in actions if action.option_strings}:
        text = text.replace(f"{_in_zsh(names)}[", f"{_in_zsh(map(_with_sign, names))}[")
    return text


def _in_zsh(names: Iterable[str]) -> str:
    """Return the names of an option as shtab writes them, up to their explanation."""
    first, *others = names
    return f'{{{",".join((first, *others))}}}"' if others else f'"{first}'


def _with_sign(name: str) -> str:
    """Return a name with the sign that its value may follow it without a space."""
    return f"{name}=" if name.startswith("--") else f"{name}+"


def all_parsers(parser: Parser) -> Iterator[Parser]:
    """Yield a parser and those of its commands."""
    yield parser
    for each in parser.commands.values():
        yield from all_parsers(each)


def add_values(action: argparse.Action, commands: list[str]) -> None:
    """Set which values of an argument a shell completes, where shtab looks for them."""
    if action.dest in ("camera", "cameras"):
        vars(action)["complete"] = shtab.cmd(CAMERAS)
    elif action.dest == "folder":
        vars(action)["complete"] = shtab.DIRECTORY
    elif action.metavar in ("FILE", "PATH"):
        vars(action)["complete"] = shtab.FILE
    elif action.dest == "words":
        action.choices = commands
    elif action.dest == "kind":
        action.choices = [*KINDS]
    elif action.dest in SETTINGS and (words := SETTINGS[action.dest].metadata["type"].words):
        action.choices = words


if __name__ == "__main__":
    main()
