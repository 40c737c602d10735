"""scripts/octolapse-before-snapshot.sh with a fake rpicam-still in PATH."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from soft_stream.capture.status import State
from tests.support.checkout import ROOT
from tests.support.logins import PASSWORDS, write_logins
from tests.support.multipart_reader import StreamReader
from tests.support.pausing import pause_file_of
from tests.support.server import Portal, StartPortal

SCRIPT = ROOT / "scripts/octolapse-before-snapshot.sh"
ID = "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a"
OTHER_ID = "/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a"

# It lists two cameras, ours second; instead of a photo it writes its arguments and the status of the server.
RPICAM_STILL = f"""#!/usr/bin/env bash
if [ "$1" = --list-cameras ]; then
    echo "Available cameras"
    echo "-----------------"
    echo "0 : imx708 [4608x2592 10-bit RGGB] ({OTHER_ID})"
    echo "    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]"
    echo
    echo "1 : imx708_noir [4608x2592 10-bit RGGB] ({ID})"
    exit
fi
while [ $# -gt 0 ]; do
    if [ "$1" = --output ]; then output=$2; fi
    if [ "$1" = --camera ]; then camera=$2; fi
    shift
done
case "$MOOD" in
fails) echo "ERROR: *** no cameras available ***" >&2; exit 255 ;;
lazy) exit ;;
sleeps) echo $$ >"$RUNTIME/photographer"; exec sleep 600 ;;
esac
python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1]).read().decode())' "http://127.0.0.1:$PORT/status.json" >"$RUNTIME/seen"
printf '\\xff\\xd8\\xff camera %s' "$camera" >"$output"
"""


# `timeout` in the moment after its fork, when a signal ends it and not its child
TIMEOUT_BEFORE_ITS_HANDLER = """#!/usr/bin/env python3
import os, subprocess, sys
os.setpgid(0, 0)
subprocess.run(sys.argv[4:])
"""


def runs(pid: int) -> bool:
    """Return True if a process exists."""
    return Path(f"/proc/{pid}").exists()


@dataclass
class Printer:
    """Runs the script as Octolapse does, with an environment."""

    folder: Path
    environ: dict[str, str]

    async def begin(self, **environ: str) -> asyncio.subprocess.Process:
        """Start the script with the six arguments that Octolapse gives."""
        arguments = ("1", "0.125", "/data", "/data/snapshots", "1.jpg", "/data/snapshots/1.jpg")
        return await asyncio.create_subprocess_exec(
            SCRIPT,
            *arguments,
            env=self.environ | environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, **environ: str) -> tuple[int, str]:
        """Run the script to its end; return its exit status and its error messages."""
        process = await self.begin(**environ)
        output, complaint = await process.communicate()
        assert output == b""
        assert process.returncode is not None
        return process.returncode, complaint.decode()

    @property
    def left(self) -> list[str]:
        """The files in the runtime folder, without those of the fake rpicam-still."""
        return sorted({each.name for each in self.folder.iterdir()} - {"bin", "seen", "photographer"})


def printer_of(folder: Path, port: int) -> Printer:
    """Install the fake rpicam-still."""
    (folder / "bin").mkdir()
    program = folder / "bin/rpicam-still"
    program.write_text(RPICAM_STILL)
    program.chmod(0o755)
    environ = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PORT": str(port), "RUNTIME": str(folder), "MOOD": ""}
    return Printer(folder, environ)


@asynccontextmanager
async def printing(
    start_portal: StartPortal, folder: Path, camera_id: str = ID
) -> AsyncIterator[tuple[Portal, Printer]]:
    """Run a server that watches a pause file, and a printer beside it."""
    portal = await start_portal(id=camera_id, pause_snapshot=str(folder / "cam0-snap.jpg"), pause_max=60)
    async with pause_file_of(portal, folder / "cam0.pause"):
        yield portal, printer_of(folder, portal.port)


@pytest.mark.parametrize(
    ("camera_id", "index"),
    [(ID, 1), (OTHER_ID, 0), ("/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a", 1), ("", 0)],
)
async def test_a_photo(start_portal: StartPortal, tmp_path: Path, camera_id: str, index: int) -> None:
    """The right camera takes it while the server has closed its own; the stream stays, and /snap.jpg has the photo."""
    async with printing(start_portal, tmp_path, camera_id) as (portal, printer):
        reader = await StreamReader.get(portal.port)
        await reader.opening()
        assert await printer.run() == (0, "")
        assert '"state": "paused"' in (tmp_path / "seen").read_text()
        assert '"negotiated": null' in (tmp_path / "seen").read_text()
        async with portal.http.get("/snap.jpg") as answer:
            assert answer.content_type == "image/jpeg"
            assert await answer.read() == f"camera {index}".encode().join([b"\xff\xd8\xff ", b""])
        await reader.until("live")
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        await portal.until(lambda: printer.left == ["cam0-snap.jpg"])
        assert portal.device.opened == 2
        await reader.close()


@pytest.mark.parametrize(
    ("mood", "message"),
    [
        ("fails", "rpicam-still exited with status 255: ERROR: *** no cameras available ***"),
        ("lazy", "rpicam-still left no photo"),
        ("sleeps", "rpicam-still took longer than 1 s"),
    ],
)
async def test_no_photo(start_portal: StartPortal, tmp_path: Path, mood: str, message: str) -> None:
    """The script reports a failure with status 5, the old photo remains, and the camera opens again."""
    async with printing(start_portal, tmp_path) as (portal, printer):
        (tmp_path / "cam0-snap.jpg").write_bytes(b"\xff\xd8\xff the one before")
        reader = await StreamReader.get(portal.port)
        status, complaint = await printer.run(MOOD=mood, PHOTO_TIME="1")
        assert (status, complaint) == (5, f"octolapse-before-snapshot.sh: {message}\n")
        async with portal.http.get("/snap.jpg") as answer:
            assert await answer.read() == b"\xff\xd8\xff the one before"
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        await portal.until(lambda: printer.left == ["cam0-snap.jpg"])
        await reader.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("forwards", [True, False])
async def test_a_script_that_is_stopped(
    start_portal: StartPortal, tmp_path: Path, number: signal.Signals, forwards: bool
) -> None:
    """A signal ends rpicam-still, even if `timeout` did not forward it, and then gives the camera back."""
    async with printing(start_portal, tmp_path) as (portal, printer):
        if not forwards:
            (tmp_path / "bin/timeout").write_text(TIMEOUT_BEFORE_ITS_HANDLER)
            (tmp_path / "bin/timeout").chmod(0o755)
        reader = await StreamReader.get(portal.port)
        process = await printer.begin(MOOD="sleeps")
        note = tmp_path / "photographer"
        await portal.until(lambda: note.exists() and note.read_text().strip())
        photographer = int(note.read_text())
        assert runs(photographer)
        process.send_signal(number)
        assert await process.wait() == 128 + number
        assert not runs(photographer)
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        await portal.until(lambda: printer.left == [])
        await reader.close()


async def test_a_script_that_is_killed(start_portal: StartPortal, tmp_path: Path) -> None:
    """After kill -9 the next run removes the pause file, because its owner does not exist any more."""
    async with printing(start_portal, tmp_path) as (portal, printer):
        process = await printer.begin(MOOD="sleeps")
        note = tmp_path / "photographer"
        await portal.until(lambda: note.exists() and note.read_text().strip())
        process.kill()
        await process.wait()
        os.kill(int(note.read_text()), signal.SIGKILL)
        assert portal.supervisor.status.state is State.PAUSED
        assert await printer.run() == (0, "")
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_a_portal_that_does_not_run(tmp_path: Path, unused_tcp_port: int) -> None:
    """Without a server the script changes nothing and ends with status 3."""
    printer = printer_of(tmp_path, unused_tcp_port)
    status, complaint = await printer.run()
    assert status == 3
    assert complaint.endswith(f"no server replies on port {unused_tcp_port}; is camera 0 served there?\n")
    assert printer.left == []


async def test_a_portal_that_does_not_acknowledge(start_portal: StartPortal, tmp_path: Path) -> None:
    """If the server does not watch this file, the script ends with status 4 after the limit and removes the file."""
    portal = await start_portal(id=ID)
    printer = printer_of(tmp_path, portal.port)
    status, complaint = await printer.run(RELEASE_TIME="1")
    assert (status, printer.left) == (4, [])
    assert complaint.endswith("the server has not released the camera within 1 s\n")


async def test_a_clock_that_is_set(start_portal: StartPortal, tmp_path: Path) -> None:
    """The limit for the camera does not end early when the clock is set, which bash's SECONDS follows."""
    jumps = tmp_path / "bin/jumps"
    portal = await start_portal(id=ID, pause_max=60)
    printer = printer_of(tmp_path, portal.port)
    jumps.write_text("trap 'SECONDS=$((SECONDS + 3600))' DEBUG\n")  # at each command
    process = await printer.begin(BASH_ENV=str(jumps))
    await portal.until((tmp_path / "cam0.pause").exists)
    await asyncio.sleep(0.2)  # so that the script waits for the acknowledgement
    async with pause_file_of(portal, tmp_path / "cam0.pause"):
        assert (await process.communicate(), process.returncode) == ((b"", b""), 0)


