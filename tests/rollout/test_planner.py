"""Plans from the state of a machine."""

from pathlib import Path

import pytest
from rollout import commit, installed, plan, planner
from rollout.owners_settings import OwnersSettings
from rollout.plan import Plan, as_json, from_json
from rollout.system import RELEASES, SETTINGS

from soft_stream.config import unit_paths
from soft_stream.config.installation import PACKAGED
from soft_stream.config.settings import Settings
from soft_stream.config.settings_values import Values


def make_release(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make release 1.0, which knows only settings with `fps`."""
    monkeypatch.setattr(installed, "RELEASES", folder)
    program = folder / "1.0/bin/soft-stream"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\ntest "$1 $2" = "check --env-file" && grep -q fps "$3"\n')
    program.chmod(0o755)


def test_a_plan_for_an_earlier_release_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run of a rollback is not root: the earlier release, which checks the settings, stays as it is."""
    make_release(tmp_path, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    wanted = planner.with_cameras(Plan("1.0", {}, {SETTINGS: "\ufeffcam1_name=B\xe4d\ncam_fps=20\n"}))
    assert {number: (each.name, each.fps) for number, each in wanted.cameras.items()} == {1: ("B\xe4d", 20)}
    assert wanted.files[SETTINGS] == "\ufeffcam1_name=B\xe4d\ncam_fps=20\n"
    wrong = planner.with_cameras(Plan("1.0", {}, {SETTINGS: "cam1_name=Bed\ncam_turbo=1\n"}))
    assert wrong.cameras.keys() == {1}
    assert "#cam_turbo=1" in (wrong.files[SETTINGS] or "")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_rollback_brings_the_drop_ins_of_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the owner's later settings needed are changed or removed; undoing the rollback restores them."""
    make_release(tmp_path / "releases", monkeypatch)
    units = tmp_path / "units"
    monkeypatch.setattr(planner, "UNITS", units)
    first, second, third = (units / unit_paths.drop_in(number) for number in (1, 2, 3))
    for later in (first, third):
        later.parent.mkdir(parents=True)
        later.write_text("[Service]\nReadWritePaths=/mnt/later\n")
    settings = "cam_fps=20\ncam1_save=/srv/frames\ncam2_www=/home/pi/www\ncam3_name=C\n"
    files = dict(planner.with_cameras(Plan("1.0", {}, {SETTINGS: settings})).files)
    assert files.pop(SETTINGS) == settings
    assert files.keys() == {first, second, third}
    rollback = Plan("1.0", {}, files)
    undo = from_json(as_json(plan.inverse(rollback)))
    commit._move_and_write(rollback)
    assert '\nReadWritePaths="-/srv/frames"\n' in first.read_text()
    assert '\nBindReadOnlyPaths="-/home/pi/www"\n' in second.read_text()
    assert not third.exists()
    commit._move_and_write(undo)
    assert {"/mnt/later" in each.read_text() for each in (first, third)} == {True}
    assert not second.exists()


@pytest.mark.parametrize(
    ("enabled", "active", "served"), [({0, 1}, {0}, {0, 1}), ({0}, {0}, {0}), ({0}, {0, 1}, {0, 1}), (set(), {1}, {1})]
)
def test_cameras_that_run_are_served(
    monkeypatch: pytest.MonkeyPatch, enabled: set[int], active: set[int], served: set[int]
) -> None:
    """A disabled camera that still runs is restarted from the new release; one that is off stays off, with a note."""
    for module in (plan, planner):
        monkeypatch.setattr(module, "enabled_cameras", lambda: enabled)
    monkeypatch.setattr(plan, "is_enabled", lambda _: True)
    monkeypatch.setattr(
        plan, "is_active", lambda unit: unit in {f"camera-soft-cam@{number}.service" for number in active}
    )
    wanted = Plan("1.0", {number: Settings(camera=number) for number in (0, 1)})
    assert wanted.served.keys() == served
    notes = [*planner._notes_of_disabled(wanted)]
    assert [note.partition(" is disabled")[0] for note in notes] == [f"Camera {n}" for n in (0, 1) if n not in enabled]
    assert all("sudo systemctl enable --now camera-soft-cam" in note for note in notes)
    monkeypatch.setattr(plan, "is_enabled", lambda _: False)
    assert next(planner._notes_of_disabled(wanted)).endswith(": sudo systemctl enable --now camera-soft-cam.target")


@pytest.mark.parametrize(
    ("now", "wanted", "words"),
    [
        (None, "1.1", ["install release 1.1"]),
        ("1.0", "1.1", ["release 1.0 -> 1.1"]),
        ("1.0", "1.0", []),
        (None, None, []),
        ("1.0", None, ["remove release 1.0"]),
    ],
)
def test_the_change_of_the_release(
    monkeypatch: pytest.MonkeyPatch, now: str | None, wanted: str | None, words: list[str]
) -> None:
    """The first line of a plan names the releases before and after, if there are any."""
    monkeypatch.setattr(plan, "current_release", lambda: now)
    assert Plan(wanted, {}).changes == words


@pytest.mark.parametrize(
    "origin", ["repository", "--env-file", "older unit", "translated from the older program", None]
)
@pytest.mark.parametrize("active", ["cam0_id=/a\n", ""])
def test_an_id_that_was_in_use_may_be_unplugged(origin: str | None, active: str) -> None:
    """Only an id of the repository or of --env-file that is new is checked; those of the older portal were in use."""
    settings = OwnersSettings("cam0_id=/a\ncam1_id=/b\n", {"cam1_id": origin, "cam0_id": origin} if origin else {})
    new = {"/a", "/b"} if origin in ("repository", "--env-file") else set()
    assert {"/a", "/b"} - planner._known_ids(settings, Values(active)) == new - ({"/a"} if active else set())


@pytest.mark.parametrize(
    ("folder", "configured", "known"),
    [
        (PACKAGED.parent / "2.0", {0}, {0}),
        (PACKAGED.parent / "2.0", None, {0, 1}),
        (RELEASES / "2.0", {0}, {0, 1}),
    ],
)
def test_a_camera_that_its_owner_has_added(
    monkeypatch: pytest.MonkeyPatch, folder: Path, configured: set[int] | None, known: set[int]
) -> None:
    """The package finds it in the active settings, and must not take it for one that was disabled."""
    monkeypatch.setattr(planner, "active_cameras", lambda: {number: Settings(camera=number) for number in (0, 1)})
    monkeypatch.setattr(planner, "configured_cameras", lambda: configured)
    assert planner._cameras_before(folder) == known
