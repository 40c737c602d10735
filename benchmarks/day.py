#!/usr/bin/env python3
"""Sends a day of frames (30 fps) at full speed: does the age of frames, or anything else, grow?

One client reads as fast as it can, another one reads slowly; both check every byte. See benchmarks/README.md.
"""

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from day_client import TENTHS
from servers import Running, Server, running

HERE = Path(__file__).parent
DAY = 24 * 60 * 60 * 30
PATIENCE = 10.0
FAST, SLOW = "fast", "slow"
READS_SLOWLY = ("--most", "16384", "--pause", "0.05")
# by figure: the largest value that may be chance
BOUNDS = {"growth MB": 1.0, "more descriptors": 0, "drift ms": 5.0, "slow drift ms": 100.0, "miscounted": 0}
HEAD = """\
|  | frames/s | dropped | age p50 ms | p99 | max | slow: frames/s | age p50 ms | max | RSS MB | descriptors |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""

Facts = dict[str, Any]


class Reading:
    """A running client: `day_client.py`."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin  # noqa: S101 # it is a pipe
        assert self._process.stdout  # noqa: S101 # it is a pipe
        self._process.stdin.close()  # it disconnects
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def read(self) -> Facts:
        """Wait for its next line of figures, and return it.

        Raises:
            RuntimeError: it has exited with an error message.
        """
        assert self._process.stdout  # noqa: S101 # it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.name} client has ended")
        facts: Facts = json.loads(line)
        return facts


def live_through(frames: int, portal: Running) -> Facts:
    """Send this number of frames, and print a row for each tenth; return all figures."""
    command = [sys.executable, str(HERE / "day_client.py"), "--port", str(portal.port), "--frames", str(frames)]
    with ExitStack() as stack:
        fast = stack.enter_context(Reading(FAST, [*command, "--name", FAST]))
        slow = stack.enter_context(Reading(SLOW, [*command, "--name", SLOW, *READS_SLOWLY]))
        tenths = []
        print(HEAD, flush=True)
        for number in range(1, TENTHS + 1):
            tenth = {"number": number, FAST: fast.read(), "portal": _size(portal.process), SLOW: slow.read()}
            tenths.append(tenth)
            print(_row(tenth, frames), flush=True)
        seen = {FAST: fast.read(), SLOW: slow.read()}
        with urlopen(f"http://127.0.0.1:{portal.port}/status.json", timeout=PATIENCE) as answer:
            status = json.load(answer)
    return {"frames": frames, "tenths": tenths, "seen": seen, "status": status}


def figures_of(day: Facts) -> dict[str, float]:
    """Compare the end with the beginning, and the server's counters with those of the clients; see BOUNDS."""
    tenths = day["tenths"]
    early, late = tenths[1 : TENTHS // 2], tenths[TENTHS // 2 :]  # the first tenth is the warm-up
    rss, descriptors = (
        [[tenth["portal"][name] for tenth in half] for half in (early, late)] for name in ("rss", "descriptors")
    )
    drift = {who: 1000 * (tenths[-1][who]["age_p50"] - tenths[0][who]["age_p50"]) for who in (FAST, SLOW)}
    return {
        "growth MB": median(rss[1]) - median(rss[0]),
        "more descriptors": max(descriptors[1]) - max(descriptors[0]),
        "drift ms": drift[FAST],
        "slow drift ms": drift[SLOW],
        "miscounted": _miscounted(day),
    }


def _miscounted(day: Facts) -> int:
    """Return how far the server's counters of sent, dropped and captured frames differ from the true numbers."""
    status = day["status"]
    wrong = abs(status["counters"]["captured"] - day["frames"])
    wrong += abs(status["frame"]["number"] - day["seen"][FAST]["last"])
    for client in status["clients"]:
        seen = day["seen"][client["client"]]
        wrong += abs(client["sent"] - seen["frames"]) + abs(client["dropped"] - seen["missed"])
        wrong += abs(client["sent"] + client["dropped"] - (seen["last"] - seen["first"] + 1))
    return int(wrong)


def _size(process: int) -> Facts:
    """Return the memory of a process in MB, and its number of open files."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    descriptors = sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    return {"rss": int(fields["VmRSS"].split()[0]) / 1024, "descriptors": descriptors}


def _row(tenth: Facts, frames: int) -> str:
    fast, slow, portal = tenth[FAST], tenth[SLOW], tenth["portal"]
    cells = [
        f"{tenth['number'] * 100 // TENTHS} %",
        f"{fast['frames'] / fast['seconds']:.0f}",
        f"{100 * (1 - fast['frames'] / (frames / TENTHS)):.1f} %",
        *(f"{1000 * fast[age]:.3g}" for age in ("age_p50", "age_p99", "age_max")),
        f"{slow['frames'] / slow['seconds']:.0f}",
        *(f"{1000 * slow[age]:.0f}" for age in ("age_p50", "age_max")),
        f"{portal['rss']:.2f}",
        str(portal["descriptors"]),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure; return 1 if a figure exceeds its bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=DAY, help="number of frames (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    args = parser.parse_args()
    command = (sys.executable, str(HERE / "day_portal.py"), "--port", "{port}", "--frames", str(args.frames))
    with TemporaryDirectory() as folder:
        logs = Path(folder)
        with running(Server("portal", command, "/stream.mjpg"), logs) as portal:
            try:
                day = live_through(args.frames, portal)
            except RuntimeError as fault:
                print(fault, (logs / "portal.log").read_text(), sep="\n", file=sys.stderr)
                return 1
    day["figures"] = figures = figures_of(day)
    if args.json:
        args.json.write_text(json.dumps(day, indent=1))
    for who, seen in day["seen"].items():
        print(f"\n{who}: {seen['frames']} frames, {seen['missed']} dropped, {seen['repeats']} repeats", end="")
    print("\n\n| figure | bound | measured |  |\n| --- | --- | --- | --- |")
    for name, bound in BOUNDS.items():
        verdict = "met" if figures[name] <= bound else "**missed**"
        print(f"| {name} | <= {bound:g} | {figures[name]:.3g} | {verdict} |")
    return int(any(figures[name] > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
