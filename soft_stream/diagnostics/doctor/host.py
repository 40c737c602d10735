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
import time
from base64 import b64encode
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import soft_stream
from soft_stream.access import internal
from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraInfo
from soft_stream.config import loader, own_names
from soft_stream.config.settings import Settings
from soft_stream.diagnostics import processes
from soft_stream.diagnostics.doctor.device_users import UsedCamera, used_cameras
from soft_stream.diagnostics.processes import Limits
from soft_stream.diagnostics.processes import Reply as Reply
from soft_stream.diagnostics.sites.search import find_sites
from soft_stream.diagnostics.sites.site import Site
from soft_stream.diagnostics.stop_hint import how_to_stop
from soft_stream.diagnostics.unit_reach import Problem, find_problems

STATE_DIRECTORY = str(loader.SERVICE_STATE)
TIMEOUT = 10.0
"""Seconds that a command or a reply may take."""
MAX_BYTES = 1_000_000
"""Bytes to read from a file."""
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
        # aiohttp 4 has no BasicAuth
        basic = b64encode(":".join(login or ()).encode(errors="surrogateescape")).decode()
        authorization = f"Basic {basic}" if login else ""
        return asyncio.run(processes.get(url, Limits(TIMEOUT), authorization))

    def ask(self, settings: Settings, path: str) -> Reply:
        """Send GET to the process of a camera, with a token in case that it requires a login."""
        return asyncio.run(processes.ask(settings, path, Limits(TIMEOUT)))

    def wait(self, seconds: float) -> None:
        """Wait for something to change."""
        time.sleep(seconds)

    def internal_token(self, settings: Settings) -> str:
        """Return a token that the process of a camera accepts; empty if this user may not make one."""
        return internal.token_of(settings.state_directory, settings.camera)

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

    def sites(self, ports: Collection[int]) -> list[Site]:
        """List the sites of other programs that forward to these ports."""
        return find_sites(ports)

    def own_names(self) -> frozenset[str]:
        """Return the names of this machine, which the server accepts."""
        return frozenset(own_names.read_names())

    def accounts(self, settings: Settings) -> Accounts:
        """Return the users and tokens of a camera."""
        return read_accounts(settings.users_file, settings.state_directory)

    def load(self, file: Path | None) -> loader.LoadedConfig:
        """Load the settings as the service does.

        Raises:
            SettingsError: some are wrong.
        """
        return loader.load_as_service(self.environ, file=file)

    def path_problems(self, settings: Settings, origins: Mapping[str, str]) -> list[Problem]:
        """Return what keeps the unit of a camera from the paths in its settings."""
        return [*find_problems(settings, origins)]

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
