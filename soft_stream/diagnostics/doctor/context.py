"""Facts that several checks need, each read once."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from soft_stream.config.installation import DEPLOYED, PACKAGED
from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig, SettingsError
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.host import STATE_DIRECTORY, Host, Login, Reply
from soft_stream.diagnostics.doctor.systemd import Unit, camera_units
from soft_stream.diagnostics.sites.site import Site

APT = "/usr/lib/python3/dist-packages"
MODEL = "/proc/device-tree/model"
CHIPS = "/proc/device-tree/compatible"
SUDO = "run the doctor with sudo to see it"


class DoctorContext:
    """The machine and its settings; expensive facts are read on first use."""

    def __init__(self, host: Host, file: Path | None = None, login: Login | None = None) -> None:
        self.host = host
        self.login = login
        self.problems: list[str] = []
        try:
            self.loaded = host.load(file)
        except SettingsError as error:
            self.problems = error.problems
            self.loaded = LoadedConfig(file, {}, {})
        except OSError as error:  # its folder may not be listed
            self.problems = [f"{error.filename}: cannot be read: {error.strerror}"]
            self.loaded = LoadedConfig(file, {}, {})

    @property
    def cameras(self) -> Mapping[int, Settings]:
        """The cameras of the settings; empty if the settings are wrong."""
        return self.loaded.cameras

    @property
    def file(self) -> Path:
        """The file to write a setting to."""
        return self.loaded.file or INSTALLED_FILE

    @property
    def state_directory(self) -> str:
        """The state directory of the service."""
        return self.host.environ.get("STATE_DIRECTORY", "").partition(":")[0] or STATE_DIRECTORY

    @cached_property
    def release(self) -> Path | None:
        """The link to the installed release; a package beside a deployment does not serve. None without both."""
        return next((each for each in (DEPLOYED, PACKAGED) if self.host.paths(f"{each}/bin/soft-stream")), None)

    @property
    def configure_again(self) -> str:
        """The command that writes the units and the configuration of nginx again."""
        if self.release == PACKAGED:
            return "sudo dpkg-reconfigure camera-soft-stream"
        return "run scripts/deploy-soft-stream.sh again"

    @cached_property
    def uses_picamera(self) -> bool:
        """Whether real cameras are used: by the settings; without cameras in them, whether Picamera2 is installed."""
        if self.cameras:
            return any(settings.source == "picamera" for settings in self.cameras.values())
        return self.host.module("picamera2") is not None

    @cached_property
    def board(self) -> str:
        """The model of this Raspberry Pi; empty on anything else."""
        return (self.host.read(MODEL) or "").strip("\0\n") if "raspberrypi," in self._chips else ""

    @property
    def is_pi5(self) -> bool:
        """Whether the machine has the chip of a Raspberry Pi 5."""
        return "bcm2712" in self._chips

    @cached_property
    def _chips(self) -> str:
        return self.host.read(CHIPS) or ""

    @cached_property
    def units(self) -> dict[int, Unit]:
        """The units of the cameras; empty if they are not installed or systemd does not run."""
        return camera_units(self.host, self.cameras)

    @property
    def ports(self) -> dict[int, Settings]:
        """The ports of the processes, each with the settings of its camera."""
        return {
            endpoint.port: settings
            for settings in self.cameras.values()
            for endpoint in settings.endpoints
            if endpoint.port
        }

    @cached_property
    def sites(self) -> list[Site]:
        """The sites of other programs that forward to these ports."""
        return self.host.sites(self.ports)

    def restart_hint(self, number: int) -> str:
        """Return the command that applies a changed setting, as the end of a line; "" without a unit."""
        return f"; then: sudo systemctl restart camera-soft-cam@{number}" if number in self.units else ""

    @cached_property
    def replies(self) -> dict[int, Reply]:
        """The reply of each camera's port to GET /status.json."""
        return {number: self.get(settings, "/status.json") for number, settings in self.cameras.items()}

    def get(self, settings: Settings, path: str) -> Reply:
        """Return the reply of a camera's process to GET, with a token in case that it requires a login."""
        return self.host.ask(settings, path)

    def status(self, number: int) -> dict[str, Any] | None:
        """Return the status of a camera; None if camera-soft-stream does not answer on its port."""
        return _facts(self.replies[number])

    def ask_again(self, settings: Settings, path: str) -> dict[str, Any] | None:
        """Return the status of a camera as it is now."""
        return _facts(self.get(settings, path))


def _facts(reply: Reply) -> dict[str, Any] | None:
    try:
        facts = json.loads(reply.text)
    except (ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) and {"version", "camera", "state"} <= facts.keys() else None
