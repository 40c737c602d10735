"""Changes of a settings file: shown, confirmed on a terminal, with a copy of the file before."""

import difflib
import itertools
import os
import shutil
import sys
import time
from pathlib import Path

from soft_stream.cli.terminal import Terminal
from soft_stream.config.env_file import parse
from soft_stream.config.urls import has_password
from soft_stream.service.exit_status import ExitStatus


class CannotWrite(Exception):
    """The file cannot be written; the message says why."""


def write_after_asking(target: Path, before: str, after: str) -> int:
    """Show the changes, ask on a terminal, and write the file in one step, with a copy of the old one beside it."""
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), f"{target} (before)", str(target), lineterm="")
    print(*diff, sep="\n")
    if before == after:
        print(f"{target}: nothing changes")
        return ExitStatus.STOPPED
    if Terminal(sys.stdin).is_terminal and Terminal(sys.stdout).is_terminal and not _agrees(target):
        print("Nothing was written.")
        return ExitStatus.CHECK_FAILED
    try:
        backup = _replace(target.resolve(), after)
    except OSError as error:
        raise CannotWrite(f"{error.filename or target}: cannot be written: {error.strerror}") from None
    except RuntimeError:  # Path.resolve() before Python 3.13
        raise CannotWrite(f"{target}: cannot be written: a loop of symbolic links") from None
    print(f"{target}: written" + (f"; before: {backup}" if backup else ""))
    return ExitStatus.STOPPED


def _agrees(target: Path) -> bool:
    try:
        return input(f"Write {target}? [y/N] ").strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _replace(file: Path, text: str) -> Path | None:
    """Write a file in one step, with its mode and owner; return the copy of the previous one, if there was one."""
    new, backup = file.with_name(f".{file.name}.new"), None
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)  # before it has the text: the file may be one that only its owner may read
        new.write_text(text, encoding="utf-8")
        if file.exists():
            backup = _unused(file.with_name(f"{file.name}.{time.strftime('%Y%m%dT%H%M%S')}"))
            backup.touch(mode=0o600)
            shutil.copyfile(file, backup)
            for copy in (backup, new):
                shutil.copystat(file, copy)
                if os.geteuid() == 0:
                    os.chown(copy, file.stat().st_uid, file.stat().st_gid)
        else:
            new.chmod(0o600 if _has_password(text) else 0o644)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    return backup


def _has_password(settings: str) -> bool:
    return any(each.key.endswith("_url") and has_password(each.value or "") for each in parse(settings))


def _unused(path: Path) -> Path:
    """Return a path, or the path with a number if it exists: two changes may be in the same second."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not each.exists())
