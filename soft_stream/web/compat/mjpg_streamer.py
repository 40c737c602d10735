"""What mjpg-streamer tells of itself, and the controls that Octolapse sets with it.

https://github.com/jacksonliam/mjpg-streamer, plugins/output_http/httpd.c;
https://github.com/FormerLurker/Octolapse, octoprint_octolapse/camera.py and settings.py
"""

import math
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

from aiohttp import hdrs, web

from soft_stream.cameras.base import ZERO_IS_AUTOMATIC, Control, ControlValue
from soft_stream.capture.controls import Controls
from soft_stream.capture.subscribers import Client
from soft_stream.web.api import controls
from soft_stream.web.compat.facts import size_of_stream
from soft_stream.web.middleware.errors import NO_STORE, json_response
from soft_stream.web.middleware.origin import refuse_other_sites
from soft_stream.web.request import SUPERVISOR

# Octolapse sets controls of servers whose name begins like this, and looks for it on snapshots and commands.
SERVER = "MJPG-Streamer (camera-soft-stream)"
PROBE = -1
# Of linux/v4l2-controls.h: only those that mean the same in libcamera, in units of the driver's own.
V4L2_IDS = {
    "Brightness": 0x00980900,
    "Contrast": 0x00980901,
    "Saturation": 0x00980902,
    "AwbEnable": 0x0098090C,
    "Gamma": 0x00980910,
    "AnalogueGain": 0x00980913,
    "Sharpness": 0x0098091B,
    "LensPosition": 0x009A090A,
}
# V4L2_CID_PRIVATE_BASE: what no standard control has.
OWN_IDS = 0x08000000
ID = re.compile(r"-?[0-9]{1,10}")
INTEGER, BOOLEAN = "1", "2"
STEPS = 100
P = ParamSpec("P")


def named(handler: Callable[P, Awaitable[web.StreamResponse]]) -> Callable[P, Awaitable[web.StreamResponse]]:
    """Have answers and errors of a handler say `Server: MJPG-Streamer`."""

    @wraps(handler)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> web.StreamResponse:
        try:
            response = await handler(*args, **kwargs)
        except web.HTTPException as error:
            error.headers[hdrs.SERVER] = SERVER
            raise
        response.headers[hdrs.SERVER] = SERVER
        return response

    return answer


def id_of(name: str) -> int:
    """Return the number of a control; the same one in every version and for every camera."""
    return V4L2_IDS.get(name) or OWN_IDS + zlib.crc32(name.encode()) % 0x100000


@named
async def inputs(request: web.Request) -> web.Response:
    """Answer with the camera's controls and its size; GET opens it if it was never open."""
    supervisor = request.app[SUPERVISOR]
    await controls.ensure_controls_known(request, supervisor)
    width, height = size_of_stream(supervisor)
    formats = {
        "id": "0",
        "name": "Motion-JPEG",
        "compressed": "true",
        "emulated": "false",
        "current": "true",
        "resolutions": {"0": f"{width}x{height}"},
        "currentResolution": "0",
    }
    return json_response({"controls": _listed(supervisor.controls), "formats": [formats]})


@named
async def outputs(request: web.Request) -> web.Response:
    """Answer that the output has no controls."""
    return json_response({"controls": []})


@named
async def program(request: web.Request) -> web.Response:
    """Answer which plugins there are: the camera, and HTTP."""
    supervisor = request.app[SUPERVISOR]
    return json_response(
        {
            "inputs": [
                {"id": "0", "name": supervisor.settings.title, "plugin": supervisor.settings.source, "args": ""}
            ],
            "outputs": [{"id": "0", "name": "HTTP", "plugin": "http", "args": ""}],
        }
    )


@named
async def command(request: web.Request, query: Mapping[str, str], client: Client) -> web.Response:
    """Set a control, where the settings allow that by GET; 501 else, which says to Octolapse that it cannot."""
    supervisor = request.app[SUPERVISOR]
    if not supervisor.settings.legacy_control:
        name = f"cam{supervisor.settings.camera}_legacy_control"
        raise web.HTTPNotImplemented(text=f"Commands are switched off: {name}=1 lets them set controls.")
    refuse_other_sites(request)
    for key in ("dest", "plugin"):
        if query.get(key, "0") != "0":
            raise web.HTTPNotFound(text=f"{key}={query[key][:60]}: there is only 0, the camera.")
    number = _number(query.get("id", ""))
    if request.method == hdrs.METH_HEAD:
        return _done("")
    if number == PROBE:
        return _done(": -1")  # mjpg-streamer's very words, whose names of controls have no dashes
    await controls.ensure_controls_known(request, supervisor, client)
    names = [each.name for each in _single(supervisor.controls) if id_of(each.name) == number]
    if not names:
        raise web.HTTPNotFound(text=f"This camera has no control with id={number}; /input.json lists them.")
    if "value" not in query:
        raise web.HTTPBadRequest(text=f"value= is missing: it says what {names[0]} is to be.")
    await controls.apply_controls(request, {names[0]: query["value"]})
    return _done(f"{number}: 0")


def _number(text: str) -> int:
    if not ID.fullmatch(text):
        raise web.HTTPBadRequest(text=f"id={text[:60]}: must be a number that /input.json lists.")
    return int(text)


def _single(controls: Controls) -> list[Control]:
    """List the controls with one value each, by name; a list of values has no place in these formats.

    Octolapse sets all that it was told of, in this order: a mode comes before what counts in it only. Where autofocus
    is off, no value of AfMode means that.
    """
    named = [each for _, each in sorted(controls.advertised.items()) if each.count == 1]
    return [each for each in named if each.name != "AfMode" or controls.focus_mode != "off"]


def _listed(controls: Controls) -> list[dict[str, Any]]:
    """Describe those whose value is known: Octolapse would set what is made up here."""
    described = []
    for each in _single(controls):
        untold = controls.untold(each.name)
        value = controls.values.get(each.name, untold)
        if value is not None:
            described.append(_described(each, value, value if untold is None else untold))
    return described


def _described(each: Control, value: ControlValue, default: ControlValue) -> dict[str, Any]:
    low = 0 if each.name in ZERO_IS_AUTOMATIC else each.min
    return {
        "name": each.name,
        "id": str(id_of(each.name)),
        "type": BOOLEAN if each.kind == "bool" else INTEGER,
        "min": _text(low),
        "max": _text(each.max),
        "step": _step(each),
        "default": _text(default),
        "value": _text(value),
        "dest": "0",
        "flags": "0",
        "group": "1",
    }


def _step(each: Control) -> str:
    """Return the step of a slider: 1, or for fractions a power of ten that makes 100 steps or more."""
    reach = float(each.max) - float(each.min)  # type: ignore[arg-type] # these are single numbers
    return f"{10 ** math.floor(math.log10(reach / STEPS)):g}" if each.kind == "float" and reach > 0 else "1"


def _text(value: ControlValue) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _done(text: str) -> web.Response:
    return web.Response(text=text, headers=NO_STORE)
