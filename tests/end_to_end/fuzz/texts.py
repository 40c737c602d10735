"""Texts of files: settings, kept controls, pause files, and what `soft-stream import` reads.

Hypothesis makes them of lines, so that a failing one is reported with as few lines as possible.
"""

from functools import cache

from hypothesis import strategies as st

from soft_stream.config.settings import SETTINGS, format_value
from soft_stream.migration.rules import program

Texts = st.SearchStrategy[str]

ODD_LINES = (
    "", "#", ";", "=", "cam_fps", "cam_fps==", "[", "[]", "[x", "]", "'", '"', "\\", "a=\\", "x='", 'x="', "\t=\t",
    "\ufeff", "\0", "\x1b[31m", "\u2028", "\x85", "é=ü", "export A=1", "cam_fps=5 # note", "$(reboot)", "`x`", "${A}",
)  # fmt: skip
ODD_VALUES = (
    "", "0", "1", "-1", "1e999", "nan", "inf", "-inf", "0x10", "1_0", "٣", "5.", ".5", " 5 ", "'5'", '"5', "5\\", "~",
    "/", "//", "/dev/video0", "/a b", "a/b", "..", "\0", "\x7f", "é", "🎥", "a" * 300, "9" * 400, "1" * 5000, "=",
    "[::]", "[::", "::1", "127.0.0.1", "0.0.0.0 ::", "1.2.3.4 1.2.3.4", "127.0.0.1:80", "localhost", "fe80::1%eth0",
    "http://0.0.0.0:99999", "https://[::1]:443", "unix:/run/x.sock", "unix:", "http://", "http://[", "*", "http://a *",
    "640x480", "0x0", "640X480", "99999x99999:99", "1280x720@30", "0.1 0.1 0.5 0.5", "0 0 0 0", "1 1 1 1", "a b c d",
    "Brightness=0.1", "Brightness=", "=1", "A=1 A=2", "AfMode=x", "sh -c 'x", "{device}", "sh {device} {x}", "-", "on",
    "0:0", "%", "ustreamer", "mjpg", "camera-streamer", "spyglass", "multi", "--flag 'x", "-f -1", "true", "HIGH",
)  # fmt: skip
COMMANDS = (
    'mjpg_streamer -i "input_uvc.so -d /dev/video0 -r 1280x720 -f 30" -o "output_http.so -p 8080 -w /www"',
    "ustreamer --device /dev/video0 --resolution 1280x720 --port 8080 --host 0.0.0.0 --user a --passwd b",
    "camera-streamer --camera-path=/base/soc/i2c0mux/i2c@1/imx708@1a --http-port=8080 --camera-width=1920",
    "python3 -m webcamd --width 640 --height 480 --port 8080",
    "webcamd -w 1280 -h 720",
    "crowsnest -c /x/crowsnest.conf",
    "/opt/spyglass/run.py --camera_num 0 --resolution 640x480 --fps 15",
    "libcamerify mjpg_streamer -i 'input_libcamera.so'",
    "soft-stream.py --camera 0 --bind 0.0.0.0 --port 8000 --quality HIGH",
    "MJPGStreamer",
    "sh -c 'ustreamer -p 1'",
    "spyglass",
)
PROGRAMS = ("crowsnest", "mjpg_streamer", "mjpgstreamer", "ustreamer", "camera_streamer", "spyglass", "webcamd")
VARIABLES = (
    "camera_usb_options", "camera_raspi_options", "camera_http_options", "camera", "MJPG_STREAMER_USER", "CAMERA_NUM",
    "CAMERA_OPTIONS", "INPUT_UVC_LIB", "HTTP_PORT", "RESOLUTION", "FPS", "additional_brokenfps_usb_devices", "A",
)  # fmt: skip
TITLES = ("cam 1", "cam x", "cam", "crowsnest", "server", "default", "DEFAULT", "/dev/video0", "/dev/video9", "x", "")
SHELL = ("--", "-", "&&", ";", "|", ">", "\\", "'", '"', "$A", "${A", "$(x)", "sudo", "-u", "nice", "-c", "-p", "-i")
UNIT_STARTS = (
    "ExecStart=", "ExecStart=-", "ExecStart=@", "ExecStartPre=", "ExecStart=\\\n", "ExecStart=/bin/sh -c ", "[Unit]\n",
    "Environment=", "Environment=A=1 'B=2", "EnvironmentFile=-", "WorkingDirectory=", "User=", "[Service]\n",
)  # fmt: skip


@cache
def option_names() -> list[str]:
    """Return the options of all older programs, by their tables."""
    sections = [section for name in PROGRAMS for section in program(name).sections.values()]
    return sorted({name for section in sections for rule in section.rules.values() for name in rule.names})


