"""Facts that several checks need, each read once."""

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

    def restart_hint(self, number: int) -> str:
        """Return the command that applies a changed setting, as the end of a line; "" without a unit."""
        return f"; then: sudo systemctl restart camera-soft-cam@{number}" if number in self.units else ""

    @cached_property
    def replies(self) -> dict[int, Reply]:
        """The reply of each camera's port to GET /status.json."""
        return {number: self.host.get(f"{settings.local_url}/status.json") for number, settings in self.cameras.items()}

    def status(self, number: int) -> dict[str, Any] | None:
        """Return the status of a camera; None if camera-soft-stream does not answer on its port."""
        try:
            facts = json.loads(self.replies[number].text)
        except ValueError:
            return None
        return facts if isinstance(facts, dict) and {"version", "camera", "state"} <= facts.keys() else None
