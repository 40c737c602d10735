"""camera-streamer's `/status`: https://github.com/ayufan/camera-streamer, cmd/camera-streamer/status.cc."""

from typing import Any

from aiohttp import web

from soft_stream import __version__
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.web.compat.facts import get_stream_size
from soft_stream.web.middleware.errors import json_response
from soft_stream.web.request import SUPERVISOR, get_forwarded, get_host


async def status(request: web.Request) -> web.Response:
    """Return the outputs and their URLs in the format of camera-streamer; this does not open the camera."""
    supervisor = request.app[SUPERVISOR]
    url = _folder_url(request)
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
            "stream": {"enabled": True, "output": "stream", "uri": f"{url}/stream"},
            "snapshot": {"enabled": True, "output": "snapshot", "uri": f"{url}/snapshot"},
        },
    }
    return json_response(facts)


def _folder_url(request: web.Request) -> str:
    """Return the URL of the requested folder as the client sees it; proxies remove prefixes and TLS."""
    forwarded = get_forwarded(request, "Proto").lower()
    scheme = forwarded if forwarded in ("http", "https") else request.scheme
    folder = request.path.rstrip("/").rpartition("/")[0]
    return f"{scheme}://{get_host(request)}{get_forwarded(request, 'Prefix').rstrip('/')}{folder}"


def _output(name: str, supervisor: CameraSupervisor) -> dict[str, Any]:
    width, height = get_stream_size(supervisor)
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
    width, height = get_stream_size(supervisor)
    negotiated = supervisor.status.negotiated
    pixel_format = negotiated.pixel_format if negotiated else ""
    capture = {"name": "CAPTURE", "width": width, "height": height, "format": pixel_format}
    return {
        "name": supervisor.settings.title,
        "path": supervisor.settings.id or supervisor.settings.device,
        "output": False,
        "captures": [capture],
    }
