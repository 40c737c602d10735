"""The takeover of soft-stream-portal: its file in the words of this program, and the flags of its units."""

import re
from pathlib import Path

import pytest

from soft_stream.config import env_file
from soft_stream.migration.render import problems_of
from soft_stream.migration.takeover import Taken, UnitText, settings_of
from soft_stream.migration.words import Unreadable
from tests.migration.importing import CSI, FakeMachine, file
from tests.support.older_settings import SETTINGS_OF_CAMERA_0

FLAGS = (
    "--camera-index=${cam0_index} --camera-id=${cam0_id} --width=${cam0_width} --height=${cam0_height} "
    "--framerate=${cam0_fps} --port=${cam0_port} --bind=${cam0_bind} --quality=${cam0_quality} "
    '--name="${cam0_name}" --autofocus=${cam0_autofocus} --watchdog-timeout 10'
)


def unit(flags: str, service: str = "EnvironmentFile=/etc/camera-streamer/camera-soft-stream.env\n") -> UnitText:
    """Return a unit of camera 0."""
    text = f"[Service]\n{service}ExecStart=/usr/bin/python3 /home/user/soft-stream.py {flags}\n"
    return UnitText("camera-soft-cam0.service", 0, text)


def take(flags: str, installed: str | None = None, **options: str) -> Taken:
    """Take over one unit, whose environment file has the installed text."""
    taken = settings_of([unit(flags, **options)], installed, FakeMachine(), lambda path: installed)
    if taken.text:
        without = re.sub(r"^(?=cam\d?_turbo)", "#", taken.text, flags=re.MULTILINE)
        assert problems_of(without) == []
    return taken


def values_of(taken: Taken) -> dict[str, str]:
    """Return the settings by key."""
    return {each.key: each.value or "" for each in env_file.parse(taken.text or "")}


def test_a_real_machine_keeps_everything() -> None:
    """Ids, names, sizes, rates and qualities stay; lines that need no translation stay as they are."""
    taken = take(FLAGS, SETTINGS_OF_CAMERA_0)
    kept = [line for line in SETTINGS_OF_CAMERA_0.splitlines() if not re.search("index|quality=medium", line)]
    assert taken.text
    assert [line for line in kept if line not in taken.text.splitlines()] == []
    values = values_of(taken)
    assert (values["cam0_quality"], values["cam0_watchdog_timeout"]) == ("40", "10")
    assert "cam0_index" not in values
    assert "\n#cam0_index=0\n" in taken.text
    assert "\n#cam0_quality=medium\ncam0_quality=40\n" in taken.text
    assert taken.notes == ["cam0_quality=medium is now 40: frames of this JPEG quality have the same size"]


@pytest.mark.parametrize(
    ("word", "number"),
    [("very_low", "10"), ("very-low", "10"), ("low", "20"), ("Medium", "40"), ("high", "70"), ("VERY_HIGH", "85")],
)
def test_words_for_the_quality(word: str, number: str) -> None:
    """Picamera2's words become numbers, in the file and in flags, with - or _."""
    assert values_of(take("--port 18081", f"cam0_quality={word}\n"))["cam0_quality"] == number
    assert values_of(take(f"--port 18081 --quality={word}"))["cam0_quality"] == number
    assert file(f"cam0_quality={word}\n").values["cam0_quality"] == number


def test_an_index_becomes_an_id() -> None:
    """An index alone becomes the id of the camera at this place; beside an id it has no meaning."""
    assert values_of(take("--port 18081 --camera-index=1"))["cam0_id"] == CSI[1]
    assert values_of(take("--port 18081 --camera-index=${cam0_index}", "cam0_index=0\n"))["cam0_id"] == CSI[0]
    assert values_of(take("--port 1 --camera-index 1 --camera-id /base/x"))["cam0_id"] == "/base/x"
    missing = take("--port 18081 --camera-index=5")
    assert "cam0_id" not in values_of(missing)
    assert any("the camera index 5" in note for note in missing.notes)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--width 800 --height=600", {"width": "800", "height": "600"}),
        ("--framerate=20", {"fps": "20"}),
        ("--name 'Left one'", {"name": "Left one"}),
        ("--autofocus=1", {"autofocus": "1"}),
        ("--watchdog-timeout=0", {"watchdog_timeout": "0"}),
        ("--bind 0.0.0.0", {"bind": "0.0.0.0"}),
        ("--snapshot-width 0 --snapshot-height 0", {"snapshot_size": "stream"}),
        ("--snapshot-width 3280 --snapshot-height 2464", {"snapshot_width": "3280", "snapshot_height": "2464"}),
        ("--snapshot-width 800", {"snapshot_width": "800", "snapshot_height": "720"}),
        ("--snapshot-quality 80", {"snapshot_quality": "80"}),
        ("", {"fps": "15", "quality": "40", "autofocus": "0", "snapshot_quality": "95", "snapshot_size": "stream"}),
    ],
)
def test_flags_and_defaults(flags: str, expected: dict[str, str]) -> None:
    """Literal flags become settings, and so do the older program's defaults."""
    values = values_of(take(f"--port 18081 {flags}"))
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= values.items()


def test_a_flag_overrides_the_file() -> None:
    """A literal flag counted there, whatever the file has; the difference is named."""
    taken = take("--port 18081 --width 640", "cam0_width=1280\ncam0_height=720\n")
    assert values_of(taken)["cam0_width"] == "640"
    assert any("cam0_width=1280" in note for note in taken.notes)


