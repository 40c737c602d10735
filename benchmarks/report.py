"""Tables of many runs: medians, and medians of the ratios within each round."""

import math
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from cold import Figures
from rows import Row, Target

# by server: its figures of each round
Runs = dict[str, list[Figures]]
STREAM_COLUMNS = {
    "cost": "CPU ms/frame",
    "cpu": "CPU %",
    "normal_fps_min": "fps min",
    "normal_gap_p99": "gap p99 ms",
    "normal_age_p50": "age p50 ms",
    "normal_age_p99": "age p99 ms",
    "rss": "RSS MB",
}
COLUMNS = {
    "slow": STREAM_COLUMNS | {"slow_age_p50": "slow: age p50", "slow_age_max": "max", "rss_growth": "growth MB"},
    "stopped": {
        "stopped_user_kb": "RSS kB each",
        "stopped_kernel_kb": "kernel kB each",
        "stopped_left": "left",
        "rss": "RSS MB",
    },
    "snapshots": {
        "cost": "CPU ms/picture",
        "cpu": "CPU %",
        "snapshots_per_second": "a second",
        "snapshots_latency_p50": "latency p50 ms",
        "snapshots_latency_p99": "p99",
        "snapshots_age_p50": "age p50 ms",
        "normal_fps_min": "stream fps",
    },
    "nobody": {
        "start_cpu": "CPU s to listen",
        "before_cpu": "before: CPU %",
        "before_switches": "switches/s",
        "before_rss": "RSS MB",
        "after_cpu": "after: CPU %",
        "after_switches": "switches/s",
        "after_rss": "RSS MB",
    },
    "cold": {
        "stream_answer": "stream: first byte",
        "stream_import": "import",
        "stream_open": "open",
        "stream_first_frame": "first frame",
        "stream_focus": "focus",
        "again_answer": "second time: first byte",
        "snapshot_answer": "snapshot: first byte",
        "snapshot_import": "import",
        "snapshot_open": "open",
        "snapshot_first_frame": "first frame",
        "snapshot_focus": "focus",
    },
}
DISTURBED = 8.0  # percent of one processor used by other programs, or taken by the host


def middle(runs: Runs, server: str, figure: str) -> float:
    """Return the median over all rounds; NaN if it was never measured."""
    values = [run[figure] for run in runs.get(server, []) if figure in run]
    return median(values) if values else math.nan


def ratio(runs: Runs, ours: str, other: str, figure: str) -> float:
    """Return the median of the ratios of the rounds."""
    rounds = zip(runs.get(ours, []), runs.get(other, []), strict=False)
    values = [mine[figure] / its[figure] for mine, its in rounds if mine.get(figure) and its.get(figure)]
    return median(values) if values else math.nan


def table(row: Row, runs: Runs) -> str:
    """Return a row of the plan as a Markdown table, with the result of each target."""
    columns = COLUMNS.get(row.name.split("-")[0], STREAM_COLUMNS)
    ratios = "cost" in columns and len(row.servers) > 1
    head = ["", *columns.values(), *(["portal is"] if ratios else [])]
    lines = [f"### {row.title}", "", _line(head), _line(["---"] * len(head))]
    for server in row.servers:
        if server not in runs:
            continue
        cells = [server, *(_number(middle(runs, server, figure)) for figure in columns)]
        if ratios:
            cells.append(
                "" if server == row.servers[0] else f"{_number(ratio(runs, row.servers[0], server, 'cost'))} x"
            )
        lines.append(_line(cells))
    verdicts = [verdict(target, row, runs) for target in row.targets]
    if verdicts:
        lines += ["", _line(["target", "bound", "measured", ""]), _line(["---"] * 4), *verdicts]
    disturbed = max(
        (run.get("other_cpu", 0) + run.get("stolen", 0) for each in runs.values() for run in each), default=0
    )
    if disturbed > DISTURBED:
        lines += ["", f"Disturbed: others had up to {disturbed:.0f} % of a processor meanwhile."]
    return "\n".join([*lines, ""])


def verdict(target: Target, row: Row, runs: Runs) -> str:
    """Return a line that shows whether a target is met."""
    ours = target.server or row.servers[0]
    if target.against:
        measured, unit = ratio(runs, ours, target.against, target.figure), f" x {target.against}"
    else:
        measured, unit = middle(runs, ours, target.figure), ""
    if math.isnan(measured):
        word = "not measured"
    else:
        word = "met" if (measured >= target.bound if target.is_least else measured <= target.bound) else "**missed**"
    sign = ">=" if target.is_least else "<="
    return _line([target.what, f"{sign} {_number(target.bound)}{unit}", _number(measured), word])


def machine(checkout: Path) -> dict[str, Any]:
    """Return the environment on which the figures depend."""
    model = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("model name", "Model"))
    ]
    cores = len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")])
    changed = _output("git", "-C", str(checkout), "status", "--porcelain", "soft_stream")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _output("git", "-C", str(checkout), "rev-parse", "--short", "HEAD")
        + (" and changes" if changed else ""),
        "processor": f"{cores} x {model[0].partition(':')[2].strip() if model else platform.machine()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "simplejpeg": version("simplejpeg"),
        "ustreamer": _output("ustreamer", "--version") or "not installed",
        "python_executable": sys.executable,
    }


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
