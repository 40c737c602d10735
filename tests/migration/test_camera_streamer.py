"""camera-streamer's flags and units."""

import pytest

from tests.migration.importing import NODES, command, file

# service/camera-streamer-raspi-v3-12MP.service of camera-streamer
UNIT = r"""[Service]
ExecStart=/usr/local/bin/camera-streamer \
  --camera-path=/base/soc/i2c0mux/i2c@1/imx708@1a \
  --camera-type=libcamera \
  --camera-format=YUYV \
  --camera-width=2304 --camera-height=1296 \
  --camera-fps=30 \
  ; use two memory buffers to optimise usage
  --camera-nbufs=2 \
  ; the snapshot is 1920x1080
  --camera-snapshot.height=1080 \
  --camera-video.height=720 \
  --camera-stream.height=480 \
  --camera-options=AfMode=2 \
  --camera-options=AfRange=2 \
  --http-listen=0.0.0.0 \
  --http-port=8080 \
  --rtsp-port

DynamicUser=yes
"""


def test_a_unit() -> None:
    """The unit of a Camera Module 3: comments inside the command are left out, the outputs keep its aspect ratio."""
    result = file(UNIT, "camera-streamer.service")
    expected = {
        "cam0_id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "cam0_width": "852", "cam0_height": "480", "cam0_fps": "30",
        "cam0_snapshot_width": "1920", "cam0_snapshot_height": "1080", "cam0_autofocus": "continuous",
        "cam0_autofocus_range": "full", "cam0_bind": "0.0.0.0", "cam0_port": "8080",
    }  # fmt: skip
    assert expected.items() <= result.values.items()
    assert result.has_note("--rtsp-port", "no RTSP yet")
    assert not result.has_note("memory buffers")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("-camera-path=/dev/video0 -camera-type=v4l2", {"id": NODES["/dev/video0"], "source": "picamera"}),
        ("--camera-type=dummy", {"source": "test-pattern"}),
        ("--camera-format=MJPEG", {"pixel_format": "mjpeg"}),
        ("--camera-stream.options=compression_quality=70", {"quality": "70"}),
        ("--camera-snapshot.options=compression_quality=85", {"snapshot_quality": "85"}),
        ("--camera-options=brightness=0.1 --camera-options=Contrast=1.5", {"controls": "Brightness=0.1 Contrast=1.5"}),
        ("--camera-options=ScalerCrop=0,0,640,480", {"controls": "ScalerCrop=0,0,640,480"}),
        ("--camera-auto_focus=0 --camera-vflip --camera-hflip=1", {"autofocus": "0", "vflip": "1", "hflip": "1"}),
        ("--camera-auto-reconnect=4 --camera-force_active", {"retry_pause": "4", "close_after": "86400"}),
        ("--log-debug --log-stats=5", {"log_level": "debug", "showfps": "1"}),
        ("", {"width": "1920", "height": "1080", "bind": "127.0.0.1", "port": "8080"}),
    ],
)
def test_flags_become_settings(flags: str, expected: dict[str, str]) -> None:
    """Flags become settings; the names may be written with - or _."""
    values = command(f"camera-streamer {flags}").values
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= values.items()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--camera-format=RG10", ("--camera-format RG10", "no equivalent")),
        ("--camera-options=frobnicate=1", ("frobnicate=1", "no control with this name")),
        ("--camera-type=v4l2 --camera-options=brightness=5", ("brightness=5", "driver")),
        ("--webrtc-ice_servers=turn:u:s3cret@host", ("--webrtc-ice_servers (not shown)", "no WebRTC yet")),
        ("--http-port 8080", ("8080", "no such option")),
    ],
)
def test_what_is_not_translated_is_named(flags: str, words: tuple[str, ...]) -> None:
    """Values without an equivalent and features that are not there yet become notes without secrets."""
    result = command(f"camera-streamer {flags}")
    assert result.has_note(*words)
    assert "s3cret" not in result.text


def test_words_for_controls() -> None:
    """camera-streamer has the names of libcamera's values, too; an unknown one becomes a note."""
    options = "AwbMode=Daylight,AeExposureMode=short,AeMeteringMode=2,AfMode=Continuous,NoiseReductionMode=sharp"
    result = command(f"camera-streamer --camera-options={options}")
    assert result.values["cam0_controls"] == "AwbMode=5 AeExposureMode=1 AeMeteringMode=2"
    assert result.values["cam0_autofocus"] == "continuous"
    assert result.has_note("NoiseReductionMode=sharp", "no equivalent")


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ({"video": 1920, "snapshot": 1920}, ("1920", "1080", "1920", "1080")),
        ({"snapshot": 540}, ("960", "540", "960", "540")),
        ({"stream": 540}, ("960", "540", "1920", "1080")),
        ({"video": 540, "stream": 720}, ("960", "540", "1920", "1080")),
        ({"snapshot": 540, "stream": 0}, ("960", "540", "960", "540")),
    ],
)
def test_heights_that_outputs_inherit(heights: dict[str, int], expected: tuple[str, ...]) -> None:
    """The snapshot is at most as high as the camera's frames, the video as the snapshot, the stream as the video."""
    flags = " ".join(f"--camera-{name}.height={height}" for name, height in heights.items())
    values = command(f"camera-streamer --camera-width=1920 --camera-height=1080 {flags}").values
    names = ("width", "height", "snapshot_width", "snapshot_height")
    assert tuple(values[f"cam0_{name}"] for name in names) == expected
