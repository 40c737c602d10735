"""The three-way merge of settings: base, repository, target."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rollout.settings_merge import Side, merge

from soft_stream.config.loader import load
from soft_stream.config.settings import SETTINGS
from soft_stream.config.settings_file import merged, with_defaults, with_values
from soft_stream.config.settings_values import Values
from tests.support.checkout import ROOT

REFERENCE = (ROOT / "camera-soft-stream.env").read_text()
SIDES: tuple[Side, ...] = ("repository", "target")


def result(base: str, repository: str, target: str, prefer: Side | None = None, assigned: str = "") -> str:
    """Merge texts; without `prefer` there must be no conflict."""
    done = merge(Values(base), Values(repository), Values(target), Values(assigned), prefer or "target")
    assert prefer or not done.conflicts
    return with_values(target, done.changes)


def conflicts(base: str, repository: str, target: str, assigned: str = "") -> list[str]:
    """Return the conflicts of a merge."""
    return list(merge(Values(base), Values(repository), Values(target), Values(assigned)).conflicts.values())


def test_what_only_the_repository_changed_wins() -> None:
    """A new value replaces that of the target; a removed one becomes the default again."""
    assert result("cam_fps=20\n", "cam_fps=10\n", "# mine\ncam_fps=20\n") == "# mine\ncam_fps=10\n"
    assert result("cam_fps=20\n", "#cam_fps=10\n", "cam_fps=20\n") == "#cam_fps=20\n"
    assert result("", "LIBCAMERA_LOG_LEVELS=INFO\n", "cam_fps=5\n") == "cam_fps=5\n\nLIBCAMERA_LOG_LEVELS=INFO\n"


def test_what_only_the_target_changed_stays() -> None:
    """A value of the target, also one without a line in the repository, and a removed one."""
    for target in ("cam_fps=7\n", "#cam_fps=20\n", "cam_fps=20\ncam0_fps=3\n", "cam_fps=20\nPICAMERA2_X=1\n"):
        assert result("cam_fps=20\n", "cam_fps=20.0\n", target) == target


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cam_fps=30", "cam_fps='30.0'"),
        ("cam0_autofocus=1", 'cam0_autofocus="continuous"'),
        ("cam_hflip=off", "# no flip\ncam_hflip=0"),
        ("cam0_name=Camera 0\ncam0_port=18081", "#cam0_port=18081"),
        ("cam_fps=12", "cam0_fps=12\ncam_fps=12"),
        ("cam_controls=Brightness=1 Contrast=2", "cam_controls='Contrast=2  Brightness=1'"),
        ("cam_bind=localhost", "cam_bind=127.0.0.1"),
        ("cam1_name=Camera 1\ncam1_port=18082", ""),
        ("", "cam2_name=Camera 2\ncam2_port=18083"),
    ],
)
def test_another_spelling_is_no_change(before: str, after: str) -> None:
    """Values are compared, not text; a default is the same as no line."""
    target = "cam0_name=Door\ncam_fps=5\ncam_hflip=1\ncam0_autofocus=off\ncam1_name=Bed\n"
    assert result(before, after, target) == target


OLD_BIND, NEW_BIND, OPEN = "cam_bind=127.0.0.1\n", "cam_bind=127.0.0.1 ::1\n", "cam_bind=0.0.0.0\n"


@pytest.mark.parametrize(
    ("base", "repository", "target", "after"),
    [
        (OLD_BIND, NEW_BIND, OLD_BIND, NEW_BIND),  # an update
        (OLD_BIND, NEW_BIND, OPEN, OPEN),  # the owner has changed it on the target
        (OLD_BIND, "", OPEN, OPEN),
        ("", NEW_BIND, OPEN, OPEN),
        ("", OPEN, OLD_BIND, OPEN),  # the owner has changed it in the repository
        (OLD_BIND, OPEN, NEW_BIND, OPEN),
        (OLD_BIND, OLD_BIND, OLD_BIND, OLD_BIND),
        ("", "", OLD_BIND, OLD_BIND),
        (OPEN, NEW_BIND, OPEN, NEW_BIND),
        ("", NEW_BIND, "cam0_bind=0.0.0.0\n", "cam0_bind=0.0.0.0\n"),
    ],
)
def test_a_new_default_is_no_change(base: str, repository: str, target: str, after: str) -> None:
    """A default of an earlier release in any of the files is no change of an owner, and no conflict."""
    own = "cam0_name=A\n"
    assert Values(result(own + base, own + repository, own + target)).texts == Values(own + after).texts


def test_what_both_changed_is_a_conflict() -> None:
    """The conflict names key and all three values; equal changes are none."""
    assert conflicts("cam_fps=20\n", "cam_fps=10\n", "cam_fps=7\n") == [
        "cam_fps: 10 in the repository, 7 on the target; before: 20"
    ]
    assert conflicts("", "#cam_fps=10\ncam0_id=/a", "cam0_fps=1\ncam0_id=/b") == [
        "cam0_id: /a in the repository, /b on the target; before: not set"
    ]
    assert conflicts("cam_fps=20\n", "cam_fps=10\n", "cam_fps=10.0\n") == []
    assert len(conflicts(OLD_BIND, "cam_bind=10.0.0.1\n", OPEN)) == 1
    assert conflicts("", "LIBCAMERA_X=1", "LIBCAMERA_X=2") == [
        "LIBCAMERA_X: 1 in the repository, 2 on the target; before: nothing"
    ]


def test_a_hidden_change_is_a_conflict() -> None:
    """A value for all cameras that a line of one camera would hide is named, once for each such camera."""
    names = "cam0_name=A\ncam1_name=B\ncam2_name=C\n"
    target = f"{names}cam0_width=640\ncam1_width=1280\n"
    assert conflicts("", "cam_width=1920\n", target) == [
        "cam0_width: 1920 (cam_width) in the repository, 640 on the target; before: 1280 (the default)"
    ]
    after = result("", "cam_width=1920\n", target, "repository")
    assert Values(after).texts == Values(f"{names}cam_width=1920\n").texts
    after = result("", "cam_width=1920\n", target, "target")
    assert Values(after).texts == Values(f"{names}cam0_width=640\ncam_width=1920\n").texts
    assert len(conflicts("", "cam_width=1920\n", "cam_width=640\ncam0_name=Door\ncam1_name=Bed\n")) == 1


def test_each_side_can_be_preferred() -> None:
    """The other changes of both sides are merged in each case."""
    texts = "cam_fps=20\n", "cam_fps=10\ncam_width=640\n", "cam_fps=7\ncam_height=480\n"
    assert Values(result(*texts, "repository")).texts == {"cam_fps": "10", "cam_width": "640", "cam_height": "480"}
    assert Values(result(*texts, "target")).texts == {"cam_fps": "7", "cam_width": "640", "cam_height": "480"}


def test_cameras_are_added_and_removed() -> None:
    """A camera that only the repository has added or removed; the id from the first rollout is no change."""
    one = "cam0_name=Nozzle\n"
    two = f"{one}cam1_name=Bed\ncam1_fps=5\n"
    assert Values(result(one, two, "cam0_fps=1\n")).texts == {"cam0_fps": "1", "cam1_name": "Bed", "cam1_fps": "5"}
    assert Values(result(two, one, two)).texts == {"cam0_name": "Nozzle"}
    assert result(two, two, one) == one
    assert Values(result("cam0_fps=5\n", "cam0_port=18081\n", "cam0_fps=5\n")).texts == {"cam0_name": "Camera 0"}
    assert Values(result(two, "cam_fps=9\n", two)).cameras == {0, 1}


def test_ids_of_the_first_rollout_are_no_change_of_the_target() -> None:
    """They give way to ids in the repository's file, and they stay if it has none; an id of the owner does not."""
    base, assigned = "cam0_name=A\ncam1_name=Bed\n", "cam0_id=/a\ncam1_id=/b\ncam2_id=/c\n"
    target = f"{base}{assigned}"
    swapped = f"{base}cam0_id=/b\ncam1_id=/a\ncam2_id=/d\n"
    assert result(base, base, target, assigned=assigned) == target
    assert Values(result(base, swapped, target, assigned=assigned)).texts == Values(swapped).texts
    assert Values(result(base, "cam0_name=A\n", target, assigned=assigned)).cameras == {0, 2}
    assert conflicts(base, swapped, target.replace("/a", "/mine"), assigned) == [
        "cam0_id: /b in the repository, /mine on the target; before: /a"
    ]
    without = Values(result(swapped, base, swapped, assigned=assigned)).texts
    assert without == Values(f"{base}cam0_id=/b\ncam1_id=/a\n").texts


