"""What the cameras of the settings do now: from their running processes, else from their units."""

import asyncio
import json
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from soft_stream.capture.status import State
from soft_stream.config.loader import INSTALLED_FILE, LOCAL_FILE, LoadedConfig
from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line
from soft_stream.diagnostics import processes
from soft_stream.diagnostics.doctor.host import Host
from soft_stream.diagnostics.doctor.systemd import NAME, Unit, camera_units
from soft_stream.diagnostics.doctor.units import LOG, explain
from soft_stream.diagnostics.processes import NEEDS_LOGIN, Limits, Reply
from soft_stream.diagnostics.settings_changes import other_file_of
from soft_stream.frames.clock import unix_time

# Seconds after which a process counts as down.
TIMEOUT = 5.0
DOWN = "down"
"""The state of a camera whose process does not answer."""
WITH_FRAMES = ("focusing", "streaming")
# Characters of a text of another process.
MAX_TEXT = 500
# Notices of a process, which has only a few.
MAX_NOTICES = 10
# More than each number that a process has: its times are Unix seconds.
BEYOND = 1e11


@dataclass(frozen=True)
class CameraReport:
    """One camera at one moment; its fields are those of the JSON of `soft-stream status`."""

    camera: int
    name: str
    url: str
    asked_fps: float
    asked_size: tuple[int, int]
    state: str = DOWN
    since: float | None = None
    """When the state began, in Unix seconds; None if that is not known."""
    fps: float | None = None
    """Frames a second that the camera delivers; None while it delivers none."""
    size: tuple[int, int] | None = None
    """The (width, height) of its frames; None while it is closed."""
    clients: int | None = None
    problem: str = ""
    fix: str = ""
    notices: tuple[str, ...] = ()
    """What the page of the camera says above its stream."""

    @property
    def is_down(self) -> bool:
        """Whether the process does not answer."""
        return self.state == DOWN

    @property
    def is_failing(self) -> bool:
        """Whether the camera gives no frames although a client may want them; a pause is no failure."""
        return self.state in (DOWN, "retrying") or (bool(self.problem) and self.state != "paused")


Elsewhere = Callable[[Path | None, Collection[int]], Mapping[int, Settings]]
"""Returns the settings of processes that serve cameras of a settings file with other ports than those of the file."""


async def report(loaded: LoadedConfig, host: Host, find_elsewhere: Elsewhere) -> list[CameraReport]:
    """Return the reports of all cameras."""
    loaded, replies = await ask_all(loaded, find_elsewhere)
    return await asyncio.to_thread(_reports, loaded, replies, host)


async def ask_all(loaded: LoadedConfig, find_elsewhere: Elsewhere) -> tuple[LoadedConfig, dict[int, Reply]]:
    """Send GET /status.json to all processes; return the replies, and the settings with the ports that have replied."""
    replies = await _ask(loaded.cameras)
    elsewhere = await asyncio.to_thread(_others, loaded, replies, find_elsewhere)
    return replace(loaded, cameras={**loaded.cameras, **elsewhere}), replies | await _ask(elsewhere)


def _others(loaded: LoadedConfig, replies: Mapping[int, Reply], find_elsewhere: Elsewhere) -> dict[int, Settings]:
    """Return the settings of processes with other endpoints, for the cameras that have not replied."""
    silent = [
        number for number, reply in replies.items() if of_reply(loaded.cameras[number], reply, loaded.file).is_down
    ]
    found = find_elsewhere(loaded.file, silent) if silent else {}
    return {number: each for number, each in found.items() if each.endpoints != loaded.cameras[number].endpoints}


async def _ask(cameras: Mapping[int, Settings]) -> dict[int, Reply]:
    asked = (processes.ask(each, "/status.json", Limits(TIMEOUT)) for each in cameras.values())
    return dict(zip(cameras, await asyncio.gather(*asked), strict=True))


