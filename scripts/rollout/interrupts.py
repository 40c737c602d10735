"""[target] Interrupts of a rollout: by a signal, or by the end of the connection."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(BaseException):
    """The rollout must stop."""


def enable(*, attended: bool) -> None:
    """Raise Interrupted on a signal; with `attended` also when standard input ends."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    if attended:
        threading.Thread(target=_watch_for_hangup, daemon=True).start()


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Ignore signals during the block."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number in SIGNALS:
            signal.signal(number, _interrupt)


def _interrupt(*_: object) -> None:
    raise Interrupted


def _watch_for_hangup() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
