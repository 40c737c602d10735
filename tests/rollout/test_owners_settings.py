"""The settings that a rollout writes, and the source of each change."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from rollout import owners_settings, predecessor, site_names
from rollout.owners_settings import ASSIGNED, REPOSITORY, OwnersSettings, combine, diff
from rollout.settings_merge import Side
from rollout.system import RolloutError

from soft_stream.cameras.base import CameraInfo
from soft_stream.config import env_file
from soft_stream.config.settings import SETTINGS
from soft_stream.config.settings_values import Values, default_text
from soft_stream.diagnostics.sites.site import Site
from soft_stream.service.exit_status import ExitStatus
from tests.support.checkout import ROOT

SHIPPED = (ROOT / "camera-soft-stream.env").read_text()
LEFT, RIGHT = (
    CameraInfo("/base/rp1/i2c@88000/imx219@10", "imx219"),
    CameraInfo("/base/rp1/i2c@80000/imx708@1a", "imx708"),
)


class Machine:
    """A machine with two cameras; each rollout succeeds and writes its settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "camera-soft-stream.env"
        self.current = folder / "current"
        self.older: str | None = None
        self.connected: Sequence[CameraInfo] = [LEFT, RIGHT]

    def rollout(
        self, repository: str, prefer: Side | None = None, env: str | None = None, name: str = "1.0", **flags: str
    ) -> OwnersSettings:
        """Make the settings of a release, put both into use, and return the settings."""
        release = self.folder / name
        release.mkdir(exist_ok=True)
        (release / self.settings.name).write_text(SHIPPED)
        (release / REPOSITORY).write_text(repository)
        made = combine(release, env, [], prefer, lambda: self.connected, flags)
        self.settings.write_text(made.text)
        self.current.unlink(missing_ok=True)
        self.current.symlink_to(release)
        return made

    def edit(self, key: str, text: str) -> None:
        """Edit a line of the settings, as the owner does."""
        lines = [line for line in self.settings.read_text().splitlines() if not line.startswith(f"{key}=")]
        self.settings.write_text("\n".join([*lines, f"{key}={text}", ""]))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine without settings."""
    machine = Machine(tmp_path)
    monkeypatch.setattr(owners_settings, "SETTINGS", machine.settings)
    monkeypatch.setattr(owners_settings, "CURRENT", machine.current)

    def read_settings(_: object, installed: str | None) -> str | None:
        return installed if machine.older is None else (installed or "") + machine.older

    monkeypatch.setattr(predecessor, "read_settings", read_settings)
    return machine


def edited(**values: str) -> str:
    """Return the shipped file with other values, as an owner edits it."""
    text = SHIPPED
    for key, value in values.items():
        lines = [f"{key}={value}" if line.lstrip("#").startswith(f"{key}=") else line for line in text.splitlines()]
        text = "\n".join([*lines, "" if f"{key}={value}" in lines else f"{key}={value}\n"])
    return text


def changes(before: str | None, made: OwnersSettings) -> list[str]:
    """Return the lines of the diff that change a value."""
    lines = diff(before, made.text, made.origins)
    return [line for line in lines if line[0] in "+-" and "<-" in line]


def test_the_first_rollout_uses_the_edited_file(machine: Machine) -> None:
    """Values and ids of the repository's file are used; the diff has each value that is no default."""
    made = machine.rollout(edited(cam0_id=RIGHT.id, cam_quality="70", cam1_name="Bed"))
    assert changes(None, made) == [
        f"+cam0_id={RIGHT.id}  <- repository",
        "+cam_quality=70  <- repository",
        "+cam1_name=Bed  <- repository",
        f"+cam1_id={LEFT.id}  <- connected camera",
    ]
    assert machine.rollout(edited(cam0_id=RIGHT.id, cam_quality="70", cam1_name="Bed"), name="1.1").text == made.text


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_first_settings_of_the_package_are_the_shipped_file(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """They begin with what people change; only the lines of the cameras that were found differ."""
    monkeypatch.setattr(owners_settings, "is_package", lambda _: True)
    machine.connected = [LEFT, RIGHT][:count]
    made = machine.rollout("").text
    assert made.splitlines()[:5] == SHIPPED.splitlines()[:5]
    values = Values(made)
    assert sorted(values.cameras) == [*range(max(count, 1))]
    assert [values.texts.get(f"cam{number}_id") for number in range(count)] == [LEFT.id, RIGHT.id][:count]
    added = {line for line in made.splitlines() if line not in SHIPPED.splitlines()}
    assert {line for line in added if not line.startswith(("cam0_", "cam1_", "cam_source="))} == set()


def test_a_short_file_for_one_host_is_enough(machine: Machine) -> None:
    """What it does not mention is added with the explanation, the default, and the ids of the cameras."""
    made = machine.rollout(f"cam_fps=10\ncam3_id={RIGHT.id}\n")
    values = Values(made.text)
    assert (values.cameras, values.text(3, "fps"), values.text(0, "id")) == ({0, 3}, "10", LEFT.id)
    assert "# JPEG quality, 1 to 100." in made.text
    assert machine.rollout(f"cam3_id={RIGHT.id}\ncam_fps=10.0\n", name="1.1").text == made.text


def test_the_order_of_the_shipped_file_changes_nothing(machine: Machine) -> None:
    """An owner of the earlier file, which configured two cameras, keeps text and cameras with the new one."""
    names = [name for name, each in SETTINGS.items() if not each.metadata["per_camera"]]
    shared = "".join(f"cam_{name}={default_text(None, name)}\n" for name in sorted(names))
    earlier = f"cam0_name=Camera 0\ncam0_port=18081\n\ncam1_name=Camera 1\ncam1_port=18082\n\n{shared}"
    machine.rollout(earlier)
    machine.edit("cam_fps", "12")
    machine.edit("cam1_quality", "60")
    before = machine.settings.read_text()
    assert machine.rollout(SHIPPED, name="1.1").text == before
    assert (Values(before).cameras, Values(before).text(1, "id")) == ({0, 1}, RIGHT.id)


def test_later_rollouts_merge_both_sides(machine: Machine) -> None:
    """Each side's changes since the last rollout are kept; the diff names the repository."""
    before = machine.rollout(edited(cam_quality="70")).text
    machine.edit("cam_fps", "12")
    mine = machine.settings.read_text()
    made = machine.rollout(edited(cam_quality="60", cam0_id=RIGHT.id, cam1_id=LEFT.id), name="1.1")
    assert changes(mine, made) == [
        f"-cam0_id={LEFT.id}  <- repository",
        f"+cam0_id={RIGHT.id}  <- repository",
        "-cam_quality=70  <- repository",
        "+cam_quality=60  <- repository",
        f"-cam1_id={RIGHT.id}  <- repository",
        f"+cam1_id={LEFT.id}  <- repository",
    ]
    assert Values(made.text).text(None, "fps") == "12"
    assert before.count("\n") == made.text.count("\n")


def test_an_id_that_moves_makes_room(machine: Machine) -> None:
    """If the repository names the id of another camera, that one gets the id that became free; the owner's ids stay."""
    machine.rollout(SHIPPED)
    before = machine.settings.read_text()
    made = machine.rollout(edited(cam0_id=RIGHT.id), name="1.1")
    assert changes(before, made) == [
        f"-cam0_id={LEFT.id}  <- repository",
        f"+cam0_id={RIGHT.id}  <- repository",
        f"-cam1_id={RIGHT.id}  <- connected camera",
        f"+cam1_id={LEFT.id}  <- connected camera",
    ]
    assert machine.rollout(edited(cam0_id=RIGHT.id), name="1.2").text == made.text
    assert Values(machine.rollout(edited(cam1_id=RIGHT.id, cam0_id=LEFT.id), name="1.3").text).text(0, "id") == LEFT.id
    assert Values(machine.rollout(SHIPPED, name="1.4").text).text(0, "id") == LEFT.id


def test_an_added_camera_gets_a_free_id(machine: Machine) -> None:
    """A camera without an id that the repository adds or renumbers gets the camera that no other number uses."""
    machine.connected = [RIGHT]
    machine.rollout(SHIPPED)
    machine.connected = [LEFT, RIGHT]
    before = machine.settings.read_text()
    made = machine.rollout(edited(cam1_name="Bed"), name="1.1")
    assert f"+cam1_id={LEFT.id}  <- connected camera" in changes(before, made)
    assert Values(made.text).text(0, "id") == RIGHT.id
    renumbered = edited(cam1_name="Bed").replace("cam1_", "cam2_").replace("18082", "18083")
    values = Values(machine.rollout(renumbered, name="1.2").text)
    assert {camera: values.text(camera, "id") for camera in values.cameras} == {0: RIGHT.id, 2: LEFT.id}
    swapped = renumbered.replace("#cam0_id=", f"cam0_id={LEFT.id}\n#")  # no edit of the owner is in the way
    values = Values(machine.rollout(swapped, name="1.3").text)
    assert {camera: values.text(camera, "id") for camera in values.cameras} == {0: LEFT.id, 2: RIGHT.id}
    before = machine.settings.read_text()
    with pytest.raises(RolloutError, match="camera 1: cam1_id is not set, and all connected cameras are used"):
        machine.rollout(f"{swapped}cam1_name=Third\n", name="1.4")
    assert machine.settings.read_text() == before


def test_a_flag_decides(machine: Machine) -> None:
    """The port of a flag counts at every rollout, whatever both sides say; later it is a value of the target."""
    made = machine.rollout(edited(cam_portal_port="8090"), cam_portal_port="8095")
    assert "+cam_portal_port=8095  <- flag of the deployment" in changes(None, made)
    assert Values(machine.rollout(edited(cam_portal_port="8090"), name="1.1").text).text(None, "portal_port") == "8095"
    before = machine.settings.read_text()
    made = machine.rollout(edited(cam_portal_port="8091"), name="1.2", cam_portal_port="8096")
    assert changes(before, made) == [
        "-cam_portal_port=8095  <- flag of the deployment",
        "+cam_portal_port=8096  <- flag of the deployment",
    ]
    made = machine.rollout(SHIPPED, env="cam0_fps=3\ncam_portal_port=8092\n", name="1.3", cam_portal_port="8097")
    assert (Values(made.text).text(None, "portal_port"), made.notes) == ("8097", [])


def test_a_new_layout_of_the_shipped_file_changes_nothing(machine: Machine) -> None:
    """Comments, order, spelling and a removed default have no effect."""
    before = machine.rollout(edited(cam_fps="20")).text
    values = [each for each in env_file.parse(SHIPPED) if each.key not in ("cam1_name", "cam1_port", "cam_hflip")]
    lines = [f'{each.key}="{20.0 if each.key == "cam_fps" else each.value}"' for each in values[::-1]]
    assert machine.rollout("\n".join(["# all is new", *lines]), name="1.1").text == before


def test_a_conflict_stops_the_rollout(machine: Machine) -> None:
    """All conflicts are named, and nothing is written; either side can be preferred."""
    machine.rollout(SHIPPED)
    machine.edit("cam_quality", "61")
    machine.edit("cam0_fps", "7")
    mine = machine.settings.read_text()
    theirs = edited(cam_quality="70", cam_fps="15", cam_width="640")
    with pytest.raises(RolloutError) as raised:
        machine.rollout(theirs, name="1.1")
    assert raised.value.status == ExitStatus.CONFIG_ERROR
    assert "\n  cam0_fps: 15 (cam_fps) in the repository, 7 on the target; before: 30 (cam_fps)\n" in str(raised.value)
    assert "\n  cam_quality: 70 in the repository, 61 on the target; before: 80\n" in str(raised.value)
    assert machine.settings.read_text() == mine
    kept = machine.rollout(theirs, "target", name="1.2")
    values = Values(kept.text)
    assert [values.text(0, name) for name in ("quality", "fps", "width")] == ["61", "7", "640"]
    assert kept.notes[0].startswith("Changed on both sides, --prefer target decides:\n  cam")
    again = machine.rollout(theirs, name="1.3")
    assert (again.text, again.notes) == (kept.text, [])


def test_the_repository_can_be_preferred(machine: Machine) -> None:
    """Its values then replace those of the target, and only where both had changed."""
    machine.rollout(SHIPPED)
    machine.edit("cam_quality", "61")
    machine.edit("cam_height", "480")
    values = Values(machine.rollout(edited(cam_quality="70"), "repository", name="1.1").text)
    assert [values.text(0, name) for name in ("quality", "height")] == ["70", "480"]


def test_a_rollback_restores_the_base_too(machine: Machine) -> None:
    """The base is in the folder of the release, so that the same rollout has the same effect once more."""
    machine.rollout(SHIPPED)
    before = machine.settings.read_text()
    after = machine.rollout(edited(cam_fps="5"), name="1.1").text
    machine.current.unlink()
    machine.current.symlink_to(machine.folder / "1.0")
    machine.settings.write_text(before)
    assert machine.rollout(edited(cam_fps="5"), name="1.1").text == after != before


def test_a_release_without_the_file_for_this_host_has_the_shipped_one(machine: Machine) -> None:
    """Without a file for this host in the previous release, its shipped file is the base."""
    machine.rollout(SHIPPED)
    (machine.folder / "1.0" / REPOSITORY).unlink()
    (machine.folder / "1.0" / ASSIGNED).unlink()
    (machine.folder / "1.0" / machine.settings.name).write_text(edited(cam_fps="5"))
    machine.edit("cam_fps", "5")
    assert Values(machine.rollout(SHIPPED, name="1.1").text).text(None, "fps") == "30"


def test_settings_of_an_older_program_are_the_target(machine: Machine) -> None:
    """The base of the first rollout are the defaults; the diff names the command line."""
    machine.settings.write_text("cam0_name=Old\ncam0_quality=80\ncam_turbo=yes\n")
    machine.older = "cam0_watchdog_timeout=15\n"
    made = machine.rollout(edited(cam_quality="70", cam0_hflip="1"))
    found = changes("cam0_name=Old\ncam0_quality=80\ncam_turbo=yes\n", made)
    for line in (
        "+cam0_watchdog_timeout=15  <- command line of the older unit",
        "+#cam0_quality=80  <- repository",
        "+cam_quality=70  <- repository",
        "+cam0_hflip=1  <- repository",
        "+#cam_turbo=yes  <- no such setting",
        "+cam_fps=30  <- default",
    ):
        assert line in found


def test_a_first_rollout_can_have_conflicts(machine: Machine) -> None:
    """The repository's file and the older program have different values; the value before both is the default."""
    machine.settings.write_text("cam0_name=Old\n")
    with pytest.raises(
        RolloutError, match=r"New in the repository, Old on the target; before: Camera 0 \(the default\)"
    ):
        machine.rollout(edited(cam0_name="New"))


def test_an_env_file_replaces_the_settings(machine: Machine) -> None:
    """It decides about all that it mentions; the repository's values for that are said to have no effect."""
    machine.rollout(edited(cam_quality="70"))
    before = machine.settings.read_text()
    made = machine.rollout(
        edited(cam_quality="60", cam_fps="5", cam1_hflip="1"), env="cam0_name=A\ncam_fps=9\n", name="2"
    )
    values = Values(made.text)
    assert (values.cameras, values.text(0, "fps"), values.text(0, "quality")) == ({0}, "9", "60")
    assert made.notes == [
        "No effect, because --env-file decides: cam_fps of the repository",
        "No effect, because --env-file decides: cam1_hflip of the repository",
    ]
    found = changes(before, made)
    assert {"+cam_fps=9  <- --env-file", "+cam_quality=60  <- repository"} < set(found)
    assert machine.rollout(edited(cam_quality="60", cam_fps="5", cam1_hflip="1"), name="2.1").text == made.text


def test_names_of_sites_in_later_rollouts(machine: Machine) -> None:
    """Names of sites are no conflict with the repository; those of both sides are kept, until one side removes them."""
    numbers = count()

    def rollout(repository: str, *found: str) -> str:
        made = machine.rollout(repository, name=f"1.{next(numbers)}")
        text = site_names.add(made, {}, [Site("/etc/nginx/a:1", 8080, found)]).text
        machine.settings.write_text(text)
        return Values(text).text(None, "hosts")

    a, b, c = "a.example.org", "b.example.org", "c.example.net"
    camera = "cam_source=test-pattern\ncam0_name=A\n"
    assert rollout(camera, a) == a
    before = machine.settings.read_text()
    assert rollout(camera, a) == a
    assert machine.settings.read_text() == before
    assert rollout(f"{camera}cam_hosts={b}\n", a) == f"{a} {b}"
    machine.edit("cam_hosts", f"{a} {b} {c}")
    assert rollout(f"{camera}cam_hosts={b} d.example.org\n", a) == f"{a} {b} {c} d.example.org"
    assert rollout(f"{camera}cam_hosts=d.example.org\n", a) == f"{a} {c} d.example.org"
    machine.edit("cam_hosts", a)
    assert rollout(f"{camera}cam_hosts=d.example.org\n", a) == a
    assert rollout(camera) == a
    machine.edit("cam_hosts", "")
    assert rollout(camera) == ""
