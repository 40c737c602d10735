"""`soft-stream serve`: serve one camera until a signal stops it."""

import argparse
import asyncio
import logging
import os
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from soft_stream.access import exposure
from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.cameras import discovery, id_history
from soft_stream.cameras.base import CameraError, CameraInfo, CameraMissing
from soft_stream.cameras.identity import select_camera
from soft_stream.cameras.v4l2 import nodes
from soft_stream.cameras.video_node import select_by_node
from soft_stream.cli import serve_all
from soft_stream.cli.exit import STATUS_OF_ERROR, end
from soft_stream.cli.kept_controls import log_page_layer, with_kept_controls
from soft_stream.cli.options import add_camera, add_env_file
from soft_stream.cli.parser import exit_status
from soft_stream.config import webcamd_flags
from soft_stream.config.env_file import quote_value
from soft_stream.config.kept_controls import page_layer
from soft_stream.config.loader import LoadedConfig, SettingsError, load, with_controls_file
from soft_stream.config.page_settings import PageLayer
from soft_stream.config.settings import SETTINGS, Settings, default_of, format_value
from soft_stream.config.topics import TOPICS
from soft_stream.service import logs
from soft_stream.service.exit_status import ExitStatus

log = logging.getLogger("soft_stream")

STATUSES = {
    ExitStatus.STOPPED: "a signal (SIGTERM, SIGINT) stopped it",
    ExitStatus.CAMERA_MISSING: "the camera was not connected within 10 s after the start",
    ExitStatus.TEMPORARY_FAILURE: "the camera hangs or is in use, or a port is taken",
    ExitStatus.CONFIG_ERROR: "a setting is wrong, or Picamera2 is missing",
}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command, with an option for each setting."""
    command = commands.add_parser(
        "serve",
        help="serve one camera, or all with --all",
        description="Serve one camera, or with --all all of them, until Ctrl-C or another signal. The options override "
        "the settings file.",
        epilog=exit_status(STATUSES),
    )
    command.set_defaults(run=serve)
    add_camera(command)
    add_env_file(command)
    serve_all.add_options(command)
    add_settings(command)
    webcamd_flags.add_to(command)


# options with other names than their settings: --device is a flag of webcamd
OPTIONS = {"device": "source_device"}


def add_settings(command: argparse.ArgumentParser, without: Container[str] = (), prefix: str = "") -> None:
    """Add an option for each setting to a parser, in groups by topic; `prefix` is that of their titles."""
    for topic, names in TOPICS.items():
        group = command.add_argument_group(f"{prefix}{topic}")
        for name in names:
            if name in without:
                continue
            value_type, meaning = SETTINGS[name].metadata["type"], SETTINGS[name].metadata["meaning"]
            default = format_value(default_of(name, 0)) or "empty"
            shown = "" if SETTINGS[name].metadata["per_camera"] else f" (default: {default})"
            add_setting(group, name, f"{meaning}; {value_type.expected}{shown}")


def add_setting(command: Any, name: str, text: str) -> None:
    """Add the option for one setting."""
    option = OPTIONS.get(name, name)
    flags = [f"--{option.replace('_', '-')}", *(["-d"] if name == "log_level" else [])]
    # --bind takes several values, --hflip may have none
    counts: dict[type, dict[str, Any]] = {tuple: {"nargs": "+"}, bool: {"nargs": "?", "const": "1"}}
    count = counts.get(type(default_of(name, 0)), {})
    flags += webcamd_flags.ALIASES.get(name, [])
    metavar = SETTINGS[name].metadata["type"].metavar
    command.add_argument(*flags, dest=option, metavar=metavar, help=text.replace("%", "%%"), **count)


def serve(args: argparse.Namespace) -> int:
    """Serve the camera of the command line, or all, and return the exit status."""
    given, own_flags = webcamd_flags.parse(args), read_settings(args)
    flags = {**webcamd_flags.translate(given), **own_flags}
    if serve_all.is_wanted(args, flags):
        return serve_all.serve_all(args, flags, {**given, **own_flags})
    loaded = load(os.environ, file=args.env_file, camera=args.camera, flags=flags)
    node = None if "id" in own_flags else webcamd_flags.node_of(given)
    settings = loaded.cameras[args.camera]
    settings = replace(settings, webcamd_flags=webcamd_flags.shown_values(given, settings))
    if node and settings.source == "v4l2" and "device" not in own_flags:
        settings = with_device(settings, node)
    return serve_camera(settings, loaded, which_camera(settings, node))


def read_settings(args: argparse.Namespace) -> dict[str, str]:
    """Return the settings that a command line has, by name."""
    options = {name: OPTIONS.get(name, name) for name in SETTINGS}
    given = {name: getattr(args, option) for name, option in options.items() if getattr(args, option) is not None}
    return {name: " ".join(value) if isinstance(value, list) else value for name, value in given.items()}


def which_camera(settings: Settings, node: Path | None, *, or_first: bool = False) -> discovery.Select:
    """Return how to select the camera: by a device file if there is one, else by the settings.

    With `or_first` the settings also decide if the device file belongs to no camera.
    """

    def select(connected: Sequence[CameraInfo]) -> tuple[CameraInfo, str]:
        if node:
            try:
                found = select_by_node(connected, node)
            except CameraMissing:
                if not or_first:
                    raise
            else:
                log.info("%s is camera %s; its number can change, its id does not", node, found.id)
                return found, ""
        return select_camera(connected, settings.id, settings.camera)

    return select


def serve_camera(settings: Settings, loaded: LoadedConfig, select: discovery.Select) -> ExitStatus:
    """Serve a camera until a signal stops the process.

    Raises:
        SettingsError: other machines can reach the camera, and nothing says who may use it.
    """
    accounts = read_accounts(settings.users_file, settings.state_directory)
    if refused := [*exposure.refusals(settings, loaded.origins[settings.camera], accounts)]:
        raise SettingsError(refused)
    settings = exposure.with_consent(settings, accounts)
    loaded = replace(loaded, cameras={**loaded.cameras, settings.camera: settings})
    loaded.export_library_environ(os.environ)
    with logs.configure(settings):
        _log_exposure(settings, accounts)
        status = _serve_camera(settings, loaded, select)
    return end(status)


def _log_exposure(settings: Settings, accounts: Accounts) -> None:
    for sentence in (exposure.unreadable(settings, accounts), *exposure.warnings(settings, accounts)):
        if sentence:
            log.warning("%s", sentence)
    if sentence := exposure.unencrypted(settings, accounts):
        log.info("%s", sentence)


def _serve_camera(settings: Settings, loaded: LoadedConfig, select: discovery.Select) -> ExitStatus:
    number, connected = settings.camera, list[str]()
    if loaded.file and not loaded.has_lines(number):
        log.warning("%s has no cam%d_ line; camera %d gets the cam_ values", loaded.file, number, number)
    if settings.source == "picamera":
        try:
            settings, connected = _with_id(settings, select)
        except CameraError as error:
            log.error("cam%d_source=picamera: %s", number, error)  # noqa: TRY400 # the sentence says it all
            return STATUS_OF_ERROR.get(type(error), ExitStatus.TEMPORARY_FAILURE)
        if settings.state_directory and os.environ.get("STATE_DIRECTORY"):  # a service
            id_history.record(settings.state_directory, number, settings.id)
    elif settings.source == "v4l2" and not settings.device:
        try:
            settings = _with_first_device(settings)
        except CameraError as error:
            log.error("cam%d_source=v4l2: %s", number, error)  # noqa: TRY400 # the sentence says it all
            return STATUS_OF_ERROR.get(type(error), ExitStatus.TEMPORARY_FAILURE)
    settings = with_kept_controls(settings, loaded.origins[number]["controls"], connected)
    layer, problems = page_layer(settings, loaded.origins[number])
    log_page_layer(layer, problems)
    # imported late: the other commands need no web server
    from soft_stream.service.notices import NoticeFinder
    from soft_stream.service.server import serve

    notices = NoticeFinder(loaded, layer.settings)
    layers = {each: PageLayer(its, loaded.origins[each]) for each, its in loaded.cameras.items()} | {number: layer}
    return asyncio.run(serve(layer.settings, loaded.cameras, notices=notices, layers=layers))


def _with_id(settings: Settings, select: discovery.Select) -> tuple[Settings, list[str]]:
    """Return the settings with the id of the connected camera, and the ids of all that are connected.

    If the camera is unplugged later, no other one replaces it.

    Raises:
        CameraError: the camera cannot be served.
    """
    ids: list[str] = []

    def select_and_list(connected: Sequence[CameraInfo]) -> tuple[CameraInfo, str]:
        ids[:] = [each.id for each in connected]
        return select(connected)

    found, advice = discovery.wait_for_camera(select_and_list)
    if advice:
        log.warning("%s; put this into the settings: cam%d_id=%s", advice, settings.camera, quote_value(found.id))
    return with_controls_file(replace(settings, id=found.id)), ids


def with_device(settings: Settings, device: Path) -> Settings:
    """Return the settings of source=v4l2 with a device."""
    return with_controls_file(replace(settings, device=str(device)))


def _with_first_device(settings: Settings) -> Settings:
    """Return the settings with the path of the first V4L2 device, so that no other one replaces it later.

    Raises:
        CameraMissing: none is connected.
    """
    device = nodes.first_device()
    line = f"cam{settings.camera}_device={quote_value(str(device))}"
    log.warning("No device is set, so this is the first one; put this into the settings: %s", line)
    return with_device(settings, device)
