"""The command that runs this program again, as a child process."""

import sys
from pathlib import Path


def own_command() -> list[str]:
    """Return the command `soft-stream` for a child process.

    `python -m` looks for modules in the working directory first, where a file such as `socket.py` of the user would
    replace a module of Python. Only a checkout that is not installed needs that directory.
    """
    is_in_working_directory = Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parents[2]
    return [sys.executable, *([] if is_in_working_directory else ["-P"]), "-m", "soft_stream"]
