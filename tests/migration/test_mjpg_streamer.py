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
        ("-d /dev/video2", {"source": "v4l2", "device": "/dev/video2"}),
        ("--device=/dev/v4l/by-id/usb-cam", {"source": "v4l2", "device": "/dev/v4l/by-id/usb-cam"}),
        ("-d /dev/video4", {"id": NODES["/dev/video4"]}),
        ("-r 1280x720", {"width": "1280", "height": "720"}),
        ("-resolution VGA", {"width": "640", "height": "480"}),
        ("--res 801x601", {"width": "800", "height": "600"}),
        ("-f 15 -q 85 -y", {"fps": "15", "quality": "85", "pixel_format": "yuyv"}),
        ("-q 0", {"quality": "1"}),
        ("-rot 270 -hf true -vf false", {"rotation": "270", "hflip": "1", "vflip": "0"}),
        ("-f 30 -e 3", {"client_fps_max": "10"}),
        ("-softfps 5 -timeout 20", {"client_fps_max": "5", "watchdog_timeout": "20"}),
        ("-u", {"pixel_format": "uyvy"}),
        (
            "-br 128 -co 32 -sa 64 -sh 3 -bk 1",
            {"controls": "brightness=128 contrast=32 saturation=64 sharpness=3 backlight_compensation=1"},
        ),
        (
            "-br auto -wb auto -ex auto -gain auto",
            {"controls": "brightness_automatic=1 white_balance_automatic=1 auto_exposure=0 gain_automatic=1"},
        ),
        (
            "-wb 4600 -ex 250 -gain 8",
            {
                "controls": "white_balance_automatic=0 white_balance_temperature=4600 "
                "auto_exposure=1 exposure_time_absolute=250 gain_automatic=0 gain=8"
            },
        ),
        ("-ex aperature-priority -pl 50hz", {"controls": "auto_exposure=3 power_line_frequency=1"}),
        (
            "",
            {
                "source": "v4l2",
                "device": "/dev/video0",
                "width": "640",
                "height": "480",
                "bind": "0.0.0.0",
                "port": "8080",
            },
        ),
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
        ("-d video7", "-d video7: must be an absolute path here"),
        ("-br much", "-br much: must be a whole number, or one of the words"),
        ("-ex dark", "-ex dark: must be a whole number, or one of the words of mjpg-streamer's help"),
        ("-d /dev/video4 -br 128", "brightness=128: the unit is that of a webcam's driver"),
        ("-t pal", "-t pal: cam_open_command=v4l2-ctl -d {device} --set-standard=pal"),
        ("-cb auto", "mjpg-streamer sets the hue instead"),
        ("-rot 45", "-rot 45: only quarter turns are possible"),
        ("-colour blue", "-colour blue: mjpg-streamer has no such option"),
        ("-f", "-f: its value is missing"),
        ("-l auto", "-l auto: mjpg-streamer ignores it, too"),
        ("stray", "stray: mjpg-streamer has no such option"),
        ("-dv_timings", "--set-dv-bt-timings query"),
    ],
)
def test_what_is_not_translated_is_named(options: str, note: str) -> None:
    """A wrong value, an unknown option and one without meaning become notes, and comments in the result."""
    result = command(f'mjpg_streamer -i "input_uvc.so {options}" -o "output_http.so -n"')
    assert result.has_note(note)
    assert note in result.text


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
        (
            "-i 'input_file.so -f /tmp/in -d 0.5 -r'",
            {"source": "folder", "folder": "/tmp/in", "fps": "2", "folder_mode": "new", "folder_delete": "1"},
        ),
        ("-i 'input_file.so -f /tmp/in -n a.jpg'", {"folder_mode": "new", "folder_file": "a.jpg"}),
        ("-i 'input_file.so -f /tmp/in -e'", {"folder_mode": "loop"}),
        ("-i input_http.so", {"source": "http", "url": "http://localhost:8080/?action=stream"}),
        ("-i 'input_http.so -H cam -p 81'", {"url": "http://cam:81/?action=stream"}),
        ("-i 'input_http.so -H fd00::7'", {"url": "http://[fd00::7]:8080/?action=stream"}),
        ("-i 'input_ptp2.so -u 200000'", {"source": "gphoto", "fps": "5"}),
        ("-b -i input_opencv.so -o 'output_http.so -n'", {"width": "640", "device": "/dev/video0", "port": "8080"}),
        ("-i 'input_opencv.so -d 2 -f 10'", {"source": "v4l2", "device": "/dev/video2", "fps": "10"}),
        ("-i 'input_opencv.so -d /srv/a.mkv'", {"source": "media", "url": "/srv/a.mkv"}),
        ("-i 'input_opencv.so -d rtsp://10.0.0.5/1'", {"source": "media", "url": "rtsp://10.0.0.5/1"}),
    ],
)
def test_other_inputs(line: str, expected: dict[str, str]) -> None:
    """The other sources become settings, too."""
    result = command(f"./mjpg_streamer {line}")
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= result.values.items()


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("-i 'input_file.so -f /tmp/in -e -n a.jpg'", "-n a.jpg: it has no effect together with -e"),
        ("-i 'input_http.so -p http'", "-p http: must be a whole number from 1 to 65535"),
        ("-i 'input_opencv.so -d /srv/a.mkv -r 800x600'", "changes neither the size nor the rate of a file"),
        ("-i 'input_opencv.so -filter cvfilter_cpp.so'", "there are no filter plugins"),
        ("-i input_uvc.so -o 'output_file.so -f /srv/a -s 0'", "-s 0: must be a whole number of files"),
        ("-i input_uvc.so -o 'output_file.so -f /srv/a -m a.mjpg -s 9'", "-s 9: it has no effect together with -m"),
        ("-i input_uvc.so -o 'output_file.so -f /srv/a -e 5'", "-e 5: there are never more files"),
        ("-i input_uvc.so -o output_file.so -o 'output_file.so -f /srv/b'", "-f /srv/b: a camera has one of these"),
        ("-i input_uvc.so -o 'output_file.so -i 2'", "there is no input 2"),
        ("-i input_uvc.so -o output_viewer.so", "soft-stream view"),
    ],
)
def test_options_of_plugins_that_are_named(line: str, note: str) -> None:
    """What an option of a plugin cannot become here is said."""
    assert command(f"mjpg_streamer {line}").has_note(note)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"save": "/tmp", "save_size": "0"}),
        ("-f /srv/frames -d 500 -s 100", {"save": "/srv/frames", "save_interval": "0.5", "save_count": "100"}),
        ("-f /srv/frames -s -1", {"save": "/srv/frames"}),
        ("-l last.jpg -c /bin/gzip", {"save_link": "last.jpg", "save_command": "/bin/gzip"}),
        ("--folder /srv/frames --mjpeg all.mjpg", {"save": "/srv/frames", "save_as": "mjpeg"}),
    ],
)
def test_options_of_output_file(options: str, expected: dict[str, str]) -> None:
    """Frames are saved in the same folder, at the same rate and with the same limit."""
    result = command(f"mjpg_streamer -i input_uvc.so -o output_http.so -o 'output_file.so {options}'")
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= result.values.items()
    assert result.values["cam0_port"] == "8080"


