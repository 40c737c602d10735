"""The part of `/status.json` about the outputs other than HTTP."""

from typing import Any

from aiohttp import web

from soft_stream.outputs.report import OutputReport

OUTPUTS = web.AppKey("outputs", list[OutputReport])


def describe_outputs(reports: list[OutputReport], *, with_paths: bool) -> list[dict[str, Any]]:
    """Return the state of each output; `with_paths`: also where its frames go, and its last error."""
    return [
        {
            "setting": report.setting,
            "state": report.state,
            "frames": report.frames,
            "missed": report.missed,
            "target": report.target if with_paths else "",
            "last_error": report.last_error if with_paths else "",
        }
        for report in reports
    ]
