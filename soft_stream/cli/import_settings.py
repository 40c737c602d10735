"""`soft-stream import`: translate the options of an older program into settings."""

import argparse
import os
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from soft_stream.cli.options import camera_number
from soft_stream.cli.parser import exit_status
from soft_stream.cli.settings_writer import CannotWrite, write_after_asking
from soft_stream.config.loader import INSTALLED_FILE, LOCAL_FILE, SettingsError, find_file
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

if TYPE_CHECKING:
    from soft_stream.migration.model import OlderCamera

LARGEST_FILE = 1_000_000
DEFAULT = ""
USAGE = "soft-stream import [--from KIND] [--camera N] [--write [FILE]] (FILE | -- COMMAND ...)"
EPILOG = f"""\
What cannot be translated is printed to stderr, and is in the result as comments. Addresses and ports stay those of the
older program, so that its URLs work; where it asked for a login, the process stays at 127.0.0.1, behind nginx.

--write merges the result into {INSTALLED_FILE} if it exists, else into
./{LOCAL_FILE}. It shows the changes, asks if both its input and its output are a terminal, and keeps a
copy of the file beside it. Without a terminal it writes at once.

examples:
  soft-stream import /boot/firmware/octopi.txt
  soft-stream import ~/printer_data/config/crowsnest.conf --write
  soft-stream import /etc/systemd/system/webcamd.service --camera 1
  soft-stream import -- ustreamer --device /dev/video0 --resolution 1280x720
  soft-stream import -- mjpg_streamer -i "input_uvc.so -d /dev/video0" \\
      -o "output_http.so -p 8080"

"""
STATUSES = {
    ExitStatus.STOPPED: "translated, and written with --write",
    ExitStatus.CHECK_FAILED: "the answer was no",
    ExitStatus.DATA_ERROR: "nothing was recognised, or a file cannot be read or written",
    ExitStatus.CONFIG_ERROR: "the file of --write has errors already",
}


class ImportFailed(Exception):
    """Nothing can be imported; the message says why."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "import",
        help="translate the options of mjpg-streamer, ustreamer, crowsnest, webcamd and others into settings",
        description="Translate the options of an older program into lines of camera-soft-stream.env.",
        usage=USAGE,
        epilog=EPILOG + exit_status(STATUSES),
    )
    command.set_defaults(run=import_settings)
    command.add_argument("--from", dest="kind", metavar="KIND", help="the older program, if it is not recognised")
    command.add_argument(
        "--camera", type=camera_number, metavar="N", help="number of the first imported camera (default: 0)"
    )
    command.add_argument(
        "--write", nargs="?", const=DEFAULT, metavar="FILE", help="merge the result into FILE instead of printing it"
    )
    command.add_argument(
        "source",
        nargs="*",
        metavar="FILE",
        help="settings file, unit of systemd or script of an older program; -: the standard input; or -- and a command",
    )


def import_settings(args: argparse.Namespace) -> int:
    """Translate, print or write the settings, and return the exit status."""
    from soft_stream.migration.words import Unreadable

    source, target = list(args.source), args.write
    if not source and target:  # `--write FILE` without a source: FILE is what to import
        source, target = [target], DEFAULT
    try:
        return _import(source, None if target is None else _target(target), args)
    except (ImportFailed, CannotWrite, Unreadable) as error:
        print(one_line(str(error)), file=sys.stderr)
        return ExitStatus.DATA_ERROR


def _import(source: list[str], target: Path | None, args: argparse.Namespace) -> int:
    from soft_stream.migration.machine import Machine
    from soft_stream.migration.render import Imported, problems_of

    if target and source and os.path.exists(target) and os.path.exists(source[0]) and target.samefile(source[0]):
        return _translate_in_place(target)
    older = _cameras(source, args.kind)
    existing = _existing(target) if target else ""
    if target and (problems := problems_of(existing)):
        raise SettingsError([f"{target}: {problem}" for problem in problems])
    imported = Imported(older, args.camera, existing, Machine())
    # the name of a program, not its whole command, which may have a password
    title = source[0] if os.path.exists(source[0]) else PurePath(source[0].split()[0]).name
    text = imported.text(title)
    for note in imported.notes:
        print(one_line(f"not translated: {note}"), file=sys.stderr)
    if target is None:
        print(text, end="")
        return ExitStatus.STOPPED
    return write_after_asking(target, existing, text)


def _translate_in_place(target: Path) -> int:
    """Translate soft-stream-portal's settings file, which is at the place of this program's."""
    from soft_stream.migration.machine import Machine
    from soft_stream.migration.render import problems_of
    from soft_stream.migration.takeover import translated

    existing = _read(str(target))
    taken = translated(existing, Machine())
    after = taken.text or ""
    if problems := problems_of(after):
        raise SettingsError([f"{target}: {problem}" for problem in problems])
    for note in taken.notes:
        print(note, file=sys.stderr)
    return write_after_asking(target, existing, after)


def _cameras(source: list[str], kind: str | None) -> "list[OlderCamera]":
    """Return the cameras of a command or of a file.

    Raises:
        ImportFailed: the source cannot be read.
        Unreadable: nothing of an older program was recognised.
    """
    from soft_stream.migration.recognise import KINDS, cameras_of_command, cameras_of_text
    from soft_stream.migration.scripts import is_launcher, names_program
    from soft_stream.migration.words import split

    if kind is not None and kind not in KINDS:
        raise ImportFailed(f"--from {kind}: must be one of: {', '.join(KINDS)}")
    if not source:
        raise ImportFailed(f"nothing to import; usage: {USAGE}")
    word = source[0]
    if len(source) > 1:
        if os.path.isfile(word) and not (names_program(word) or is_launcher(word)):
            raise ImportFailed(f"{source[1]}: import one FILE at a time; usage: {USAGE}")
        return cameras_of_command(source, kind)
    if word != "-" and not os.path.exists(word) and (names_program(word) or " " in word):
        return cameras_of_command(split(word, "the command"), kind)
    name = "stdin" if word == "-" else PurePath(word).name
    return cameras_of_text(_read(word), name, kind, None if word == "-" else Path(word).resolve().parent)


def _read(word: str) -> str:
    """Return the text of a file, or of the standard input.

    Raises:
        ImportFailed: it cannot be read, or is no text.
    """
    try:
        if word == "-":
            if sys.stdin is None:
                raise ImportFailed("the standard input is closed")
            raw = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with Path(word).open("rb") as file:
                raw = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such file"
        raise ImportFailed(f"{word}: cannot be read: {reason}") from None
    if len(raw) > LARGEST_FILE:
        raise ImportFailed(f"{word}: larger than 1 MB; a settings file is smaller")
    if not raw.strip():
        raise ImportFailed(f"{word}: the file is empty")
    if b"\0" in raw:
        raise ImportFailed(f"{word}: not a text file")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise ImportFailed(
            f"{word}: not UTF-8 text; convert it with iconv, or copy the lines into a new file"
        ) from None


def _target(name: str) -> Path:
    if name != DEFAULT:
        return Path(name)
    return find_file() or LOCAL_FILE


def _existing(target: Path) -> str:
    if os.path.exists(target) and not os.path.isfile(target):
        raise ImportFailed(f"{target}: not a regular file")
    return _read_settings(target) if os.path.exists(target) else ""


def _read_settings(target: Path) -> str:
    try:
        return target.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ImportFailed(f"{target}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ImportFailed(f"{target}: not UTF-8 text") from None
