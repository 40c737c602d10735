"""`soft-stream init --units`: let the installed units reach the paths in the settings, after a change of these."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from soft_stream.access.files import replace_file
from soft_stream.config import unit_paths
from soft_stream.config.installation import DEPLOYED, DEPLOYED_UNITS, PACKAGED_UNITS
from soft_stream.config.loader import INSTALLED_FILE, load
from soft_stream.config.text import one_line
from soft_stream.diagnostics.unit_reach import TEMPLATE
from soft_stream.service.exit_status import ExitStatus

# Seconds for systemd to read its units again.
RELOAD_TIMEOUT = 60.0


def write_drop_ins(file: Path = INSTALLED_FILE) -> int:
    """Write the drop-ins of all cameras, print what has changed, and return the exit status.

    Raises:
        SettingsError: the settings are wrong; nothing is changed.
    """
    units = DEPLOYED_UNITS if DEPLOYED.is_symlink() else PACKAGED_UNITS
    if not (units / TEMPLATE).exists():
        return _refuse(f"{units / TEMPLATE} does not exist: neither the package nor the deployment is installed.")
    wanted = unit_paths.drop_ins(load({}, file=file).cameras, units)
    changed = {path: text for path, text in wanted.items() if _read(path) != text}
    try:
        _write(changed)
    except OSError as error:
        hint = " Run it with sudo." if isinstance(error, PermissionError) and os.geteuid() != 0 else ""
        return _refuse(f"{error.filename} cannot be written: {error.strerror}.{hint}")
    for path, text in changed.items():
        print(one_line(f"{path} is {'removed' if text is None else 'written'}."))
    if not changed:
        print("The units reach what the settings need: nothing to change.")
        return ExitStatus.STOPPED
    if (reason := _reload()) is not None:
        return _refuse(f"systemd has not read the units again: {reason}")
    print("It takes effect when the cameras start again:")
    for path in changed:
        print(f"  sudo systemctl restart {path.parent.name.removesuffix('.service.d')}")
    return ExitStatus.STOPPED


def _refuse(sentence: str) -> int:
    print(one_line(sentence), file=sys.stderr)
    return ExitStatus.CHECK_FAILED


def _read(path: Path) -> str | None:
    with suppress(OSError):
        return path.read_text(errors="surrogateescape")
    return None


def _write(files: Mapping[Path, str | None]) -> None:
    """Write files, each in one step; None removes a file, and its folder if that is empty then."""
    for path, text in files.items():
        if text is None:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # it has the other drop-in
                path.parent.rmdir()
            continue
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        replace_file(path, text.encode(errors="surrogateescape"), 0o644, None)


def _reload() -> str | None:
    """Let systemd read its units again; return why that failed."""
    if not Path("/run/systemd/system").is_dir():  # such as in an image that is being made
        return None
    command = ["systemctl", "daemon-reload"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RELOAD_TIMEOUT, check=False)  # noqa: S603 # ours
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip() or f"exit status {done.returncode}" if done.returncode else None
