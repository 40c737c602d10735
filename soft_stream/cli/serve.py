"""`soft-stream serve`: serve one camera until a signal stops it."""

import argparse
import asyncio
import logging
import os
from dataclasses import replace
from typing import Any

from soft_stream.cameras import discovery, id_history
from soft_stream.cameras.base import CameraError
from soft_stream.cli.exit import STATUS_OF_ERROR, end
from soft_stream.cli.options import add_camera, add_env_file
from soft_stream.config import webcamd_flags
from soft_stream.config.env_file import quote_value
from soft_stream.config.loader import LoadedConfig, load
from soft_stream.config.settings import SETTINGS, Settings, default_of, format_value
from soft_stream.service import logs
from soft_stream.service.exit_status import ExitStatus

log = logging.getLogger("soft_stream")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command, with an option for each setting."""
    command = commands.add_parser(
        "serve",
        help="serve one camera",
        description="Serve one camera until a signal stops the process. Each option overrides the settings file.",
        usage="soft-stream serve [OPTION ...]",
    )
    command.set_defaults(run=serve)
    for name, each in SETTINGS.items():
        value_type, meaning = each.metadata["type"], each.metadata["meaning"]
        default = "" if each.metadata["per_camera"] else f" (default: {format_value(default_of(name, 0)) or 'empty'})"
        flags = [f"--{name.replace('_', '-')}", *(["-d"] if name == "log_level" else [])]
        text = f"{meaning}; {value_type.expected}{default}".replace("%", "%%")
        # --bind takes several values, --hflip may have none
        counts: dict[type, dict[str, Any]] = {tuple: {"nargs": "+"}, bool: {"nargs": "?", "const": "1"}}
        count = counts.get(type(default_of(name, 0)), {})
        command.add_argument(*flags, dest=name, metavar=name.upper(), help=text, **count)
    webcamd_flags.add_to(command)
    add_camera(command)
    add_env_file(command)


def serve(args: argparse.Namespace) -> int:
    """Serve the camera of the command line and return the exit status."""
    given = {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}
    own_flags = {name: " ".join(value) if isinstance(value, list) else value for name, value in given.items()}
    flags = {**webcamd_flags.translate(args), **own_flags}
    loaded = load(os.environ, file=args.env_file, camera=args.camera, flags=flags)
    loaded.export_library_environ(os.environ)
    settings = loaded.cameras[args.camera]
    with logs.configure(settings):
        status = _serve_camera(settings, loaded)
    return end(status)


def _serve_camera(settings: Settings, loaded: LoadedConfig) -> ExitStatus:
    number = settings.camera
    if loaded.file and not any(f"cam{number}_" in origin for origin in loaded.origins[number].values()):
        log.warning("%s has no cam%d_ line; camera %d gets the cam_ values", loaded.file, number, number)
    if settings.source == "picamera":
        try:
            settings = _with_id(settings)
        except CameraError as error:
            log.error("cam%d_source=picamera: %s", number, error)  # noqa: TRY400 # the sentence says it all
            return STATUS_OF_ERROR.get(type(error), ExitStatus.TEMPORARY_FAILURE)
        if settings.controls_file and os.environ.get("STATE_DIRECTORY"):  # a service
            id_history.record(settings.controls_file.parent, number, settings.id)
    # imported late: the other commands need no web server
    from soft_stream.service.server import serve

    return asyncio.run(serve(settings, loaded.cameras))


def _with_id(settings: Settings) -> Settings:
    """Return the settings with the id of the connected camera: if it is unplugged later, no other one replaces it.

    Raises:
        CameraError: the camera cannot be served.
    """
    found, advice = discovery.wait_for_camera(settings.id, settings.camera)
    if advice:
        log.warning("%s; put this into the settings: cam%d_id=%s", advice, settings.camera, quote_value(found.id))
    return replace(settings, id=found.id)