async def test_a_pause_file_in_a_folder_of_root(
    start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script finds the acknowledgement of a pause file whose folder the server cannot write, such as /run."""
    run = tmp_path / "run"
    run.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (run, os.W_OK))
    portal = await start_portal(id=ID, pause_max=60)
    async with pause_file_of(portal, run / "mjpg_streamer_paused.lock", tmp_path / "cam0.pause.ack"):
        printer = printer_of(tmp_path, portal.port)
        assert await printer.run(PAUSE_FILE=str(run / "mjpg_streamer_paused.lock")) == (0, "")
        assert '"state": "paused"' in (tmp_path / "seen").read_text()
        await portal.until(lambda: printer.left == ["cam0-snap.jpg", "run"] and not any(run.iterdir()))


async def test_another_acknowledgement_is_not_taken_for_ours(start_portal: StartPortal, tmp_path: Path) -> None:
    """The acknowledgement of another pause does not count."""
    portal = await start_portal(id=ID)
    (tmp_path / "cam0.pause.ack").write_text("1\n")
    assert (await printer_of(tmp_path, portal.port).run(RELEASE_TIME="1"))[0] == 4


async def test_a_camera_that_another_program_has(start_portal: StartPortal, tmp_path: Path) -> None:
    """The pause of a running program stays: status 4."""
    async with printing(start_portal, tmp_path) as (portal, printer):
        (tmp_path / "cam0.pause").write_text(f"{os.getpid()}\n")
        await portal.until(lambda: portal.supervisor.status.state is State.PAUSED)
        status, complaint = await printer.run()
        assert status == 4
        assert complaint.endswith(f"cam0.pause already exists: {os.getpid()} uses the camera\n")
        assert portal.supervisor.status.state is State.PAUSED


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"RUNTIME": "/nowhere"}, "/nowhere does not exist, or user "),
        ({"CAMERA": "1"}, "rpicam-still --list-cameras does not list camera "),
    ],
)
async def test_what_is_missing(
    start_portal: StartPortal, tmp_path: Path, environ: dict[str, str], message: str
) -> None:
    """The script reports a missing folder or camera with status 2, before it pauses the server."""
    portal = await start_portal(id="/base/soc/i2c0mux/i2c@1/ov5647@36")
    printer = printer_of(tmp_path, portal.port)
    status, complaint = await printer.run(**environ)
    assert status == 2
    assert message in complaint
    assert printer.left == []


@pytest.mark.parametrize(
    ("login", "url", "mode", "message"),
    [
        (f"vera:{PASSWORDS['vera']}\n", "http://127.0.0.1:{port}", 0o600, ""),
        ("", "http://vera:sees%2D7@127.0.0.1:{port}/", 0o600, ""),
        ("", "http://127.0.0.1:{port}", 0o600, "the server at 127.0.0.1:{port} requires a login: set LOGIN_FILE (401)"),
        ("vera:wrong", "", 0o600, "the server at 127.0.0.1:{port} refuses the login (401)"),
        ("css_revoked", "", 0o600, "the server at 127.0.0.1:{port} refuses the login (401)"),
        (f"vera:{PASSWORDS['vera']}", "", 0o644, "login: other users can read it; its mode must be 0600"),
        (f"vera:{PASSWORDS['vera']}\udcff", "", 0o600, "login: not a text file"),
        (None, "", 0o600, "login: No such file or directory"),
    ],
)
async def test_a_login(
    start_portal: StartPortal, tmp_path: Path, login: str | None, url: str, mode: int, message: str
) -> None:
    """With cam_auth=always the script needs a login, from a file or the URL; no message has the password."""
    users = str(write_logins(tmp_path).users)
    portal = await start_portal(
        id=ID, auth="always", users_file=users, pause_max=60, pause_snapshot=str(tmp_path / "cam0-snap.jpg")
    )
    async with pause_file_of(portal, tmp_path / "cam0.pause"):
        printer = printer_of(tmp_path, portal.port)
        file = tmp_path / "login"
        if login:
            file.write_bytes(login.encode(errors="surrogateescape"))
            file.chmod(mode)
        environ = {"LOGIN_FILE": str(file) if login != "" else "", "URL": url.format(port=portal.port)}
        status, complaint = await printer.run(**environ)
        if message:
            assert (status, complaint.count("\n"), PASSWORDS["vera"] in complaint) == (3, 1, False)
            assert complaint.strip().endswith(message.format(port=portal.port))
        else:
            assert (status, complaint) == (0, "")
            assert (tmp_path / "cam0-snap.jpg").exists()
