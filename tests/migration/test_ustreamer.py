"""ustreamer's flags."""

import pytest

from tests.migration.importing import NODES, command


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--device /dev/video0", {"id": NODES["/dev/video0"]}),
        ("-d/dev/video0 -r1280x720", {"id": NODES["/dev/video0"], "width": "1280", "height": "720"}),
        ("--resolution=1920x1080 --desired-fps=30", {"width": "1920", "fps": "30"}),
        ("-m MJPEG", {"pixel_format": "mjpeg"}),
        ("--encoder=HW", {"pixel_format": "mjpeg"}),
        ("--format yuyv -q 75", {"pixel_format": "yuyv", "quality": "75"}),
        ("--host 0.0.0.0 --port 80", {"bind": "0.0.0.0", "port": "80"}),
        ("-s :: -p 8081", {"bind": "::", "port": "8081"}),
        ("--device-timeout 5 --device-error-delay 3", {"watchdog_timeout": "5", "retry_pause": "3"}),
        ("--exit-on-no-clients 60", {"close_after": "60"}),
        ("--rotate 90 --flip-horizontal 1 --flip-vertical 0", {"rotation": "90", "hflip": "1", "vflip": "0"}),
        ("--allow-origin http://mainsail.local", {"cors_origins": "http://mainsail.local"}),
        ("--allow-origin=\\*", {"cors_origins": "*"}),
        ("--verbose --perf", {"log_level": "debug", "showfps": "1"}),
        ("--unix /run/u.sock", {"listen": "unix:/run/u.sock"}),
        ("", {"width": "640", "height": "480", "bind": "127.0.0.1", "port": "8080"}),
    ],
)
def test_flags_become_settings(flags: str, expected: dict[str, str]) -> None:
    """Flags become settings, in every spelling that getopt_long accepts."""
    values = command(f"ustreamer {flags}").values
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= values.items()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--sink=pikvm", ("--sink pikvm", "not shared in memory yet")),
        ("--h264-bitrate 5000", ("no H.264 yet",)),
        ("--workers 3", ("--workers 3", "threads are added")),
        ("-lT", ("-l", "the camera is closed")),
        ("-lT", ("-T", "damaged ones are dropped")),
        ("--brightness auto", ("--brightness auto", "/controls.json")),
        ("--flip-vertical default", ("--flip-vertical default",)),
        ("--desired-fps lots", ("--desired-fps lots",)),
        ("--bogus 3", ("--bogus 3", "no such option")),
        ("--de 3", ("--de 3", "no such option")),
    ],
)
def test_what_is_not_translated_is_named(flags: str, words: tuple[str, ...]) -> None:
    """Flags without meaning, flags that are not there yet, wrong values and unknown flags become notes."""
    assert command(f"ustreamer {flags}").has_note(*words)


def test_a_unix_socket_replaces_the_port() -> None:
    """With --unix ustreamer has no port, so its default port is not taken over."""
    assert "cam0_port" not in command("ustreamer --unix /run/u.sock").values


def test_a_login_is_never_dropped_for_an_open_port() -> None:
    """The password is not printed, and the process stays at this machine."""
    result = command("ustreamer --host 0.0.0.0 --user anna --passwd s3cret")
    assert "cam0_bind" not in result.values
    assert result.has_note("the login")
    assert "s3cret" not in result.text + "".join(result.notes)
