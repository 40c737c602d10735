"""camera-streamer's `/status`: https://github.com/ayufan/camera-streamer, cmd/camera-streamer/status.cc."""

from typing import Any

from aiohttp import web

from soft_stream import __version__
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.web.compat.facts import size_of_stream
from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.request import SUPERVISOR, get_forwarded, get_host


async def status(request: web.Request) -> web.Response:
    """Answer with what there is to see and where, in camera-streamer's format; opens no camera."""
    supervisor = request.app[SUPERVISOR]
    here = _here(request)
    facts = {
        "version": __version__,
        "revision": "",
        "outputs": {
            "snapshot": _output("SNAPSHOT", supervisor),
            "stream": _output("STREAM", supervisor),
            "video": {"name": "VIDEO", "enabled": False},
        },
        "devices": [_device(supervisor)],
        "links": [],
        "endpoints": {
            "rtsp": {"enabled": False},
            "webrtc": {"enabled": False},
            "video": {"enabled": False},
            "stream": {"enabled": True, "output": "stream", "uri": f"{here}/stream"},
            "snapshot": {"enabled": True, "output": "snapshot", "uri": f"{here}/snapshot"},
        },
    }
    return web.json_response(facts, headers=NO_STORE)


def _here(request: web.Request) -> str:
    """Return the address of the folder that was asked, as who asks knows it: proxies take prefixes and TLS away."""
    told = get_forwarded(request, "Proto").lower()
    scheme = told if told in ("http", "https") else request.scheme
    folder = request.path.rstrip("/").rpartition("/")[0]
    return f"{scheme}://{get_host(request)}{get_forwarded(request, 'Prefix').rstrip('/')}{folder}"


def _output(name: str, supervisor: CameraSupervisor) -> dict[str, Any]:
    width, height = size_of_stream(supervisor)
    return {
        "name": name,
        "enabled": True,
        "width": width,
        "height": height,
        "source": supervisor.settings.title,
        "frames": supervisor.status.counters.encoded,
        "refs": sum(client.streams == (name == "STREAM") for client in supervisor.subscribers.clients),
        "dropped": sum(client.dropped for client in supervisor.subscribers.clients if name == "STREAM"),
    }


def _device(supervisor: CameraSupervisor) -> dict[str, Any]:
    width, height = size_of_stream(supervisor)
    negotiated = supervisor.status.negotiated
    pixel_format = negotiated.pixel_format if negotiated else ""
    capture = {"name": "CAPTURE", "width": width, "height": height, "format": pixel_format}
    return {"name": supervisor.settings.title, "path": supervisor.settings.id, "output": False, "captures": [capture]}
