"""Remote control of the world of another process: one command per line, over a unix socket.

The reply to `METHOD CAMERA [ARGUMENT...] [NAME=VALUE...]`, as in `stall 0 survives_restart=True`, is `ok`. The reply to
`facts CAMERA` and `plugged` is a line of JSON. The reply to a failed command is `error` and the reason.
"""

from __future__ import annotations

import json
import shlex
import socket
import threading
from ast import literal_eval
from pathlib import Path
from typing import Any

from tests.support.fake_libcamera import world
from tests.support.fake_libcamera.facts import facts_of, leftovers

TIMEOUT = 30.0


class Remote:
    """The world of another process; all methods of `Device` can be called, with the camera as first argument."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)

    def ask(self, line: str) -> str:
        """Send a line and return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(self._path)
            connection.sendall(f"{line}\n".encode())
            with connection.makefile() as answers:
                answer = answers.readline().rstrip("\n")
        if answer.startswith("error "):
            raise RuntimeError(answer.removeprefix("error "))
        return answer

    def do(self, verb: str, camera: int | str = 0, *arguments: Any, **named: Any) -> None:
        """Call a method of a camera."""
        words = [verb, str(camera), *map(repr, arguments), *(f"{name}={value!r}" for name, value in named.items())]
        self.ask(shlex.join(words))

    def facts(self, camera: int | str = 0) -> dict[str, Any]:
        """Return the observable state of a camera and the resources left in the process."""
        facts: dict[str, Any] = json.loads(self.ask(f"facts {camera}"))
        return facts


def serve(path: str) -> None:
    """Accept commands for the world of this process; a child of such a process only has the same cameras."""
    try:
        plugged = json.loads(Remote(path).ask("plugged"))
    except OSError:
        Path(path).unlink(missing_ok=True)
    else:
        for device in world.current().devices:
            device.plugged = device.name in plugged
        return
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    threading.Thread(target=_serve, args=(listener,), name="fake libcamera's verbs", daemon=True).start()


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as lines:
            for line in lines:
                lines.write(f"{_answer(line)}\n")
                lines.flush()


def _answer(line: str) -> str:
    try:
        words = shlex.split(line)
        if words == ["plugged"]:
            return json.dumps([device.name for device in world.current().connected()])
        verb, which, *rest = words
        device = world.current().camera(which)
        if verb == "facts":
            return json.dumps(facts_of(device) | leftovers())
        named = dict(word.split("=", 1) for word in rest if "=" in word)
        arguments = [_value(word) for word in rest if "=" not in word]
        getattr(device, verb)(*arguments, **{name: _value(value) for name, value in named.items()})
    except Exception as error:  # the caller gets every error
        return f"error {type(error).__name__}: {error}"
    return "ok"


def _value(word: str) -> Any:
    try:
        return literal_eval(word)
    except (ValueError, SyntaxError):
        return word
