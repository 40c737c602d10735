"""How to stop the program that uses a camera."""

import re
from pathlib import Path

from soft_stream.config.settings import Settings


def how_to_stop(sentence: str, settings: Settings) -> str:
    """Return the commands that stop the programs in an error message, such as "rpicam-still (pid 1234)"."""
    pids = re.findall(r"\(pid (\d+)\)", sentence)
    if not pids:
        return "To find it: sudo fuser -v /dev/media* /dev/video*"
    stop = "; ".join(dict.fromkeys(_command(pid) for pid in pids))
    login = "-u NAME " if settings.auth == "always" else ""
    pause = f"curl {login}-X POST http://127.0.0.1:{settings.port}/pause"
    return f"To stop it: {stop}. If it is camera-soft-stream, it can also be paused: {pause}"


def _command(pid: str) -> str:
    """Return the command that stops a process; systemd would restart a service that is only killed."""
    unit = unit_of(pid)
    return f"sudo systemctl stop {unit}" if unit else f"kill {pid}"


def unit_of(pid: str) -> str:
    """Return the systemd service of the system that a process belongs to; empty if there is none."""
    try:
        group = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return ""
    unit = re.search(r"/system\.slice/(?:.*/)?([^/\n]+\.service)", group)
    return unit[1] if unit else ""
