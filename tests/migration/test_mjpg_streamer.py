"""mjpg-streamer's command line, its plugins, /etc/default/mjpg-streamer, and OctoPi's octopi.txt."""

import pytest

from tests.migration.importing import NODES, command, file

OCTOPI = """### Additional options to supply to MJPG Streamer for the USB camera
#camera_usb_options="-r 640x480 -f 10"
#camera_http_webroot="./www-octopi"
#camera_http_options="-n"
"""
DEFAULT_FILE = """MJPG_STREAMER_USER=webcam
BASEDIR=/usr/local
LIB_DIR=${BASEDIR}/lib/mjpg-streamer
# https://github.com/OctoPrint/OctoPrint/wiki/Webcams-known-to-work
CAMERA_OPTIONS="-r 1280x720 -f 30"
DAEMON=${BASEDIR}/bin/mjpg_streamer
INPUT_UVC_LIB=${LIB_DIR}/input_uvc.so
OUTPUT_HTTP_LIB=${LIB_DIR}/output_http.so
WWW_ROOT=/var/local/www
UMASK=000
START=yes
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-d /dev/video0", {"id": NODES["/dev/video0"]}),
        ("--device=/dev/video0", {"id": NODES["/dev/video0"]}),
        ("-r 1280x720", {"width": "1280", "height": "720"}),
        ("-resolution VGA", {"width": "640", "height": "480"}),
        ("--res 801x601", {"width": "800", "height": "600"}),
        ("-f 15 -q 85 -y", {"fps": "15", "quality": "85", "pixel_format": "yuyv"}),
        ("-q 0", {"quality": "1"}),
        ("-rot 270 -hf true -vf false", {"rotation": "270", "hflip": "1", "vflip": "0"}),
        ("-f 30 -e 3", {"client_fps_max": "10"}),
        ("-softfps 5 -timeout 20", {"client_fps_max": "5", "watchdog_timeout": "20"}),
        ("", {"width": "640", "height": "480", "bind": "0.0.0.0", "port": "8080"}),
    ],
)
def test_options_of_input_uvc(options: str, expected: dict[str, str]) -> None:
    """Options of a webcam become settings, in every spelling that getopt_long_only accepts."""
    result = command(f'mjpg_streamer -i "input_uvc.so {options}"')
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= result.values.items()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-x 1640 -y 1232 -fps 12", {"width": "1640", "height": "1232", "fps": "12"}),
        ("", {"width": "640", "fps": "5", "quality": "85"}),
        ("-hf -vf -rot 90", {"hflip": "1", "vflip": "1", "rotation": "90"}),
        ("-br 60 -co 20 -ISO 200", {"controls": "Brightness=0.2 Contrast=1.2 AnalogueGain=2"}),
        ("-ex night -awb sun -mm spot", {"controls": "AeExposureMode=2 AwbMode=5 AeMeteringMode=1"}),
    ],
)
def test_options_of_input_raspicam(options: str, expected: dict[str, str]) -> None:
    """Options of the CSI camera become settings, with libcamera's units."""
    result = command(f"mjpg_streamer -i 'input_raspicam.so {options}' -o output_http.so")
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= result.values.items()


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ("-f 500", "-f 500: cam_fps must be a number from 0.1 to 240"),
        ("-r big", "-r big: must be WIDTHxHEIGHT"),
        ("-d /dev/video7", "libcamera's id for /dev/video7 cannot be found here"),
        ("-br 128", "-br 128: the unit is that of the camera's driver"),
        ("-rot 45", "-rot 45: only quarter turns are possible"),
        ("-colour blue", "-colour blue: mjpg-streamer has no such option"),
        ("-f", "-f: its value is missing"),
        ("-l auto", "-l auto: libcamera has no control for the LED"),
        ("stray", "stray: mjpg-streamer has no such option"),
        ("-dv_timings", "this program does not capture screens"),
    ],
)
def test_what_is_not_translated_is_named(options: str, note: str) -> None:
    """A wrong value, an unknown option and one without meaning become notes, and comments in the result."""
    result = command(f'mjpg_streamer -i "input_uvc.so {options}" -o "output_http.so -n"')
    assert result.has_note(note)
    assert note in result.text


def test_a_missing_id_leaves_a_line_for_it() -> None:
    """Where the device is not connected, the result has a commented line for the id."""
    assert "\n#cam0_id=\n" in command('mjpg_streamer -i "input_uvc.so -d /dev/video7"').text


def test_a_login_keeps_the_process_at_this_machine() -> None:
    """A login of output_http is never replaced by an open port, and its password is not printed."""
    result = command('mjpg_streamer -i input_uvc.so -o "output_http.so -p 8090 -l 0.0.0.0 -c joe:s3cret"')
    assert "cam0_bind" not in result.values
    assert result.values["cam0_port"] == "8090"
    assert result.has_note("the login", "127.0.0.1")
    assert "s3cret" not in result.text + "".join(result.notes)


def test_a_wrong_address_opens_nothing() -> None:
    """An address that is none does not become that of all interfaces."""
    result = command('mjpg_streamer -i input_uvc.so -o "output_http.so -l eth0"')
    assert "cam0_bind" not in result.values
    assert result.has_note("-l eth0", "IP addresses")


