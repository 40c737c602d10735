"""ustreamer's `/state`: https://github.com/pikvm/ustreamer, `_http_callback_state` in src/ustreamer/http/server.c."""

from typing import Any

from aiohttp import web

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.web.compat.facts import get_encoded_fps, get_sent_fps, get_stream_size, get_streaming_clients
from soft_stream.web.middleware.errors import json_response
from soft_stream.web.request import SUPERVISOR


async def state(request: web.Request) -> web.Response:
    """Return the state of the camera in the format of ustreamer; this does not open the camera."""
    supervisor = request.app[SUPERVISOR]
    status = supervisor.status
    width, height = get_stream_size(supervisor)
    is_hardware = status.negotiated is not None and status.negotiated.pixel_format == "MJPEG"
    clients = get_streaming_clients(supervisor)
    result = {
        "instance_id": supervisor.settings.title,
        "encoder": {
            "type": "HW" if is_hardware else "CPU",
            "quality": supervisor.adaptive_quality.lower(supervisor.settings.quality),
        },
        "source": {
            "resolution": {"width": width, "height": height},
            # an idle camera is available
            "online": not supervisor.health.problem and status.state is not State.PAUSED,
            "desired_fps": round(supervisor.settings.fps),
            "captured_fps": round(status.timer.fps),
        },
        "stream": {
            "queued_fps": round(get_encoded_fps(supervisor)),
            "clients": len(clients),
            "clients_stat": {f"{round(client.since * 1_000_000):x}": _client_stat(client) for client in clients},
        },
    }
    return json_response({"ok": True, "result": result})


def _client_stat(client: Client) -> dict[str, Any]:
    return {
        "fps": round(get_sent_fps(client)),
        "extra_headers": False,
        "advance_headers": False,
        "dual_final_frames": False,
        "zero_data": False,
        "key": client.name or "0",
    }
