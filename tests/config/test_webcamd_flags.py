"""The flags of webcamd, as settings and as values of `/?info`."""

from pathlib import Path

import pytest

from soft_stream.cli.main import make_parser
from soft_stream.cli.serve import read_settings
from soft_stream.config import webcamd_flags
from soft_stream.config.loader import load
from soft_stream.config.settings import Settings
from soft_stream.config.webcamd_flags import OURS, WEBCAMDS, Defaults
from tests.support.processes import run


def settings_of(line: str, defaults: Defaults = OURS) -> tuple[dict[str, str], Settings]:
    """Return the flags of webcamd on a command line, and the settings of camera 0 that it gives."""
    args = make_parser().parse_args(["serve", *line.split()])
    given = webcamd_flags.parse(args)
    flags = {**webcamd_flags.translate(given, defaults), **read_settings(args)}
    number = args.camera or 0
    return given, load({}, camera=number, flags=flags, defaults={}).cameras[number]


@pytest.mark.parametrize(
    ("flags", "fps", "rotation"),
    [
        ("--encodewait 0.1", 10, 0),
        ("--encodewait .01 --streamwait 0.2", 5, 0),
        ("--encodewait 0 --streamwait 0.001", 0, 0),
        ("--streamwait 2 --client-fps-max 8", 8, 0),
        ("--rotate 0", 0, 90),
        ("--rotate 1", 0, 180),
        ("--rotate 2", 0, 270),
        ("--rotate -1", 0, 0),
        ("--rotate 1 --rotation 90", 0, 90),
    ],
)
def test_flags_of_webcamd(flags: str, fps: float, rotation: int) -> None:
    """The longer wait becomes a frame rate limit, quarter turns become degrees; our own options override both."""
    _, settings = settings_of(flags)
    assert settings.client_fps_max == pytest.approx(fps)
    assert settings.rotation == rotation


@pytest.mark.parametrize(
    ("flags", "ours", "webcamds"),
    [
        ("--ipv 4", "127.0.0.1", "0.0.0.0"),  # noqa: S104 # nothing is bound here
        ("--ipv 6", "::1", ":: 0.0.0.0"),
        ("--v4bindaddress 0.0.0.0", "0.0.0.0", "0.0.0.0"),  # noqa: S104
        ("--ipv 6 --v6bindaddress [0::0]", ":: 0.0.0.0", ":: 0.0.0.0"),
        ("--ipv 6 --v6bindaddress localhost", "::1", "::1"),
        ("--ipv 6 --v4bindaddress 10.0.0.1", "::1", ":: 0.0.0.0"),
        ("--v6bindaddress :: --v4bindaddress 10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("--ipv 6 --bind 10.0.0.1 ::1", "10.0.0.1 ::1", "10.0.0.1 ::1"),
        ("--ipv 6 --host 10.0.0.1", "10.0.0.1", "10.0.0.1"),
    ],
)
def test_addresses(flags: str, ours: str, webcamds: str) -> None:
    """`--ipv` selects the address, 4 by default; an address that is not given is the default of the command.

    As webcamd, `::` also accepts IPv4 clients.
    """
    for defaults, bind in ((OURS, ours), (WEBCAMDS, webcamds)):
        assert " ".join(settings_of(flags, defaults)[1].bind) == bind


def test_names_of_the_older_webcamd() -> None:
    """`--frame-rate` and `--host` are other names of our own options."""
    _, settings = settings_of("--frame-rate 60 --host ::1")
    assert (settings.fps, settings.bind) == (60, ("::1",))


@pytest.mark.parametrize(
    ("flags", "node"),
    [
        ("", None),
        ("--index 3", "/dev/video3"),
        ("--index 03", "/dev/video3"),
        ("--device /dev/v4l/by-id/usb-x-video-index0", "/dev/v4l/by-id/usb-x-video-index0"),
    ],
)
def test_the_index_is_a_device_file(flags: str, node: str | None) -> None:
    """`--index` is the number of a device file, and changes neither the number of the camera nor its port."""
    given, settings = settings_of(flags)
    assert webcamd_flags.node_of(given) == (Path(node) if node else None)
    assert (settings.camera, settings.port) == (0, 18081)
    assert settings_of("--camera 2 --index 7")[1].port == 18083


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ("", {}),
        ("--encodewait 0.01", {"encodewait": 0.01, "streamwait": 0.0}),
        ("--encodewait .05 --streamwait .01", {"encodewait": 0.05, "streamwait": 0.01}),
        ("--streamwait 0", {"encodewait": 0.0, "streamwait": 0.0}),
        ("--streamwait .1 --client-fps-max 3", {}),
        ("--v6bindaddress ::", {"v6bindaddress": "::"}),
        ("--ipv 6 --v6bindaddress 0::0 --v4bindaddress localhost",
         {"ipv": 6, "v6bindaddress": "0::0", "v4bindaddress": "localhost"}),
        ("--ipv 6 --bind ::1 127.0.0.1", {}),
        ("--rotate 2 --index 1", {"rotate": 2, "index": 1}),
        ("--rotate 2 --rotation 0", {}),
        ("--device /dev/video4", {"index": 4}),
        ("--device /dev/v4l/by-id/x", {}),
    ],
)  # fmt: skip
def test_values_are_shown_as_they_were_given(flags: str, shown: dict[str, object]) -> None:
    """The values have webcamd's types; those that our own options override are left out."""
    given, settings = settings_of(flags)
    assert dict(webcamd_flags.shown_values(given, settings)) == shown


