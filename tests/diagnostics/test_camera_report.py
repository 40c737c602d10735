"""The reports of all cameras: from their processes, else from their units."""

import asyncio
import json
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig
from soft_stream.config.settings import Settings
from soft_stream.diagnostics import camera_report
from soft_stream.diagnostics.camera_report import CameraReport, of_reply, report
from soft_stream.diagnostics.processes import Reply
from tests.diagnostics.doctor.stand_in import FakeHost, shown
from tests.diagnostics.test_processes import answering
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal

OTHER_PROGRAM = "is in use by another program"
FACTS = {
    "camera": 0,
    "state": "streaming",
    "state_since": 1.0,
    "fault": "",
    "negotiated": {"size": [640, 480]},
    "frame": {"width": 480, "height": 640},
    "captured_fps": 29.97,
    "clients": [{}, {}],
    "pause": None,
}


def nowhere(_: Path | None, __: Collection[int]) -> Mapping[int, Settings]:
    """Find no other processes."""
    return {}


async def reported(
    *cameras: Settings, file: Path | None = None, host: FakeHost | None = None, elsewhere: Any = nowhere
) -> list[CameraReport]:
    """Return the reports of cameras."""
    loaded = LoadedConfig(file, {each.camera: each for each in cameras}, {})
    return await report(loaded, host or FakeHost(), elsewhere)


def at(portal: Portal, **changes: Any) -> Settings:
    """Return the settings of a server that runs."""
    return replace(QUICK, bind=("127.0.0.1",), port=portal.port, **changes)


async def test_a_camera_that_is_idle_and_one_that_streams(portal: Portal) -> None:
    """The report has what is delivered beside what is asked for."""
    [idle] = await reported(at(portal))
    assert (idle.state, idle.fps, idle.size, idle.clients, idle.is_failing) == ("idle", None, None, 0, False)
    assert (idle.asked_fps, idle.asked_size) == (50.0, (160, 120))
    async with portal.http.get("/stream.mjpg") as stream:
        await stream.content.readany()
        await portal.until(lambda: portal.supervisor.status.state == "streaming")
        [streaming] = await reported(at(portal))
    assert (streaming.state, streaming.size, streaming.clients) == ("streaming", (160, 120), 1)
    assert streaming.fps is not None
    assert streaming.since is not None
    assert 0 <= time.time() - streaming.since < 60


async def test_a_pause_is_no_failure(portal: Portal) -> None:
    """The report names who has paused the camera."""
    async with portal.http.post("/pause"):
        [paused] = await reported(at(portal))
    assert (paused.state, paused.is_failing) == ("paused", False)
    assert paused.problem == "paused by 127.0.0.1"


async def test_a_camera_that_gives_no_frames(portal: Portal) -> None:
    """The report has the sentence of the process, and counts as a failure."""
    portal.device.unplug()
    async with portal.http.get("/snapshot.jpg"):
        [failing] = await reported(at(portal))
    assert failing.is_failing
    assert "unplugged" in failing.problem


def test_frames_that_stay_away_are_a_failure() -> None:
    """The state is still that of a stream."""
    stale = of_reply(Settings(), Reply(200, json.dumps(FACTS | {"fault": "no frames for 4 s"})))
    assert (stale.state, stale.is_failing) == ("streaming", True)


def test_the_size_is_that_of_the_frames_as_they_are_shown() -> None:
    """Before the first frame it is that of the camera."""
    assert of_reply(Settings(), Reply(200, json.dumps(FACTS))).size == (480, 640)
    assert of_reply(Settings(), Reply(200, json.dumps(FACTS | {"frame": None}))).size == (640, 480)


