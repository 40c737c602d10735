"""Arbitrary input is imported, or refused with a sentence; the result always passes the loader."""

import random
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from soft_stream.migration import rules
from soft_stream.migration.recognise import KINDS, cameras_of_command, cameras_of_text
from soft_stream.migration.render import Imported, problems_of
from soft_stream.migration.scripts import EXECUTABLES
from soft_stream.migration.words import Unreadable
from tests.migration.importing import FakeMachine, command, file

ODD = ["", " ", "-", "--", "-1", "0", "1e999", "nan", "\u0661", "x" * 300, "a b", "'", '"', "\\", "$X", "${X",
       "\u202e", "=", "#", "1x1", "99999x99999", "/dev/video0", "0.0.0.0", "::", "*", "a=b", "true",
       "\x1b[31m", "\ud7ff", "5,5", "unix:/x"]  # fmt: skip
TABLES = sorted(Path(rules.__file__).parent.glob("tables/*.toml"))
OPTIONS = [name for path in TABLES for section in tomllib.loads(path.read_text()).values() if isinstance(section, dict)
           for names in section.get("options", {}) for name in names.split()]  # fmt: skip


def accepted(cameras: list[object]) -> None:
    """Check that the result of an import passes the loader."""
    imported = Imported(cameras, None, "", FakeMachine())  # type: ignore[arg-type]
    text = imported.text("test")
    assert problems_of(text) == []
    assert all(note.isprintable() for note in imported.notes)


def random_commands(count: int) -> Iterator[list[str]]:
    """Yield commands of the older programs with their options and odd values."""
    chance = random.Random(14)  # noqa: S311 # the same inputs in every run
    programs = sorted(EXECUTABLES)
    for _ in range(count):
        words = [chance.choice(programs)]
        for _ in range(chance.randrange(6)):
            option = chance.choice(["-", "--"]) + chance.choice(OPTIONS)
            value = chance.choice(ODD)
            words += chance.choice([[f"{option}={value}"], [option, value], [option], [value], [f"{option}{value}"]])
        if "mjpg" in words[0]:
            words += ["-i", f"input_{chance.choice(['uvc', 'raspicam', 'file', 'none'])}.so {' '.join(words[1:])}"]
        yield words


def random_texts(count: int) -> Iterator[str]:
    """Yield files of keys, sections and continued lines with odd values."""
    chance = random.Random(41)  # noqa: S311 # the same inputs in every run
    sections = ["[cam 1]", "[crowsnest]", "[server]", "[default]", "[/dev/video0]", "[Service]", "[cam x", "[]"]
    keys = ["cam0_", "cam1_", "cam_", "cam99_", "", "ExecStart", "export "]
    for _ in range(count):
        lines = []
        for _ in range(chance.randrange(12)):
            key = chance.choice(keys) + chance.choice([*OPTIONS, "id", "index", "port"])
            value = chance.choice([*ODD, f"{chance.choice(sorted(EXECUTABLES))} --{chance.choice(OPTIONS)} 5"])
            line = chance.choice([f"{key}={value}", f"{key}: {value}", chance.choice(sections), value, f"{key} \\"])
            lines.append(line)
        yield "\n".join(lines)


def test_random_commands() -> None:
    """No command makes a traceback, and each result passes the loader."""
    imported = 0
    for words in random_commands(1500):
        try:
            cameras = cameras_of_command(words)
        except Unreadable:
            continue
        accepted([*cameras])
        imported += 1
    assert imported > 1000


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_random_texts(kind: str | None) -> None:
    """No file makes a traceback, whatever kind it is said to be, and each result passes the loader."""
    imported = 0
    for text in random_texts(300):
        try:
            cameras = cameras_of_text(text, "x@y.service", kind)
        except Unreadable:
            continue
        accepted([*cameras])
        imported += 1
    assert imported > 0


def test_random_characters() -> None:
    """Noise is refused, or the result of its import is valid."""
    chance = random.Random(7)  # noqa: S311 # the same inputs in every run
    characters = string.printable + "\u00e9\u2028\u0661\x1c=[]'\""
    for _ in range(500):
        text = "".join(chance.choice(characters) for _ in range(chance.randrange(200)))
        try:
            accepted([*cameras_of_text(text, "noise")])
        except Unreadable:
            continue


