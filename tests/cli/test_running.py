"""Processes of `soft-stream serve` with other ports than those of the settings file, as /proc shows them."""

import json
from pathlib import Path

import pytest

from soft_stream.cli.running import find_elsewhere
from soft_stream.config.endpoints import Endpoint
from tests.cli.serving_all import serving_all
from tests.support.processes import run


def add_process(proc: Path, pid: int, command: str, environ: str = "", folder: Path = Path("/")) -> None:
    """Add a process to a folder in place of /proc."""
    process = proc / str(pid)
    process.mkdir(parents=True)
    for name, text in (("cmdline", command), ("environ", environ)):
        (process / name).write_bytes(text.replace(" ", "\0").encode() + (b"\0" if text else b""))
    (process / "cwd").symlink_to(folder)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a settings file with two cameras."""
    file = tmp_path / "camera-soft-stream.env"
    file.write_text("cam0_name=Nozzle\ncam1_name=Bed\n")
    return file


def test_ports_of_the_environment(tmp_path: Path, file: Path) -> None:
    """`serve --all --port-base` gives them to its processes."""
    command = f"/usr/bin/python3 -m soft_stream serve --env-file {file} --camera"
    for number in (0, 1):
        add_process(
            tmp_path / "proc", 10 + number, f"{command} {number}", f"cam0_port=9000 cam1_port=9001 HOME={tmp_path}"
        )
    add_process(tmp_path / "proc", 9, f"python3 -m soft_stream serve --all --env-file {file} --port-base 9000")
    found = find_elsewhere(file, [0, 1], tmp_path / "proc")
    assert {number: (each.port, each.name) for number, each in found.items()} == {0: (9000, "Nozzle"), 1: (9001, "Bed")}
    assert found[0].state_directory == tmp_path / ".local/state/camera-soft-stream"
    assert [*find_elsewhere(file, [1], tmp_path / "proc")] == [1]


@pytest.mark.parametrize(
    "program", ["python3 /home/pi/.venv/bin/soft-stream", "python3 -P -m soft_stream", "/x/soft-stream"]
)
def test_flags(tmp_path: Path, file: Path, program: str) -> None:
    """They override the environment; those of webcamd count, too, and unknown ones are of another release."""
    flags = "serve --port=9005 --host ::1 --listen unix:/run/cam.sock --some-day 3"
    add_process(tmp_path / "proc", 12, f"{program} {flags}", "cam0_port=9000", file.parent)
    found = find_elsewhere(file, [0], tmp_path / "proc")[0]
    assert (found.bound, found.listen) == ((Endpoint("http", "::1", 9005),), (Endpoint("unix", path="/run/cam.sock"),))


def test_the_same_settings_file_by_another_path(tmp_path: Path, file: Path) -> None:
    """A relative path is one of the working directory of the process; links are followed."""
    (tmp_path / "link.env").symlink_to(file)
    (tmp_path / "folder").mkdir()
    serve = "soft-stream serve --port 9000 --env-file"
    add_process(tmp_path / "proc", 12, f"python3 /bin/{serve} ../link.env", folder=tmp_path / "folder")
    assert find_elsewhere(file, [0], tmp_path / "proc")[0].port == 9000


@pytest.mark.parametrize(
    "command",
    [
        "python3 -m soft_stream serve --env-file /other.env --port 9000",
        "python3 -m soft_stream status --port 9000",
        "python3 -m http.server serve --port 9000",
        "vi serve",
        "vi soft-stream serve",
        "serve",
        "python3 -m soft_stream serve --port many",
        "python3 -m soft_stream serve --camera 3 --port 9000",
        "",
    ],
)
def test_what_is_no_such_process(tmp_path: Path, file: Path, command: str) -> None:
    """It serves another file or camera, or nothing; or its settings are wrong, and it is about to end."""
    add_process(tmp_path / "proc", 12, command, folder=file.parent)
    assert find_elsewhere(file, [0], tmp_path / "proc") == {}


def test_processes_of_others_and_those_that_end(tmp_path: Path, file: Path) -> None:
    """What cannot be read is left out."""
    add_process(tmp_path / "proc", 12, f"python3 -m soft_stream serve --env-file {file} --port 9000")
    (tmp_path / "proc/12/environ").unlink()
    (tmp_path / "proc/13").mkdir()
    (tmp_path / "proc/self").mkdir()
    assert find_elsewhere(file, [0], tmp_path / "proc") == {}


def test_without_a_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a process of the same working directory can be the one that is meant."""
    monkeypatch.chdir(tmp_path)
    command = "python3 -m soft_stream serve --port"
    add_process(tmp_path / "proc", 12, f"{command} 9000", folder=Path("/"))
    add_process(tmp_path / "proc", 13, f"{command} 9001", folder=tmp_path)
    assert find_elsewhere(None, [0], tmp_path / "proc")[0].port == 9001


def test_serve_all_with_other_ports(tmp_path: Path) -> None:
    """`status` and `snapshot` find the processes without being given the ports."""
    with serving_all(tmp_path) as served:
        served.until_printed("Bed: ")
        reports = run("status", "--json", "--env-file", "settings.env", cwd=tmp_path)
        assert reports.returncode == 0, reports.stdout
        assert [json.loads(line)["url"] for line in reports.stdout.splitlines()] == [
            f"http://127.0.0.1:{served.base + number}" for number in (0, 1)
        ]
        taken = run("snapshot", "--env-file", "settings.env", "--camera", "1", "-o", "bed.jpg", cwd=tmp_path)
        assert (taken.returncode, taken.stderr) == (0, "")
        assert (tmp_path / "bed.jpg").read_bytes().startswith(b"\xff\xd8")
        served.until_logged("cam1 STARTING: for 127.0.0.1")
