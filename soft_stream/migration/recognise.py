"""Recognition of an older program by its command, or by the text of its file or unit."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from soft_stream.migration import ini_files, programs, unit_file
from soft_stream.migration.model import OlderCamera
from soft_stream.migration.rules import program
from soft_stream.migration.scripts import EXECUTABLES, cameras_of_variables, commands_in, program_in, shell_script
from soft_stream.migration.settings_file import cameras_of_settings, looks_like_settings
from soft_stream.migration.words import (
    Unreadable,
    logical_lines,
    shell_variables,
    shortened,
    split,
)

FILE_KINDS = ("octopi", "crowsnest")
KINDS = (*programs.COMMANDS, *FILE_KINDS)
NOTHING = "nothing of an older program was recognised"
SPYGLASS_SCRIPT = "there are no options: a script spyglass reads ~/printer_data/config/spyglass.conf: import that file"


def cameras_of_command(words: Sequence[str], kind: str | None = None, folder: Path | None = None) -> list[OlderCamera]:
    """Return the cameras of a command; files that it names are looked for in `folder`, too.

    Raises:
        Unreadable: the program is not known.
    """
    if script := shell_script(words):
        return _of_shell(script, kind, folder)
    found = program_in(words)
    if found is None and kind in programs.COMMANDS:
        start = 0 if words[:1] and words[0].startswith("-") else 1
        found = str(kind), start
    if found is None:
        shown = shortened(words[0]) if words else "the command"
        raise Unreadable(f"{shown}: {NOTHING}; the programs are: {', '.join(sorted(EXECUTABLES))}")
    name, start = found
    if kind in programs.COMMANDS:
        name = str(kind)
    arguments = words[start:]
    if name == "webcamd" and kind is None and _is_webcam_py(arguments):
        name = "webcam.py"
    conf = _value_of(arguments, "-c") if name == "spyglass" else None
    if conf and "=" not in conf:  # the script of spyglass, whose -c names a file; the program's -c has NAME=VALUE
        if text := _named_file(conf, folder):
            return programs.spyglass_file(shell_variables(*text))
        raise Unreadable(f"{shortened(conf)}: cannot be read here; import this file itself")
    if name == "mjpgstreamer":
        return _mjpgstreamer(arguments, folder)
    if name == "crowsnest":
        return _crowsnest(arguments, folder)
    cameras = programs.COMMANDS[name](arguments)
    return [_with_notes(each, SPYGLASS_SCRIPT) for each in cameras] if name == "spyglass" and not arguments else cameras


def cameras_of_text(text: str, name: str, kind: str | None = None, folder: Path | None = None) -> list[OlderCamera]:
    """Return the cameras of a file, a unit or a script.

    Raises:
        Unreadable: nothing of an older program was recognised, or the text has errors.
    """
    if unit_file.looks_like_unit(text):
        return _of_unit(text, name, kind, folder)
    headings = re.findall(r"^\[([^]\n]+)\]\s*(?:#.*)?$", text, re.MULTILINE)
    titles = dict.fromkeys(heading.strip() for heading in headings)
    if kind in (None, "crowsnest") and ini_files.is_crowsnest(titles):
        return _some(ini_files.crowsnest(ini_files.sections(text, name, inline_comments=True)), name)
    if kind in (None, "mjpgstreamer") and ini_files.is_mjpgstreamer(titles):
        return ini_files.mjpgstreamer(ini_files.sections(text, name))
    if kind in (None, "soft-stream-portal") and looks_like_settings(text):
        return cameras_of_settings(text)
    commands = list(commands_in(text, name))
    is_incomplete = bool(commands) and all(programs.has_unknown_plugin(words) for words in commands)
    if (is_incomplete or not commands) and (found := cameras_of_variables(text, name, kind, is_script=bool(commands))):
        return [_with_notes(each, *_files_of_script(text)) for each in found]
    if not commands and kind in programs.COMMANDS and text.lstrip().startswith("-"):
        commands = [split(" ".join(line for _, line in logical_lines(text)), name)]
    return _some([camera for words in commands for camera in cameras_of_command(words, kind, folder)], name)


def _some(cameras: list[OlderCamera], name: str) -> list[OlderCamera]:
    if not cameras:
        raise Unreadable(f"{name}: {NOTHING}")
    return cameras


def _is_webcam_py(arguments: Sequence[str]) -> bool:
    """Return True if the arguments of `webcamd` are those of webcam.py, which people install under this name."""
    sections = program("webcamd").sections
    names = [word.lstrip("-").partition("=")[0] for word in arguments if word.startswith("--")]
    return any(sections["webcam.py"].rule(each) and not sections["webcamd"].rule(each) for each in names)


def _value_of(arguments: Sequence[str], *options: str) -> str | None:
    """Return the value of an option, which follows it or is joined to it by `=`."""
    for position, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name in options:
            return value if equals else next(iter(arguments[position + 1 :]), "")
    return None


def _named_file(name: str, folder: Path | None) -> tuple[str, str] | None:
    """Return the text and the name of a file that a command uses, if it can be read."""
    path = (folder or Path()) / name
    text = unit_file.read_environment_file(path)
    return None if text is None else (text, str(path))


def _crowsnest(arguments: Sequence[str], folder: Path | None) -> list[OlderCamera]:
    """Return the cameras of crowsnest, all of whose options are in the file that its command names."""
    name = _value_of(arguments, "-c", "--config_path")
    if name is None or (named := _named_file(name, folder)) is None:
        raise Unreadable(f"{shortened(name or 'crowsnest')}: the options are in crowsnest.conf: import that file")
    return _some(ini_files.crowsnest(ini_files.sections(*named, inline_comments=True)), name)


def _of_shell(script: str, kind: str | None, folder: Path | None) -> list[OlderCamera]:
    """Return the cameras of `sh -c SCRIPT`."""
    where = "the command of the shell"
    commands = [*commands_in(script, where)] or [split(script, where)]
    return [camera for words in commands for camera in cameras_of_command(words, kind, folder)]


def _files_of_script(text: str) -> list[str]:
    """Return a note for each file from which a script reads its options."""
    files = re.findall(r"^\s*(?:\.|source)\s+[\"']?([^\s\"';$]+)", text, re.MULTILINE)
    files += re.findall(r"/[\w./-]*octopi\.txt", text)
    return [f"{each}: a script reads its options from this file: import it" for each in dict.fromkeys(files)]


def _with_notes(camera: OlderCamera, *notes: str) -> OlderCamera:
    return replace(camera, notes=(*camera.notes, *notes))


def _mjpgstreamer(arguments: Sequence[str], folder: Path | None) -> list[OlderCamera]:
    """Return the cameras of `mjpgstreamer.py -c FILE`; the file is mjpgstreamer.conf if the command names none."""
    name = _value_of(arguments, "-c", "--config")
    named = _named_file(name or "mjpgstreamer.conf", folder)
    options = programs.COMMANDS["mjpgstreamer"](arguments)[0].given
    if named is None:
        note = "the configuration file cannot be read here: import it, too"
        cameras = [_with_notes(each, note) for each in ini_files.mjpgstreamer({})]
    else:
        cameras = ini_files.mjpgstreamer(ini_files.sections(*named))
    return [replace(each, given=(*each.given, *options)) for each in cameras]


def _of_unit(text: str, name: str, kind: str | None, folder: Path | None) -> list[OlderCamera]:
    unit = unit_file.parse(text, name)
    if any("octopi" in text.lower() and PurePath(words[0]).name == "webcamd" for words in unit.commands if words):
        raise Unreadable(f"{name}: this unit starts OctoPi's script; its options are in octopi.txt: import that file")
    folder = Path(unit.folder) if unit.folder else folder
    cameras = [camera for words in unit.commands for camera in cameras_of_command(words, kind, folder)]
    number = re.fullmatch(r"camera-soft-cam(\d{1,2})(\.service)?", name)
    notes = tuple(unit.notes)
    return [
        replace(
            each,
            title=f"{name}: {each.title}",
            notes=(*each.notes, *(notes if position == 0 else ())),
            number=int(number[1]) if number and len(cameras) == 1 else each.number,
        )
        for position, each in enumerate(_some(cameras, name))
    ]
