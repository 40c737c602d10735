"""The settings of soft-stream-portal as its units use them: its file, in the words of this program, and its flags."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from soft_stream.config import env_file
from soft_stream.config.env_file import quote_value
from soft_stream.config.loader import KEY, LIBRARY_PREFIXES
from soft_stream.config.settings import SETTINGS
from soft_stream.migration import unit_file
from soft_stream.migration.arguments import Given, parse
from soft_stream.migration.conversions import convert
from soft_stream.migration.facts import OPEN, was_open
from soft_stream.migration.machine import Machine
from soft_stream.migration.model import OlderCamera, Translation
from soft_stream.migration.older_lines import lines_for_all, lines_instead, text_alone
from soft_stream.migration.rules import Rule, program
from soft_stream.migration.scripts import shell_script
from soft_stream.migration.settings_file import TABLE, commented, rule_of_key, with_lines
from soft_stream.migration.translate import translate
from soft_stream.migration.words import split

SCRIPT = "soft-stream.py"


@dataclass(frozen=True)
class UnitText:
    """The text of a unit of soft-stream-portal, as `systemctl cat` prints it, and the number of its camera."""

    name: str
    camera: int
    text: str


@dataclass(frozen=True)
class Taken:
    """The settings that the cameras had, None if there are none; and what of them has no meaning here."""

    text: str | None
    notes: list[str]


def settings_of(
    units: Iterable[UnitText],
    installed: str | None,
    machine: Machine,
    read: Callable[[Path], str | None] = unit_file.read_environment_file,
) -> Taken:
    """Return the settings of units: the installed file, or the files that the units name, with the units' flags.

    A flag of a unit overrides the file, as it did there. Lines that need no translation stay as they are.

    Raises:
        Unreadable: quotes in a unit are not balanced.
    """
    files: dict[Path, str] = {}
    notes: list[str] = []
    flags: dict[int, list[Given]] = {}

    def read_once(path: Path) -> str | None:
        if path not in files and (found := read(path)) is not None:
            files[path] = found
        return files.get(path)

    for each in units:
        unit = unit_file.parse(each.text, each.name, read_once)
        notes += [f"{each.name}: {note}" for note in unit.notes]
        of_environ = [
            Given(key, value, _rule(key)) for key, value in unit.environ.items() if _number(key) == each.camera
        ]
        of_commands = [given for words in unit.commands for given in flags_of(words)]
        if not any(given.rule for given in of_commands) and SCRIPT not in each.text:
            notes.append(f"{each.name}: it does not start {SCRIPT}; nothing of it is translated")
            continue
        flags.setdefault(each.camera, []).extend([*of_environ, *of_commands])
    text = installed or "\n".join(files.values())
    result, its_notes = _merged(text, flags, machine)
    return Taken(result if result.strip() else None, notes + its_notes)


def translated(text: str, machine: Machine) -> Taken:
    """Return a settings file of soft-stream-portal in the words of this program; unknown keys are commented out."""
    taken = settings_of([], text, machine)
    result = taken.text or ""
    unknown = {
        each.key: [f"#{line}" for line in result.split("\n")[each.line - 1 : each.last_line]]
        for each in env_file.parse(result)
        if not _rule(each.key) and not each.key.startswith(LIBRARY_PREFIXES)
    }
    return Taken(with_lines(result, unknown), taken.notes)


def has_older_words(text: str) -> bool:
    """Return True if a settings file has a key, or a word for the quality, that only soft-stream-portal has."""
    for each in env_file.parse(text):
        match = KEY.fullmatch(each.key.lower())
        name, value = match["name"] if match else "", each.value or ""
        if name not in SETTINGS and program(TABLE).sections["file"].rule(name):
            return True
        if name == "quality" and convert("picamera2_quality", value, (), Machine()) != [value.strip()]:
            return True
    return False


def flags_of(words: Sequence[str]) -> list[Given]:
    """Return the options of a command that starts soft-stream.py, perhaps by a shell."""
    words = list(words)
    if script := shell_script(words):
        return flags_of(split(script, "ExecStart="))
    scripts = [position for position, word in enumerate(words) if word.endswith(".py")]
    first = next((position for position, word in enumerate(words) if word.startswith("--")), len(words))
    start = scripts[0] + 1 if scripts else first
    return parse(words[start:], program(TABLE).sections["command"])


def _merged(text: str, flags: Mapping[int, Sequence[Given]], machine: Machine) -> tuple[str, list[str]]:
    """Return the file with translated values and with the flags, and the notes."""
    in_file: dict[int, dict[str, str]] = {number: {} for number in flags}
    for_all: dict[str, str] = {}
    for each in env_file.parse(text):
        match = KEY.fullmatch(each.key.lower())
        if match and each.value is not None:
            number = match["camera"]
            values = in_file.setdefault(int(number), {}) if number else for_all
            values[match["name"]] = each.value
    changed: dict[str, list[str]] = {}
    added: list[str] = []
    noted = {each.written for given in flags.values() for each in given}  # a unit has the variables of its file, too
    notes = [
        f"{each.key}: there is no such setting"
        for each in env_file.parse(text)
        if not _rule(each.key) and not each.key.startswith(LIBRARY_PREFIXES) and each.key not in noted
    ]
    keys = {each.key.lower(): each.key for each in env_file.parse(text)}
    for number, own in sorted(in_file.items()):
        done = _translate(number, for_all | own, flags.get(number), machine)
        notes += [f"cam{number}: {note.text}" for note in done.notes]
        for name, value in own.items():
            key = keys[f"cam{number}_{name}"]
            if lines := lines_instead(key, name, value, number, done):
                changed[key] = lines
            if name == "quality" and (quality := done.values.get(name)) and quality != value:
                notes.append(f"{key}={value} is now {quality}: frames of this JPEG quality have the same size")
        inherited = {name: for_all[name] for name in for_all if name not in own}
        kept = {name: value for name, value in (inherited | own).items() if name in SETTINGS}
        added += [
            f"cam{number}_{name}={quote_value(value)}"
            for name, value in done.values.items()
            if kept.get(name) != value and f"cam{number}_{name}" not in keys
        ]
    changed |= lines_for_all(for_all, keys, machine)
    notes = list(dict.fromkeys(notes))
    new = [commented(note) for note in notes] + added
    heading = [commented("--- Taken over from soft-stream-portal ---")] if new else []
    result = with_lines(text, changed).rstrip("\n")
    return "\n".join([*([result, ""] if result else []), *heading, *new]).rstrip("\n") + "\n", notes


def _translate(number: int, values: Mapping[str, str], flags: Sequence[Given] | None, machine: Machine) -> Translation:
    """Return the settings of a camera; the older program's defaults count if there is a unit."""
    older = program(TABLE)
    rules = {name: rule_of_key(name) for name in values}
    given = [Given(f"cam{number}_{name}", value, rules[name]) for name, value in values.items() if rules[name]]
    camera = OlderCamera(older.name, f"camera {number}", tuple(given))
    if flags is not None:
        camera = replace(camera, given=(*given, *flags), defaults=older.sections["command"].defaults)
    done = translate(camera, machine)
    if flags is not None and "bind" not in done.tried:
        done.note(
            "there is no --bind: soft-stream-portal listened at all addresses, but its README calls the port internal; "
            f"it stays at 127.0.0.1, and cam{number}_bind=0.0.0.0 opens it (docs/access.md)"
        )
    if done.values.get(OPEN) and OPEN not in done.tried:
        done.note(f"cam{number}_{OPEN}=1: {was_open(older.name, number)}")
    for name in ("width", "height", "fps", "quality", "bind", "port", "id"):
        of_file, used = values.get(name, ""), done.values.get(name)
        if (
            flags is not None
            and name in SETTINGS
            and used
            and of_file
            and text_alone(name, of_file, machine) not in (used, "")
        ):
            done.note(f"cam{number}_{name}={of_file}: the unit's own value counted: {used}")
    return done


def _number(key: str) -> int | None:
    match = KEY.fullmatch(key.lower())
    return int(match["camera"]) if match and match["camera"] else None


def _rule(key: str) -> Rule | None:
    match = KEY.fullmatch(key.lower())
    return rule_of_key(match["name"]) if match else None
