"""The command `webcamd`, as the units of the older programs start it."""

import json
import signal
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import ROOT
from tests.support.fake_libcamera import environment, installed
from tests.support.processes import ENVIRON, free_port

fake = pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there")
EVERYWHERE = "0.0.0.0"  # noqa: S104 # the default of webcamd
# what pip writes for an entry point
SCRIPT = """#!{python}
import sys
from {module} import {function}
sys.exit({function}())
"""
# a machine on which /dev/video8 belongs to the camera of the port CAM/DISP 0, and which waits for no other camera
NODES = """
import sys
from pathlib import Path
from soft_stream.cameras import discovery, video_node
from soft_stream.cli.{module} import main
ID = "/base/axi/pcie@1000120000/rp1/i2c@{{}}/imx708@1a"
nodes = {{Path("/dev/video0"): ID.format("80000"), Path("/dev/video8"): ID.format("88000")}}
video_node.id_of_node = lambda path, _: nodes.get(path)
discovery.wait_for_camera.__defaults__ = (0.0,)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def webcamd(tmp_path: Path) -> Path:
    """Return the script that pip installs."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["webcamd"]
    module, _, function = entry.partition(":")
    script = tmp_path / "webcamd"
    script.write_text(SCRIPT.format(python=sys.executable, module=module, function=function))
    script.chmod(0o755)
    return script


@contextmanager
def serving(*command: object, **environ: str) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """Run a command until it listens; yield the process and its log so far."""
    words = [str(word) for word in command]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=ENVIRON | environ) as process:
        assert process.stderr
        try:
            log: list[str] = []
            for line in process.stderr:
                log.append(line.rstrip())
                if "Listening on" in line:
                    break
            yield process, log
        finally:
            process.kill()


def ask(port: int, path: str) -> Any:
    """Return the JSON that the server sends."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return json.load(answer)


def test_it_has_webcamds_defaults(webcamd: Path, tmp_path: Path) -> None:
    """`/?info` has the configuration of webcamd's own documentation; a settings file in the folder is not read."""
    (tmp_path / "camera-soft-stream.env").write_text("cam_width=160\n")
    port = free_port()
    with serving("env", "-C", tmp_path, webcamd, "--source", "test-pattern", "--port", port) as (_, log):
        config = ask(port, "/?info")["config"]
    documented = {
        "width": 1280, "height": 720, "index": 0, "ipv": 4, "v4bindaddress": EVERYWHERE, "v6bindaddress": "::",
        "encodewait": 0.01, "streamwait": 0.01, "rotate": -1, "showfps": False, "loghttp": False,
    }  # fmt: skip
    assert config | documented == config
    assert log[-1] == f"INFO cam0 Listening on http://0.0.0.0:{port}"
    assert [line for line in log if "WARNING" in line] == [
        f"WARNING cam0 http://0.0.0.0:{port} (cam0_bind, cam0_port) is open to the network: every client that reaches "
        "it sees the camera and may control it. For a login: soft-stream user add NAME (docs/access.md)"
    ]


def test_the_default_port_is_8080(webcamd: Path) -> None:
    """The port is webcamd's; it may be in use on this machine, which the log says."""
    command = [str(webcamd), "--source", "test-pattern", "--v4bindaddress", "127.0.0.1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRON) as process:
        assert process.stderr
        try:
            line = process.stderr.readline()
        finally:
            process.kill()
    assert "istening on http://127.0.0.1:8080" in line or "Cannot listen on http://127.0.0.1:8080 (" in line
    assert "open to the network" not in line


def test_all_flags_of_webcam_py(webcamd: Path) -> None:
    """Values are shown as they were given, and they are in effect."""
    flags = (
        *("--width", 640, "--height", 480, "--index", 1, "--ipv", 4, "--v4bindaddress", "127.0.0.1"),
        *("--v6bindaddress", "::1", "--encodewait", ".05", "--streamwait", ".1", "--rotate", 1, "--showfps"),
    )
    port = free_port()
    with serving(webcamd, "--source", "test-pattern", "--port", port, *flags, "--loghttp") as (process, log):
        config = ask(port, "/?info")["config"]
        assert process.stderr
        assert "HTTP: 127.0.0.1 GET /?info: 200" in process.stderr.readline()
    given = {
        "width": 640, "height": 480, "index": 1, "ipv": 4, "v4bindaddress": "127.0.0.1", "v6bindaddress": "::1",
        "port": port, "encodewait": 0.05, "streamwait": 0.1, "rotate": 1, "showfps": True, "loghttp": True,
    }  # fmt: skip
    assert config | given | {"rotation": 180, "client_fps_max": 10, "bind": "127.0.0.1"} == config
    assert log == [f"INFO cam0 Listening on http://127.0.0.1:{port}"]


def test_ipv6_serves_both_versions(webcamd: Path) -> None:
    """`--ipv 6` accepts IPv4 clients, too, as `::` of webcamd; `/?info` has webcamd's values."""
    port = free_port()
    with serving(webcamd, "--source", "test-pattern", "--port", port, "--ipv", 6) as (process, log):
        assert process.stderr
        log.append(process.stderr.readline())
        config = ask(port, "/?info")["config"]
        with urllib.request.urlopen(f"http://[::1]:{port}/?info") as answer:
            assert json.load(answer)["config"] == config
    assert (config["ipv"], config["v6bindaddress"], config["v4bindaddress"]) == (6, "::", EVERYWHERE)
    warnings = [line for line in log if "is open to the network" in line]
    assert [line.split()[2] for line in warnings] == [f"http://[::]:{port}", f"http://{EVERYWHERE}:{port}"]


def test_the_flags_of_the_older_webcamd() -> None:
    """`python3 -m webcamd` accepts them; `/?info` has the number of the device."""
    port = free_port()
    flags = ("--width", 1920, "--height", 1080, "--frame-rate", 60, "--device", "/dev/video2", "--host", "127.0.0.1")
    module = (sys.executable, "-m", "webcamd")
    with serving(*module, "--source", "test-pattern", "--port", port, *flags, PYTHONPATH=str(ROOT)):
        config = ask(port, "/?info")["config"]
    assert config | {"width": 1920, "fps": 60, "index": 2, "v4bindaddress": "127.0.0.1"} == config


def test_help_names_the_defaults(webcamd: Path) -> None:
    """`webcamd --help` and `python3 -m webcamd --help` print all flags and webcamd's defaults."""
    texts = []
    for command in ([str(webcamd)], [sys.executable, "-m", "webcamd"]):
        environ = ENVIRON | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, env=environ)
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    for flag, default in {
        "width": 1280, "height": 720, "port": 8080, "index": 0, "ipv": 4, "v4bindaddress": EVERYWHERE,
        "v6bindaddress": "::", "encodewait": 0.01, "streamwait": 0.01, "rotate": -1,
    }.items():  # fmt: skip
        (line,) = [line for line in texts[0].splitlines() if line.startswith(f"  --{flag} ")]
        assert line.endswith(f"(default: {default})") or f"  --{flag} ADDRESS" in line
    for flag in ("--showfps", "--loghttp", "--device", "--host", "--frame-rate", "--env-file"):
        assert flag in texts[0]


