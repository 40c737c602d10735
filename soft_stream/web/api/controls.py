"""`/controls.json` and `POST /controls`: the camera's controls and their values."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from soft_stream.cameras.base import CameraError, Control, ControlValue
from soft_stream.capture.controls import WrongControl
from soft_stream.capture.status import CameraStatus
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.web.api.snapshot import wait_for_frame
from soft_stream.web.middleware.errors import frame_or_503, json_response, unavailable
from soft_stream.web.request import SUPERVISOR, get_peer, make_client, parse_choice

log = logging.getLogger(__name__)

# Seconds for which changes are collected for one log line.
LOG_INTERVAL = 2.0


async def controls(request: web.Request) -> web.Response:
    """Return the controls that the camera has; GET opens a camera that was never open."""
    supervisor = request.app[SUPERVISOR]
    await ensure_controls_known(request, supervisor)
    return json_response(_listed(supervisor))


async def set_controls(request: web.Request) -> web.Response:
    """Set controls: all of them or, when one is wrong, none; null gives one back to the camera's default."""
    supervisor = request.app[SUPERVISOR]
    asked = await _body(request)
    keep = parse_choice(request.query, "keep", "0", "0", "1") == "1"
    await ensure_controls_known(request, supervisor)
    await apply_controls(request, asked)
    if keep:
        await _keep(supervisor)
    return json_response(_listed(supervisor))


async def apply_controls(request: web.Request, wanted: Mapping[str, Any], *, one_by_one: bool = False) -> None:
    """Set controls that a client has requested; call `ensure_controls_known` first."""
    supervisor = request.app[SUPERVISOR]
    try:
        change = supervisor.controls.resolve(
            wanted, supervisor.status.lens_position, position_means_manual=not one_by_one
        )
        # a client that leaves during the call must not leave the camera with values that are not recorded
        await asyncio.shield(supervisor.set_controls(change))
    except WrongControl as problem:
        raise web.HTTPBadRequest(text=f"{problem}.") from None
    except CameraError as fault:
        raise unavailable(supervisor, f"The camera does not take that: {fault}.") from fault
    request.app[CONTROL_LOG].add(get_peer(request), change.values)


class ControlLogBuffer:
    """A buffer of changed controls, for one log line per client although a slider sets a control many times."""

    def __init__(self, status: CameraStatus) -> None:
        self._status = status
        self._changes: dict[str, dict[str, ControlValue]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, peer: str, values: Mapping[str, ControlValue]) -> None:
        """Add changes, which are logged after LOG_INTERVAL at the latest."""
        self._changes.setdefault(peer, {}).update(values)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOG_INTERVAL, self.flush)

    def flush(self) -> None:
        """Log all changes now."""
        self._timer = None
        for peer, values in self._changes.items():
            self._status.log_event(f"Controls set by {peer}: {values}")
        self._changes.clear()


CONTROL_LOG = web.AppKey("control_log", ControlLogBuffer)


async def ensure_controls_known(
    request: web.Request, supervisor: CameraSupervisor, client: Client | None = None
) -> None:
    """Open the camera as a client unless it has advertised its controls before; HEAD never opens it."""
    if supervisor.controls.advertised or request.method == hdrs.METH_HEAD:
        return
    client = replace(client or make_client(request), focuses=False)
    with supervisor.subscribers.connected(client), frame_or_503(supervisor, supervisor.settings.start_timeout):
        await wait_for_frame(supervisor, supervisor.settings.start_timeout)


async def _body(request: web.Request) -> dict[str, Any]:
    """Parse the body: JSON such as {"NAME": value}, or a form with NAME=value; curl labels both as a form."""
    try:
        text = await request.text()
        if request.content_type == "application/x-www-form-urlencoded" and not text.lstrip().startswith("{"):
            return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
        body = json.loads(text)
    # an unknown charset, deeply nested brackets, a number with thousands of digits
    except (LookupError, RecursionError, ValueError) as error:
        raise web.HTTPBadRequest(text=f'The body must be JSON such as {{"Brightness": 0.1}}: {error}.') from None
    except web.RequestPayloadError:
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "")[:60]
        raise web.HTTPBadRequest(text=f"The body is incomplete or not in Content-Encoding: {encoding}.") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text='The body must be a JSON object such as {"Brightness": 0.1}.')
    return body


async def _keep(supervisor: CameraSupervisor) -> None:
    file = supervisor.settings.controls_file
    if file is None:
        raise web.HTTPConflict(text="The controls are set, but there is no file to save them in.")
    try:
        await asyncio.shield(supervisor.controls.save(file))
    except OSError as error:
        log.warning("%s cannot be written: %s", file, error.strerror)
        raise web.HTTPInternalServerError(text=f"The controls are set, but not saved: {error.strerror}.") from error


def _listed(supervisor: CameraSupervisor) -> dict[str, Any]:
    return {name: _described(control, supervisor) for name, control in sorted(supervisor.controls.advertised.items())}


def _described(control: Control, supervisor: CameraSupervisor) -> dict[str, Any]:
    return {
        "type": control.kind,
        "count": control.count,
        "min": control.min,
        "max": control.max,
        "default": control.default,
        "value": supervisor.controls.values.get(control.name, supervisor.controls.default_value(control.name)),
    }
