"""Client programs with a login: the commands of docs/clients, for a user or a token, each in every way that works."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.end_to_end.clients.programs import NODE, PYTHON, SCRIPTS, needs_package, needs_program

FRAMES = 10
# https://github.com/blakeblackshear/frigate/blob/dev/frigate/ffmpeg_presets.py
FRIGATE = (
    "-avoid_negative_ts make_zero -fflags nobuffer -flags low_delay -strict experimental -fflags +genpts+discardcorrupt"
)
MOTION = """
width 160
height 120
picture_output off
movie_output off
webcontrol_port 0
"""


@dataclass(frozen=True)
class Login:
    """A login for a server on this machine."""

    name: str
    password: str
    port: int
    folder: Path

    @property
    def plain(self) -> str:
        """The address of the server, without the login."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def encoded(self) -> str:
        """The login as in a URL."""
        return f"{quote(self.name, safe='')}:{quote(self.password, safe='')}"

    @property
    def url(self) -> str:
        """The address of the server, with the login."""
        return self.plain.replace("//", f"//{self.encoded}@")

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        if self.password.startswith("css_"):
            return f"Bearer {self.password}"
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()

    def file(self, name: str, text: str) -> str:
        """Write a file that everyone can read, because some clients do not run as root; return its path."""
        file = self.folder / name
        file.write_text(text)
        return str(file)


Command = Callable[[Login], tuple[str | Path, ...]]