def test_each_input_plugin_becomes_a_camera() -> None:
    """Two inputs at one port become two cameras, each with its own port."""
    result = command(
        'mjpg_streamer -i "input_uvc.so -d /dev/video0" -i input_raspicam.so -o "output_http.so -p 8080"', first=2
    )
    assert (result.values["cam2_port"], result.values.get("cam3_port")) == ("8080", None)
    assert (result.values["cam2_bind"], result.values["cam3_bind"]) == ("0.0.0.0", "0.0.0.0")
    assert result.values["cam3_fps"] == "5"
    assert result.has_note("cam3", "all cameras at one port")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-i 'input_testpicture.so -r 320x240 -d 500'", {"source": "test-pattern", "width": "320", "fps": "2"}),
        ("-i 'input_file.so -f /tmp/in -d 0.5 -r'", {"source": "folder", "folder": "/tmp/in", "fps": "2"}),
        ("-b -i input_opencv.so -o 'output_http.so -n'", {"width": "640", "port": "8080"}),
    ],
)
def test_other_inputs(line: str, expected: dict[str, str]) -> None:
    """The other sources become settings, too."""
    result = command(f"./mjpg_streamer {line}")
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= result.values.items()


@pytest.mark.parametrize("plugin", ["input_http", "input_ptp2", "output_file", "output_rtsp", "output_viewer"])
def test_plugins_without_an_equivalent_are_named(plugin: str) -> None:
    """A plugin that has no equivalent is named, and the rest is translated."""
    option = "-i" if plugin.startswith("input") else "-i input_uvc.so -o output_http.so -o"
    result = command(f'mjpg_streamer {option} "{plugin}.so -p 99"')
    assert result.has_note(plugin)
    assert result.values["cam0_port"] == "8080"


def test_the_default_file() -> None:
    """/etc/default/mjpg-streamer has the options in variables that refer to each other."""
    result = file(DEFAULT_FILE, "mjpg-streamer")
    expected = {"cam0_width": "1280", "cam0_height": "720", "cam0_fps": "30", "cam0_port": "8080"}
    assert expected.items() <= result.values.items()
    assert result.has_note("WWW_ROOT=/var/local/www")
    assert "cam1_width" not in result.values


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", {"width": "640", "fps": "10", "bind": "127.0.0.1", "port": "8080"}),
        ('camera_usb_options="-r 1280x720 -f 15 -d /dev/video0"', {"width": "1280", "id": NODES["/dev/video0"]}),
        ('camera="raspi"\ncamera_raspi_options="-x 1920 -y 1080 -fps 20"', {"width": "1920", "fps": "20"}),
        ('camera_http_options="-n -p 8090"', {"port": "8090", "bind": "0.0.0.0"}),
    ],
)
def test_octopi(lines: str, expected: dict[str, str]) -> None:
    """octopi.txt is recognised even if all its lines are comments; OctoPi's own defaults count."""
    result = file(f"{OCTOPI}{lines}\n", "octopi.txt")
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= result.values.items()


def test_octopi_s_file_of_one_camera() -> None:
    """A file of octopi.conf.d may have a single variable."""
    assert file('camera_raspi_options="-fps 20"\n', "cam2.txt").values["cam0_fps"] == "20"


def test_a_script_with_variables() -> None:
    """A script that starts mjpg_streamer is read like its command line."""
    script = (
        "#!/bin/sh\n# mjpg_streamer -i old\nSIZE=1024x768\nexport LD_LIBRARY_PATH=.\n"
        'exec ./mjpg_streamer \\\n  -i "input_uvc.so -r $SIZE" \\\n  -o "output_http.so -w ./www" >/dev/null 2>&1 &\n'
    )
    result = file(script, "start.sh")
    assert result.values["cam0_width"] == "1024"
    assert not result.has_note("/dev/null")
    assert "cam1_width" not in result.values


def test_a_unit_with_an_instance() -> None:
    """The instance of a template unit is in its file name."""
    unit = "[Service]\nExecStart=/usr/bin/mjpg_streamer -i 'input_uvc.so -d /dev/%I' -o 'output_http.so -n'\n"
    assert file(unit, "mjpg_streamer@video0.service").values["cam0_id"] == NODES["/dev/video0"]


@pytest.mark.parametrize(
    "text",
    [
        "START_MJPG_STREAMER=true\nMJPG_STREAMER_OPTS=\"-i 'input_uvc.so -r 800x600' -o 'output_http.so -p 8090'\"\n",
        'INPUT="input_uvc.so -r 800x600"\nOUTPUT="output_http.so -p 8090"\n',
        "BIN=/usr/bin/mjpg_streamer\n$BIN -i 'input_uvc.so -r 800x600' -o 'output_http.so -p 8090' &\n",
        "[Service]\nExecStart=/bin/sh -c \"mjpg_streamer -i 'input_uvc.so -r 800x600' -o 'output_http.so -p 8090'\"\n",
    ],
)
def test_other_files_with_plugins(text: str) -> None:
    """Variables with plugins or options, a variable for the program, and a command in a shell are understood, too."""
    values = file(text, "mjpg-streamer").values
    assert (values["cam0_width"], values["cam0_height"], values["cam0_port"]) == ("800", "600", "8090")
