"""What changes something: the camera's controls, an AF cycle, a camera kept ready, a pause. All of it is POST."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from soft_stream.cameras.base import AF_MANUAL, CameraError, Control, ControlValue
from soft_stream.capture.controls import WrongControl
from soft_stream.capture.status import CameraStatus
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.web.api.snapshot import wait_for_frame
from soft_stream.web.middleware.errors import frame_or_503, json_response, unavailable
from soft_stream.web.request import SUPERVISOR, get_peer, make_client, parse_choice

log = logging.getLogger(__name__)

GESTURE_LASTS = 2.0


async def controls(request: web.Request) -> web.Response:
    """Answer with the controls that the camera has; GET opens it if it was never open."""
    supervisor = request.app[SUPERVISOR]
    await ensure_controls_known(request, supervisor)
    return json_response(_listed(supervisor))


async def set_controls(request: web.Request) -> web.Response:
    """Set controls: all of them or, when one is wrong, none; null gives one back to the camera's default."""
    supervisor = request.app[SUPERVISOR]
    asked = await _body(request)
    keep = parse_choice(request.query, "keep", "0", "0", "1") == "1"
    await ensure_controls_known(request, supervisor)
    if asked.get("LensPosition") is not None and "AfMode" in supervisor.controls.advertised:
        asked.setdefault("AfMode", AF_MANUAL)  # a lens goes only there where autofocus does not move it
    await apply_controls(request, asked)
    if keep:
        await _keep(supervisor)
    return json_response(_listed(supervisor))


async def apply_controls(request: web.Request, wanted: Mapping[str, Any]) -> None:
    """Tell the camera what somebody wants of its controls; it is known which there are (`learnt`)."""
    supervisor = request.app[SUPERVISOR]
    asked = dict(wanted)
    given_back = [name for name, value in asked.items() if value is None]
    try:
        asked |= {name: supervisor.controls.default_of(name) for name in given_back}
        is_held = asked.get("AfMode") in (AF_MANUAL, str(AF_MANUAL)) and "AfMode" not in given_back
        if is_held and supervisor.status.lens_position is not None:
            asked.setdefault("LensPosition", supervisor.status.lens_position)  # it stays where it is, and is kept there
        values = supervisor.controls.checked(asked)
        # who leaves meanwhile does not leave the camera with what nobody remembers
        await asyncio.shield(_set(supervisor, values, given_back))
    except WrongControl as problem:
        raise web.HTTPBadRequest(text=f"{problem}.") from None
    except CameraError as fault:
        raise unavailable(supervisor, f"The camera does not take that: {fault}.") from fault
    request.app[CONTROL_LOG].add(get_peer(request), values)


class ControlLogBuffer:
    """What was set lately: a slider that moves sets a control many times, and makes one line of the log."""

    def __init__(self, status: CameraStatus) -> None:
        self._status = status
        self._set: dict[str, dict[str, ControlValue]] = {}
        self._rest: asyncio.TimerHandle | None = None

    def add(self, peer: str, values: Mapping[str, ControlValue]) -> None:
        """Tell of it in a moment, with what else is set until then."""
        self._set.setdefault(peer, {}).update(values)
        if self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(GESTURE_LASTS, self.end)

    def end(self) -> None:
        """Tell now."""
        self._rest = None
        for peer, values in self._set.items():
            self._status.log_event(f"Controls set by {peer}: {values}")
        self._set.clear()


CONTROL_LOG = web.AppKey("gestures", ControlLogBuffer)


async def _set(supervisor: CameraSupervisor, values: Mapping[str, ControlValue], given_back: Sequence[str]) -> None:
    await supervisor.set_controls(values)
    supervisor.controls.forget(given_back)
    if values.get("AfMode", AF_MANUAL) != AF_MANUAL:
        supervisor.controls.forget(["LensPosition"])  # autofocus moves the lens from now on


async def ensure_controls_known(
    request: web.Request, supervisor: CameraSupervisor, client: Client | None = None
) -> None:
    """See to it that it is known what the camera advertises; HEAD makes do with what is known."""
    if supervisor.controls.advertised or request.method == hdrs.METH_HEAD:
        return
    client = replace(client or make_client(request), focuses=False)
    with supervisor.subscribers.connected(client), frame_or_503(supervisor, supervisor.settings.start_timeout):
        await wait_for_frame(supervisor, supervisor.settings.start_timeout)


async def _body(request: web.Request) -> dict[str, Any]:
    """Read {"NAME": value} as JSON, or NAME=value as a form; curl calls both a form."""
    try:
        text = await request.text()
        if request.content_type == "application/x-www-form-urlencoded" and not text.lstrip().startswith("{"):
            return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
        body = json.loads(text)
    # an unknown charset, brackets without end, a number of thousands of digits
    except (LookupError, RecursionError, ValueError) as error:
        raise web.HTTPBadRequest(text=f'The body must be JSON such as {{"Brightness": 0.1}}: {error}.') from None
    except web.RequestPayloadError:
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "")[:60]
        raise web.HTTPBadRequest(
            text=f"The body is not whole, or not what Content-Encoding: {encoding} says."
        ) from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text='The body must be a JSON object such as {"Brightness": 0.1}.')
    return body


async def _keep(supervisor: CameraSupervisor) -> None:
    file = supervisor.settings.controls_file
    if file is None:
        raise web.HTTPConflict(text="The controls are set, but there is no file to keep them in.")
    try:
        await asyncio.shield(supervisor.controls.keep(file))
    except OSError as error:
        log.warning("%s cannot be written: %s", file, error.strerror)
        raise web.HTTPInternalServerError(text=f"The controls are set, but not kept: {error.strerror}.") from error


def _listed(supervisor: CameraSupervisor) -> dict[str, Any]:
    return {name: _described(control, supervisor) for name, control in sorted(supervisor.controls.advertised.items())}


def _described(control: Control, supervisor: CameraSupervisor) -> dict[str, Any]:
    return {
        "type": control.kind,
        "count": control.count,
        "min": control.min,
        "max": control.max,
        "default": control.default,
        "value": supervisor.controls.values.get(control.name, supervisor.controls.untold(control.name)),
    }
