"""`webcamd`: `soft-stream serve` with the name, flags and defaults of webcamd and webcam.py, for their units."""

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from soft_stream.cli.main import run
from soft_stream.cli.options import add_camera, file_path
from soft_stream.cli.parser import Parser, exit_status
from soft_stream.cli.serve import (
    STATUSES,
    add_setting,
    add_settings,
    read_settings,
    serve_camera,
    which_camera,
    with_device,
)
from soft_stream.config import webcamd_flags
from soft_stream.config.loader import load
from soft_stream.config.webcamd_flags import WEBCAMDS

NAME = "webcamd"
# its flags that have the names of settings
FLAGS = {
    "width": "frame width in pixels (default: 1280)",
    "height": "frame height in pixels (default: 720)",
    "port": "port to listen on (default: 8080)",
    "showfps": "log frame rates every 5 s while a client streams",
    "loghttp": "log every HTTP request",
    "bind": "addresses to listen on, instead of those of --ipv",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""

    def command() -> int:
        args = make_parser().parse_args(argv)
        with suppress(OSError):  # `killall webcamd` must find it however it was started; see PR_SET_NAME in `man prctl`
            Path("/proc/self/comm").write_text(NAME)
        return serve(args)

    return run(command)


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        prog=NAME,
        usage=f"{NAME} [OPTION ...]",
        description="Serve one camera until a signal stops the process, as webcamd and webcam.py do: by default the "
        "camera of /dev/video0 in 1280x720, without rotation, on port 8080 of all IPv4 addresses (0.0.0.0), without a "
        "login. No settings file is read, unless --env-file names one.",
        epilog="/?stream is the stream, /?snapshot a snapshot, /?info the statistics and these values.\n\n"
        + exit_status(STATUSES),
    )
    webcamd_flags.add_to(parser, WEBCAMDS)
    for name, text in FLAGS.items():
        add_setting(parser, name, text)
    add_camera(parser)
    parser.add_argument("--env-file", type=file_path, metavar="FILE", help="settings file (default: none)")
    add_settings(parser, without=FLAGS, prefix="as in soft-stream serve: ")
    return parser


def serve(args: argparse.Namespace) -> int:
    """Serve the camera of the command line and return the exit status."""
    given, own_flags = webcamd_flags.parse(args), read_settings(args)
    loaded = load(
        os.environ,
        file=args.env_file,
        camera=args.camera,
        flags={**webcamd_flags.translate(given, WEBCAMDS), **own_flags},
        defaults={**webcamd_flags.translate(WEBCAMDS.flags, WEBCAMDS), **WEBCAMDS.settings},
    )
    settings = loaded.cameras[args.camera]
    flags = {**WEBCAMDS.flags, **given}
    settings = replace(settings, webcamd_flags=webcamd_flags.shown_values(flags, settings, WEBCAMDS))
    is_chosen = not given.keys().isdisjoint(("index", "device"))
    node = None if "id" in own_flags or (settings.id and not is_chosen) else webcamd_flags.node_of(flags)
    is_needed = "device" not in own_flags and (is_chosen or not settings.device)
    if node and settings.source == "v4l2" and is_needed:
        settings = with_device(settings, node)
    return serve_camera(settings, loaded, which_camera(settings, node, or_first=not is_chosen))
