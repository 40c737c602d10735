"""`soft-stream view`: show a stream in a window of mpv, ffplay or GStreamer."""

import argparse
import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from soft_stream.cli.options import add_env_file, file_path
from soft_stream.cli.parser import exit_status
from soft_stream.cli.players import NAMES, Player, advice, find_player
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

if TYPE_CHECKING:
    from soft_stream.cli.view_target import Target

EPILOG = """\
The command itself reads the stream, logs in, and passes the frames to the standard input of the program. So the login
is not in the list of processes, and the window stays open when the server is restarted: it says that the picture is not
live. Of a slow program it leaves out frames; the newest one is always next.

Camera N is the one of the settings file; its process must run. A login of its own is not needed by root and by the user
of the process. For a URL with a login: a file with `TOKEN` or `USER:PASSWORD` as its first line, which others cannot
read.

The text of --options is split as a shell does; of GStreamer it has the elements that show the frames, instead of
autovideosink. With it the command starts without a display, too.

examples:
  soft-stream view
  soft-stream view 1 --with ffplay
  soft-stream view http://raspberrypi.local:8081/stream.mjpg --login ~/.view-token --options=--fs
  soft-stream view 0 --options=--vo=drm

"""
STATUSES = {
    ExitStatus.STOPPED: "the window was closed; any other status is that of the program",
    ExitStatus.CHECK_FAILED: "there is no display, no program, or the login is refused",
    ExitStatus.TEMPORARY_FAILURE: "there is no stream: no process listens, or the camera gives no frames",
    ExitStatus.CONFIG_ERROR: "a setting is wrong",
}
# Seconds that a program may take to end.
CLOSING = 3.0
SIGNALLED = 128


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "view",
        help="show a stream in a window",
        description="Show the stream of a camera, or of a URL, in a window of mpv, ffplay or GStreamer: the first of "
        "them that is installed.",
        epilog=EPILOG + exit_status(STATUSES),
    )
    command.set_defaults(run=view)
    command.add_argument("target", nargs="?", default="0", metavar="N | URL", help="camera or stream (default: 0)")
    command.add_argument("--with", dest="player", choices=NAMES, metavar="PROGRAM", help=f"one of: {', '.join(NAMES)}")
    command.add_argument(
        "--options", type=_words, metavar="TEXT", default=[], help="further options of the program: --options='--fs'"
    )
    command.add_argument(
        "--login", type=file_path, metavar="FILE", help="file with the login for a URL; - is the standard input"
    )
    add_env_file(command)


def view(args: argparse.Namespace) -> int:
    """Show the stream, and return the exit status of the program."""
    from soft_stream.cli.view_target import Refused, target_of

    try:
        target = target_of(args.target, args.env_file, args.login)
        player = _choose_player(args.player, target, has_options=bool(args.options))
        return asyncio.run(_show(target, player, args.options))
    except Refused as error:
        print(one_line(f"{error}."), file=sys.stderr)
        return error.status


def _words(text: str) -> list[str]:
    """Return the words of a text, as a shell splits it.

    Raises:
        ArgumentTypeError: quotes are not balanced.
    """
    try:
        return shlex.split(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: quotes are not balanced, or a \\ ends the text") from None


def _choose_player(name: str | None, target: "Target", *, has_options: bool) -> Player:
    """Return the program to start.

    Raises:
        Refused: none is installed, or there is no display.
    """
    from soft_stream.cli.view_target import Refused

    player = find_player(name)
    if player is None:
        raise Refused(f"{advice(name)}; or open {target.page} in a browser")
    if not has_options and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise Refused(
            "There is no display here: neither DISPLAY nor WAYLAND_DISPLAY is set. Open "
            f"{target.page} in a browser, or run the command on a machine with a screen"
        )
    return player


async def _show(target: "Target", player: Player, options: Sequence[str]) -> int:
    """Start the program when there is a stream, and return its exit status.

    Raises:
        Refused: there is no stream, or the login is no longer accepted.
    """
    from soft_stream.cli.live_stream import LiveStream, LoginRefused, NoStream, connected
    from soft_stream.cli.view_target import Refused

    try:
        async with connected(target.addresses) as frames:
            stream = LiveStream(target.addresses, target.title)
            reading = asyncio.create_task(stream.run(frames), name="stream")
            try:
                return await _play(stream.parts(), reading, player.command(target.title, options))
            finally:
                reading.cancel()
                await asyncio.wait([reading])
    except LoginRefused as error:
        raise Refused(f"{error}; --login FILE has one for a URL") from None
    except NoStream as error:
        raise Refused(str(error), ExitStatus.TEMPORARY_FAILURE) from None


async def _play(parts: AsyncIterator[bytes], reading: "asyncio.Task[None]", command: Sequence[str]) -> int:
    """Pass the parts to a program until it or the stream ends; return its exit status."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    writing = asyncio.create_task(_write(parts, process), name="program")
    ended = asyncio.create_task(process.wait(), name="end")
    try:
        await asyncio.wait([reading, ended], return_when=asyncio.FIRST_COMPLETED)
    finally:
        writing.cancel()
        await asyncio.wait([writing])
        await _stop(process)
    if not ended.done():
        await ended
    if reading.done() and not reading.cancelled() and (error := reading.exception()):
        raise error
    status = ended.result()
    return SIGNALLED - status if status < 0 else status


async def _write(parts: AsyncIterator[bytes], process: asyncio.subprocess.Process) -> None:
    """Write each part when the program has taken the one before."""
    if process.stdin is None:
        return
    process.stdin.transport.set_write_buffer_limits(high=0)
    with suppress(BrokenPipeError, ConnectionResetError):  # the program ends
        async for part in parts:
            process.stdin.write(part)
            await process.stdin.drain()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the program if it still runs."""
    with suppress(ProcessLookupError):
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(CLOSING):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