def test_the_notices_of_the_page() -> None:
    """They are shown, and are no failure."""
    notices = ["The settings have changed\nsince the start."]
    found = of_reply(Settings(), Reply(200, json.dumps(FACTS | {"notices": notices})))
    assert (found.notices, found.is_failing) == (("The settings have changed\\nsince the start.",), False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "[]",
        "null",
        "3",
        "[" * 100_000,
        "{}",
        json.dumps(FACTS | {"state": ["idle"]}),
        json.dumps(FACTS | {"fault": None}),
        json.dumps(FACTS | {"state_since": "yesterday"}),
        json.dumps(FACTS | {"captured_fps": float("nan")}),
        json.dumps(FACTS | {"state_since": float("inf")}),
        json.dumps(FACTS | {"frame": 3}),
        json.dumps(FACTS | {"frame": None, "negotiated": {"size": []}}),
        json.dumps(FACTS | {"clients": 3}),
        json.dumps(FACTS | {"notices": [3]}),
        json.dumps(FACTS | {"notices": "abc"}),
        json.dumps(FACTS | {"state": "x" * 400}),
        json.dumps(FACTS | {"state_since": -1e308}),
        json.dumps(FACTS | {"captured_fps": 1e308}),
        json.dumps(FACTS | {"frame": {"width": 10**300, "height": 1}}),
        json.dumps(FACTS | {"camera": 1e308}),
        json.dumps(FACTS | {"state_since": 10**400}),
    ],
)
def test_another_program_answers(text: str) -> None:
    """Whatever it answers, the camera is down for that reason."""
    found = of_reply(Settings(), Reply(200, text))
    assert found.is_down
    assert found.is_failing
    assert OTHER_PROGRAM in found.problem


def test_control_sequences_of_another_program_are_escaped() -> None:
    """They would change the terminal; a long text is cut."""
    found = of_reply(Settings(), Reply(200, json.dumps(FACTS | {"fault": "\x1b[2J" + "x" * 10_000})))
    assert "\x1b" not in found.problem
    assert len(found.problem) < 1000


def test_only_some_of_many_notices_are_shown() -> None:
    """Another program could fill the terminal."""
    found = of_reply(Settings(), Reply(200, json.dumps(FACTS | {"notices": ["a"] * 50_000})))
    assert 0 < len(found.notices) < 100


@pytest.mark.parametrize(
    ("ours", "theirs", "is_other"),
    [
        (Path("/a/b.env"), "/a/c.env", True),
        (Path("/a/b.env"), "/a/b.env", False),
        (Path("/a/b.env"), "", False),
        (None, "/a/b.env", False),
        (INSTALLED_FILE, "/home/pi/camera-soft-stream.env", True),
        (INSTALLED_FILE, str(INSTALLED_FILE.with_name("trial.env")), False),
    ],
)
def test_the_process_of_another_settings_file(ours: Path | None, theirs: str, *, is_other: bool) -> None:
    """Its camera of the same number is another one; the trial of a release has a file beside the installed one."""
    found = of_reply(Settings(), Reply(200, json.dumps(FACTS | {"settings": {"file": theirs}})), ours)
    assert found.is_down == is_other
    assert (f"is in use by a process with the settings file {theirs}" in found.problem) == is_other


async def test_the_process_of_another_camera(start_portal: StartPortal) -> None:
    """Its port is in use by that process."""
    portal = await start_portal(camera=1)
    [found] = await reported(at(portal))
    assert found.problem.endswith("is in use by the process of camera 1")
    assert found.is_down


