"""Who could reach the camera of an older program, and who can reach it after the import."""

import pytest

from soft_stream.migration.takeover import UnitText, settings_of, translated
from tests.migration.importing import FakeMachine, Result, command, file
from tests.migration.test_spyglass import CONF as SPYGLASS

EVERYWHERE = "0.0.0.0"
MJPG = 'mjpg_streamer -i "input_uvc.so" -o "output_http.so'


def is_open(result: Result) -> bool:
    """Return True if the camera is open to the network; the comment says so, and how it gets a login."""
    comments = [line for line in result.text.splitlines() if line.startswith("#") and "was open to the network" in line]
    found = result.values.get("cam0_open_to_network") == "1"
    assert len(comments) == found
    assert all("soft-stream user add NAME, and cam0_open_to_network=0" in line for line in comments)
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f'{MJPG}"', True),
        (f'{MJPG} -l 127.0.0.1"', False),
        (f'{MJPG} -c anna:secret"', False),
        ("ustreamer", False),
        (f"ustreamer --host {EVERYWHERE}", True),
        ("ustreamer --host ::", True),
        ("ustreamer --host 192.168.1.7", True),
        (f"ustreamer --host {EVERYWHERE} --user anna --passwd secret", False),
        ("ustreamer --unix /run/u.sock", False),
        ("camera-streamer", False),
        (f"camera-streamer --http-listen={EVERYWHERE}", True),
        ("python3 run.py --bindaddress 127.0.0.1", False),
        ("spyglass", True),
        ("webcamd", True),
        ("webcamd --host 127.0.0.1", False),
        ("webcam.py", True),
        ("webcam.py --ipv 6 --v6bindaddress ::1", False),
    ],
)
def test_commands(line: str, *, expected: bool) -> None:
    """A camera is open where the older program was; not on loopback, and not where it asked for a login."""
    assert is_open(command(line, "spyglass" if "run.py" in line else None)) == expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("[crowsnest]\n[cam 1]\nmode: ustreamer\nport: 8080\ndevice: /dev/video0\n", "crowsnest.conf", False),
        ("[crowsnest]\nno_proxy: true\n[cam 1]\nmode: ustreamer\nport: 8080\ndevice: /dev/video0\n", "a.conf", True),
        (SPYGLASS.replace("false", "true"), "spyglass.conf", True),
        (SPYGLASS, "spyglass.conf", False),
        ('camera="usb"\ncamera_http_options="-n -p 8090"\n', "octopi.txt", True),
        ("[default]\n[server]\nlisten=\nport=8090\n[/dev/video0]\n", "mjpgstreamer.conf", True),
        ("[server]\nport=8090\nkeyfile=/k\ncertfile=/c\n[/dev/video0]\n", "mjpgstreamer.conf", True),
        ("[server]\nlisten=127.0.0.1\nport=8090\n[/dev/video0]\n", "mjpgstreamer.conf", False),
    ],
)
def test_files(text: str, name: str, *, expected: bool) -> None:
    """The same holds for settings files, also where only HTTPS is left at the older port."""
    assert is_open(file(text, name)) == expected


def test_a_login_says_what_to_do() -> None:
    """The note has the command that adds a user, and the address to set afterwards."""
    result = command(f"ustreamer --host {EVERYWHERE} --user anna --passwd s3cret")
    assert result.has_note("soft-stream user add NAME", f"camN_bind={EVERYWHERE}")
    assert "s3cret" not in result.text


def test_a_login_is_not_lost_beside_an_address_of_all_cameras() -> None:
    """The camera stays at this machine although the others are open; an address that the owner sets for it counts."""
    line = f"ustreamer --host {EVERYWHERE} --port 8088 --user anna --passwd s3cret"
    everyone = f"cam_bind={EVERYWHERE}\ncam_open_to_network=1\n"
    result = command(line, existing=everyone)
    assert result.values["cam0_bind"] == "127.0.0.1 ::1"
    assert result.values["cam_bind"] == EVERYWHERE
    again = command(line, existing=result.text)
    assert again.text == result.text
    own = f"{everyone}cam0_bind=192.168.1.7\n"
    assert command(line, existing=own).values["cam0_bind"] == "192.168.1.7"


def test_the_decision_of_the_owner_counts() -> None:
    """A camera that the existing settings have closed stays closed."""
    assert command("webcamd", existing="cam0_open_to_network=0\n").values["cam0_open_to_network"] == "0"


def test_an_address_that_is_not_imported_opens_nothing() -> None:
    """If the loader refuses the address beside the existing settings, the camera is not opened."""
    existing = f"cam1_name=Bed\ncam1_port=8080\ncam1_listen=http://{EVERYWHERE}:18081\n"
    result = command(f"ustreamer --host {EVERYWHERE} --port 18081", existing=existing)
    if "cam0_bind" not in result.values:
        assert "cam0_open_to_network" not in result.values


@pytest.mark.parametrize(
    ("flags", "installed", "expected"),
    [
        (f"--bind {EVERYWHERE}", "cam0_name=A\n", True),
        ("--bind 127.0.0.1", "cam0_name=A\n", False),
        ("", "cam0_name=A\n", False),
        (f"--bind {EVERYWHERE}", "cam0_name=A\ncam_open_to_network=0\n", False),
    ],
)
def test_units_of_soft_stream_portal(flags: str, installed: str, *, expected: bool) -> None:
    """The address of the unit decides; a setting that is there already is not overruled."""
    unit = UnitText(
        "soft-stream-cam@0.service", 0, f"[Service]\nExecStart=/usr/bin/python3 /a/soft-stream.py {flags}\n"
    )
    taken = settings_of([unit], installed, FakeMachine())
    assert ("cam0_open_to_network=1" in (taken.text or "").splitlines()) == expected
    assert any("was open to the network" in note for note in taken.notes) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"cam0_bind={EVERYWHERE}\n", True),
        (f"cam_bind={EVERYWHERE}\ncam0_name=A\n", True),
        ("cam0_bind=127.0.0.1\n", False),
        (f"cam0_bind={EVERYWHERE}\ncam_open_to_network=0\n", False),
    ],
)
def test_files_of_soft_stream_portal(text: str, *, expected: bool) -> None:
    """A file whose words are translated in place gets the line, too; the settings of this program stay."""
    result = translated(text, FakeMachine()).text or ""
    assert ("cam0_open_to_network=1" in result.splitlines()) == expected
