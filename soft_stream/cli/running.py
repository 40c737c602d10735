"""The processes of `soft-stream serve` whose ports are not those of the settings file.

`soft-stream serve --all --port-base 9000` gives its processes other ports by their environment, and flags may change
every setting. Both are visible in /proc, for the processes of this user, or as root for all.
"""

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cli.options import add_camera, add_env_file
from soft_stream.cli.serve import add_settings, read_settings
from soft_stream.config import webcamd_flags
from soft_stream.config.loader import INSTALLED_FILE, KEY, LOCAL_FILE, SettingsError, load
from soft_stream.config.settings import Settings

PROC = Path("/proc")
PROGRAMS = ("soft-stream", "soft_stream")
# the variables that decide about settings and about the state directory, beside those of settings
PLACES = ("HOME", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "XDG_STATE_HOME")


@dataclass(frozen=True)
class ServeProcess:
    """A process: the arguments behind `serve`, its environment and its working directory."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    folder: Path


def find_elsewhere(file: Path | None, cameras: Iterable[int], proc: Path = PROC) -> dict[int, Settings]:
    """Return the settings of running processes that serve one of these cameras of a settings file.

    Without a file only those of the working directory count: cameras of other folders may have the same numbers.
    """
    wanted, found = set(cameras), dict[int, Settings]()
    for process in _processes(proc):
        settings = _settings(process, _real(file) if file else None)
        if settings and settings.camera in wanted:
            found.setdefault(settings.camera, settings)
    return found


def _processes(proc: Path) -> Iterator[ServeProcess]:
    """Yield the processes of this user that serve one camera; those that end meanwhile are left out."""
    for folder in proc.iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        try:
            command = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")[:-1]
            arguments = _arguments_of(command)
            if arguments is not None:
                pairs = os.fsdecode((folder / "environ").read_bytes()).split("\0")
                environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
                yield ServeProcess(arguments, environ, (folder / "cwd").readlink())
        except OSError:  # it has ended, or belongs to another user
            continue


def _arguments_of(command: Sequence[str]) -> Sequence[str] | None:
    """Return what follows `serve`; None if the command does not serve one camera."""
    is_ours = [Path(word).name in PROGRAMS for word in command]
    if "--all" in command or not (
        is_ours[:1] == [True] or Path(command[0] if command else "").name.startswith("python")
    ):
        return None
    return next(
        (command[at + 1 :] for at in range(1, len(command)) if command[at] == "serve" and is_ours[at - 1]), None
    )


def _settings(process: ServeProcess, file: Path | None) -> Settings | None:
    """Return the settings of a process; None if it has another settings file, or if they cannot be read."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    add_settings(parser)
    webcamd_flags.add_to(parser)
    add_camera(parser)
    add_env_file(parser)
    try:
        args, _ = parser.parse_known_args(process.arguments)
        if _file_of(args.env_file, process.folder) != file or (file is None and process.folder != Path.cwd()):
            return None
        environ = {key: text for key, text in process.environ.items() if KEY.fullmatch(key) or key in PLACES}
        flags = {**webcamd_flags.translate(webcamd_flags.parse(args)), **read_settings(args)}
        number = args.camera or 0
        return load(environ, file=file, camera=number, flags=flags).cameras[number]
    except (argparse.ArgumentError, SettingsError, OSError):  # of another release, or about to end
        return None


def _file_of(named: Path | None, folder: Path) -> Path | None:
    """Return the settings file of a process in a working directory, as `load` finds it."""
    files = [folder / named] if named else [INSTALLED_FILE, folder / LOCAL_FILE]
    return next((_real(path) for path in files if path.exists()), None)


def _real(path: Path) -> Path:
    """Return a path without links; one that cannot be followed is no error."""
    return Path(os.path.realpath(path))
