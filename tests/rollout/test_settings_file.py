"""The owner's settings survive a rollout."""

from pathlib import Path

from rollout.settings_file import merged, with_ids

from soft_stream.config import env_file
from soft_stream.config.loader import load
from tests.support.checkout import ROOT

REFERENCE = (ROOT / "camera-soft-stream.env").read_text()
SMALL_REFERENCE = """\
# --- A heading ---

# The name.
cam0_name=Camera 0
# The id.
#cam0_id=/base/a

cam1_name=Camera 1

# Width and height.
cam_width=1280
cam_height=720
# Frames a second.
cam_fps=30
"""


def values(text: str) -> dict[str, str | None]:
    """Read the assignments of a file."""
    return {each.key: each.value for each in env_file.parse(text)}


def test_every_value_of_the_owner_is_kept() -> None:
    """The owner's text is unchanged, including comments and order."""
    owners = "# mine\ncam1_fps='12'   \n\n#cam_quality=70\ncam_width=640\n"
    after = merged(owners, REFERENCE, "2.0")
    assert after.startswith(owners.rstrip("\n"))
    assert values(after).items() >= {"cam1_fps": "12", "cam_width": "640"}.items()


def test_new_settings_come_with_their_explanation() -> None:
    """A setting that the owner's file does not mention is added with its own comment."""
    after = merged("cam0_name=Door\ncam_height=480\n", SMALL_REFERENCE, "2.0")
    assert "# Width and height.\ncam_width=1280\n\n# Frames a second.\ncam_fps=30\n" in after
    assert "# The id.\n#cam0_id=/base/a\n" in after
    assert "# The name." not in after
    assert "cam_height=720" not in after


def test_what_the_owner_commented_out_stays_so() -> None:
    """A commented line counts as mentioned, because the owner has decided about it."""
    assert "cam_fps=30" not in merged("cam0_name=Door\n#cam_fps=15\n", SMALL_REFERENCE, "2.0")


def test_no_camera_is_added() -> None:
    """Cameras of the reference are not added to a machine that has fewer."""
    after = merged("cam0_name=Door\n", REFERENCE, "2.0")
    assert [key for key in values(after) if key.startswith("cam1_")] == []


def test_a_second_merge_changes_nothing() -> None:
    """Merging merged settings returns the same text."""
    once = merged("cam0_name=Door\ncam0_gone=1\nCAM_FPS=5\n", REFERENCE, "2.0")
    assert merged(once, REFERENCE, "2.1") == once


def test_an_unknown_key_is_commented_out_with_a_note() -> None:
    """A key of the previous program does not stop the camera; all lines of its value are commented out."""
    owners = 'cam0_name=Door\ncam0_awb="auto\n and more"\ncam_id=/base/a\nLIBCAMERA_LOG_LEVELS=*:WARN\ncam_fps=5\n'
    after = merged(owners, REFERENCE, "2.0")
    assert '# 2.0 has no such setting:\n#cam0_awb="auto\n# and more"\n' in after
    assert "# 2.0 has no such setting:\n#cam_id=/base/a\n" in after
    assert {"LIBCAMERA_LOG_LEVELS": "*:WARN", "cam_fps": "5"}.items() <= values(after).items()


def test_white_space_does_not_lose_a_value() -> None:
    """Keys with spaces around them, and comments with unusual characters, are parsed as the server parses them."""
    owners = "cam0_name=Door\n cam_width = 640\n# a\x0cb\u2028c\ncam_height =480\n# cam_fps = 5\n"
    after = merged(owners, SMALL_REFERENCE, "2.0")
    assert {"cam_width": "640", "cam_height": "480"}.items() <= values(after).items()
    assert "has no such setting" not in after
    assert "cam_fps=30" not in after


def test_keys_in_capitals_are_changed_to_lower_case() -> None:
    """A key that is known in lower case is rewritten in lower case."""
    assert merged("CAM0_FPS=15\n", SMALL_REFERENCE, "2.0").startswith("cam0_fps=15\n")


def test_the_merged_reference_is_itself(tmp_path: Path) -> None:
    """Merging the reference with itself changes nothing, and merged settings can be loaded."""
    assert merged(REFERENCE, REFERENCE, "2.0") == REFERENCE
    file = tmp_path / "merged.env"
    file.write_text(merged("cam0_name=Door\n", REFERENCE, "2.0"))
    assert list(load({}, file=file).cameras) == [0]


def test_first_settings_have_the_connected_cameras(tmp_path: Path) -> None:
    """Without the owner's settings there is an entry with an id for each connected camera, and no other."""
    file = tmp_path / "first.env"
    for ids in (["/base/a"], ["/base/a", r"\_SB_.PCI0-1d6b:0102"], ["/base/a", "/base/b", "/base/c"]):
        file.write_text(with_ids(REFERENCE, ids))
        cameras = load({}, file=file).cameras
        assert {number: settings.id for number, settings in cameras.items()} == dict(enumerate(ids))
        assert [settings.port for settings in cameras.values()] == [18081, 18082, 18083][: len(ids)]
