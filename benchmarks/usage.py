"""What a server costs: CPU time of its whole process tree in nanoseconds, memory, sockets, wake-ups."""

import ctypes
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None, use_errno=True)
SAMPLE_INTERVAL = 0.5


@dataclass
class Use:
    """One look at a server."""

    cpu: float = 0.0
    """Seconds, of all its processes and of their children that have ended."""
    switches: int = 0
    """How often its threads were taken from a processor: an upper bound of the wake-ups."""
    rss: float = 0.0
    """MB."""
    sockets: int = 0
    unsent: int = 0
    """Bytes in the send buffers of its port's connections, of those that it has closed, too."""


def cpu_of(root: int) -> float:
    """Return the CPU time of a process and all that it has started, and nothing else: this is quick."""
    total = 0.0
    for process in _tree(root):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            total += _cpu_of(process)
    return total


def use_of(root: int, port: int = 0) -> Use:
    """Look at a process and all that it has started; with a port at what the kernel holds for it, too.

    The kernel's table of connections can be long, and takes seconds then.
    """
    use = Use(cpu=cpu_of(root))
    for process in _tree(root):
        try:
            for task in Path(f"/proc/{process}/task").iterdir():
                fields = _fields(task / "status")
                use.switches += int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])
            use.rss += int(_fields(Path(f"/proc/{process}/status"))["VmRSS"].split()[0]) / 1024
            use.sockets += sum(_is_socket(file) for file in Path(f"/proc/{process}/fd").iterdir())
        except (FileNotFoundError, ProcessLookupError, KeyError):
            continue  # it has just ended
    use.unsent = _unsent(port) if port else 0
    return use


class Watch:
    """Looks at a server over and over while something is measured."""

    def __init__(self, root: int, port: int = 0) -> None:
        self.looks: list[Use] = []
        self._root, self._port = root, port
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(SAMPLE_INTERVAL):
            self.looks.append(use_of(self._root, self._port))


def machine_busy() -> tuple[float, float]:
    """Return for how many seconds the processors have worked, and for how many the host took them away, so far."""
    user, nice, system, _, _, irq, softirq, steal = (
        int(word) / TICKS for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return user + nice + system + irq + softirq, steal


def _tree(root: int) -> list[int]:
    processes, seen = [root], 0
    while seen < len(processes):
        for task in Path(f"/proc/{processes[seen]}/task").glob("*/children"):
            try:
                processes += [int(child) for child in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
        seen += 1
    return processes


def _cpu_of(process: int) -> float:
    clock = ctypes.c_int()
    if LIBC.clock_getcpuclockid(process, ctypes.byref(clock)):
        raise ProcessLookupError(process)
    ended = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[13:15]
    return time.clock_gettime_ns(clock.value) / 1e9 + sum(int(ticks) for ticks in ended) / TICKS


def _fields(file: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in file.read_text().splitlines())


def _is_socket(file: Path) -> bool:
    try:
        return os.readlink(file).startswith("socket:")
    except FileNotFoundError:  # it has just been closed
        return False


def _unsent(port: int) -> int:
    """Add up the kernel's send queues of a local port."""
    total = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) == port and state != "0A":  # a listener's queue is something else
            total += int(queues.split(":")[0], 16)
    return total
