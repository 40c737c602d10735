"""The command line: `soft-stream COMMAND`."""

import sys
from types import TracebackType

if sys.platform != "linux":  # here, because the modules of the commands cannot be imported elsewhere
    sys.exit(f"camera-soft-stream runs only on Linux, such as Raspberry Pi OS; this is {sys.platform}.")


def _print_exception(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an exception; none for Ctrl-C while the modules of the commands are imported, which takes a while."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)


if sys.excepthook is sys.__excepthook__:
    sys.excepthook = _print_exception
