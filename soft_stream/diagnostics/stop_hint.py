"""How to get a camera back from the program that has it."""

import re
from pathlib import Path

from soft_stream.config.settings import Settings


def how_to_stop(sentence: str, settings: Settings) -> str:
    """Return the commands that stop the programs that a fault names, as in "rpicam-still (pid 1234)"."""
    pids = re.findall(r"\(pid (\d+)\)", sentence)
    if not pids:
        return "To see which: sudo fuser -v /dev/media* /dev/video*"
    stop = "; ".join(dict.fromkeys(_command(pid) for pid in pids))
    pause = f"curl -X POST http://127.0.0.1:{settings.port}/pause"
    return f"To stop it: {stop}. If it is the portal, it can also be paused: {pause}"


def _command(pid: str) -> str:
    """A service that is only killed is started again by systemd."""
    try:
        group = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        group = ""
    unit = re.search(r"/system\.slice/(?:.*/)?([^/\n]+\.service)", group)
    return f"sudo systemctl stop {unit[1]}" if unit else f"kill {pid}"
