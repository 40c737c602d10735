"""What keeps the unit of a camera from the paths in its settings."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.config import unit_paths
from soft_stream.config.settings import Settings
from soft_stream.config.unit_paths import drop_in, drop_in_text
from soft_stream.diagnostics import unit_reach
from soft_stream.diagnostics.unit_reach import TEMPLATE, User, find_problems
from tests.support.checkout import ROOT

ORIGINS = {"www": "/etc/x.env:7 cam0_www", "save": "/etc/x.env:9 cam0_save"}
# a user that owns nothing
STRANGER = User(12345, frozenset({12345}))
RESTART = "sudo systemctl restart camera-soft-cam@0"


class Machine:
    """A machine with the units of a release, a home, and a place outside of it."""

    def __init__(self, folder: Path) -> None:
        self.etc, self.units = folder / "etc", folder / "units"
        self.home, self.place = folder / "home/pi", folder / "srv"
        for each in (self.etc, self.units, self.home / "www", self.home / "frames", self.place / "frames"):
            each.mkdir(parents=True, mode=0o755)
        (self.units / TEMPLATE).write_text((ROOT / "systemd" / TEMPLATE).read_text())

    def says(self, **settings: str) -> list[tuple[str, str]]:
        """Return the problems of a camera with these settings."""
        found = find_problems(self.settings(**settings), ORIGINS, (self.etc, self.units))
        return [(each.sentence, each.fix) for each in found]

    def settings(self, **settings: str) -> Settings:
        """Return the settings of a camera."""
        return replace(Settings(camera=0, source="test-pattern"), **settings)  # type: ignore[arg-type] # by name

    def write(self, **settings: str) -> None:
        """Write the drop-in for these settings."""
        file = self.units / drop_in(0)
        file.parent.mkdir(exist_ok=True)
        file.write_text(drop_in_text(self.settings(**settings)) or "")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine where the user of the service owns nothing."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    monkeypatch.setattr(unit_paths, "HOMES", (tmp_path / "home",))
    monkeypatch.setattr(unit_paths, "TEMPORARY", ())
    monkeypatch.setattr(unit_reach, "_service_user", lambda: STRANGER)
    return Machine(tmp_path)


def test_a_path_without_a_drop_in(machine: Machine) -> None:
    """The sentence has the line of the file, and the command that mends it."""
    www = str(machine.home / "www")
    sentence = f"/etc/x.env:7: cam0_www: {www}: its unit cannot read {www}"
    assert machine.says(www=www) == [(sentence, f"sudo soft-stream init --units; {RESTART}")]
    machine.write(www=www)
    assert machine.says(www=www) == []


@pytest.mark.parametrize("name", ["www", "frames"])
def test_a_drop_in_of_other_settings(machine: Machine, name: str) -> None:
    """It gives the unit more than the settings need, or cannot write what is only readable."""
    machine.write(www=str(machine.home / name))
    (found,) = machine.says()
    assert found[0] == f"camera 0: the drop-in {machine.units / drop_in(0)} is not what the settings need"
    path = str(machine.home / name)
    (found,) = machine.says(save=path)
    assert found[0] == f"/etc/x.env:9: cam0_save: {path}: its unit cannot write {path}"


def test_a_drop_in_of_the_owner(machine: Machine) -> None:
    """It counts, as far as it names the path or a folder above it; ours is missing nevertheless."""
    own = machine.etc / f"{TEMPLATE}.d/own.conf"
    own.parent.mkdir()
    own.write_text(f"[Service]\nReadWritePaths={machine.place}\n")
    machine.place.joinpath("frames").chmod(0o777)
    (found,) = machine.says(save=str(machine.place / "frames"))
    assert "is not what the settings need" in found[0]


def test_a_home_that_the_owner_has_opened(machine: Machine) -> None:
    """ProtectHome=no in a drop-in shows all of it; then the rights of the folders above count."""
    own = machine.etc / "camera-soft-cam@0.service.d/own.conf"
    own.parent.mkdir()
    own.write_text("[Service]\nProtectHome=no\n")
    (found,) = machine.says(www=str(machine.home / "www"))
    assert "is not what the settings need" in found[0]


def test_what_the_user_may_not_do(machine: Machine) -> None:
    """The command gives no more rights than needed; folders above a bind mount do not matter."""
    www, frames, place = machine.home / "www", machine.home / "frames", machine.place / "frames"
    machine.home.chmod(0o700)
    www.chmod(0o750)
    machine.write(www=str(www), save=str(frames))
    who = "the user camera-soft-stream may not"
    assert machine.says(www=str(www), save=str(frames)) == [
        (
            f"/etc/x.env:9: cam0_save: {frames}: {who} write there",
            f"sudo chgrp video {frames}; sudo chmod g+rwx {frames}",
        ),
        (f"/etc/x.env:7: cam0_www: {www}: {who} read {www}", f"sudo chmod o+rx {www}"),
    ]
    machine.write(save=str(place))
    machine.place.chmod(0o700)
    expected = (f"/etc/x.env:9: cam0_save: {place}: {who} enter {machine.place}", f"sudo chmod o+x {machine.place}")
    assert machine.says(save=str(place)) == [expected]


def test_rights_by_owner_and_group(tmp_path: Path) -> None:
    """The first that fits decides, as in the kernel."""
    file, status = tmp_path / "file", tmp_path.stat()
    file.touch()
    owner, member = User(status.st_uid, frozenset()), User(12345, frozenset({file.stat().st_gid}))
    for mode, rights in ((0o400, (True, False, False)), (0o040, (False, True, False)), (0o004, (False, False, True))):
        file.chmod(mode)
        assert tuple(user.may(file, 4) for user in (owner, member, STRANGER)) == rights
    assert STRANGER.may(tmp_path / "nothing", 7)


def test_what_is_missing(machine: Machine) -> None:
    """A restart mounts a folder that appears later."""
    path = machine.home / "later"
    machine.write(www=str(path))
    sentence = f"/etc/x.env:7: cam0_www: {path}: {path} does not exist"
    assert machine.says(www=str(path)) == [(sentence, f"create it; then: {RESTART}")]


def test_a_name_that_systemd_loses(machine: Machine) -> None:
    """A drop-in that names it has no effect."""
    path = machine.home / "d'or"
    machine.write(www=str(path))
    assert [fix for _, fix in machine.says(www=str(path))] == ["rename it"]


def test_a_link_to_a_name_that_no_unit_file_can_have(machine: Machine) -> None:
    """It is left out of the drop-in, so the unit does not see it."""
    site = machine.home / "www"
    (site / "now.jpg").symlink_to(machine.home / "a\nb/shots/snap.jpg")
    machine.write(www=str(site), www_links="now.jpg")
    sentence = f"cam0_www_links: {site}/now.jpg: systemd cannot show a path with a control character to its unit"
    assert machine.says(www=str(site), www_links="now.jpg") == [(sentence, "rename it")]


def test_without_units(machine: Machine) -> None:
    """Who starts the program by hand has no sandbox."""
    (machine.units / TEMPLATE).unlink()
    assert machine.says(www=str(machine.home / "www")) == []
