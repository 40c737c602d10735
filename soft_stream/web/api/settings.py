"""`/settings.json`, `POST /settings` and `POST /settings/undo`: the settings that the page of a camera may change."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from soft_stream.cameras.base import CameraBusy, CameraError, CameraMissing, CameraUnsupported
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config import kept_controls
from soft_stream.config.page_settings import NAMES, RESTARTING, PageLayer, WrongSettings, format_exactly, must_restart
from soft_stream.message import Message, message_header, message_of
from soft_stream.web.api.camera_names import TITLES
from soft_stream.web.api.controls import REFUSALS
from soft_stream.web.api.settings_facts import PAGE_SETTINGS, list_settings
from soft_stream.web.middleware.errors import conflict, json_response, unavailable
from soft_stream.web.request import SUPERVISOR, describe_client, make_client, refuse_encoded_body
from soft_stream.web.request_rates import SETTINGS_RATE, limit_rate

log = logging.getLogger(__name__)

EXAMPLE = '{"fps": 15, "name": null}'


Edit = Callable[[PageLayer], PageLayer]
"""Returns the layer after a change."""


async def settings(request: web.Request) -> web.Response:
    """Return the settings of the page with their values, origins and bounds, and what the stream costs now."""
    return json_response(await list_settings(request))


async def change_settings(request: web.Request) -> web.Response:
    """Change settings: all of them or, if one is wrong or the camera refuses them, none; null removes a value."""
    await limit_rate(request, SETTINGS_RATE)
    changes = await _body(request)
    return await _answer(request, lambda layer: layer.with_changes(changes))


async def undo(request: web.Request) -> web.Response:
    """Go back to the values before the last change."""
    await limit_rate(request, SETTINGS_RATE)
    page = request.app[PAGE_SETTINGS]

    def go_back(layer: PageLayer) -> PageLayer:
        if not page.earlier:
            nothing = "There is no change since the start of the process that could be undone."
            raise conflict(Message("nothing_to_undo", nothing))
        return replace(layer, values=page.earlier[-1])

    return await _answer(request, go_back, is_undo=True)


async def _answer(request: web.Request, edit: Edit, *, is_undo: bool = False) -> web.Response:
    """Change the layer, also if the client leaves meanwhile, and return the settings."""
    changing = asyncio.create_task(_change(request, edit, is_undo=is_undo), name="change of settings")
    try:
        await asyncio.shield(changing)
    except asyncio.CancelledError:
        changing.add_done_callback(lambda done: done.cancelled() or done.exception())  # no client gets the error
        raise
    return json_response(await list_settings(request))


async def _change(request: web.Request, edit: Edit, *, is_undo: bool) -> None:
    page, supervisor = request.app[PAGE_SETTINGS], request.app[SUPERVISOR]
    async with page.changing:
        before = page.layer
        try:
            after = edit(before)
        except WrongSettings as wrong:
            text = message_of(wrong)
            raise web.HTTPUnprocessableEntity(text=text, headers=message_header(text)) from None
        if after.values != before.values:
            await _apply(request, before, after)
            await _keep(supervisor, before, after)
            page.layer = after
            request.app[TITLES][supervisor.settings.camera] = supervisor.settings.title
            who = describe_client(request)
            log.info("Settings %s by %s: %s", "undone" if is_undo else "changed", who, _difference(before, after))
        if is_undo:
            page.earlier.pop()
        elif after.values != before.values:
            page.earlier.append(before.values)


async def _apply(request: web.Request, before: PageLayer, after: PageLayer) -> None:
    """Use the settings; the camera is opened for those that it has to accept.

    Raises:
        HTTPConflict: another program has the camera, or there is no place for the file.
        HTTPUnprocessableEntity: the camera gives no frame with them.
        HTTPServiceUnavailable: the camera gives no frame, whatever the settings are.
    """
    supervisor = request.app[SUPERVISOR]
    if supervisor.settings.controls_file is None:
        raise conflict(
            Message(
                "settings_no_folder",
                "The settings cannot be kept, so nothing was changed: there is no folder for them; "
                "set the environment variable STATE_DIRECTORY or HOME of the server.",
            )
        )
    if not must_restart(before.settings, after.settings):
        await supervisor.apply_settings(after.settings)
        return
    if supervisor.pause.lease:
        template = (
            "The camera is {paused}. It has to be opened for a change of {names}, so try that again after the pause."
        )
        paused, names = supervisor.pause.lease.sentence, ", ".join(RESTARTING)
        raise conflict(Message("settings_while_paused", template, paused=paused, names=names))
    try:
        with supervisor.subscribers.connected(replace(make_client(request), focuses=False)):
            await supervisor.apply_settings(after.settings)
    except CameraError as fault:
        log.warning(
            "Settings of %s are taken back: %s: %s", describe_client(request), _difference(before, after), fault
        )
        template = "The camera gives no frame with these settings, so the former ones are in effect again: {fault}."
        text = Message("settings_refused", template, fault=message_of(fault))
        is_independent = isinstance(fault, CameraMissing | CameraBusy | CameraUnsupported) or supervisor.pause.lease
        if is_independent:
            raise unavailable(supervisor, text) from fault
        raise web.HTTPUnprocessableEntity(text=text, headers=message_header(text)) from fault


async def _keep(supervisor: CameraSupervisor, before: PageLayer, after: PageLayer) -> None:
    """Write the values into the file of this camera; without that, take the settings back.

    Raises:
        HTTPInsufficientStorage: the disk is full or broken.
        HTTPConflict: the process may not write the file.
    """
    file, camera_id = supervisor.settings.controls_file, kept_controls.camera_id_of(supervisor.settings)
    assert file is not None  # noqa: S101 # `_apply` has checked it
    try:
        async with supervisor.controls.saving:
            await asyncio.to_thread(kept_controls.update, file, camera_id, settings=after.texts())
    except OSError as error:
        supervisor.use_settings(before.settings)
        template = "{file} cannot be written: {reason}"
        what = Message("cannot_be_written", template, file=file, reason=error.strerror)
        log.warning("%s", what)
        is_refused = error.errno in REFUSALS
        template = "The settings cannot be kept, so the former ones are in effect again: {what}."
        text = Message("settings_not_kept", template, what=what)
        kind = web.HTTPConflict if is_refused else web.HTTPInsufficientStorage
        raise kind(text=text, headers=message_header(text)) from error


async def _body(request: web.Request) -> dict[str, Any]:
    refuse_encoded_body(request)
    try:
        body = json.loads(await request.text())
    # an unknown charset, deeply nested brackets, a number with thousands of digits
    except (LookupError, RecursionError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"The body must be JSON such as {EXAMPLE}: {error}.") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text=f"The body must be a JSON object such as {EXAMPLE}.")
    return body


def _difference(before: PageLayer, after: PageLayer) -> str:
    """Return the effective values that differ, for the log."""
    one, other = before.settings, after.settings
    changes = [
        f"{name}: {format_exactly(getattr(one, name))} -> {format_exactly(getattr(other, name))}"
        for name in NAMES
        if getattr(one, name) != getattr(other, name)
    ]
    return ", ".join(changes) or "the values stay the same"
