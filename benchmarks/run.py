#!/usr/bin/env python3
"""Measures camera-soft-stream and other servers with the same frames, in turn, and prints Markdown tables.

Builds what it needs, uses only loopback, and every load ends by itself. See benchmarks/README.md.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from measure import measure
from plot import svg
from prepare import prepare
from report import Runs, machine, middle, table
from rows import ROWS, Row
from servers import Server, servers

CHECKOUT = Path(__file__).parents[1]
ROUNDS, QUICK_ROUNDS = 5, 1


def main() -> int:
    """Measure the selected rows; return the exit status."""
    args = _parser().parse_args()
    rows = [row for row in ROWS if not args.rows or row.name in args.rows]
    built = prepare()
    known = servers(built)
    absent = sorted({server for row in rows for server in row.servers if not known[server].is_installed})
    for server in absent:
        print(
            f"{server} is not installed: it is left out. Get it with: sudo apt-get install {known[server].command[0]}"
        )
    facts = machine(CHECKOUT)
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), end="\n\n", flush=True)
    everything: dict[str, Any] = {"machine": facts, "rows": {}}
    results: dict[str, Runs] = {}
    for row in rows:
        candidates = [known[server] for server in row.servers if server not in absent]
        seconds = args.seconds or (row.quick_seconds if args.quick else row.seconds)
        rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
        results[row.name], seen = _measure_row(row, candidates, rounds, seconds, built)
        everything["rows"][row.name] = {"seconds": seconds, "figures": results[row.name], "seen": seen}
        print(table(row, results[row.name]), flush=True)
        if args.json:  # the results so far, in case the rest fails
            args.json.write_text(json.dumps(everything, indent=1))
    if args.plot:
        args.plot.write_text(_plot(results, facts))
    return 0


def _measure_row(
    row: Row, candidates: list[Server], rounds: int, seconds: float, built: Path
) -> tuple[Runs, list[dict[str, Any]]]:
    """Run every server once per round, every second round in reverse order, so that drift affects all alike."""
    runs: Runs = {server.name: [] for server in candidates}
    everything = []
    for number in range(rounds):
        for server in candidates if number % 2 == 0 else candidates[::-1]:
            figures, seen = measure(server, row, seconds, built)
            runs[server.name].append(figures)
            everything.append({"server": server.name, "round": number, "at": time.time(), **seen})
    return runs, everything


def _plot(results: dict[str, Runs], facts: dict[str, Any]) -> str:
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, runs in results.items():
        kind, _, clients = name.partition("-")
        for server in runs if kind == "streams" else ():
            cost = middle(runs, server, "cost")
            if not math.isnan(cost):
                lines.setdefault(server, []).append((int(clients), cost))
    title = f"CPU ms per delivered frame, 1280x720, {facts['date'][:10]}, {facts['commit']}"
    return svg(title, lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round of all rows: a few minutes")
    parser.add_argument(
        "--rows", nargs="+", choices=[row.name for row in ROWS], metavar="ROW", help="only these: %(choices)s"
    )
    parser.add_argument("--rounds", type=int, help=f"number of runs of each server ({ROUNDS}; --quick: {QUICK_ROUNDS})")
    parser.add_argument("--seconds", type=float, help="measured time of a run, for all rows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures of all runs")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a chart of cost over number of clients (SVG)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