def _reports(loaded: LoadedConfig, replies: Mapping[int, Reply], host: Host) -> list[CameraReport]:
    reports = {number: of_reply(loaded.cameras[number], reply, loaded.file) for number, reply in replies.items()}
    silent = [number for number, each in reports.items() if each.is_down]
    if silent and loaded.file == INSTALLED_FILE:  # the settings of the units
        units = camera_units(host, silent)
        for number in silent:
            reports[number] = _with_unit(reports[number], units.get(number), is_refused=replies[number].refused)
    return [*reports.values()]


def of_reply(settings: Settings, reply: Reply, file: Path | None = None) -> CameraReport:
    """Return the report of one camera from the reply of its process to GET /status.json."""
    url, size = settings.local_url, (settings.width, settings.height)
    empty = CameraReport(settings.camera, one_line(settings.title), url, settings.fps, size)
    if reply.refused:
        flag = "" if file in (None, INSTALLED_FILE, LOCAL_FILE) else f" --env-file {shlex.quote(str(file))}"
        start = f"soft-stream serve --camera {settings.camera}{flag}"
        return replace(empty, problem=f"no process listens on {url}", fix=start)
    if reply.error:
        return replace(empty, problem=f"{url}: {one_line(reply.error)[:MAX_TEXT]}")
    if reply.status in NEEDS_LOGIN:
        return replace(empty, problem=processes.why_no_login(settings))
    try:
        return _with_facts(empty, json.loads(reply.text), file)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError):
        return replace(empty, problem=f"{url} is in use by another program")


def facts_of(reply: Reply) -> dict[str, Any]:
    """Return the content of a JSON object; empty if the reply is something else."""
    try:
        facts = json.loads(reply.text)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _with_facts(report: CameraReport, facts: Any, file: Path | None) -> CameraReport:
    """Add the content of `/status.json`; the errors that this raises mean that another program has sent it."""
    number, state, negotiated, frame = facts["camera"], State(facts["state"]), facts["negotiated"], facts["frame"]
    if number != report.camera:
        return replace(report, problem=f"{report.url} is in use by the process of camera {_count(number)}")
    if other_file := other_file_of(facts, file):
        return replace(report, problem=f"{report.url} is in use by a process with the settings file {other_file}")
    problem, pause = _text(facts["fault"]), facts["pause"]
    if not problem and state == "paused" and pause:
        problem = f"paused by {_text(pause['owner'])}"
    size = (frame["width"], frame["height"]) if frame else negotiated["size"] if negotiated else None
    return replace(
        report,
        state=state,
        since=_number(facts["state_since"]),
        fps=_number(facts["captured_fps"]) if state in WITH_FRAMES else None,
        size=None if size is None else (_count(size[0]), _count(size[1])),
        clients=len(facts["clients"]),
        problem=problem,
        notices=tuple(map(_text, _notices(facts))),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return one_line(value[:MAX_TEXT])


def _number(value: Any) -> float:
    if not 0 <= value < BEYOND:  # neither is NaN
        raise ValueError(value)
    return float(value)


def _count(value: Any) -> int:
    return int(_number(value))


def _notices(facts: Any) -> list[Any]:
    notices = facts.get("notices", [])
    if not isinstance(notices, list):
        raise TypeError
    return notices[:MAX_NOTICES]


def _with_unit(report: CameraReport, unit: Unit | None, *, is_refused: bool) -> CameraReport:
    """Add the state of the unit of a camera whose process does not answer."""
    if unit is None:
        return replace(report, problem=f"{report.problem}; {NAME.format(report.camera)} is not installed")
    if unit.active == "active":
        if not is_refused:
            return replace(report, fix=LOG.format(unit.name))
        why = f"{report.problem}, although {unit.name} runs: its settings have changed since it started"
        return replace(report, problem=why, fix=f"sudo systemctl restart {unit.name}")
    text, fix = explain(unit)
    problem = text if is_refused else f"{report.problem}; {text}"
    return replace(report, problem=one_line(problem), fix=fix, since=unix_time(unit.since) if unit.since else None)
