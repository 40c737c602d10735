"""Read-only access of the doctor to the machine; every call has a time limit."""

import asyncio
import glob
import grp
import importlib.metadata
import importlib.util
import os
import platform
import pwd
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

import soft_stream
from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraInfo
from soft_stream.config import loader
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.device_users import UsedCamera, used_cameras
from soft_stream.diagnostics.stop_hint import how_to_stop

STATE_DIRECTORY = "/var/lib/camera-soft-stream"
TIMEOUT = 10.0
"""Seconds that a command or a reply may take."""
MAX_BYTES = 1_000_000
"""Bytes to read from a file or a reply."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Login = tuple[str, str]


@dataclass(frozen=True)
class Node:
    """A device file behind symbolic links: its owner, its mode and its real path."""

    mode: int
    owner: str
    group: str
    target: str
    can_open: bool
    """Whether the current user may open it; access control lists count too."""


@dataclass(frozen=True)
class Output:
    """The standard output of a command, and its exit status."""

    text: str
    status: int = 0


@dataclass(frozen=True)
class Reply:
    """The reply of a URL; status 0 means no reply, for the reason in `error`."""

    status: int
    text: str = ""
    error: str = ""

    @property
    def refused(self) -> bool:
        """Whether the connection was refused."""
        return self.error == "connection refused"


@dataclass(frozen=True)
class Module:
    """A Python module that this program would import."""

    path: str
    version: str


class Host:
    """The machine on which this program runs."""

    def __init__(self) -> None:
        self.environ: Mapping[str, str] = os.environ
        self.is_root = os.geteuid() == 0
        self.python = platform.python_version()
        self.prefix = sys.prefix
        self.program = str(Path(soft_stream.__file__).resolve().parents[1])
        """The folder with the code of this program."""

    def read(self, path: str) -> str | None:
        """Return the text of a file; None if it cannot be read."""
        with suppress(OSError), Path(path).open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
        return None

    def paths(self, pattern: str) -> list[str]:
        """List the files that match a pattern."""
        return sorted(glob.glob(pattern))

    def node(self, path: str) -> Node | None:
        """Return the state of a device file without opening it."""
        try:
            status = os.stat(path)
        except OSError:
            return None
        owner, group = str(status.st_uid), str(status.st_gid)
        with suppress(KeyError):
            owner = pwd.getpwuid(status.st_uid).pw_name
        with suppress(KeyError):
            group = grp.getgrgid(status.st_gid).gr_name
        can_open = os.access(path, os.R_OK | os.W_OK)
        return Node(stat.S_IMODE(status.st_mode), owner, group, os.path.realpath(path), can_open)

    def run(self, *command: str) -> Output | None:
        """Run a read-only command; return None if it does not exist or takes too long."""
        environ = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"}
        try:
            done = subprocess.run(  # noqa: S603 # only commands of the doctor
                command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return Output(done.stdout.decode(errors="replace"), done.returncode)

    def get(self, url: str, login: Login | None = None) -> Reply:
        """Send GET to a web server of this machine; its certificate may be self-signed."""
        return asyncio.run(_get(url, login))

    def cameras(self) -> list[CameraInfo]:
        """List the connected cameras, in a child process.

        Raises:
            CameraError: Picamera2 or libcamera is missing or does not work.
        """
        return discovery.list_cameras()

    def used_cameras(self) -> list[UsedCamera]:
        """List the cameras that programs use."""
        return used_cameras()

    def how_to_stop(self, programs: str, settings: Settings) -> str:
        """Return the commands that stop programs such as "rpicam-still (pid 1234)"."""
        return how_to_stop(programs, settings)

    def load(self, file: Path | None) -> loader.LoadedConfig:
        """Load the settings as the service does.

        Raises:
            SettingsError: some are wrong.
        """
        service = {"STATE_DIRECTORY": STATE_DIRECTORY} if Path(STATE_DIRECTORY).is_dir() else {}
        return loader.load({**service, **self.environ}, file=file)

    def module(self, name: str, package: str = "") -> Module | None:
        """Find a module without importing it."""
        with suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(name)
            if spec and spec.origin:
                version = ""
                with suppress(importlib.metadata.PackageNotFoundError):
                    version = importlib.metadata.version(package or name)
                return Module(spec.origin, version)
        return None


async def _get(url: str, login: Login | None) -> Reply:
    # aiohttp 4 has no BasicAuth
    basic = b64encode(":".join(login or ()).encode(errors="surrogateescape")).decode()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    body = b""
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(
                url, headers={"Authorization": f"Basic {basic}"} if login else {}, ssl=False, allow_redirects=False
            ) as answer,
        ):
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MAX_BYTES:
                    break
            return Reply(answer.status, body.decode(errors="replace"))
    except TimeoutError:
        return Reply(0, error=f"no answer for {TIMEOUT:g} s")
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, ConnectionRefusedError)
        return Reply(0, error="connection refused" if refused else str(error))
    except (aiohttp.ClientError, OSError) as error:
        return Reply(0, error=str(error) or type(error).__name__)