def test_options_of_output_zmqserver() -> None:
    """Frames are published at the same address, in packages of three unless an option says how many."""
    line = "mjpg_streamer -i input_uvc.so -o 'output_zmqserver.so -a tcp://127.0.0.1:5555{}'"
    values = command(line.format("")).values
    assert (values["cam0_zmq"], values["cam0_zmq_frames"]) == ("tcp://127.0.0.1:5555", "3")
    assert command(line.format(" --buffer_size 5")).values["cam0_zmq_frames"] == "5"


def test_an_output_belongs_to_one_input() -> None:
    """Frames of one camera are saved and published, of all of them are served."""
    values = command(
        "mjpg_streamer -i 'input_file.so -f /srv/a' -i 'input_file.so -f /srv/b' -o output_http.so "
        "-o 'output_file.so -f /srv/saved -i 1' -o 'output_zmqserver.so -a ipc:///run/z'"
    ).values
    assert (values["cam1_save"], values["cam0_zmq"]) == ("/srv/saved", "ipc:///run/z")
    assert not {"cam0_save", "cam1_zmq"} & values.keys()


@pytest.mark.parametrize("plugin", ["input_control", "output_rtsp", "output_udp", "output_viewer"])
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
    assert result.values["cam0_www"] == "/var/local/www"
    assert "cam1_width" not in result.values


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", {"width": "640", "fps": "10", "bind": "127.0.0.1", "port": "8080"}),
        ('camera_usb_options="-r 1280x720 -f 15 -d /dev/video0"', {"width": "1280", "device": "/dev/video0"}),
        ('camera="raspi"\ncamera_raspi_options="-x 1920 -y 1080 -fps 20"', {"width": "1920", "fps": "20"}),
        ('camera_http_options="-n -p 8090"', {"port": "8090", "bind": "0.0.0.0"}),
    ],
)
def test_octopi(lines: str, expected: dict[str, str]) -> None:
    """octopi.txt is recognised even if all its lines are comments; OctoPi's own defaults count."""
    result = file(f"{OCTOPI}{lines}\n", "octopi.txt")
    assert {f"cam0_{name}": value for name, value in expected.items()}.items() <= result.values.items()


def test_octopi_takes_the_first_webcam() -> None:
    """OctoPi's script looks for a webcam; /dev/video0 may be another device."""
    values = file(OCTOPI, "octopi.txt").values
    assert values["cam0_source"] == "v4l2"
    assert "cam0_device" not in values


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
    assert file(unit, "mjpg_streamer@video0.service").values["cam0_device"] == "/dev/video0"


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
