"""ustreamer's `/state`: https://github.com/pikvm/ustreamer, `_http_callback_state` in src/ustreamer/http/server.c."""

from typing import Any

from aiohttp import web

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.web.compat.facts import made_fps, sent_fps, size_of_stream, streaming_clients
from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.request import SOURCE


async def state(request: web.Request) -> web.Response:
    """Answer with what the camera does, in ustreamer's format; opens no camera."""
    source = request.app[SOURCE]
    condition = source.condition
    width, height = size_of_stream(source)
    is_hardware = condition.negotiated is not None and condition.negotiated.pixel_format == "MJPEG"
    clients = streaming_clients(source)
    result = {
        "instance_id": source.settings.title,
        "encoder": {"type": "HW" if is_hardware else "CPU", "quality": source.ease.quality_of(0)},
        "source": {
            "resolution": {"width": width, "height": height},
            # a camera that sleeps is there
            "online": not condition.fault and condition.state is not State.PAUSED,
            "desired_fps": round(source.settings.fps),
            "captured_fps": round(condition.captured_fps),
        },
        "stream": {
            "queued_fps": round(made_fps(source)),
            "clients": len(clients),
            "clients_stat": {f"{round(client.since * 1_000_000):x}": _stat(client) for client in clients},
        },
    }
    return web.json_response({"ok": True, "result": result}, headers=NO_STORE)


def _stat(client: Client) -> dict[str, Any]:
    return {
        "fps": round(sent_fps(client)),
        "extra_headers": False,
        "advance_headers": False,
        "dual_final_frames": False,
        "zero_data": False,
        "key": client.name or "0",
    }
