"""spyglass's flags and spyglass.conf."""

import pytest

from tests.migration.importing import CSI, command, file

CONF = """#### Libcamera camera to use (INTEGER)[default: 0]
CAMERA_NUM="1"
NO_PROXY="false"
HTTP_PORT="8081"
RESOLUTION="1280x720"
FPS="20"
STREAM_URL="/?action=stream"
SNAPSHOT_URL="/?action=snapshot"
#USE_SW_JPG_ENCODING="true"
WEBRTC_URL="/webrtc"
AUTO_FOCUS="manual"
FOCAL_DIST="2.5"
AF_SPEED="fast"
ORIENTATION_EXIF="mhr90"
CONTROLS="brightness=0.1,awbenable=false"
TUNING_FILTER_DIR="/usr/share/libcamera/ipa/rpi/pisp"
TUNING_FILTER="ov5647_noir.json"
"""


def test_the_file() -> None:
    """Each variable of spyglass.conf becomes a setting."""
    result = file(CONF, "spyglass.conf")
    assert result.values == {
        "cam0_id": CSI[1], "cam0_bind": "127.0.0.1", "cam0_port": "8081", "cam0_width": "1280", "cam0_height": "720",
        "cam0_fps": "20", "cam0_autofocus": "manual", "cam0_lens_position": "2.5", "cam0_autofocus_speed": "fast",
        "cam0_hflip": "1", "cam0_rotation": "90", "cam0_controls": "Brightness=0.1 AwbEnable=0",
        "cam0_tuning_file": "/usr/share/libcamera/ipa/rpi/pisp/ov5647_noir.json",
    }  # fmt: skip
    assert result.notes == [
        "cam0: WEBRTC_URL=/webrtc: there is no WebRTC yet; docs/clients/go2rtc.md makes it from the stream"
    ]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            "-b 127.0.0.1 -p 8090 -r 1920x1080 -f 30",
            {"bind": "127.0.0.1", "port": "8090", "width": "1920", "fps": "30"},
        ),
        ("--camera_num 0", {"id": CSI[0]}),
        ("--camera-num=1", {"id": CSI[1]}),
        ("-d /base/soc/i2c0mux/i2c@1/imx219@10", {"id": "/base/soc/i2c0mux/i2c@1/imx219@10"}),
        ("-af manual -l 0.5 -s fast", {"autofocus": "manual", "lens_position": "0.5", "autofocus_speed": "fast"}),
        ("-ud", {"rotation": "180"}),
        ("-fh -fv -or h", {"hflip": "1", "vflip": "1"}),
        ("-c Brightness=0.1 Contrast=1.5 -p 81", {"controls": "Brightness=0.1 Contrast=1.5", "port": "81"}),
        ("-tf imx708_noir.json", {"tuning_file": "imx708_noir.json"}),
        ("", {"width": "640", "height": "480", "fps": "15", "bind": "0.0.0.0", "port": "8080"}),
    ],
)
def test_flags_become_settings(flags: str, expected: dict[str, str]) -> None:
    """Flags become settings, the short ones with several letters, too."""
    values = command(f"spyglass {flags}").values
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= values.items()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("-st /my/video", ("-st /my/video", "its own URLs")),
        ("-n 7", ("-n 7", "no camera at this place")),
        ("-w /webrtc", ("no WebRTC yet",)),
        ("-sw", ("always encoded in software",)),
    ],
)
def test_what_is_not_translated_is_named(flags: str, words: tuple[str, ...]) -> None:
    """URLs of one's own and missing cameras become notes."""
    assert command(f"spyglass {flags}").has_note(*words)
