"""`soft-stream init --units`: the drop-ins of the installed units follow the settings."""

import os
import subprocess
from pathlib import Path

import pytest

from soft_stream.cli import unit_drop_ins
from soft_stream.cli.unit_drop_ins import write_drop_ins
from soft_stream.config.loader import SettingsError
from soft_stream.config.unit_paths import drop_in
from soft_stream.diagnostics.unit_reach import TEMPLATE

NOTHING = "The units reach what the settings need: nothing to change.\n"


class Machine:
    """A machine with installed units and settings."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.units, self.file = folder / "lib", folder / "settings.env"
        self.units.mkdir()
        (self.units / TEMPLATE).touch()
        self.reloads = 0
        self.refuses = ""
        monkeypatch.setattr(unit_drop_ins, "PACKAGED_UNITS", self.units)
        monkeypatch.setattr(unit_drop_ins, "DEPLOYED", folder / "none")
        monkeypatch.setattr(unit_drop_ins, "_reload", self._reload)

    def _reload(self) -> str | None:
        self.reloads += 1
        return self.refuses or None

    def write(self, *lines: str) -> int:
        """Write the settings, and then the drop-ins; return the exit status."""
        self.file.write_text("\n".join(("cam_source=test-pattern", "cam0_name=A", "cam1_name=B", *lines, "")))
        return write_drop_ins(self.file)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine with two cameras."""
    return Machine(tmp_path, monkeypatch)


def test_drop_ins_follow_the_settings(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """They are written, changed and removed; a second run changes nothing; the output says what to restart."""
    file = machine.units / drop_in(1)
    assert machine.write("cam1_www=/home/pi/www") == 0
    assert 'BindReadOnlyPaths="-/home/pi/www"' in file.read_text()
    said = capsys.readouterr().out
    assert f"{file} is written." in said
    assert "  sudo systemctl restart camera-soft-cam@1\n" in said
    assert "camera-soft-cam@0" not in said
    assert (machine.write("cam1_www=/home/pi/www"), capsys.readouterr().out) == (0, NOTHING)
    assert machine.write("cam1_save=/srv/frames") == 0
    assert 'ReadWritePaths="-/srv/frames"' in file.read_text()
    assert machine.write() == 0
    assert not file.parent.exists()
    assert machine.reloads == 3


def test_the_folder_of_a_drop_in_may_have_others(machine: Machine) -> None:
    """They stay."""
    name = machine.units / "camera-soft-cam@0.service.d/name.conf"
    name.parent.mkdir()
    name.touch()
    machine.write("cam0_save=/srv/frames")
    machine.write()
    assert [*name.parent.iterdir()] == [name]


def test_wrong_settings_change_nothing(machine: Machine) -> None:
    """The error is that of every command."""
    machine.write("cam0_save=/srv/frames")
    with pytest.raises(SettingsError, match="cam0_save=frames"):
        machine.write("cam0_save=frames")
    assert (machine.units / drop_in(0)).exists()


def test_without_units(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to change."""
    (machine.units / TEMPLATE).unlink()
    assert machine.write("cam0_save=/srv/frames") == 1
    assert "neither the package nor the deployment is installed" in capsys.readouterr().err


def test_what_cannot_be_done(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the file and the reason."""

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        patch.setattr(os, "geteuid", lambda: 1000)
        assert machine.write("cam0_save=/srv/frames") == 1
    assert capsys.readouterr().err.endswith("cannot be written: Permission denied. Run it with sudo.\n")
    machine.refuses = "Connection timed out"
    assert machine.write("cam0_save=/srv/frames") == 1
    assert capsys.readouterr().err == "systemd has not read the units again: Connection timed out\n"


def test_systemd_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ends."""

    def hang(command: list[str], **more: object) -> None:
        raise subprocess.TimeoutExpired(command, unit_drop_ins.RELOAD_TIMEOUT)

    monkeypatch.setattr(Path, "is_dir", lambda _: True)
    monkeypatch.setattr(subprocess, "run", hang)
    assert "timed out after 60" in (unit_drop_ins._reload() or "")
