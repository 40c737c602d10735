"""`/controls.json` and `POST /controls`: the camera's controls and their values."""

import asyncio
import errno
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from soft_stream.cameras.base import CameraError, Control
from soft_stream.capture.control_values import WrongControl, format_value
from soft_stream.capture.controls import ControlChange
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.kept_controls import NEVER_KEPT
from soft_stream.message import Message, message_header, message_of
from soft_stream.web.api.control_log import CONTROL_LOG
from soft_stream.web.api.snapshot import wait_for_frame
from soft_stream.web.auth.identity import get_login
from soft_stream.web.middleware.errors import conflict, frame_or_503, json_response, unavailable
from soft_stream.web.request import (
    SUPERVISOR,
    describe_client,
    get_peer,
    make_client,
    parse_choice,
    refuse_encoded_body,
)
from soft_stream.web.request_rates import CONTROLS, KEEP_COST, limit_rate

log = logging.getLogger(__name__)

# Errors that have nothing to do with the space on the disk: the file or its folder may not be written.
REFUSALS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP, errno.ENAMETOOLONG),
}


async def controls(request: web.Request) -> web.Response:
    """Return the controls that the camera has; GET opens a camera that was never open."""
    supervisor = request.app[SUPERVISOR]
    await ensure_controls_known(request, supervisor)
    return json_response(_listed(supervisor))


async def set_controls(request: web.Request) -> web.Response:
    """Set controls: all of them or, when one is wrong, none; null gives one back to the camera's default.

    An empty object sets nothing, and the answer is that of GET /controls.json.
    """
    supervisor = request.app[SUPERVISOR]
    keep = parse_choice(request.query, "keep", "0", "0", "1") == "1"
    await limit_rate(request, CONTROLS, KEEP_COST if keep else 1)
    asked = await _body(request)
    await ensure_controls_known(request, supervisor)
    if asked:
        await apply_controls(request, asked)
    if keep:
        await _keep(supervisor, describe_client(request))
    return json_response(_listed(supervisor))


async def apply_controls(request: web.Request, wanted: Mapping[str, Any], *, one_by_one: bool = False) -> None:
    """Set controls that a client has requested; call `ensure_controls_known` first."""
    supervisor = request.app[SUPERVISOR]
    try:
        change = supervisor.controls.resolve(
            wanted, supervisor.status.lens_position, position_means_manual=not one_by_one
        )
        # a client that leaves during the call must not leave the camera with values that are not recorded
        await asyncio.shield(_set_and_log(request, change))
    except WrongControl as problem:
        text = Message("sentence", "{sentence}.", sentence=message_of(problem))
        raise web.HTTPBadRequest(text=text, headers=message_header(text)) from None
    except CameraError as fault:
        text = Message("controls_refused", "The camera does not take that: {fault}.", fault=message_of(fault))
        raise unavailable(supervisor, text) from fault


async def _set_and_log(request: web.Request, change: ControlChange) -> None:
    supervisor = request.app[SUPERVISOR]
    controls, peer, login = supervisor.controls, get_peer(request), get_login(request)
    changed = {*change.values, *change.reset}
    before = {
        name: controls.values.get(name, controls.default_value(name)) for name in changed & controls.advertised.keys()
    }
    await supervisor.set_controls(change)
    request.app[CONTROL_LOG].add(peer, login, before, {**dict.fromkeys(change.reset), **change.values})


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
    refuse_encoded_body(request)
    try:
        text = await request.text()
        if request.content_type == "application/x-www-form-urlencoded" and not text.lstrip().startswith("{"):
            return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
        body = json.loads(text)
    # an unknown charset, deeply nested brackets, a number with thousands of digits
    except (LookupError, RecursionError, ValueError) as error:
        raise web.HTTPBadRequest(text=f'The body must be JSON such as {{"Brightness": 0.1}}: {error}.') from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text='The body must be a JSON object such as {"Brightness": 0.1}.')
    return body


async def _keep(supervisor: CameraSupervisor, who: str) -> None:
    """Write the controls that are set into the file of this camera; without any, remove it.

    Raises:
        HTTPInsufficientStorage: the disk is full or broken.
        HTTPConflict: the process may not write the file, or there is no place for it.
    """
    file = supervisor.settings.controls_file
    if file is None and supervisor.controls.values:
        raise conflict(
            Message(
                "controls_no_folder",
                "The controls are set, but not kept: there is no folder for them; "
                "set the environment variable STATE_DIRECTORY or HOME of the server.",
            )
        )
    if file is None:
        return
    try:
        # a client that leaves during the call must not leave it half done, or without its line in the log
        await asyncio.shield(_keep_and_log(supervisor, file, who))
    except OSError as error:
        reason = error.strerror
        if supervisor.controls.values:
            what = Message("cannot_be_written", "{file} cannot be written: {reason}", file=file, reason=reason)
            text = Message("controls_not_kept", "The controls are set, but not kept: {what}.", what=what)
        else:
            what = Message("cannot_be_removed", "{file} cannot be removed: {reason}", file=file, reason=reason)
            text = Message("controls_still_kept", "The controls are set, but {what}.", what=what)
        log.warning("%s", what)
        kind = web.HTTPConflict if error.errno in REFUSALS else web.HTTPInsufficientStorage
        raise kind(text=text, headers=message_header(text)) from error


async def _keep_and_log(supervisor: CameraSupervisor, file: Path, who: str) -> None:
    await supervisor.controls.keep(file)
    kept = sorted((name, value) for name, value in supervisor.controls.values.items() if name != NEVER_KEPT)
    values = ", ".join(f"{name}={format_value(value)}" for name, value in kept)
    log.info("Controls kept by %s in %s: %s", who, file, values or "none")


def _listed(supervisor: CameraSupervisor) -> dict[str, Any]:
    return {name: _described(control, supervisor) for name, control in sorted(supervisor.controls.advertised.items())}


def _described(control: Control, supervisor: CameraSupervisor) -> dict[str, Any]:
    choices = {"choices": {str(value): name for value, name in control.choices}} if control.choices else {}
    return {
        "type": control.kind,
        "count": control.count,
        "min": control.min,
        "max": control.max,
        "default": control.default,
        "value": supervisor.controls.values.get(control.name, supervisor.controls.default_value(control.name)),
        **choices,
    }
