"""What several looks need to know, found out once."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig, SettingsError
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.host import STATE_DIRECTORY, Host, Login, Reply
from soft_stream.diagnostics.doctor.systemd import Unit, camera_units

PROGRAM = "/opt/camera-soft-stream/current"
APT = "/usr/lib/python3/dist-packages"
MODEL = "/proc/device-tree/model"
CHIPS = "/proc/device-tree/compatible"
SUDO = "run it with sudo to see"


class DoctorContext:
    """One machine and its settings; what is expensive to know is asked when it is first needed."""

    def __init__(self, host: Host, file: Path | None = None, login: Login | None = None) -> None:
        self.host = host
        self.login = login
        self.problems: list[str] = []
        try:
            self.loaded = host.load(file)
        except SettingsError as error:
            self.problems = error.problems
            self.loaded = LoadedConfig(file, {}, {})
        except OSError as error:  # not even its folder may be looked into
            self.problems = [f"{error.filename}: cannot be read: {error.strerror}"]
            self.loaded = LoadedConfig(file, {}, {})

    @property
    def cameras(self) -> Mapping[int, Settings]:
        """The cameras of the settings; none where those are wrong."""
        return self.loaded.cameras

    @property
    def file(self) -> Path:
        """Where a setting is to be written."""
        return self.loaded.file or INSTALLED_FILE

    @property
    def state_directory(self) -> str:
        """Where the service keeps what it knows."""
        return self.host.environ.get("STATE_DIRECTORY", "").partition(":")[0] or STATE_DIRECTORY

    @cached_property
    def wants_cameras(self) -> bool:
        """Whether real cameras are meant: by the settings, else by Picamera2 being installed."""
        if self.cameras:
            return any(settings.source == "picamera" for settings in self.cameras.values())
        return self.host.module("picamera2") is not None

    @cached_property
    def board(self) -> str:
        """The model of this Raspberry Pi; empty on anything else."""
        return (self.host.read(MODEL) or "").strip("\0\n") if "raspberrypi," in self._chips else ""

    @property
    def is_pi5(self) -> bool:
        """Whether it has the chip of a Raspberry Pi 5."""
        return "bcm2712" in self._chips

    @cached_property
    def _chips(self) -> str:
        return self.host.read(CHIPS) or ""

    @cached_property
    def units(self) -> dict[int, Unit]:
        """The units of the cameras; none where they are not installed, or systemd does not run."""
        return camera_units(self.host, self.cameras)

    def restart(self, number: int) -> str:
        """Name the command that makes a setting count."""
        return f"; then: sudo systemctl restart camera-soft-cam@{number}" if number in self.units else ""

    @cached_property
    def replies(self) -> dict[int, Reply]:
        """What the port of each camera answers to /status.json."""
        return {number: self.host.get(f"{settings.local_url}/status.json") for number, settings in self.cameras.items()}

    def status(self, number: int) -> dict[str, Any] | None:
        """Return the status of a camera that is served; None when it is not a portal that answers."""
        try:
            facts = json.loads(self.replies[number].text)
        except ValueError:
            return None
        return facts if isinstance(facts, dict) and {"version", "camera", "state"} <= facts.keys() else None