async def test_a_process_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is down, and the others are reported nevertheless."""
    monkeypatch.setattr(camera_report, "TIMEOUT", 0.3)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with answering(hang) as settings:
        hanging, refused = await reported(settings, replace(settings, camera=1, port=free_port()))
    assert hanging.problem == f"{settings.local_url}: no answer for 0.3 s"
    assert refused.problem.startswith("no process listens on http://127.0.0.1:")
    assert refused.fix == "soft-stream serve --camera 1"


async def test_the_advice_names_the_settings_file() -> None:
    """`serve` would find another one without it."""
    settings = replace(QUICK, port=free_port())
    [found] = await reported(settings, file=Path("/home/pi/my cameras.env"))
    assert found.fix == "soft-stream serve --camera 0 --env-file '/home/pi/my cameras.env'"


@pytest.mark.parametrize(
    ("properties", "problem", "fix"),
    [
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": 78},
            "camera-soft-cam@0.service is failed (exit status 78): a setting is wrong",
            "soft-stream check",
        ),
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": 66},
            "camera-soft-cam@0.service is failed (exit status 66): its camera is missing",
            "sudo systemctl start camera-soft-cam@0.service",
        ),
        (
            {"ActiveState": "inactive", "SubState": "dead"},
            "camera-soft-cam@0.service is inactive (dead)",
            "sudo systemctl start camera-soft-cam@0.service",
        ),
        (
            {"ActiveState": "inactive", "UnitFileState": "disabled"},
            "camera-soft-cam@0.service is disabled",
            "sudo systemctl enable --now camera-soft-cam@0.service",
        ),
        (
            {"ActiveState": "activating", "SubState": "start"},
            "camera-soft-cam@0.service is activating",
            "systemctl status camera-soft-cam@0.service",
        ),
        (
            {"LoadState": "not-found", "ActiveState": "inactive"},
            "camera-soft-cam@0.service is not installed",
            "soft-stream serve --camera 0",
        ),
        ({}, "although camera-soft-cam@0.service runs", "sudo systemctl restart camera-soft-cam@0.service"),
    ],
)
async def test_the_unit_says_why_the_process_does_not_answer(
    properties: dict[str, Any], problem: str, fix: str
) -> None:
    """Its state, its exit status in words, and what helps."""
    host = FakeHost(commands={"systemctl list-units": "", "systemctl show": shown(**properties)})
    [found] = await reported(replace(QUICK, port=free_port()), file=INSTALLED_FILE, host=host)
    assert found.is_down
    assert problem in found.problem
    assert fix in found.fix


async def test_since_when_a_unit_is_down() -> None:
    """The time of systemd's monotonic clock becomes a date."""
    since = int((time.monotonic() - 100) * 1_000_000)
    failed = shown(ActiveState="failed", Result="watchdog", StateChangeTimestampMonotonic=since)
    host = FakeHost(commands={"systemctl list-units": "", "systemctl show": failed})
    [found] = await reported(replace(QUICK, port=free_port()), file=INSTALLED_FILE, host=host)
    assert "no longer notified systemd's watchdog" in found.problem
    assert found.since is not None
    assert 99 < time.time() - found.since < 160


async def test_a_port_in_use_and_a_unit_that_is_down() -> None:
    """Both are in the sentence, because one explains the other."""

    async def greet(_: web.Request) -> web.Response:
        return web.Response(text="Hello")

    failed = shown(ActiveState="failed", Result="exit-code", ExecMainStatus=75)
    host = FakeHost(commands={"systemctl list-units": "", "systemctl show": failed})
    async with answering(greet) as settings:
        [found] = await reported(settings, file=INSTALLED_FILE, host=host)
    assert OTHER_PROGRAM in found.problem
    assert "(exit status 75)" in found.problem


async def test_a_unit_whose_process_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log says more."""
    monkeypatch.setattr(camera_report, "TIMEOUT", 0.3)
    host = FakeHost(commands={"systemctl list-units": "", "systemctl show": shown()})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = replace(QUICK, bind=("127.0.0.1",), port=silent.getsockname()[1])
        [found] = await reported(settings, file=INSTALLED_FILE, host=host)
    assert found.problem.endswith("no answer for 0.3 s")
    assert found.fix == "journalctl -b -u camera-soft-cam@0.service -n 30"


async def test_units_belong_to_the_settings_of_the_service() -> None:
    """For another file they are not looked at."""
    host = FakeHost(commands={"systemctl list-units": "", "systemctl show": shown()})
    [found] = await reported(replace(QUICK, port=free_port()), file=Path("my.env"), host=host)
    assert "camera-soft-cam@" not in found.problem


async def test_a_process_with_another_port(portal: Portal) -> None:
    """It is asked there if the port of the settings does not answer, or belongs to another program."""

    def elsewhere(file: Path | None, cameras: Collection[int]) -> Mapping[int, Settings]:
        assert (file, [*cameras]) == (Path("my.env"), [0])
        return {0: at(portal)}

    async def greet(_: web.Request) -> web.Response:
        return web.Response(text="Hello")

    async with answering(greet) as occupied:
        for settings in (occupied, replace(QUICK, port=free_port())):
            [found] = await reported(settings, file=Path("my.env"), elsewhere=elsewhere)
            assert (found.state, found.url) == ("idle", f"http://127.0.0.1:{portal.port}")
