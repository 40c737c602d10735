"""The log lines about controls that clients have set."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from soft_stream.capture.control_values import format_value
from soft_stream.capture.status import CameraStatus
from soft_stream.capture.subscribers import named
from soft_stream.message import Message

# Seconds for which changes are collected for one log line per client, and the number of clients that have their own.
LOG_INTERVAL = 2.0
LOGGED_PEERS = 16
OTHERS = "other addresses"

Values = Mapping[str, object]
Change = tuple[object, object]
"""The value before and after; None for a control that was not set."""


class ControlLogBuffer:
    """A buffer of changed controls, for one log line per client although a slider sets a control many times."""

    def __init__(self, status: CameraStatus) -> None:
        self._status = status
        self._changes: dict[tuple[str, str], dict[str, Change]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, peer: str, login: str, before: Values, after: Values) -> None:
        """Add the controls that a client has changed, which are logged after LOG_INTERVAL at the latest."""
        if (peer, login) not in self._changes and len(self._changes) >= LOGGED_PEERS:  # a proxy may name any address
            peer = OTHERS
        changes = self._changes.setdefault((peer, login), {})
        for name, value in after.items():
            first, _ = changes.get(name, (before.get(name), None))
            changes[name] = first, value
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOG_INTERVAL, self.flush)

    def flush(self) -> None:
        """Log all changes now."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for client, changes in self._changes.items():
            values = ", ".join(f"{name} from {_shown(old)} to {_shown(new)}" for name, (old, new) in changes.items())
            template = "Controls set by {client}: {values}"
            self._status.log_event(Message("log_controls", template, client=named(*client), values=values))
        self._changes.clear()


CONTROL_LOG = web.AppKey("control_log", ControlLogBuffer)


def _shown(value: object) -> str:
    return "unset" if value is None else format_value(value)
