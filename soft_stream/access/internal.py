"""The tokens of our own commands and processes: signed, for a minute, written nowhere.

While the process of a camera does not run, another program may listen on its port, and gets the token. So it has the
role view, and for that camera only.
"""

import time
from collections.abc import Collection
from pathlib import Path

from soft_stream.access.rights import Rights, Role
from soft_stream.access.signing import SigningKey
from soft_stream.frames.clock import unix_time

PURPOSE = "internal"
# Seconds before and after its time of issue in which a token counts.
LIFETIME = 60


def make_token(key: SigningKey, now: float, cameras: Collection[int] = ()) -> str:
    """Return a token to view some cameras, or all, for `Authorization: Bearer`; `now` is in Unix seconds."""
    return key.sign(PURPOSE, {"at": now, "cameras": [*cameras]})


def token_of(state_directory: Path | None, camera: int) -> str:
    """Return a token for a request to the process of a camera; empty if this user may not read the processes' key."""
    key = SigningKey.find(state_directory)
    return make_token(key, unix_time(time.monotonic()), [camera]) if key else ""


def rights_of(key: SigningKey, text: str, now: float) -> Rights | None:
    """Return the rights of a token of `make_token` that has not expired; None for any other text."""
    payload = key.read(PURPOSE, text)
    if payload is None or abs(now - payload["at"]) > LIFETIME:
        return None
    return Rights(Role.VIEW, frozenset(payload["cameras"]))