def test_a_value_for_all_cameras_counts() -> None:
    """A line `cam_NAME=` is not overridden by the older program's default."""
    assert "cam0_fps" not in values_of(take("--port 18081", "cam_fps=25\ncam0_name=A\n"))


def test_without_an_address_the_port_stays_internal() -> None:
    """Without --bind nothing is opened, and a note says how."""
    taken = take("--port 18081")
    assert "cam0_bind" not in values_of(taken)
    assert any("cam0_bind=0.0.0.0" in note for note in taken.notes)


def test_nothing_is_dropped_silently() -> None:
    """Unknown flags and keys are named, and stay as comments or as lines that the merge comments out."""
    taken = take("--port 18081 --verbose --camera 0", "cam0_turbo=yes\n")
    for words in ("--verbose", "--camera 0", "cam0_turbo"):
        assert any(words in note for note in taken.notes)
        assert words in (taken.text or "")


def test_a_key_is_named_once() -> None:
    """An unknown key that the unit reads from the settings file is not reported for the file, too."""
    taken = settings_of(
        [UnitText("camera-soft-cam0.service", 0, "[Service]\nEnvironmentFile=/s\nExecStart=soft-stream.py --port 1\n")],
        "cam0_turbo=yes\ncam1_turbo=yes\n",
        FakeMachine(),
        lambda _: "cam0_turbo=yes\ncam1_turbo=yes\n",
    )
    assert [note for note in taken.notes if "turbo" in note] == [
        "cam1_turbo: there is no such setting",
        "cam0: cam0_turbo=yes: soft-stream-portal has no such option",
    ]


@pytest.mark.parametrize(
    ("service", "flags", "expected"),
    [
        ("Environment=W=800 'NAME=My cam'\n", "--width $W --name=${NAME}", {"width": "800", "name": "My cam"}),
        ("EnvironmentFile=-/none\nEnvironment=ARGS='--width 800 --height 600'\n", "$ARGS", {"width": "800"}),
        ("ExecStart=/bin/false --width 1\nExecStart=\n", "--width 800", {"width": "800"}),
        ("ExecStartPre=/bin/sleep 5\n", "--width \\\n  800 \\\n# a comment\n  --height 600", {"height": "600"}),
    ],
)
def test_shapes_of_units(service: str, flags: str, expected: dict[str, str]) -> None:
    """Variables, continued lines, comments between them and a reset ExecStart mean what they mean to systemd."""
    values = values_of(take(f"--port 18081 {flags}", service=service))
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= values.items()


def test_several_environment_files_and_drop_ins(tmp_path: Path) -> None:
    """The last file counts, globs are expanded, and a drop-in of `systemctl cat` overrides the unit."""
    (tmp_path / "a.env").write_text("cam0_width=640\ncam0_height=480\n")
    (tmp_path / "b.env").write_text("cam0_width=800\n")
    text = (
        f"# /etc/systemd/system/camera-soft-cam0.service\n[Service]\nEnvironmentFile={tmp_path}/*.env\n"
        "ExecStart=/usr/bin/python3 soft-stream.py --port 18081 --width=${cam0_width}\n\n"
        "# /etc/systemd/system/camera-soft-cam0.service.d/override.conf\n[Service]\nExecStart=\n"
        "ExecStart=/usr/bin/python3 soft-stream.py --port 18091 --width=${cam0_width} --height=${cam0_height}\n"
    )
    values = values_of(settings_of([UnitText("camera-soft-cam0.service", 0, text)], None, FakeMachine()))
    assert (values["cam0_port"], values["cam0_width"], values["cam0_height"]) == ("18091", "800", "480")


def test_odd_quoting_is_a_sentence() -> None:
    """Unbalanced quotes name the unit, and nothing of its text, which may have a password."""
    with pytest.raises(Unreadable, match=r"^camera-soft-cam0.service: ExecStart=: quotes are not balanced") as caught:
        take('--name "Left')
    assert "Left" not in str(caught.value)


def test_a_unit_of_another_program_changes_nothing() -> None:
    """A unit with one of the older names that starts something else adds no settings, only a note."""
    text = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
    taken = settings_of([UnitText("camera-soft-cam0.service", 0, text)], "cam0_name=A\n", FakeMachine())
    assert values_of(taken) == {"cam0_name": "A"}
    assert taken.notes == ["camera-soft-cam0.service: it does not start soft-stream.py; nothing of it is translated"]


def test_no_settings_at_all() -> None:
    """A unit without flags of its own and without a file still has the older program's defaults."""
    assert values_of(settings_of([], "cam0_name=A\n", FakeMachine()))["cam0_name"] == "A"
    assert settings_of([], None, FakeMachine()).text is None


@pytest.mark.parametrize("shell", ["/bin/sh -c", "/bin/bash -lc", "bash --login -c"])
def test_a_shell_in_a_unit(shell: str) -> None:
    """A shell may start the program; its defaults for variables count."""
    script = "exec python3 /home/user/soft-stream.py --framerate=${cam0_fps:-12} --width=${cam0_wide:-800} --turbo"
    text = f"[Service]\nEnvironmentFile=/etc/x.env\nExecStart={shell} '{script}'\n"
    taken = settings_of(
        [UnitText("camera-soft-cam0.service", 0, text)], None, FakeMachine(), lambda path: "cam0_fps=7\n"
    )
    values = values_of(taken)
    assert (values["cam0_fps"], values["cam0_width"]) == ("7", "800")
    assert any("--turbo" in note for note in taken.notes)
