"""The report of the doctor: a line for each finding, then a summary; as text or as JSON."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    NOTE = "note"
    WRONG = "WRONG"


@dataclass(frozen=True)
class Finding:
    """A fact about the machine, why it matters, and the command that fixes it."""

    level: Level
    what: str
    why: str = ""
    fix: str = ""


def ok(what: str) -> Finding:
    """Return a finding that is as it should be."""
    return Finding(Level.OK, what)


def note(what: str, why: str = "", fix: str = "") -> Finding:
    """Return a finding that is worth knowing but not a fault."""
    return Finding(Level.NOTE, what, why, fix)


def wrong(what: str, why: str, fix: str) -> Finding:
    """Return a fault."""
    return Finding(Level.WRONG, what, why, fix)


COLOURS = {Level.OK: "green", Level.NOTE: "yellow", Level.WRONG: "red"}


class Report:
    """Prints each finding as soon as it is added; `colour` returns a text in a colour."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        as_json: bool = False,
        colour: Callable[[str, str], str] = lambda text, _: text,
    ) -> None:
        self.findings: list[tuple[str, Finding]] = []
        """Pairs of topic and finding."""
        self._say = say
        self._as_json = as_json
        self._colour = colour

    def add(self, about: str, finding: Finding) -> None:
        """Print a finding."""
        self.findings.append((about, finding))
        what, why, fix = map(_one_line, (finding.what, finding.why, finding.fix))
        if self._as_json:
            facts = {"about": about, "level": finding.level.lower(), "what": what, "why": why, "fix": fix}
            self._say(json.dumps(facts))
            return
        self._say(f"{self._colour(f'{finding.level:<5}', COLOURS[finding.level])}  {about}: {what}")
        for word, text in (("why", why), ("fix", fix)):
            if text:
                self._say(f"         {word}: {text}")

    @property
    def is_wrong(self) -> bool:
        """Whether any finding is a fault."""
        return any(finding.level is Level.WRONG for _, finding in self.findings)

    def end(self) -> None:
        """Print the summary."""
        counts = Counter(finding.level for _, finding in self.findings)
        if self._as_json:
            self._say(json.dumps({level.lower(): counts[level] for level in Level}))
            return
        about = ", ".join(dict.fromkeys(about for about, finding in self.findings if finding.level is Level.WRONG))
        summary = ", ".join(f"{counts[level]} {level}" for level in Level)
        self._say(f"{summary}{': ' if about else ''}{about}")


def _one_line(text: str) -> str:
    """Remove control characters, which logs, program names and replies may contain."""
    return "".join(filter(str.isprintable, " ".join(text.split())))
