"""Programs that command lines and shell scripts start, and the variables of files that a shell reads."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType

from soft_stream.migration import programs
from soft_stream.migration.model import OlderCamera
from soft_stream.migration.rules import program
from soft_stream.migration.words import ASSIGNMENT, Unreadable, expanded, logical_lines, shell_variables, split

# by the name of the executable, without folders
EXECUTABLES = MappingProxyType(
    {
        "mjpg_streamer": "mjpg-streamer",
        "mjpg-streamer": "mjpg-streamer",
        "ustreamer": "ustreamer",
        "ustreamer.bin": "ustreamer",
        "camera-streamer": "camera-streamer",
        "spyglass": "spyglass",
        "webcamd": "webcamd",
        "webcam.py": "webcam.py",
        "mjpgstreamer.py": "mjpgstreamer",
        "mjpgstreamer": "mjpgstreamer",
        "crowsnest": "crowsnest",
        "soft-stream.py": "soft-stream-portal",
    }
)
SHELLS = ("sh", "bash", "dash")
# programs that start another one, which their arguments name
LAUNCHER = re.compile(rf"exec|nohup|sudo|env|nice|libcamerify|python3?[\d.]*|{'|'.join(SHELLS)}")
OPERATOR = re.compile(r"&&?|\|\|?|;;?|[(){}]")
REDIRECTION = re.compile(r"\d?>.*|<.*|&>.*")
RESERVED_WORDS = ("if", "then", "else", "elif", "do", "while", "until", "!")
# by kind: the names of variables, how many of them are enough, and the function that reads them
VARIABLES: Sequence[tuple[str, re.Pattern[str], int, Callable[[Mapping[str, str]], list[OlderCamera]]]] = (
    ("octopi", re.compile(r"camera_(usb|raspi|http)_\w+"), 1, programs.octopi),
    ("mjpg-streamer", re.compile(r"MJPG_STREAMER_USER|CAMERA_OPTIONS|INPUT_UVC_LIB"), 1, programs.default_file),
    ("spyglass", re.compile(r"CAMERA_NUM|HTTP_PORT|RESOLUTION|FPS|AUTO_FOCUS|STREAM_URL"), 2, programs.spyglass_file),
)
# by kind: the table and the section that have all variables; one is enough for a kind that was given
ALL_VARIABLES = MappingProxyType(
    {
        "octopi": ("mjpg_streamer", "octopi"),
        "mjpg-streamer": ("mjpg_streamer", "default_file"),
        "spyglass": ("spyglass", "file"),
    }
)
# options of these that take a value
WITH_VALUE = ("-u", "-g", "-n")


def names_program(word: str) -> bool:
    """Return True if a word is the name of an older program, perhaps with its folder."""
    return PurePath(word).name in EXECUTABLES


def is_launcher(word: str) -> bool:
    """Return True if a word is the name of a program that starts another one, perhaps with its folder."""
    return bool(LAUNCHER.fullmatch(PurePath(word).name))


def shell_script(words: Sequence[str]) -> str | None:
    """Return the script of `sh -c SCRIPT`, or None for another command."""
    if not words or PurePath(words[0]).name not in SHELLS:
        return None
    options = [position for position, word in enumerate(words) if re.fullmatch("-[a-z]*c", word)]  # such as -lc
    return next(iter(words[options[0] + 1 :]), None) if options else None


def program_in(words: Sequence[str]) -> tuple[str, int] | None:
    """Return the program that a command starts, and the position of its first argument."""
    for position, word in enumerate(words):
        name = PurePath(word).name
        if ASSIGNMENT.fullmatch(word):
            continue
        if word == "-m" and words[position + 1 : position + 2] == ["webcamd"]:
            return "webcamd", position + 2
        if name in EXECUTABLES:
            return EXECUTABLES[name], position + 1
        if name == "run.py" and "spyglass" in word:
            return "spyglass", position + 1
    return None


def commands_in(text: str, name: str) -> Iterator[list[str]]:
    """Yield the commands of a script that start an older program, with the variables that the script sets.

    Raises:
        Unreadable: the only line that mentions a program has unbalanced quotes.
    """
    variables: dict[str, str] = {}
    problem: Unreadable | None = None
    is_empty = True
    for number, line in logical_lines(text):
        stripped = line.strip()
        if stripped.startswith("#"):
            continue
        if ASSIGNMENT.fullmatch(stripped):
            variables |= {key: expanded(value, variables) for key, value in shell_variables(stripped, name).items()}
        if _mentions_program(expanded(stripped, variables)):
            try:
                words = split(stripped, f"{name}:{number}")
            except Unreadable as error:  # perhaps text that a script prints
                problem = problem or error
                continue
            for command in _commands_of_line([expanded(word, variables) for word in words]):
                found = program_in(command)
                if found and _starts_there(command, found[1] - 1):
                    is_empty = False
                    yield command
    if problem and is_empty:
        raise problem


def _mentions_program(line: str) -> bool:
    return any(executable in line for executable in EXECUTABLES) or "spyglass" in line


def _starts_there(words: Sequence[str], position: int) -> bool:
    """Return True if a program at a position is started, and is not only an argument such as of `apt install`."""
    before = list(words[:position])
    while before:
        word = before.pop(0)
        if word in WITH_VALUE and before:
            before.pop(0)
        elif not (ASSIGNMENT.fullmatch(word) or word.startswith("-") or is_launcher(word)):
            return False
    return True


def _commands_of_line(words: Iterable[str]) -> Iterator[list[str]]:
    """Yield the commands of a line of a shell, without the operators and redirections."""
    command: list[str] = []
    is_redirected = False
    for word in words:
        if OPERATOR.fullmatch(word):
            yield command
            command, is_redirected = [], False
        elif REDIRECTION.fullmatch(word):
            is_redirected = True
        elif not (is_redirected or (not command and word in RESERVED_WORDS)):
            command.append(word.removesuffix(";"))
        if command and word.endswith(";"):
            yield command
            command, is_redirected = [], False
    yield command


def _has_variable(kind: str, mentioned: Iterable[str]) -> bool:
    table, section = ALL_VARIABLES[kind]
    return any(program(table).sections[section].rule(each) for each in mentioned)


def cameras_of_variables(text: str, name: str, kind: str | None, *, is_script: bool = False) -> list[OlderCamera]:
    """Return the cameras of a file that a shell reads; some are shipped with all lines commented out.

    Of a script, only OctoPi's variables are used, since it has others for its own purposes.
    """
    values = shell_variables(text, name)
    if is_script:
        options = program("mjpg_streamer").sections["octopi"]
        values = {key: value for key, value in values.items() if options.rule(key) and "$" not in value}
    mentioned = set(re.findall(r"^\s*#*\s*(?:export\s+)?(\w+)=", text, re.MULTILINE))
    for its_kind, names, enough, cameras in VARIABLES:
        if kind is None and len([each for each in mentioned if names.fullmatch(each)]) >= enough:
            return cameras(values)
        if kind == its_kind and _has_variable(kind, mentioned):
            return cameras(values)
    has_plugin = kind in (None, "mjpg-streamer") and any(programs.PLUGIN.search(each) for each in values.values())
    return programs.default_file(values) if has_plugin else []
