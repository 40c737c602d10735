"""The owner's settings survive a rollout."""

import re
from pathlib import Path

from soft_stream.config import env_file
from soft_stream.config.loader import load
from soft_stream.config.settings_file import merged, with_defaults, with_values, without_cameras
from soft_stream.config.topics import TOPICS
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


def test_an_example_is_not_repeated_for_another_camera() -> None:
    """A new setting is added once, not also as the example of a further camera."""
    reference = "# Frames.\ncam_fps=30\n#cam0_id=/a\n\n# A second camera.\n#cam1_fps=15\n#cam1_id=/b\n"
    assert merged("cam0_name=Door\n", reference, "2.0").endswith("# Frames.\ncam_fps=30\n#cam0_id=/a\n")


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


def test_the_reference_has_the_defaults() -> None:
    """An edited repository's file explains new settings with the defaults; the shipped file is unchanged."""
    edited = REFERENCE.replace("#cam0_id=/base/axi", "cam0_fps=5\ncam0_id=/base/mine").replace(
        "cam_fps=30", "cam_fps=7"
    )
    after = values(with_defaults(edited))
    assert with_defaults(REFERENCE) == REFERENCE
    assert after == values(REFERENCE)


def test_values_change_in_their_lines() -> None:
    """Only the line of a key changes; a removed value is commented out; comments and order stay."""
    owners = "# mine\ncam0_name='a\n b'\n#cam0_id=/example\n\ncam_fps = 5  # slow\n#end\n"
    after = with_values(owners, {"cam_fps": "7", "cam0_id": "/base/a b", "cam0_name": None})
    assert after == "# mine\n#cam0_name='a\n# b'\n#cam0_id=/example\ncam0_id='/base/a b'\n\ncam_fps=7\n#end\n"
    assert with_values(after, {"cam_fps": "7"}) == after


def test_a_value_without_a_line_gets_one() -> None:
    """It is written after the lines of its camera, or at the end."""
    assert with_values("cam0_name=a\n\ncam_fps=5\n", {"cam0_fps": "7"}) == "cam0_name=a\ncam0_fps=7\n\ncam_fps=5\n"
    assert with_values("cam0_name=a", {"cam1_id": "/b"}) == "cam0_name=a\n\ncam1_id=/b\n"
    assert with_values("", {"cam_fps": "5"}) == "cam_fps=5\n"


def test_an_example_with_the_value_becomes_the_line() -> None:
    """A commented line with the wanted value loses its #; one with another value stays."""
    assert with_values("#cam1_name=Bed\n#cam1_fps=5\n", {"cam1_name": "Bed", "cam1_fps": "7"}) == (
        "cam1_name=Bed\n#cam1_fps=5\ncam1_fps=7\n"
    )


def test_the_last_of_several_lines_counts() -> None:
    """A key that is there twice gets the new value in its last line; when it is removed, no line remains."""
    twice = "cam_fps=5\ncam_width=640\ncam_fps=6\n"
    assert values(with_values(twice, {"cam_fps": "7"}))["cam_fps"] == "7"
    assert values(with_values(twice, {"cam_fps": None})) == {"cam_width": "640"}


def test_a_line_in_a_quoted_value_is_no_comment() -> None:
    """A value is not written into the value of another key."""
    assert values(with_values("LIBCAMERA_X='\n#cam_fps=5\n'\n", {"cam_fps": "7"})) == {
        "LIBCAMERA_X": "\n#cam_fps=5\n",
        "cam_fps": "7",
    }
    assert values(with_values("cam_width=640\\\n", {"cam_fps": "7"})) == {"cam_width": "640", "cam_fps": "7"}


def test_a_camera_is_commented_out() -> None:
    """All lines of a camera are commented out, and no others."""
    assert without_cameras("cam1_fps=5\ncam_fps=6\ncam11_fps=7\n", {1}) == "#cam1_fps=5\ncam_fps=6\ncam11_fps=7\n"


def test_the_topics_of_the_help_are_those_of_the_reference() -> None:
    """`soft-stream serve --help` has the same topics with the same settings, in the same order."""
    topics: dict[str, list[str]] = {}
    for line in REFERENCE.splitlines():
        if heading := re.match(r"# --- (.+?) -+$", line):
            topic = topics.setdefault(heading[1].lower(), [])
        elif (key := re.match(r"#?cam0?_(\w+)=", line)) and not any(key[1] in names for names in topics.values()):
            topic.append(key[1])
    assert [(title, names) for title, names in topics.items() if names] == [
        (title if number else "camera 0, and what most people change", [*names])
        for number, (title, names) in enumerate(TOPICS.items())
    ]