def curl_netrc(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose login is in a file of the format netrc."""
    text = f'machine 127.0.0.1 login {login.name} password "{login.password}"\n'
    return ("curl", "-fsS", "--netrc-file", login.file("netrc", text), "-o/dev/null", f"{login.plain}/snapshot.jpg")


def curl_config(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose login is in a file of options."""
    file = login.file("curlrc", f'user = "{login.name}:{login.password}"\n')
    return ("curl", "-fsS", "-K", file, "-o/dev/null", f"{login.plain}/snapshot.jpg")


def curl_bearer(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose header is in a file."""
    file = login.file("header", f"Authorization: {login.header}\n")
    return ("curl", "-fsS", "-H", f"@{file}", "-o/dev/null", f"{login.plain}/snapshot.jpg")


def wget_config(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose login is in a file of options."""
    file = login.file("wgetrc", f"user = {login.name}\npassword = {login.password}\n")
    return ("wget", f"--config={file}", "--tries=1", "-qO/dev/null", f"{login.plain}/snapshot.jpg")


def moonraker_timelapse(login: Login) -> tuple[str | Path, ...]:
    """Return the command of moonraker-timelapse."""
    return ("wget", f"{login.url}/snapshot.jpg", "-O", "/dev/null")


def ffmpeg(login: Login) -> tuple[str | Path, ...]:
    """Return a command with the login in the URL."""
    url = f"{login.url}/stream.mjpg"
    return ("ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", url, "-frames:v", str(FRAMES), "-f", "null", "-")


def ffmpeg_header(login: Login) -> tuple[str | Path, ...]:
    """Return a command with the header as an option."""
    read = ("-f", "mpjpeg", "-headers", f"Authorization: {login.header}\r\n", "-i", f"{login.plain}/stream.mjpg")
    return ("ffmpeg", "-v", "error", *read, "-frames:v", str(FRAMES), "-f", "null", "-")


def ffmpeg_list(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose URL is in a file."""
    file = login.file("list", f"ffconcat version 1.0\nfile '{login.url}/stream.mjpg'\n")
    read = ("-f", "concat", "-safe", "0", "-protocol_whitelist", "file,http,tcp", "-i", file)
    return ("ffmpeg", "-v", "error", *read, "-frames:v", str(FRAMES), "-f", "null", "-")


def frigate(login: Login) -> tuple[str | Path, ...]:
    """Return the command of Frigate's preset for MJPEG."""
    detect = ("-r", "5", "-f", "null", "-")
    return ("ffmpeg", "-v", "error", *FRIGATE.split(), "-i", f"{login.url}/stream.mjpg", "-frames:v", "5", *detect)


def mpv(login: Login) -> tuple[str | Path, ...]:
    """Return a command with the login in the URL."""
    options = ("--no-config", "--vo=null", "--ytdl=no", "--untimed", "--quiet", f"--frames={FRAMES}")
    return ("mpv", *options, f"{login.url}/stream.mjpg")


def mpv_file(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose URL is in a playlist."""
    *options, _ = mpv(login)
    return (*options, f"--playlist={login.file('gate.m3u', f'{login.url}/stream.mjpg')}")


def mpv_header(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose header is in a file of options."""
    *options, _ = mpv(login)
    file = login.file("mpv.conf", f"http-header-fields=Authorization: {login.header}\n")
    return (*options, f"--include={file}", f"{login.plain}/stream.mjpg")


def gstreamer(login: Login) -> tuple[str | Path, ...]:
    """Return a pipeline with the login as properties."""
    source = ("souphttpsrc", f"location={login.plain}/stream.mjpg", "is-live=true")
    user = (f"user-id={login.name}", f"user-pw={login.password}")
    rest = ("!", "multipartdemux", "single-stream=true", "!", "identity", f"eos-after={FRAMES}", "!", "fakesink")
    return ("gst-launch-1.0", "-q", *source, *user, *rest)


def gstreamer_url(login: Login) -> tuple[str | Path, ...]:
    """Return a pipeline with the login in the URL."""
    source = ("souphttpsrc", f"location={login.url}/stream.mjpg", "is-live=true")
    rest = ("!", "multipartdemux", "single-stream=true", "!", "identity", f"eos-after={FRAMES}", "!", "fakesink")
    return ("gst-launch-1.0", "-q", *source, *rest)


def opencv(login: Login) -> tuple[str | Path, ...]:
    """Return a script with the login in the URL."""
    return (PYTHON, SCRIPTS / "opencv_frames.py", f"{login.url}/stream.mjpg", str(FRAMES))


def requests(login: Login) -> tuple[str | Path, ...]:
    """Return a script with the login in the URL, which requests sends as Latin-1."""
    return (PYTHON, SCRIPTS / "requests_frames.py", f"{login.url}/stream.mjpg", str(FRAMES))


def node(login: Login) -> tuple[str | Path, ...]:
    """Return a script that sends the header, because fetch refuses URLs with a login."""
    return (NODE, SCRIPTS / "fetch_frames.mjs", f"{login.plain}/stream.mjpg", str(FRAMES), login.header)


def vlc(login: Login) -> tuple[str | Path, ...]:
    """Return a command with the login in the URL."""
    return ("cvlc", "-q", "--no-audio", "--sout", "#std{access=file,mux=avi,dst=/dev/null}", f"{login.url}/stream.mjpg")


def vlc_file(login: Login) -> tuple[str | Path, ...]:
    """Return a command whose URL is in a playlist."""
    *options, _ = vlc(login)
    return (*options, login.file("gate.m3u", f"{login.url}/stream.mjpg\n"))


def motion(login: Login) -> tuple[str | Path, ...]:
    """Return a command for motion's own reader, which takes the password as it is."""
    url = f"netcam_url mjpeg://127.0.0.1:{login.port}/stream.mjpg\nnetcam_userpass {login.name}:{login.password}"
    return ("motion", "-n", "-c", login.file("motion.conf", f"{url}\ntarget_dir {login.folder}{MOTION}"))


def motion_http(login: Login) -> tuple[str | Path, ...]:
    """Return a command for motion's reader by ffmpeg, for which the password is percent-encoded."""
    url = f"netcam_url http://127.0.0.1:{login.port}/stream.mjpg\nnetcam_userpass {login.encoded}"
    return ("motion", "-n", "-c", login.file("motion.conf", f"{url}\ntarget_dir {login.folder}{MOTION}"))


def _each(*commands: Command, needs: pytest.MarkDecorator) -> list[object]:
    return [pytest.param(command, id=command.__name__, marks=needs) for command in commands]


ENDING = [
    *_each(curl_netrc, curl_config, curl_bearer, needs=needs_program("curl")),
    *_each(wget_config, moonraker_timelapse, needs=needs_program("wget")),
    *_each(ffmpeg, ffmpeg_header, ffmpeg_list, frigate, needs=needs_program("ffmpeg")),
    *_each(mpv, mpv_file, mpv_header, needs=needs_program("mpv")),
    *_each(gstreamer, gstreamer_url, needs=needs_program("gst-launch-1.0")),
    *_each(opencv, needs=needs_package("cv2")),
    *_each(requests, needs=needs_package("requests")),
    *_each(node, needs=pytest.mark.skipif(not Path(NODE).exists(), reason="Playwright has no Node")),
]
"""Clients that end after some frames."""
ENDLESS = [
    *_each(vlc, vlc_file, needs=needs_program("cvlc")),
    *_each(motion, motion_http, needs=needs_program("motion")),
]
"""Clients that run until they are stopped."""
