"""Plans that change files of the owner, and the plans that undo them."""

import json
from pathlib import Path

import pytest
from rollout import commit, system
from rollout.plan import Plan, as_json, from_json, inverse
from rollout.system import TARGET, camera_unit, digest

from soft_stream.config.settings import Settings

BEFORE, AFTER = b"\xef\xbb\xbf# Drucker f\xfcr alle\r\nlisten 8081;\r\n", "# changed\r\n\udcfc"


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content and the mode of each file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode) for path in files}


def stored(plan: Plan) -> Plan:
    """Return a plan as a rollout stores and reads it."""
    return from_json(json.loads(json.dumps(as_json(plan))))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return a plan that changes, moves, writes and removes a file."""
    site, moved, new, gone = (tmp_path / name for name in ("site", "moved", "new", "gone"))
    site.write_bytes(BEFORE)
    site.chmod(0o640)
    moved.write_text("moved")
    gone.write_bytes(b"cam0_name=a\r\n")
    kept = tmp_path / "kept"
    return Plan(
        None,
        {},
        {site: AFTER, new: "new", gone: None},
        moves=[(moved, kept / "moved")],
        backups=[(site, kept / "site")],
    )


def test_undo_restores_every_byte(tmp_path: Path, plan: Plan) -> None:
    """A plan can be applied, undone and applied again; contents and modes are as before."""
    before = state(tmp_path)
    undo = stored(inverse(plan))
    commit._move_and_write(plan)
    after = state(tmp_path)
    assert after["site"] == (b"# changed\r\n\xfc", before["site"][1])
    assert after["kept/site"] == before["site"]
    assert after.keys() == {"site", "new", "kept/site", "kept/moved"}
    redo = stored(inverse(undo))
    commit._move_and_write(undo)
    assert state(tmp_path) == before
    commit._move_and_write(redo)
    assert state(tmp_path) == after


@pytest.mark.parametrize("steps", ["none", "copied", "all"])
def test_an_interrupted_change_is_undone(tmp_path: Path, plan: Plan, steps: str) -> None:
    """At whatever step a change is interrupted, undoing it, even twice, loses nothing."""
    before = state(tmp_path)
    undo = stored(inverse(plan))
    if steps == "copied":
        commit._move_and_write(Plan(None, {}, backups=plan.backups))
    elif steps == "all":
        commit._move_and_write(plan)
    redo = stored(inverse(undo))
    for _ in range(2):
        commit._move_and_write(undo)
        assert state(tmp_path) == before
    if steps == "all":  # the undoing is interrupted at once, and undone
        commit._move_and_write(plan)
        commit._move_and_write(redo)
        commit._move_and_write(undo)
        assert state(tmp_path) == before


def test_a_file_that_its_owner_changed_later_is_kept(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before an undo overwrites a file that was edited after the rollout, that text is copied; others are not."""
    monkeypatch.setattr(commit, "SETTINGS", tmp_path / "etc/settings.env")
    undo = stored(inverse(plan))
    commit._move_and_write(plan)
    site = tmp_path / "site"
    assert undo.digests == {site: digest(AFTER)}
    commit._keep_changed_files(undo)
    assert not (tmp_path / "etc").exists()
    site.write_text("mine")
    commit._keep_changed_files(undo)
    (kept,) = (tmp_path / "etc").iterdir()
    assert kept.read_text() == "mine"
    assert f"that text is kept in {kept}" in capsys.readouterr().out


def test_a_plan_of_an_older_release_can_be_read(plan: Plan) -> None:
    """Stored plans of releases that only moved sites still work."""
    written = as_json(plan)
    del written["backups"], written["digests"]
    assert from_json(written).moves == plan.moves


def test_names_that_are_not_utf_8_are_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """A file name with other bytes does not end the rollout."""
    system.say("/etc/nginx/sites-enabled/K\udce4se")
    assert capfd.readouterr().out == "/etc/nginx/sites-enabled/K\\udce4se\n"


def test_the_output_of_a_command_may_have_any_bytes() -> None:
    """A unit in another encoding than UTF-8 is read nevertheless."""
    assert system.run("printf", "Description=K\\344se\nExecStart=/bin/true") == (
        "Description=K\ufffdse\nExecStart=/bin/true"
    )


def test_a_camera_that_runs_although_it_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """It changes to the new release with the others, unless it is removed; one that is down stays down."""
    monkeypatch.setattr("rollout.plan.enabled_cameras", lambda: {0, 4})
    monkeypatch.setattr("rollout.plan.is_active", lambda unit: unit in (camera_unit(1), camera_unit(4)))
    monkeypatch.setattr("rollout.plan.is_enabled", lambda unit: unit == TARGET)
    cameras = {number: Settings(camera=number) for number in range(4)}
    assert [*Plan("new", cameras, enable=[camera_unit(3)]).served] == [0, 1, 3]
    assert [*Plan("new", cameras, disable=[camera_unit(1)]).served] == [0]


def test_cameras_that_were_switched_off_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """While their target is disabled or masked, a rollout starts no camera, and restarts those that run."""
    monkeypatch.setattr("rollout.plan.enabled_cameras", lambda: {0, 1})
    monkeypatch.setattr("rollout.plan.is_active", lambda unit: unit == camera_unit(1))
    monkeypatch.setattr("rollout.plan.is_enabled", lambda _: False)
    cameras = {number: Settings(camera=number) for number in (0, 1)}
    assert [*Plan("new", cameras).served] == [1]
    assert [*Plan("new", cameras, enable=[TARGET]).served] == [0, 1]