def values() -> Texts:
    """Return values: defaults, odd ones, and any text."""
    defaults = sorted({format_value(each.default) for each in SETTINGS.values()})
    numbers = st.one_of(st.integers(-10, 70_000).map(str), st.floats().map(str))
    return st.one_of(st.sampled_from(defaults), st.sampled_from(ODD_VALUES), numbers, st.text(max_size=12))


def quoted(value: str, how: int) -> str:
    """Return a value in one of the forms that a settings file may have, right or wrong."""
    return (value, f"'{value}'", f'"{value}"', value + "\\\n x", f"'{value}", f'"{value}\\')[how]


def of_lines(lines: Texts) -> Texts:
    """Return texts of up to eight lines."""
    return st.builds(str.join, st.sampled_from(("\n", "\n", "\n", "\r\n", "\r")), st.lists(lines, max_size=8))


def with_odd_lines(lines: Texts) -> Texts:
    """Return texts of lines, some of them odd ones."""
    return of_lines(st.one_of(lines, lines, lines, st.sampled_from(ODD_LINES), st.text(max_size=20)))


def as_bytes(texts: Texts) -> st.SearchStrategy[bytes]:
    """Return the bytes of texts, some of them in another encoding."""
    encodings = st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16"))
    encoded = st.builds(lambda text, name: text.encode(name, "replace"), texts, encodings)
    return st.one_of(encoded, encoded, encoded, st.binary(max_size=40))


def settings_texts() -> Texts:
    """Return texts of settings files."""
    prefixes = ("cam_", "cam0_", "cam0_", "cam1_", "cam99_", "cam100_", "CAM0_", "cam00_", "cam_0_", "LIBCAMERA_", "")
    keys = st.builds(str.__add__, st.sampled_from(prefixes), st.sampled_from(sorted(SETTINGS)))
    right = st.builds(quoted, values(), st.sampled_from((0, 0, 0, 1, 2, 3, 4, 5)))
    spaces = st.sampled_from(("=", "=", "=", " =", "\t= "))
    return with_odd_lines(st.builds("{}{}{}".format, keys, spaces, right))


def kept_controls() -> st.SearchStrategy[bytes]:
    """Return contents of the file that `POST /controls?keep=1` writes, and of what may be there instead."""
    names = st.sampled_from(("Brightness", "AfMode", "ScalerCrop", "é", ""))
    pairs = st.lists(st.builds("{}={}".format, names, values()), max_size=4).map(" ".join)
    keys = st.sampled_from(("controls", "controls", "controls", "port", "pause_file", "x"))
    cameras = st.sampled_from(("0", "0", "1", "", "x"))
    line = st.builds("cam{}_{}={}".format, cameras, keys, st.one_of(pairs, pairs.map("'{}'".format)))
    return as_bytes(with_odd_lines(line))


def pause_files() -> st.SearchStrategy[bytes]:
    """Return contents of a pause file: a pid, a name, or anything else."""
    odd_pids = st.sampled_from(("1", "²", "٣", "0", "9" * 4000, "../1", "self"))
    pids = st.one_of(st.integers(-1, 2**40).map(str), odd_pids)
    return as_bytes(st.one_of(pids, st.sampled_from(ODD_VALUES), st.text(max_size=300)))


def commands() -> Texts:
    """Return commands of older programs, with more words behind them."""
    word = st.one_of(st.sampled_from((*SHELL, *option_names())), st.sampled_from(ODD_VALUES), st.text(max_size=8))
    ends = st.sampled_from((" ", "", '"'))
    return st.builds("{}{}{}".format, st.sampled_from(COMMANDS), ends, st.lists(word, max_size=5).map(" ".join))


def imported_texts() -> Texts:
    """Return texts of the files, units and scripts of older programs."""
    keys = st.sampled_from(("mode", "device", "resolution", "max_fps", "port", "custom_flags", *option_names()))
    entry = st.builds("{}{}{}".format, keys, st.sampled_from((": ", "=", " = ", "", "\n  ")), values())
    title = st.sampled_from(TITLES).map("[{}]".format)
    unit_line = st.builds(str.__add__, st.sampled_from(UNIT_STARTS), st.one_of(commands(), values()))
    written = st.one_of(values(), values().map('"{}"'.format), commands().map("'{}'".format))
    exports = st.sampled_from(("", "#", "export ", "  "))
    assignment = st.builds("{}{}={}".format, exports, st.sampled_from(VARIABLES), written)
    return st.one_of(
        with_odd_lines(st.one_of(title, entry, entry)),
        with_odd_lines(unit_line).map("[Unit]\nDescription=x\n[Service]\n{}".format),
        with_odd_lines(st.one_of(assignment, commands())),
        settings_texts(),
    )
