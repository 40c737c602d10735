"""Scripts that start an older program, and commands that another program starts."""

from pathlib import Path

import pytest

from soft_stream.migration.words import Unreadable
from tests.migration.importing import command, file

OCTOPI_SCRIPT = """#!/bin/bash
HOME_OF_IT=/home/pi/mjpg-streamer
camera="auto"
camera_usb_options="-r 800x600 -f 12"
if [ -e "/boot/octopi.txt" ]; then
    source "/boot/octopi.txt"
fi
function runMjpgStreamer {
    input=$1
    LD_LIBRARY_PATH=. ./mjpg_streamer -o "output_http.so -w ./www" -i "$input"
}
"""


@pytest.mark.parametrize(
    "line",
    [
        "cd /home/pi/mjpg-streamer && ./mjpg_streamer -i 'input_uvc.so' -o 'output_http.so -p 8095' >/dev/null 2>&1 &",
        "if ! pgrep mjpg_streamer; then mjpg_streamer -i 'input_uvc.so' -o 'output_http.so -p 8095'; fi",
        "( sleep 5; mjpg_streamer -i 'input_uvc.so' -o 'output_http.so -p 8095' | logger )",
    ],
)
def test_commands_of_a_line(line: str) -> None:
    """A command may be anywhere in a line; folders and arguments with the name of a program are none."""
    result = file(f"#!/bin/sh\n{line}\n", "start.sh")
    assert {key: result.values[key] for key in ("cam0_port", "cam0_width")} == {
        "cam0_port": "8095", "cam0_width": "640",
    }  # fmt: skip
    assert "cam1_port" not in result.values
    assert not result.has_note("no such option")


def test_several_commands_in_a_line() -> None:
    """Each of them is a camera."""
    values = file("#!/bin/sh\nustreamer -p 8091 & ustreamer -p 8092 &\n", "start.sh").values
    assert (values["cam0_port"], values["cam1_port"]) == ("8091", "8092")


def test_the_script_of_octopi() -> None:
    """Its plugin is a variable of a function: the variables for its options count, and its file is named."""
    result = file(OCTOPI_SCRIPT, "webcamDaemon")
    assert (result.values["cam0_width"], result.values["cam0_fps"]) == ("800", "12")
    assert result.has_note("/boot/octopi.txt", "import it")
    assert not result.has_note("HOME_OF_IT")


def test_a_plugin_in_an_unknown_variable() -> None:
    """A plugin that is a parameter of a script is named as such."""
    result = file('#!/bin/sh\n./mjpg_streamer -i "$1" -o "output_http.so -p 8095"\n', "start.sh")
    assert result.values["cam0_port"] == "8095"
    assert result.has_note("$1", "the variable is not known here")


def test_defaults_of_variables() -> None:
    """A shell's default counts where a variable has no value."""
    script = "WIDTH=\nustreamer -p ${PORT:-8095} -r ${WIDTH:-800}x${HEIGHT-600} -s $ADDRESS\n"
    result = file(script, "start.sh")
    assert (result.values["cam0_port"], result.values["cam0_width"], result.values["cam0_height"]) == (
        "8095", "800", "600",
    )  # fmt: skip
    assert result.has_note("-s $ADDRESS", "the variable is not known here")


def test_the_command_of_a_shell() -> None:
    """Redirections of `sh -c` are no options."""
    result = command("/bin/bash -c 'cd /opt && exec ustreamer -p 8095 >/dev/null 2>&1'")
    assert result.values["cam0_port"] == "8095"
    assert not result.has_note("no such option")


@pytest.mark.parametrize(
    "start", ["/usr/local/bin/crowsnest $CROWSNEST_ARGS", "/home/pi/crowsnest-env/bin/python3 -m crowsnest -c {} -s 5"]
)
def test_the_unit_of_crowsnest_names_its_file(tmp_path: Path, start: str) -> None:
    """The unit of crowsnest has the name of its file in its environment, or in its command."""
    conf, environment = tmp_path / "crowsnest.conf", tmp_path / "crowsnest.env"
    conf.write_text("[crowsnest]\nno_proxy: true\n[cam 1]\nport: 8090\n[camera 2]\nport: 8091\n")
    environment.write_text(f'CROWSNEST_ARGS="-c {conf}"\n')
    unit = f"[Service]\nEnvironmentFile={environment}\nExecStart={start.format(conf)}\n"
    result = file(unit, "crowsnest.service")
    assert (result.values["cam0_port"], result.values["cam0_bind"]) == ("8090", "0.0.0.0")
    assert result.has_note("[camera 2]", "no such section")


def test_a_file_of_crowsnest_that_cannot_be_read() -> None:
    """The message says which file has the options."""
    with pytest.raises(Unreadable, match=r"crowsnest\.conf: import that file"):
        file("[Service]\nEnvironmentFile=/none\nExecStart=/usr/local/bin/crowsnest $CROWSNEST_ARGS\n", "c.service")


def test_spyglass_without_options() -> None:
    """A unit of the script spyglass has no options; the note says which file has them."""
    assert file("[Service]\nExecStart=/usr/local/bin/spyglass\n", "s.service").has_note("spyglass.conf", "import")