@pytest.mark.parametrize("as_module", [False, True])
def test_killall_stops_it(webcamd: Path, *, as_module: bool) -> None:
    """The process has the name webcamd, so the ExecStop= of the old units finds it; it ends with status 0."""
    port = free_port()
    command: tuple[object, ...] = (sys.executable, "-m", "webcamd") if as_module else (webcamd,)
    with serving(*command, "--source", "test-pattern", "--port", port, PYTHONPATH=str(ROOT)) as (process, _):
        assert Path(f"/proc/{process.pid}/comm").read_text() == "webcamd\n"
        process.send_signal(signal.SIGTERM)  # as killall does; that would also stop others of this name
        assert process.wait(timeout=10) == 0


@fake
@pytest.mark.parametrize(
    ("module", "flags", "sensor"),
    [
        ("webcamd", (), "80000"),
        ("webcamd", ("--index", "8"), "88000"),
        ("webcamd", ("--device", "/dev/video8"), "88000"),
        ("webcamd", ("--index", "8", "--id", "/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a"), "80000"),
        ("main", ("serve", "--index", "0"), "80000"),
        ("main", ("serve", "--index", "8"), "88000"),
        ("main", ("serve",), "88000"),
    ],
)
def test_the_index_selects_the_camera_of_the_device_file(module: str, flags: tuple[str, ...], sensor: str) -> None:
    """The camera is that of /dev/videoN, whatever its place in the list; our own --id counts more."""
    port = free_port()
    command = (sys.executable, "-c", NODES.format(module=module), *flags, "--port", port)
    with serving(*command, **environment("pi5")):
        assert f"/i2c@{sensor}/" in ask(port, "/status.json")["id"]


@fake
@pytest.mark.parametrize("node", ["/dev/video250", "/dev/null"])
def test_a_device_file_without_a_camera_ends_with_66(node: str) -> None:
    """The message has the device file and the connected cameras; nothing is served."""
    reason = "does not exist" if node == "/dev/video250" else "is no device of a connected camera"
    for module, command in (("webcamd", ()), ("main", ("serve",))):
        done = subprocess.run(
            [sys.executable, "-c", NODES.format(module=module), *command, "--device", node, "--port", str(free_port())],
            capture_output=True, text=True, check=False, env=ENVIRON | environment("usb"),
        )  # fmt: skip
        assert done.returncode == 66
        assert f"ERROR cam0 cam0_source=picamera: {node} {reason}; connected: /base/" in done.stderr


@fake
def test_without_an_index_the_only_camera_is_used() -> None:
    """If /dev/video0 is not known to belong to a camera, the default of webcamd is the first camera."""
    port = free_port()
    command = (sys.executable, "-c", NODES.format(module="webcamd"), "--port", port)
    with serving(*command, **environment("usb")) as (_, log):
        assert "/usb@" in ask(port, "/status.json")["id"]
    assert any("No id is set, so this is camera number 0 in the order of the ports" in line for line in log)


def test_one_pip_install(tmp_path: Path) -> None:
    """The wheel has the command and the module `webcamd`, which work in an environment with its dependencies."""
    pytest.importorskip("hatchling", reason="scripts/test.sh installs hatchling, which builds the package")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", str(tmp_path), str(ROOT)], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin/python"
    install = ["install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, "--python", str(python), *install], check=True)
    packages = sysconfig.get_path("purelib")  # aiohttp and the other dependencies
    environ = ENVIRON | {"PYTHONPATH": packages}
    for command in ([str(place / "bin/webcamd")], [str(python), "-m", "webcamd"]):
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, cwd="/", env=environ)
        assert done.stdout.startswith("usage: webcamd [OPTION ...]")
    port = free_port()
    with serving("env", "-C", "/", place / "bin/webcamd", "--source", "test-pattern", "--port", port, **environ):
        assert ask(port, "/?info")["config"]["encodewait"] == 0.01
