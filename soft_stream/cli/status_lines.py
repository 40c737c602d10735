"""The lines that `soft-stream status` prints: a table, sentences, or JSON."""

import json
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict

from soft_stream.cli.terminal import Terminal
from soft_stream.diagnostics.camera_report import CameraReport
from soft_stream.frames.clock import unix_time

HEADER = ("CAMERA", "NAME", "STATE", "SINCE", "FPS", "SIZE", "CLIENTS")
UNKNOWN = "-"
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def as_json(reports: Sequence[CameraReport]) -> list[str]:
    """Return a line of JSON for each camera."""
    now = round(_now(), 3)
    return [json.dumps({"now": now, **asdict(each)}) for each in reports]


def as_sentences(reports: Sequence[CameraReport]) -> list[str]:
    """Return a line with the time for each camera, for a log."""
    return [f"{time.strftime('%H:%M:%S')} camera {each.camera} ({each.name}): {_sentence(each)}" for each in reports]


def as_table(reports: Sequence[CameraReport], terminal: Terminal, columns: int = 0) -> list[str]:
    """Return a table, with what is wrong with a camera below its row; `columns` is the width to cut at, 0 is none."""
    rows = [HEADER, *map(_cells, reports)]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    texts = ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]
    lines = [terminal.colour(cut(texts[0], columns), "bold")]
    for text, each in zip(texts[1:], reports, strict=True):
        colour = "red" if each.is_failing else "yellow" if each.problem or each.notices else ""
        remarks = [each.problem, each.fix and f"fix: {each.fix}", *each.notices]
        shown = [cut(line, columns) for line in (text, *(f"        {remark}" for remark in remarks if remark))]
        lines += [terminal.colour(line, colour) if colour else line for line in shown]
    return lines


def cut(text: str, columns: int) -> str:
    """Return the beginning of a line that fits into a number of columns; 0 is no limit."""
    if not columns or _width(text) <= columns:
        return text
    while text and _width(text) > columns - 1:
        text = text[:-1]
    return f"{text}…"


def _cells(each: CameraReport) -> tuple[str, ...]:
    fps = UNKNOWN if each.fps is None else f"{each.fps:.1f}"
    width, height = each.size or each.asked_size
    return (
        str(each.camera),
        each.name,
        each.state,
        _age(each) or UNKNOWN,
        f"{fps} of {each.asked_fps:g}",
        f"{width}x{height}",
        UNKNOWN if each.clients is None else str(each.clients),
    )


def _sentence(each: CameraReport) -> str:
    width, height = each.size or each.asked_size
    age = _age(each)
    facts = [f"{each.state} for {age}" if age else each.state]
    if each.clients is not None:
        facts.append(f"{each.clients} {'client' if each.clients == 1 else 'clients'}")
    if each.size:
        facts.append(f"{width}x{height}")
    if each.fps is not None:
        facts.append(f"{each.fps:.1f} of {each.asked_fps:g} fps")
    return "; ".join([", ".join(facts), *filter(None, (each.problem, *each.notices))])


def _age(each: CameraReport) -> str:
    """Return for how long the camera has been in its state, in the largest unit; empty if that is not known."""
    if each.since is None:
        return ""
    seconds = max(0.0, _now() - each.since)
    size, name = next((unit for unit in UNITS if seconds >= unit[0]), UNITS[-1])
    return f"{seconds // size:.0f} {name}"


def _now() -> float:
    return unix_time(time.monotonic())


def _width(text: str) -> int:
    """Return the columns of a text on a terminal."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.combining(each) > 0 for each in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
