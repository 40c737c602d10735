"""`soft-stream selftest`: on the test camera in this process, and as a command on fakes of real cameras."""

import asyncio
import gc
import json
import os
import re
import selectors
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from soft_stream.cameras.base import CameraBusy, CameraError, CameraHung
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture import still_pacing
from soft_stream.diagnostics import selftest
from soft_stream.diagnostics.selftest.probes import count_resources
from soft_stream.diagnostics.selftest.report import Check, Report
from soft_stream.diagnostics.stop_hint import how_to_stop
from soft_stream.frames.raw import RawFrame
from soft_stream.service.exit_status import ExitStatus
from tests.support.fake_libcamera import environment, installed
from tests.support.fake_libcamera.remote import Remote
from tests.support.mjpeg_server import serving
from tests.support.processes import ENVIRON, run
from tests.support.server import QUICK

fake = pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there")

# Any machine reaches this rate.
SETTINGS = replace(QUICK, fps=20.0, min_fps=1.0)
SMALL = {
    "cam_fps": "20",
    "cam_min_fps": "1",
    "cam_width": "640",
    "cam_height": "480",
    "cam_snapshot_width": "1280",
    "cam_snapshot_height": "720",
}
# only for cameras that give nothing: a busy machine may need longer
PATIENT = {"cam_start_timeout": "60"}
SHORT = {"cam_start_timeout": "1", "cam_watchdog_timeout": "1", "cam_close_timeout": "1"}
# It waits until the test has prepared the fake cameras.
PROGRAM = "import sys; input(); from soft_stream.cli.main import main; sys.exit(main(sys.argv[1:]))"


class DullCamera(SyntheticCamera):
    """A camera whose white is that of limited range."""

    def capture(self, timeout: float) -> RawFrame:
        """Capture in limited range."""
        raw = super().capture(timeout)
        assert raw.planes
        y, u, v = raw.planes
        raw.planes = (numpy.clip(y, 16, 235), u, v)
        return raw


class LeakingCamera(SyntheticCamera):
    """A camera that leaks a descriptor each time it is closed."""

    def close(self) -> None:
        """Close the camera, and leak a descriptor."""
        super().close()
        LEAKS.append(os.memfd_create("leak"))


LEAKS: list[int] = []


async def run_selftest(
    device: SyntheticDevice, camera: type[SyntheticCamera] = SyntheticCamera, **changes: Any
) -> tuple[dict[str, Check], Any]:
    """Run the quick self-test on a test camera; return its checks by name, and the error."""
    report = Report(lambda _: None)
    fault = await selftest.run(
        replace(SETTINGS, **changes), report, quick=True, new_camera=lambda each: camera(each, device)
    )
    return {check.what: check for check in report.checks}, fault


def failed(checks: dict[str, Check]) -> list[str]:
    """List the checks that failed."""
    return [what for what, check in checks.items() if check.verdict == "FAILED"]


def answers(world: Remote) -> bool:
    """Return True if the process accepts verbs."""
    try:
        world.ask("plugged")
    except OSError:
        time.sleep(0.01)
        return False
    return True


