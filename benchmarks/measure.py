"""One run of one server: start it, load it, and return figures of its work and its cost."""

import json
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cold import CLOSING, Figures, measure_cold
from rows import Row
from servers import Running, Server, running
from usage import Use, Watch, cpu_of, machine_busy, use_of

# longer than any load runs
LOAD_PATIENCE = 60.0
# the largest difference between the measured time and the time between the two readings of the CPU clock
LATE = 0.02


def measure(server: Server, row: Row, seconds: float, built: Path) -> tuple[Figures, dict[str, Any]]:
    """Return the figures of a run, and all raw data."""
    logs = built / "logs"
    logs.mkdir(exist_ok=True)
    if row.is_cold:
        return measure_cold(server, logs)
    with running(server, logs) as started:
        if row.is_idle:
            return _nobody(started, seconds, built)
        before = use_of(started.process)
        if row.is_opened_before:
            _load(started, {"--clients": 1, "--warmup": 1, "--seconds": 1}, built)
            before = use_of(started.process)
        answer, begin, end, looks = _load(started, row.load | {"--seconds": seconds}, built)
    seen = answer | {"before": asdict(before), "begin": asdict(begin), "end": asdict(end)}
    seen["looks"] = [asdict(look) for look in looks]
    return _figures(answer, before, begin, end, looks), seen


def _load(started: Running, options: dict[str, float], built: Path) -> tuple[dict[str, Any], Use, Use, list[Use]]:
    """Run the clients; return their figures, and the server's resources at the start, at the end and in between.

    Raises:
        RuntimeError: the figures are not valid.
    """
    command = [str(built / "load"), "--port", str(started.port), "--stream", started.server.stream]
    command += ["--snapshot", started.server.snapshot or "/"]
    command += [str(word) for option in options.items() for word in option]
    watched_port = started.port if "--stopped" in options else 0
    uses, looks, marks = [], list[Use](), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
        assert clients.stdout  # noqa: S101 # it is a pipe
        for mark in ("begin\n", "end\n"):
            with Watch(started.process, watched_port) as watch:
                if clients.stdout.readline() != mark:
                    raise RuntimeError(f"the clients of {started.server.name} failed")
                # the clocks first: everything else takes time
                marks.append((time.monotonic(), cpu_of(started.process), *machine_busy()))
            looks = watch.looks
            uses.append(use_of(started.process))
        answer: dict[str, Any] = json.loads(clients.stdout.readline())
        clients.wait(LOAD_PATIENCE)
    apart, cpu, answer["busy"], answer["stolen"] = (end - begin for begin, end in zip(*marks, strict=True))
    answer["server_cpu"] = cpu
    if abs(apart - answer["seconds"]) > LATE * answer["seconds"]:
        raise RuntimeError(
            f"looked {apart:.2f} s at {started.server.name}, which was measured {answer['seconds']:.2f} s"
        )
    if not all(use.rss for use in uses):
        raise RuntimeError(f"{started.server.name} has ended by itself")
    return answer, uses[0], uses[1], looks


def _figures(answer: dict[str, Any], before: Use, begin: Use, end: Use, looks: list[Use]) -> Figures:
    seconds, cpu = answer["seconds"], answer["server_cpu"]
    taken = sum(answer[kind]["frames"] for kind in ("normal", "slow", "snapshots"))
    figures = {
        "cpu": 100 * cpu / seconds,
        "cost": 1000 * cpu / taken if taken else float("nan"),
        "load_cpu": 100 * answer["cpu"] / seconds,
        "other_cpu": 100 * (answer["busy"] - answer["cpu"] - cpu) / seconds,
        "stolen": 100 * answer["stolen"] / seconds,
        "rss": end.rss,
        "rss_growth": max(look.rss for look in [*looks, end]) - begin.rss,
        "errors": answer["errors"],
    }
    for kind in ("normal", "slow", "snapshots"):
        seen = answer[kind]
        figures |= {f"{kind}_{name}": seen[name] for name in ("fps_min", "fps_median") if name in seen}
        for samples in ("gap_ms", "age_ms", "latency_ms"):
            for point, value in (seen.get(samples) or {}).items():
                figures[f"{kind}_{samples.removesuffix('_ms')}_{point}"] = value
    figures["snapshots_per_second"] = answer["snapshots"]["frames"] / seconds
    if stopped := answer["stopped"]["clients"]:
        most_rss, most_unsent = max(look.rss for look in looks), max(look.unsent for look in looks)
        figures["stopped_user_kb"] = 1024 * (most_rss - before.rss) / stopped
        figures["stopped_kernel_kb"] = most_unsent / 1024 / stopped
        figures["stopped_kb"] = figures["stopped_user_kb"] + figures["stopped_kernel_kb"]
        figures["stopped_left"] = max(0, end.sockets - before.sockets - answer["normal"]["clients"])
    return figures


def _nobody(started: Running, seconds: float, built: Path) -> tuple[Figures, dict[str, Any]]:
    """Measure an idle server, before the first client and after the last one has disconnected."""
    figures, seen = Figures(), dict[str, Any]()
    for when in ("before", "after"):
        if when == "after":
            _load(started, {"--clients": 1, "--warmup": 1, "--seconds": 2}, built)
            time.sleep(CLOSING)
        begin, began = use_of(started.process), time.monotonic()
        time.sleep(seconds)
        end, lasted = use_of(started.process), time.monotonic() - began
        figures[f"{when}_cpu"] = 100 * (end.cpu - begin.cpu) / lasted
        figures[f"{when}_switches"] = (end.switches - begin.switches) / lasted
        figures[f"{when}_rss"] = end.rss
        if when == "before":
            figures["start_cpu"] = begin.cpu
        seen[when] = [asdict(begin), asdict(end)]
    return figures, seen