@pytest.mark.parametrize(
    "text",
    [
        "hello world\n",
        "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/bin/true\n",
        "sudo apt install ustreamer\n",
        "[section]\nkey=value\n",
        "PATH=/usr/bin\nHOME=/root\n",
    ],
)
def test_nothing_recognised(text: str) -> None:
    """A text of no older program is refused."""
    with pytest.raises(Unreadable):
        file(text)


def test_octopi_s_unit_names_its_file() -> None:
    """The unit of OctoPi's script has no options; the message says which file has them."""
    unit = "[Unit]\nConditionPathExists=/etc/octopi_streamer/mjpeg\n[Service]\nExecStart=/root/bin/webcamd\n"
    with pytest.raises(Unreadable, match=r"octopi\.txt"):
        file(unit, "webcamd.service")


def test_a_kind_that_is_given_decides() -> None:
    """--from names the program of flags that have none, or of a program under another name."""
    assert command("--device /dev/video0 --port 81", kind="ustreamer").values["cam0_port"] == "81"
    assert command("/opt/my-streamer --port 81", kind="ustreamer").values["cam0_port"] == "81"
    assert file("-p 81 \\\n -r 800x600\n", kind="ustreamer").values["cam0_width"] == "800"
    assert file('camera="raspi"\n', kind="octopi").values["cam0_fps"] == "10"
    assert file("FPS=12\n", kind="spyglass").values["cam0_fps"] == "12"
    assert file("INPUT='input_uvc.so -r 800x600'\n", kind="mjpg-streamer").values["cam0_width"] == "800"


@pytest.mark.parametrize("kind", ["mjpg-streamer", "octopi", "spyglass"])
def test_a_kind_that_is_given_makes_no_camera_of_its_defaults(kind: str) -> None:
    """A file that has no option of the program is refused: a camera of defaults only would lose what it has."""
    script = "#!/bin/sh\nNAME=mjpg\ndocker run --name $NAME img mjpg_streamer -i 'input_uvc.so -r 1280x720'\n"
    with pytest.raises(Unreadable, match="nothing of an older program"):
        file(script, "start.sh", kind)


@pytest.mark.parametrize(
    "line", ["LD_LIBRARY_PATH=/opt ustreamer -p 81", "sudo -u pi ustreamer -p 81", "exec ustreamer -p 81 &"]
)
def test_a_command_inside_a_script(line: str) -> None:
    """What a shell puts around a command is no part of it."""
    result = file(f"#!/bin/sh\n{line}\n", "start.sh")
    assert result.values["cam0_port"] == "81"
    assert not result.has_note("&")


def test_a_line_that_is_no_command_does_not_matter() -> None:
    """Text with an apostrophe beside the command is no reason to refuse a script."""
    result = file("#!/bin/sh\n# it isn't \\\necho ustreamer isn't running\nustreamer -p 81\n", "start.sh")
    assert result.values["cam0_port"] == "81"


@pytest.mark.parametrize("name", ["webcam1.service", "camera-soft-cam1.service"])
def test_only_the_predecessor_s_units_have_numbers(name: str) -> None:
    """A number at the end of another unit's name is not the number of a camera."""
    result = file("[Service]\nExecStart=/usr/bin/soft-stream.py --port 18090\n", name)
    assert f"cam{int(name.startswith('camera'))}_port" in result.values


def test_files_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    """A unit names its working directory, where MJPGStreamer looks for its file."""
    (tmp_path / "mjpgstreamer.conf").write_text("[server]\nport=8091\n[/dev/video0]\n")
    unit = f"[Service]\nExecStart=python3 mjpgstreamer.py\nWorkingDirectory={tmp_path}\n"
    assert file(unit, "mjpgstreamer.service").values["cam0_port"] == "8091"


def test_an_unknown_option_does_not_show_a_password() -> None:
    """The value of an option that no table has is not shown if its name is that of a secret."""
    assert command("ustreamer --password s3cret").has_note("--password (not shown)")
