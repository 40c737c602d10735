"""The older program webcamd, and webcam.py."""

import pytest

from tests.migration.importing import NODES, command, file


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("webcamd", {"width": "1920", "height": "1080", "fps": "60", "bind": "0.0.0.0", "port": "8090"}),
        ("python3 -m webcamd --fps 15 --host 127.0.0.1", {"fps": "15", "bind": "127.0.0.1"}),
        (
            "/usr/bin/webcamd --device /dev/video0 --frame-rate=30 --width 641",
            {"id": NODES["/dev/video0"], "width": "640"},
        ),
        ("webcam.py", {"width": "1280", "height": "720", "bind": "0.0.0.0", "port": "8080"}),
        ("python3 -u /home/pi/webcam.py --index 0 --port 8081", {"id": NODES["/dev/video0"], "port": "8081"}),
        ("webcamd --index 0 --encodewait .01", {"width": "1280", "port": "8080", "client_fps_max": "100"}),
        ("webcam.py --encodewait .05 --streamwait .1", {"client_fps_max": "10"}),
        ("webcam.py --encodewait 0.001", {}),
        ("webcam.py --rotate 0", {"rotation": "90"}),
        ("webcam.py --rotate 2", {"rotation": "270"}),
        ("webcam.py --rotate 90", {"rotation": "270"}),
        ("webcam.py --ipv 6", {"bind": ":: 0.0.0.0"}),
        ("webcam.py --ipv 6 --v6bindaddress ::1", {"bind": "::1"}),
        ("webcam.py --v4bindaddress 10.0.0.1", {"bind": "10.0.0.1"}),
        ("webcam.py --showfps --loghttp", {"showfps": "1", "loghttp": "1"}),
    ],
)
def test_flags_become_settings(line: str, expected: dict[str, str]) -> None:
    """Flags of both programs become settings, with the defaults of each."""
    values = command(line).values
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= values.items()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("webcam.py --rotate 45", ("--rotate 45", "quarter turns")),
        ("webcam.py --index 7", ("--index 7", "/dev/video7")),
        ("webcam.py --index one", ("--index one", "must be the number of a camera")),
        ("webcam.py --encodewait soon", ("--encodewait", "soon", "seconds")),
        ("webcam.py --encodewait 60", ("client_fps_max", "at least 0.5")),
        ("webcam.py --ipv 5", ("--ipv 5",)),
        ("webcam.py --v6bindaddress ::1", ("--v6bindaddress", "no effect")),
        ("webcamd --frobnicate", ("--frobnicate", "no such option")),
    ],
)
def test_what_is_not_translated_is_named(line: str, words: tuple[str, ...]) -> None:
    """Values that no setting has become notes."""
    assert command(line).has_note(*words)


@pytest.mark.parametrize(
    ("name", "start", "port"),
    [
        ("webcamd.service", "/usr/bin/webcamd", "8090"),
        ("webcam@0.service", "/usr/local/bin/webcam.py --index %I", "8080"),
    ],
)
def test_units(name: str, start: str, port: str) -> None:
    """The units that are shipped with the programs are understood, with their instance."""
    values = file(
        f"[Unit]\nDescription=Webcam\n[Service]\nType=simple\nExecStart={start}\nUser=octoprint\n", name
    ).values
    assert values["cam0_port"] == port
    assert values.get("cam0_id") == (NODES["/dev/video0"] if "@" in name else None)
