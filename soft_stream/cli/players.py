"""The programs that can show a stream, with the options that keep it live: docs/clients has the measurements.

Each reads multipart/x-mixed-replace from its standard input. So no login is in its arguments, which every user of the
machine can read, and it needs neither to reconnect nor to know the certificate of a server.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TITLE = "TITLE"


@dataclass(frozen=True)
class Player:
    """A program: what Debian's package of it is called, and its arguments."""

    name: str
    package: str
    arguments: tuple[str, ...]
    """`TITLE` is replaced by the title of the window."""
    last: tuple[str, ...] = ()
    """The arguments at the end."""
    sink: tuple[str, ...] = ()
    """The arguments that the user's own replace."""

    def command(self, title: str, options: Sequence[str] = ()) -> list[str]:
        """Return the command, with options of the user."""
        arguments = [each.replace(TITLE, title) for each in self.arguments]
        return [self.name, *arguments, *(options or self.sink), *self.last]


PLAYERS = (
    # MJPEG has no timestamps: without --untimed mpv plays 25 frames a second, and keeps the others
    Player(
        "mpv",
        "mpv",
        (
            *("--profile=low-latency", "--untimed", "--no-audio", "--cache=no", "--demuxer-lavf-format=mpjpeg"),
            *("--ytdl=no", "--keep-open=no", "--idle=no", "--msg-level=all=error", f"--title={TITLE}"),
        ),
        ("-",),
    ),
    Player(
        "ffplay",
        "ffmpeg",
        (
            *("-hide_banner", "-loglevel", "error", "-f", "mpjpeg", "-fflags", "nobuffer", "-flags", "low_delay"),
            *("-framedrop", "-an", "-autoexit", "-window_title", TITLE),
        ),
        ("-i", "-"),
    ),
    # playbin and gst-play-1.0 wait for further streams, so they show the first frame after 20 s
    Player(
        "gst-launch-1.0",
        "gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-x",
        (
            *("-q", "fdsrc", "fd=0", "do-timestamp=true", "!", "multipartdemux", "single-stream=true"),
            *("!", "jpegdec", "!", "videoconvert", "!"),
        ),
        sink=("autovideosink", "sync=false"),
    ),
)
NAMES = tuple(each.name for each in PLAYERS)


def find_player(name: str | None = None, players: Iterable[Player] = PLAYERS) -> Player | None:
    """Return the player with a name, or the first one that is installed; None if it is not installed."""
    wanted = (each for each in players if name in (None, each.name))
    return next((each for each in wanted if shutil.which(each.name)), None)


def advice(name: str | None = None) -> str:
    """Return the sentence about what to install."""
    if name is None:
        return (
            f"No program that shows a stream is installed ({', '.join(NAMES)}): sudo apt install {PLAYERS[0].package}"
        )
    package = next(each.package for each in PLAYERS if each.name == name)
    return f"{name} is not installed: sudo apt install {package}"