def selftest_of(
    boards: str, folder: Path, *verbs: str, **environ: str
) -> tuple[int, dict[str, dict[str, Any]], dict[str, Any]]:
    """Run `soft-stream selftest` on fake cameras; return exit status, checks by name, and summary."""
    socket = folder / "verbs"
    command = [sys.executable, "-c", PROGRAM, "selftest", "--quick", "--json"]
    environ = ENVIRON | environment(boards, socket) | {"cam_source": "picamera"} | PATIENT | SMALL | environ
    with subprocess.Popen(
        command, env=environ, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        while not answers(Remote(socket)):
            assert process.poll() is None
        for verb in verbs:
            Remote(socket).ask(verb)
        output, _ = process.communicate("\n")
    *lines, summary = map(json.loads, output.splitlines())
    return process.returncode, {line["check"]: line for line in lines}, summary


async def test_a_camera_without_faults_passes() -> None:
    """Every check is ok, or skipped with a reason; the camera is closed at the end."""
    device = SyntheticDevice()
    checks, fault = await run_selftest(device)
    assert fault is None
    assert failed(checks) == []
    assert checks["size"].found == "160x120"
    assert "320x240" in checks["full-size still while streaming"].found
    assert checks["focus mode afterwards"].found == "continuous"
    assert checks["camera"].verdict == "skipped"
    assert device.opened == device.closed


async def test_a_camera_without_autofocus_has_none_to_check() -> None:
    """No check of the lens can fail."""
    device = SyntheticDevice()
    device.has_autofocus = False
    checks, _ = await run_selftest(device)
    assert failed(checks) == []
    assert checks["autofocus"].verdict == "skipped"
    assert "focus mode afterwards" not in checks


async def test_stills_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stills that interrupt the stream are not limited, because no other client shows it."""
    monkeypatch.setattr(still_pacing, "LIMIT", 0.0)
    checks, _ = await run_selftest(SyntheticDevice(), still_method="switch", still_pause=300.0)
    assert failed(checks) == []
    assert checks["3 full-size stills"].verdict == "ok"


async def test_a_camera_without_memory_for_stills_fails() -> None:
    """A still of the stream's size is not accepted as full-size; the other checks go on."""
    device = SyntheticDevice()
    device.run_out_of_memory()
    checks, _ = await run_selftest(device)
    assert failed(checks) == ["full-size still while streaming"]
    assert checks["3 full-size stills"].verdict == "skipped"


async def test_limited_range_fails() -> None:
    """White must be white in an overexposed frame."""
    checks, _ = await run_selftest(SyntheticDevice(), DullCamera)
    assert failed(checks) == ["white"]
    assert checks["white"].found.endswith("; is there enough light in front of the lens?")


async def test_a_camera_that_leaves_descriptors_behind_fails() -> None:
    """Descriptors are counted before and after the camera is opened and closed."""
    checks, _ = await run_selftest(SyntheticDevice(), LeakingCamera)
    for descriptor in LEAKS:
        os.close(descriptor)
    assert failed(checks) == ["open and close 2 times"]


async def test_a_descriptor_that_waits_for_the_garbage_collector_hides_no_leak() -> None:
    """Descriptors that only the garbage collector closes are closed before each count."""
    gc.disable()
    try:
        selectors.DefaultSelector()  # refers to itself
        before = await count_resources()
        leak = os.memfd_create("leak")
        assert (await count_resources()).exceeds(before)
    finally:
        gc.enable()
    os.close(leak)


async def test_a_camera_that_does_not_close_ends_the_test() -> None:
    """The error names the call that has not returned."""
    device = SyntheticDevice()
    device.hang_on_close()
    checks, fault = await run_selftest(device)
    device.let_go()
    assert isinstance(fault, CameraHung)
    assert failed(checks) == ["camera calls"]
    assert "close" in checks["camera calls"].found


async def test_a_camera_in_use_ends_the_test() -> None:
    """A camera that another program uses is not tested; the program is named."""
    device = SyntheticDevice()
    device.seize("rpicam-still (pid 1)")
    checks, fault = await run_selftest(device)
    assert isinstance(fault, CameraBusy)
    assert list(checks) == ["camera", "opening"]
    assert "rpicam-still (pid 1)" in checks["opening"].found
    assert "To stop it: " in checks["opening"].found


async def test_an_interruption_closes_the_camera() -> None:
    """Ctrl-C cancels the test, and the camera is free for other programs."""
    device = SyntheticDevice()
    testing = asyncio.create_task(run_selftest(device))
    while not device.opened:  # noqa: ASYNC110 # the camera has no event for it
        await asyncio.sleep(0.005)
    testing.cancel()
    await asyncio.wait([testing])
    assert testing.cancelled()
    assert device.closed == device.opened


def test_the_command_that_stops_a_program_is_named() -> None:
    """A service is stopped by systemctl, any other program by kill; fuser finds an unknown program."""
    text = how_to_stop(f"the camera is in use by python3 (pid {os.getpid()})", QUICK)
    assert re.search(rf"kill {os.getpid()}\b|sudo systemctl stop \S+\.service", text)
    assert "http://127.0.0.1:18081/pause" in text
    assert "sudo fuser" in how_to_stop("the camera is in use by another program", QUICK)
    locked = replace(QUICK, auth="always")
    assert "curl -u NAME -X POST http" in how_to_stop(f"the camera is in use by python3 (pid {os.getpid()})", locked)


def test_a_line_for_each_check_and_a_summary() -> None:
    """Each line has what was checked, found and expected; a check that raises has failed."""
    said: list[str] = []
    report = Report(said.append)
    with report.check("size", "160x120") as check:
        check.conclude("160x120")
    with report.check("opening", "a frame"):
        raise CameraError("no frame came")
    with report.check("autofocus", "focused") as check:
        check.skip("the camera has none")
    report.end()
    assert said == [
        "ok       size: 160x120 (expected: 160x120)",
        "FAILED   opening: no frame came (expected: a frame)",
        "skipped  autofocus: the camera has none",
        "1 ok, 1 FAILED, 1 skipped: opening",
    ]
    assert report.has_failed


def test_the_command_ends_with_0_on_a_test_camera(tmp_path: Path) -> None:
    """The settings are read from the file."""
    file = tmp_path / "settings.env"
    file.write_text(
        "cam3_source=test-pattern\ncam3_width=320\ncam3_height=180\ncam3_fps=20\ncam3_min_fps=1\n"
        "cam3_snapshot_width=640\ncam3_snapshot_height=360\ncam3_start_timeout=60\n"
    )
    result = run("selftest", "--camera", "3", "--env-file", str(file), "--quick")
    assert result.returncode == ExitStatus.STOPPED, result.stdout
    assert "ok       size: 320x180 (expected: 320x180)\n" in result.stdout
    assert re.search(r"^\d+ ok, 0 FAILED, \d skipped$", result.stdout.splitlines()[-1])


def test_the_command_tests_another_server(tmp_path: Path) -> None:
    """Libcamera is not asked, the size is that of the server, and no password is shown."""
    with serving() as server:
        url = server.url.replace("//", "//anna:s3cret@")
        result = run("selftest", "--quick", cwd=tmp_path, cam0_source="http", cam0_url=url, cam0_start_timeout="60")
    shown = server.url.replace("//", "//***@")
    assert f"ok       camera: {shown} (expected: connected, and named by cam0_url)\n" in result.stdout
    assert "ok       size: 64x48 (expected: that of the source)\n" in result.stdout
    assert "skipped  platform" in result.stdout
    assert "Asked for" not in result.stderr
    assert "s3cret" not in result.stdout + result.stderr


def test_wrong_settings_end_the_command_with_78(tmp_path: Path) -> None:
    """The status is the same as in all commands."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_fps=fast\n")
    assert run("selftest", "--env-file", str(file)).returncode == ExitStatus.CONFIG_ERROR


@fake
@pytest.mark.parametrize("boards", ["pi5", "fixed", "usb"])
def test_the_fake_cameras_pass(boards: str, tmp_path: Path) -> None:
    """Picamera2 drives them as on a Raspberry Pi; checks that do not apply are skipped."""
    status, lines, summary = selftest_of(boards, tmp_path)
    assert [line for line in lines.values() if line["verdict"] == "failed"] == []
    assert (status, summary["failed"]) == (ExitStatus.STOPPED, 0)
    assert lines["autofocus"]["verdict"] == ("skipped" if boards in ("fixed", "usb") else "ok")
    assert "cam0_id=" in lines["camera"]["found"]


@fake
@pytest.mark.parametrize(
    ("verb", "limits", "what", "found"),
    [
        ("af_fails 0", {}, "autofocus", "failed after"),
        ("mute_af 0", {}, "autofocus", "no autofocus for it"),
        ("stall 0 survives_reopening=True", SHORT, "opening", "no "),
    ],
)
def test_faults_of_the_camera_fail(verb: str, limits: dict[str, str], what: str, found: str, tmp_path: Path) -> None:
    """The check has what was found instead, and the status is 1."""
    status, lines, _ = selftest_of("pi5", tmp_path, verb, **limits)
    assert [line["check"] for line in lines.values() if line["verdict"] == "failed"] == [what]
    assert found in lines[what]["found"]
    assert status == ExitStatus.CHECK_FAILED


@fake
def test_a_camera_in_use_ends_the_command_with_75(tmp_path: Path) -> None:
    """The check says so, and how to find the program."""
    status, lines, _ = selftest_of("pi5", tmp_path, "seize 0")
    assert status == ExitStatus.TEMPORARY_FAILURE
    assert "it is in use by another program. To find it: " in lines["opening"]["found"]


@fake
def test_a_camera_that_hangs_ends_the_command_with_75(tmp_path: Path) -> None:
    """The process exits, although a thread never returns."""
    status, lines, _ = selftest_of("pi5", tmp_path, "hang_on_stop 0", cam_close_timeout="1")
    assert status == ExitStatus.TEMPORARY_FAILURE
    assert "has not returned from" in lines["camera calls"]["found"]


@fake
def test_a_missing_camera_ends_the_command_with_66(tmp_path: Path) -> None:
    """The error lists the connected cameras."""
    status, lines, _ = selftest_of("pi5", tmp_path, cam0_id="/base/none")
    assert status == ExitStatus.CAMERA_MISSING
    assert list(lines) == ["camera"]
    assert "i2c@88000/imx708@1a" in lines["camera"]["found"]


@fake
def test_lag_of_the_event_loop_is_reported(tmp_path: Path) -> None:
    """Libcamera's bindings hold Python's global lock; the check names the call."""
    _, lines, _ = selftest_of("pi5", tmp_path, "hold_gil 0 2")
    longest = re.match(r"open ([\d.]+) s", lines["event loop lag"]["found"])
    assert longest
    assert float(longest[1]) > 1.9
