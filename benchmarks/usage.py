"""The resources of a server: CPU time of its process tree in nanoseconds, memory, sockets, context switches."""

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
    """The resources of a server at one time."""

    cpu: float = 0.0
    """CPU seconds of all its processes, and of their children that have ended."""
    switches: int = 0
    """Context switches of its threads: an upper bound of the wake-ups."""
    rss: float = 0.0
    """Resident memory in MB."""
    sockets: int = 0
    unsent: int = 0
    """Bytes in the send buffers of the connections to its port, including closed ones."""


def cpu_of(root: int) -> float:
    """Return the CPU time of a process tree; faster than `use_of`."""
    total = 0.0
    for process in _tree(root):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            total += _cpu_of(process)
    return total


def use_of(root: int, port: int = 0) -> Use:
    """Return the resources of a process tree; with a port also the kernel's send buffers of that port.

    That takes seconds if the kernel's table of connections is long.
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
    """Samples the resources of a server during a measurement."""

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
    """Return the seconds since boot in which the processors worked, and those that the host took (steal)."""
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
    """Return the sum of the kernel's send queues of a local port."""
    total = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) == port and state != "0A":  # the queue of a listener has another meaning
            total += int(queues.split(":")[0], 16)
    return total