def test_a_camera_can_be_in_conflict() -> None:
    """One side has removed the camera and the other has changed it."""
    one, two, other = "cam0_name=A\n", "cam0_name=A\ncam1_name=Bed\n", "cam0_name=A\ncam1_name=Bed\ncam1_fps=5\n"
    assert conflicts(two, one, other) == ["camera 1: removed in the repository, changed on the target"]
    assert conflicts(two, other, one) == ["camera 1: changed in the repository, removed on the target"]
    assert Values(result(two, one, other, "repository")).cameras == {0}
    assert Values(result(two, one, other, "target")).cameras == {0, 1}
    assert Values(result(two, other, one, "repository")).texts["cam1_fps"] == "5"
    assert Values(result(two, other, one, "target")).cameras == {0}


CHOICES = {
    "fps": ["5", "5.0", "'7'", "30"],
    "autofocus": ["1", "continuous", "off"],
    "width": ["640", "1280"],
    "hflip": ["0", "no", "1"],
    "log_level": ["info", "I", "debug"],
}


def random_text(chance: random.Random) -> str:
    """Return settings for cameras 0 and 1, some of them commented out."""
    keys = [f"cam{camera}_{name}" for camera in ("", "0", "1") for name in CHOICES]
    lines = [f"{key}={chance.choice(CHOICES[key.partition('_')[2]])}" for key in chance.sample(keys, 7)]
    ids = [f"cam{camera}_id=/base/{camera}{chance.choice('ab')}" for camera in (0, 1)]
    lines += ["cam0_name=Zero", "cam1_name=One", *chance.sample(ids, chance.randint(0, 2))]
    chance.shuffle(lines)
    return "\n".join("#" * (chance.random() < 0.2 and "name" not in line) + line for line in lines) + "\n"


