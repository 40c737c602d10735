"""The flags of webcamd."""

import pytest

from soft_stream.cli.main import make_parser
from soft_stream.config import webcamd_flags
from soft_stream.config.loader import load
from tests.support.processes import run


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
    args = make_parser().parse_args(["serve", *flags.split()])
    ours = {name: value for name in ("client_fps_max", "rotation") if (value := getattr(args, name)) is not None}
    settings = load({}, camera=0, flags={**webcamd_flags.translate(args), **ours}).cameras[0]
    assert settings.client_fps_max == pytest.approx(fps)
    assert settings.rotation == rotation


@pytest.mark.parametrize(
    ("flags", "bind"),
    [
        ("--ipv 4", "127.0.0.1"),
        ("--ipv 6", "::1"),
        ("--v4bindaddress 0.0.0.0", "0.0.0.0"),  # noqa: S104 # nothing is bound here
        ("--ipv 6 --v6bindaddress ::", "::"),
        ("--v6bindaddress :: --v4bindaddress 10.0.0.1", "10.0.0.1"),
        ("--ipv 6 --bind 10.0.0.1 ::1", "10.0.0.1 ::1"),
    ],
)
def test_addresses(flags: str, bind: str) -> None:
    """`--ipv` selects the address, 4 by default; without an address it is the loopback one."""
    args = make_parser().parse_args(["serve", *flags.split()])
    ours = {"bind": " ".join(args.bind)} if args.bind else {}
    settings = load({}, camera=0, flags={**webcamd_flags.translate(args), **ours}).cameras[0]
    assert " ".join(settings.bind) == bind


def test_the_index_is_the_camera() -> None:
    """`--index` is the number of the camera."""
    assert make_parser().parse_args(["serve", "--index", "3"]).camera == 3
    assert make_parser().parse_args(["serve"]).camera == 0


def test_wrong_flags_of_webcamd_exit_with_78() -> None:
    """Wrong flags are reported like other wrong settings, all at once."""
    result = run("serve", "--encodewait", "soon", "--streamwait", "3", "--rotate", "90", "--ipv", "5")
    assert result.returncode == 78
    assert result.stderr.splitlines() == [
        "4 errors in the settings:",
        "  command line: --encodewait=soon: must be a number from 0 to 2 (seconds)",
        "  command line: --streamwait=3: must be a number from 0 to 2 (seconds)",
        "  command line: --rotate=90: must be one of: -1, 0, 1, 2",
        "  command line: --ipv=5: must be one of: 4, 6",
    ]