def test_defaults_that_a_settings_file_overrides_are_not_shown(tmp_path: Path) -> None:
    """`/?info` of the command `webcamd` computes what a settings file has changed."""
    file = tmp_path / "settings.env"
    file.write_text("cam_rotation=90\ncam_bind=127.0.0.1\n")
    defaults = {**webcamd_flags.translate(WEBCAMDS.flags, WEBCAMDS), **WEBCAMDS.settings}
    settings = load({}, file=file, camera=0, defaults=defaults).cameras[0]
    assert (settings.port, settings.rotation, settings.bind) == (8080, 90, ("127.0.0.1",))
    shown = webcamd_flags.shown_values(WEBCAMDS.flags, settings, WEBCAMDS)
    assert dict(shown) == {"index": 0, "encodewait": 0.01, "streamwait": 0.01}


def test_wrong_flags_of_webcamd_exit_with_78() -> None:
    """Wrong flags are reported like other wrong settings, all at once."""
    result = run(
        *("serve", "--encodewait", "soon", "--streamwait", "3", "--rotate", "90", "--ipv", "5"),
        *("--v4bindaddress", "::1", "--v6bindaddress", "0.0.0.0", "--device", "video0"),  # noqa: S104
    )
    assert result.returncode == 78
    addresses = "addresses with spaces between them, such as"
    assert result.stderr.splitlines() == [
        "7 errors in the settings:",
        "  command line: --encodewait=soon: must be a number from 0 to 2 (seconds)",
        "  command line: --streamwait=3: must be a number from 0 to 2 (seconds)",
        "  command line: --rotate=90: must be one of: -1, 0, 1, 2",
        "  command line: --ipv=5: must be one of: 4, 6",
        f"  command line: --v4bindaddress=::1: must be one or more IPv4 {addresses} 127.0.0.1 or 0.0.0.0",
        f"  command line: --v6bindaddress=0.0.0.0: must be one or more IPv6 {addresses} ::1 or ::",
        "  command line: --device=video0: must be an absolute path",
    ]


@pytest.mark.parametrize("index", ["-1", "256", "0.5", "video0"])
def test_a_wrong_index_exits_with_78(index: str) -> None:
    """The message says which numbers an index may have."""
    result = run("serve", "--index", index)
    expected = "must be a whole number from 0 to 255 (the N of /dev/videoN)"
    assert (result.returncode, result.stderr) == (
        78,
        f"1 error in the settings:\n  command line: --index={index}: {expected}\n",
    )
