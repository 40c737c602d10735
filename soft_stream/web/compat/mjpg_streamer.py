"""mjpg-streamer's description of itself, and the controls that Octolapse sets through it.

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

from soft_stream.access.rights import Role
from soft_stream.cameras.base import ZERO_IS_AUTOMATIC, Control, ControlValue
from soft_stream.capture.controls import Controls
from soft_stream.capture.subscribers import THIS_PROCESS, Client
from soft_stream.config.settings import Settings
from soft_stream.config.source_settings import PLUGINS
from soft_stream.frames.clock import unix_time
from soft_stream.web.api import controls
from soft_stream.web.auth.required_role import require
from soft_stream.web.compat.facts import get_stream_size
from soft_stream.web.middleware.errors import NO_STORE, json_response
from soft_stream.web.middleware.origin import reject_other_sites
from soft_stream.web.request import SUPERVISOR
from soft_stream.web.request_rates import CONTROLS, limit_rate

# Octolapse sets controls only of servers whose `Server` header begins with this, in snapshots and commands.
SERVER = "MJPG-Streamer (camera-soft-stream)"
# The outputs beside HTTP, by the setting that switches them on.
OUTPUT_PLUGINS = {"save": "file", "zmq": "zmqserver"}
# The id with which Octolapse asks whether commands are allowed.
PROBE = -1
# From linux/v4l2-controls.h: the controls that have the same meaning in libcamera; units are those of the driver.
V4L2_IDS = {
    "Brightness": 0x00980900,
    "Contrast": 0x00980901,
    "Saturation": 0x00980902,
    "AwbEnable": 0x0098090C,
    "Gamma": 0x00980910,
    "AnalogueGain": 0x00980913,
    "Sharpness": 0x0098091B,
    "LensPosition": 0x009A090A,
    # of source=v4l2
    "brightness": 0x00980900,
    "contrast": 0x00980901,
    "saturation": 0x00980902,
    "hue": 0x00980903,
    "white_balance_automatic": 0x0098090C,
    "gamma": 0x00980910,
    "gain": 0x00980913,
    "power_line_frequency": 0x00980918,
    "white_balance_temperature": 0x0098091A,
    "sharpness": 0x0098091B,
    "backlight_compensation": 0x0098091C,
    "auto_exposure": 0x009A0901,
    "exposure_time_absolute": 0x009A0902,
    "exposure_dynamic_framerate": 0x009A0903,
    "pan_absolute": 0x009A0908,
    "tilt_absolute": 0x009A0909,
    "focus_absolute": 0x009A090A,
    "focus_automatic_continuous": 0x009A090C,
    "zoom_absolute": 0x009A090D,
}
# V4L2_CID_PRIVATE_BASE, for controls that V4L2 does not have.
PRIVATE_IDS = 0x08000000
ID = re.compile(r"-?[0-9]{1,10}")
INTEGER, BOOLEAN = "1", "2"  # v4l2_ctrl_type
STEPS = 100
P = ParamSpec("P")


def with_server_name(handler: Callable[P, Awaitable[web.StreamResponse]]) -> Callable[P, Awaitable[web.StreamResponse]]:
    """Add `Server: MJPG-Streamer` to the responses and errors of a handler."""

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


def get_control_id(name: str) -> int:
    """Return the id of a control, which is the same in every version and for every camera."""
    return V4L2_IDS.get(name) or PRIVATE_IDS + zlib.crc32(name.encode()) % 0x100000


@with_server_name
async def inputs(request: web.Request) -> web.Response:
    """Return the controls and the size of the stream; GET opens a camera that was never open."""
    supervisor = request.app[SUPERVISOR]
    await controls.ensure_controls_known(request, supervisor)
    width, height = get_stream_size(supervisor)
    formats = {
        "id": "0",
        "name": "Motion-JPEG",
        "compressed": "true",
        "emulated": "false",
        "current": "true",
        "resolutions": {"0": f"{width}x{height}"},
        "currentResolution": "0",
    }
    return json_response({"controls": _list_controls(supervisor.controls), "formats": [formats]})


@with_server_name
async def outputs(request: web.Request) -> web.Response:
    """Return the controls of the output, which has none."""
    return json_response({"controls": []})


@with_server_name
async def program(request: web.Request) -> web.Response:
    """Return the plugins of mjpg-streamer that fit the source and the outputs."""
    settings = request.app[SUPERVISOR].settings
    others = [plugin for name, plugin in OUTPUT_PLUGINS.items() if getattr(settings, name)]
    return json_response(
        {
            "inputs": [{"id": "0", "name": settings.title, "plugin": _input_plugin(settings), "args": ""}],
            "outputs": [
                {"id": str(number), "name": name, "plugin": f"output_{name}.so", "args": ""}
                for number, name in enumerate(["http", *others])
            ],
        }
    )


def _input_plugin(settings: Settings) -> str:
    """Return the name of the plugin for a source; a webcam is one of `input_uvc.so` with either driver."""
    is_webcam = settings.source == "picamera" and "/usb" in settings.id
    source = "v4l2" if is_webcam else settings.source
    return next(f"input_{plugin}.so" for plugin, each in PLUGINS.items() if each == source)


@with_server_name
async def clients(request: web.Request) -> web.Response:
    """Return each address that receives frames now, with the time of its last frame in Unix seconds; 0 before it."""
    last_frames: dict[str, int] = {}
    for client in request.app[SUPERVISOR].subscribers.clients:
        if client.peer == THIS_PROCESS:
            continue
        timestamp = 0 if client.captured_at is None else int(unix_time(client.captured_at))
        last_frames[client.peer] = max(last_frames.get(client.peer, 0), timestamp)
    entries = [{"address": address, "timestamp": timestamp} for address, timestamp in last_frames.items()]
    return json_response({"clients": entries})


@with_server_name
async def command(request: web.Request, query: Mapping[str, str], client: Client) -> web.Response:
    """Set a control; raise HTTPNotImplemented, which Octolapse understands, unless `legacy_control` allows it."""
    require(request, Role.CONTROL)
    supervisor = request.app[SUPERVISOR]
    if not supervisor.settings.legacy_control:
        name = f"cam{supervisor.settings.camera}_legacy_control"
        raise web.HTTPNotImplemented(text=f"Commands are switched off; {name}=1 allows them.")
    await reject_other_sites(request)
    for key in ("dest", "plugin"):
        if query.get(key, "0") != "0":
            raise web.HTTPNotFound(text=f"{key}={query[key][:60]}: must be 0, the camera.")
    number = _parse_id(query.get("id", ""))
    if request.method == hdrs.METH_HEAD:
        return _answer("")
    if number == PROBE:
        return _answer(": -1")  # exactly as mjpg-streamer answers
    await limit_rate(request, CONTROLS)
    await controls.ensure_controls_known(request, supervisor, client)
    names = [each.name for each in _scalar_controls(supervisor.controls) if get_control_id(each.name) == number]
    if not names:
        raise web.HTTPNotFound(text=f"This camera has no control with id={number}; /input.json lists them.")
    if "value" not in query:
        raise web.HTTPBadRequest(text=f"value= is missing: the new value of {names[0]}.")
    await controls.apply_controls(request, {names[0]: query["value"]}, one_by_one=True)
    return _answer(f"{number}: 0")


def _parse_id(text: str) -> int:
    if not ID.fullmatch(text):
        raise web.HTTPBadRequest(text=f"id={text[:60]}: must be an id that /input.json lists.")
    return int(text)


def _scalar_controls(controls: Controls) -> list[Control]:
    """Return the controls with a single value, sorted by name; the formats have no lists of values.

    Octolapse sets all listed controls in this order, which puts AfMode before LensPosition. AfMode is left out when
    autofocus is off, since no value of it means off.
    """
    scalars = [each for _, each in sorted(controls.advertised.items()) if each.count == 1]
    return [each for each in scalars if each.name != "AfMode" or controls.focus_mode != "off"]


def _list_controls(controls: Controls) -> list[dict[str, Any]]:
    """Describe the controls with a known value; Octolapse would set an invented one."""
    described = []
    for each in _scalar_controls(controls):
        default = controls.default_value(each.name)
        value = controls.values.get(each.name, default)
        if value is not None:
            described.append(_describe(each, value, value if default is None else default))
    return described


def _describe(each: Control, value: ControlValue, default: ControlValue) -> dict[str, Any]:
    low = 0 if each.name in ZERO_IS_AUTOMATIC else each.min
    return {
        "name": each.name,
        "id": str(get_control_id(each.name)),
        "type": BOOLEAN if each.kind == "bool" else INTEGER,
        "min": _format(low),
        "max": _format(each.max),
        "step": _step(each),
        "default": _format(default),
        "value": _format(value),
        "dest": "0",
        "flags": "0",
        "group": "1",
    }


def _step(each: Control) -> str:
    """Return the step of a slider: 1, or for floats the largest power of ten that gives at least 100 steps."""
    span = float(each.max) - float(each.min)  # type: ignore[arg-type] # scalar controls
    return f"{10 ** math.floor(math.log10(span / STEPS)):g}" if each.kind == "float" and span > 0 else "1"


def _format(value: ControlValue) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _answer(text: str) -> web.Response:
    return web.Response(text=text, headers=NO_STORE)
