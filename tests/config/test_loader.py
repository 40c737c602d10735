"""Which layer takes effect, and how errors are reported."""

from itertools import pairwise
from pathlib import Path

import pytest

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import SETTINGS, default_of, format_value
from tests.support.checkout import ROOT

SHIPPED = ROOT / "camera-soft-stream.env"


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Return the path of a settings file to write."""
    return tmp_path / "settings.env"


def problems(file: Path, environ: dict[str, str] | None = None, **flags: str) -> list[str]:
    """Load wrong settings; return the problems without the name of the folder."""
    with pytest.raises(SettingsError) as error:
        load(environ or {}, file=file, camera=0, flags=flags)
    return [problem.replace(f"{file.parent}/", "") for problem in error.value.problems]


def test_each_layer_counts_more_than_the_one_before(env_file: Path) -> None:
    """Default < cam_ < camN_ in the file < cam_ < camN_ in the environment < flag."""
    layers = ["cam_fps=2", "cam0_fps=3", "cam_fps=4", "cam0_fps=5", "6"]
    for count in range(6):
        env_file.write_text("\n".join(layers[: min(count, 2)]))
        environ = dict(layer.split("=") for layer in layers[2 : min(count, 4)])
        flags = {"fps": layers[4]} if count == 5 else {}
        loaded = load(environ, file=env_file, camera=0, flags=flags)
        assert loaded.cameras[0].fps == [30, 2, 3, 4, 5, 6][count]


def test_the_environment_counts_even_with_the_text_of_the_file(env_file: Path) -> None:
    """A `cam_` key in the environment overrides `camN_` in the file, whatever the file has for `cam_`."""
    env_file.write_text("cam_fps=10\ncam0_fps=20")
    loaded = load({"cam_fps": "10"}, file=env_file)
    assert loaded.cameras[0].fps == 10
    assert loaded.origins[0]["fps"] == "environment cam_fps"


def test_a_camera_exists_when_it_has_a_key_of_its_own(env_file: Path) -> None:
    """Comments and cam_ lines configure no camera; each camera has its own port."""
    env_file.write_text("cam_fps=5\n#cam2_name=Garden\ncam0_name=Nozzle\ncam1_name=Bed")
    cameras = load({}, file=env_file).cameras
    assert {number: camera.port for number, camera in cameras.items()} == {0: 18081, 1: 18082}
    assert [camera.title for camera in cameras.values()] == ["Nozzle", "Bed"]


def test_all_problems_are_reported_at_once(env_file: Path) -> None:
    """Each problem names file, line, key, value and what is expected; for a typo, the most similar name."""
    env_file.write_text(
        "cam0_prot=8080\ncam0_fps=fast\ncam_quality=101\ncam0_width=1281\nnonsense\ncam_port=1\n"
        "cam1_port=18081\ncam0_id=x\ncam1_id=x\ncam1_snapshot_width=640\ncam0_rotation=45\nCAM0_NAME=a"
    )
    assert problems(env_file, {"cam0_bind": "here", "camx": "1"}, close_after="-1") == [
        "settings.env:5: nonsense: not KEY=VALUE; comments begin with #",
        "settings.env:1: cam0_prot=8080: no such setting; did you mean cam0_port?",
        "settings.env:6: cam_port=1: belongs to one camera; write cam0_port for camera 0, and so on",
        "settings.env:12: CAM0_NAME=a: no such setting; did you mean cam0_name?",
        "environment: cam0_bind=here: must be one or more IP addresses with spaces between them, such as 127.0.0.1 or "
        "0.0.0.0 or ::",
        "settings.env:4: cam0_width=1281: must be an even number from 32 to 16384 (pixels)",
        "settings.env:2: cam0_fps=fast: must be a number from 0.1 to 240 (frames a second)",
        "settings.env:3: cam_quality=101: must be a whole number from 1 to 100 (JPEG quality)",
        "settings.env:11: cam0_rotation=45: must be one of: 0, 90, 180, 270 (degrees)",
        "command line: --close-after=-1: must be a number from 0 to 86400 (seconds)",
        "settings.env:7: cam1_port=18081: camera 0 has the same (default); each camera needs its own",
        "settings.env:9: cam1_id=x: camera 0 has the same (settings.env:8); each camera needs its own",
        "default: cam1_snapshot_height=0: snapshot_width and snapshot_height are both 0 (the sensor's size) or neither",
    ]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("autofocus", "1", "continuous"),
        ("autofocus", "0", "off"),
        ("hflip", "yes", True),
        ("bind", "127.0.0.1, ::1", ("127.0.0.1", "::1")),
        ("bind", "[::]", ("::",)),
        ("cors_origins", "HTTP://My_Pi:80/ https://[::1]:8443", ("http://my_pi", "https://[::1]:8443")),
        ("listen", "HTTPS://[fe80::1%eth0]:1/", (Endpoint("https", "fe80::1%eth0", 1),)),
        ("log_level", "D", "debug"),
        ("watchdog_timeout", "0", 0),
        ("name", "Größe 2", "Größe 2"),
    ],
)
def test_spellings(name: str, text: str, value: object) -> None:
    """Spellings of the older programs are accepted."""
    assert SETTINGS[name].metadata["type"].parse(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fps", "nan"),
        ("fps", "inf"),
        ("port", "0"),
        ("bind", ""),
        ("bind", "::1 ::1"),
        ("name", "a\nb"),
        ("cors_origins", "http://*.local"),
        ("cors_origins", "http://ä.de"),
        ("cors_origins", "http://a#x"),
        ("cors_origins", "http://a?"),
        ("cors_origins", "http://:pw@a"),
        ("listen", "http://127.0.0.1:22611#x"),
        ("listen", "http://127.0.0.1:22611?"),
        ("listen", "http://:pw@127.0.0.1:22611"),
    ],
)
def test_nonsense_is_refused(env_file: Path, name: str, text: str) -> None:
    """A value that parses but that no camera can use is an error."""
    env_file.write_text("")
    (problem,) = problems(env_file, {f"cam0_{name}": text})
    assert problem.startswith(f"environment: cam0_{name}={text}: must be ")


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """A file that was named explicitly must exist."""
    assert problems(tmp_path / "none.env") == ["none.env: cannot be read: No such file or directory"]


def test_variables_of_the_camera_libraries(env_file: Path) -> None:
    """LIBCAMERA_ and PICAMERA2_ keys of the file become variables, unless the environment has them already."""
    env_file.write_text("LIBCAMERA_LOG_LEVELS=*:WARN\nPICAMERA2_X='a b'\nLIBCAMERA_RPI_X=file\ncam0_name=a")
    environ = {"LIBCAMERA_RPI_X": "environment"}
    loaded = load(environ, file=env_file)
    assert list(loaded.cameras) == [0]
    loaded.export_library_environ(environ)
    assert environ == {"LIBCAMERA_LOG_LEVELS": "*:WARN", "PICAMERA2_X": "a b", "LIBCAMERA_RPI_X": "environment"}


def test_the_shipped_file_shows_every_setting_with_its_default() -> None:
    """The shipped file is the reference: same keys, same defaults, an explanation above each."""
    lines = SHIPPED.read_text().splitlines()
    shown = {}
    for above, line in pairwise(lines):
        key, equals, value = line.partition("=")
        if equals and key.startswith("cam_"):
            shown[key.removeprefix("cam_")] = value
            assert above.startswith(("# ", "cam_")), f"{key} is not explained"
    assert shown == {
        name: format_value(default_of(name, 0)) for name, each in SETTINGS.items() if not each.metadata["per_camera"]
    }


def test_the_shipped_file_configures_two_cameras() -> None:
    """The shipped file configures two cameras with a name and a port each; all other values are defaults."""
    loaded = load({}, file=SHIPPED)
    for number in (0, 1):
        changed = {name: origin for name, origin in loaded.origins[number].items() if f"cam{number}_" in origin}
        assert set(changed) == {"name", "port"}
        assert loaded.cameras[number].port == 18081 + number


def test_a_timeout_shorter_than_a_frame_is_refused(env_file: Path) -> None:
    """Valid values that together never give a frame are an error."""
    env_file.write_text("cam0_fps=0.1\ncam0_watchdog_timeout=0")
    assert problems(env_file) == [
        "default: cam0_start_timeout=10: must be at least 20 (seconds), the time of two frames at cam0_fps=0.1"
    ]


def test_a_unit_has_places_of_its_own(env_file: Path) -> None:
    """In a unit the pause file and nginx's socket are in the runtime directory, in addition to the settings."""
    env_file.write_text(
        'cam1_listen="https://0.0.0.0:1 unix:/run/cams/cam1.sock"\ncam_tls_certificate=/a\ncam_tls_key=/b'
    )
    (settings,) = load({"RUNTIME_DIRECTORY": "/run/cams:/run/other"}, file=env_file).cameras.values()
    assert (settings.pause_file, settings.pause_snapshot) == ("/run/cams/cam1.pause", "/run/cams/cam1-snap.jpg")
    assert format_value(settings.endpoints) == "http://127.0.0.1:18082 https://0.0.0.0:1 unix:/run/cams/cam1.sock"
    env_file.write_text("cam0_name=a")
    (settings,) = load({"RUNTIME_DIRECTORY": "/run/cams"}, file=env_file).cameras.values()
    assert format_value(settings.listen) == "unix:/run/cams/cam0.sock"
    assert load({}, file=env_file).cameras[0].listen == ()


def test_camera_numbers_have_an_end(env_file: Path) -> None:
    """Cameras have the numbers 0 to 99; another number is an error, not ignored."""
    env_file.write_text("cam100_name=x\ncam99_name=y\ncam01_name=z")
    assert [problem.partition("=")[0] for problem in problems(env_file)] == [
        "settings.env:1: cam100_name",
        "settings.env:3: cam01_name",
    ]


def test_a_byte_order_mark_is_no_key(env_file: Path) -> None:
    """A file from an editor that writes a BOM is read like any other."""
    env_file.write_bytes(b"\xef\xbb\xbfcam0_name=Nozzle")
    assert load({}, file=env_file).cameras[0].title == "Nozzle"