def effective(text: str, file: Path) -> Mapping[tuple[int, str], Any]:
    """Return the values as the server loads them."""
    file.write_text(text)
    return {
        (number, name): getattr(settings, name)
        for number, settings in load({}, file=file).cameras.items()
        for name in SETTINGS
    }


@pytest.mark.parametrize("seed", range(200))
def test_no_change_is_lost_and_a_second_merge_changes_nothing(tmp_path: Path, seed: int) -> None:
    """For each camera and setting the server loads the value that the rule demands, whatever the files look like."""
    chance = random.Random(seed)  # noqa: S311 # no secret
    base, repository, target = (random_text(chance) for _ in range(3))
    prefer = chance.choice(SIDES)
    target = merged(target, with_defaults(REFERENCE), "2.0")
    after = result(base, repository, target, prefer)
    files = (tmp_path / "a", tmp_path / "b", tmp_path / "c", tmp_path / "d")
    was, wanted, had, has = map(effective, (base, repository, target, after), files)
    assert has.keys() == had.keys()
    for slot, value in has.items():
        both = wanted[slot] != was[slot] and had[slot] != was[slot]
        is_wish = prefer == "repository" if both else wanted[slot] != was[slot]
        is_wish &= slot[1] != "id" or wanted[slot] != ""  # that the repository names no id is no wish
        assert value == (wanted if is_wish else had)[slot], slot
    assert [line for line in target.splitlines() if line.startswith("# ")] == [
        line for line in after.splitlines() if line.startswith("# ")
    ]
    assert merged(after, with_defaults(REFERENCE), "2.1") == after
    again = merge(Values(repository), Values(repository), Values(after), Values())
    assert (again.changes, again.conflicts) == ({}, {})
