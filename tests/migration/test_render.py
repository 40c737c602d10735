"""Imported settings beside existing ones: merged in place, and always accepted by the loader."""

from soft_stream.config.network_settings import FIRST_PORT
from soft_stream.migration.arguments import Given
from soft_stream.migration.model import OlderCamera
from soft_stream.migration.render import Imported, problems_of
from soft_stream.migration.rules import program
from tests.migration.importing import FakeMachine, command, file
from tests.support.checkout import ROOT

EXISTING = """# mine
cam_fps=20
cam0_name="Left \\
one"
cam0_width=640
cam0_width=800   
cam0_height=600
; another comment
cam1_port=18090
"""  # noqa: W291


def test_values_are_replaced_in_place() -> None:
    """A key that the file has gets its new value where it is; other lines stay, new keys follow at the end."""
    text = command("ustreamer -r 1280x720 -f 15", existing=EXISTING).text
    assert text.startswith(
        '# mine\ncam_fps=20\ncam0_name="Left \\\none"\ncam0_width=1280\ncam0_height=720\n; another comment\n'
    )
    assert "cam1_port=18090\n\n# --- Imported from test ---\n" in text
    assert text.index("cam0_fps=15") > text.index("cam1_port=18090")


def test_an_import_twice_changes_nothing_more() -> None:
    """The second import finds all its lines and notes there."""
    once = command("ustreamer -r 1280x720 --workers 3", existing=EXISTING).text
    assert command("ustreamer -r 1280x720 --workers 3", existing=once).text == once


def test_the_shipped_file_stays_accepted() -> None:
    """An import into the file of the repository, with a second camera, gives a file that the loader accepts."""
    shipped = (ROOT / "camera-soft-stream.env").read_text().replace("#cam1_name=", "cam1_name=")
    result = command("mjpg_streamer -i input_uvc.so -o 'output_http.so -p 18082'", existing=shipped)
    assert "cam0_port" not in result.values
    assert result.has_note("cam0_port=18082", "camera 1 has the same") or result.has_note("cam0_port=18082")


def test_a_taken_default_port_is_avoided() -> None:
    """A camera whose default port is in use gets a free one."""
    result = command("camera-streamer --http-port=bad", existing="cam5_port=18081\n")
    assert result.values["cam0_port"] not in ("18081", "bad")
    assert problems_of(result.text) == []


def test_a_value_that_only_together_is_wrong_becomes_a_note() -> None:
    """The loader's own rules decide: what it refuses beside the others is left out."""
    result = command("ustreamer -f 1 --device-timeout 1")
    assert "cam0_watchdog_timeout" not in result.values
    assert result.has_note("cam0_watchdog_timeout=1", "at least 2")
    assert result.values["cam0_fps"] == "1"


def test_more_than_100_cameras() -> None:
    """Cameras beyond number 99 are named."""
    rules = program("ustreamer").sections["command"]
    older = [OlderCamera("x", f"camera {n}", (Given("--port", str(9000 + n), rules.rule("port")),)) for n in range(4)]
    imported = Imported(older, 98, "", FakeMachine())
    assert sorted(imported.cameras) == [98, 99]
    assert sum("camera numbers end at 99" in note for note in imported.notes) == 2


def test_two_cameras_at_one_port() -> None:
    """The note says which port the second one has; the number of a line that the reader does not have is left out."""
    result = file("[cam 1]\nport: 8081\n[cam 2]\nport: 8081\n")
    assert result.values["cam0_port"] == "8081"
    note = next(each for each in result.notes if "cam1_port=8081" in each)
    assert note.endswith(f"each camera needs its own; here it is {FIRST_PORT + 1}")
    assert "line" not in note
