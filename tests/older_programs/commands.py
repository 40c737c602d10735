"""The commands that a command starts: behind a wrapper such as sudo, in a shell line, on another machine by ssh."""

import os
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

# programs that run the command at the end of their arguments, with their options that take a value as the next word
WRAPPERS = {
    "env": ("-u", "-C"),
    "nsenter": ("-t", "-S", "-G"),
    "runuser": ("-u", "-g", "-G"),
    "setpriv": ("--pdeathsig", "--reuid", "--regid"),
    "ssh": ("-F", "-i", "-l", "-o", "-p"),
    "sudo": ("-u", "-g"),
    "timeout": ("-k", "-s"),
}
HAVE_AN_ARGUMENT = frozenset({"ssh", "timeout"})  # the host, the time
SHELLS = frozenset({"bash", "dash", "sh"})
KEYWORDS = frozenset({"!", "command", "do", "else", "exec", "if", "then", "until", "while", "{"})
ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
# flags count only where one of these is started
PROGRAMS = frozenset({"soft_stream", "soft-stream", "webcamd", "measure_fps.py", "deploy-soft-stream.sh"})
INTERPRETER = re.compile(r"(python|pypy)[\d.]*|bash|sh")


def started_by(words: list[str]) -> Iterator[list[str]]:
    """Yield the words of a command, and of each command that it starts."""
    while words and (words[0] in KEYWORDS or ASSIGNMENT.fullmatch(words[0])):
        words = words[1:]
    if not words:
        return
    yield words
    name = os.path.basename(words[0])
    lines: list[str] = []
    if name in WRAPPERS:
        inner = _behind_options(words)
        if name == "ssh":
            lines = [" ".join(inner)]
        else:
            yield from started_by(inner)
    elif name in SHELLS:
        lines = [line for option, line in pairwise(words) if re.fullmatch(r"-\w*c", option)][:1]
    elif starts_program(words) and "--" in words:
        yield from started_by(words[words.index("--") + 1 :])
    for line in lines:
        for command in shell_commands(line):
            yield from started_by(command)


def starts_program(words: list[str]) -> bool:
    """Return whether a command starts one of our programs, as it is or with an interpreter such as `python3 -I -m`."""
    program, *names = (os.path.basename(word) for word in words)
    if INTERPRETER.fullmatch(program):
        program = next((name for name in names if not name.startswith("-")), "")
    return program in PROGRAMS


def _behind_options(words: list[str]) -> list[str]:
    name = os.path.basename(words[0])
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in WRAPPERS[name] else 1
    at += name in HAVE_AN_ARGUMENT
    return words[at + 1 :] if words[at : at + 1] == ["--"] else words[at:]


def shell_commands(line: str) -> list[list[str]]:
    """Return the words of each simple command in a shell line, without redirections."""
    words = shlex.shlex(line.replace("\n", " ; "), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = ""
    commands: list[list[str]] = [[]]
    skipped = False
    try:
        for word in words:
            if set(word) <= set("();&|"):
                commands.append([])
                skipped = False
            elif set(word) <= set("<>&"):
                skipped = True
            elif not skipped:
                commands[-1].append(word)
    except ValueError:
        return []  # no shell line: it has quotes that nothing closes
    return [command for command in commands if command]
