"""The report of a self-test: a line for each check, then a summary; as text or as JSON."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from soft_stream.cameras.base import CameraError


class Verdict(StrEnum):
    """The result of a check."""

    OK = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass
class Check:
    """One line of the report; it counts as failed until it is concluded."""

    what: str
    expected: str
    found: str = ""
    verdict: Verdict = Verdict.FAILED
    fault: CameraError | None = None
    """The error that ended the check."""

    @property
    def result(self) -> str:
        """What was found, and what was expected."""
        return self.found if self.verdict is Verdict.SKIPPED else f"{self.found} (expected: {self.expected})"

    def conclude(self, found: str, *, ok: bool = True) -> None:
        """Set what was found, and whether that is as expected."""
        self.found, self.verdict = found, Verdict.OK if ok else Verdict.FAILED

    def skip(self, why: str) -> None:
        """Set the reason why there is nothing to check."""
        self.found, self.verdict = why, Verdict.SKIPPED


COLOURS = {Verdict.OK: "green", Verdict.SKIPPED: "yellow", Verdict.FAILED: "red"}


class Report:
    """Prints each line as soon as it is known; `colour` returns a text in a colour."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        as_json: bool = False,
        colour: Callable[[str, str], str] = lambda text, _: text,
    ) -> None:
        self.checks: list[Check] = []
        self._say = say
        self._as_json = as_json
        self._colour = colour

    @contextmanager
    def check(self, what: str, expected: str) -> Iterator[Check]:
        """Add a line for the block; a camera error in it fails this check only."""
        check = Check(what, expected)
        try:
            yield check
        except TimeoutError:
            check.conclude("timed out", ok=False)
        except CameraError as fault:
            check.conclude(str(fault), ok=False)
            check.fault = fault
        self._add(check)

    def failed(self, what: str, expected: str, fault: CameraError) -> None:
        """Add a failure that no check found."""
        self._add(Check(what, expected, str(fault), fault=fault))

    @property
    def has_failed(self) -> bool:
        """Whether any check failed."""
        return any(check.verdict is Verdict.FAILED for check in self.checks)

    def end(self) -> None:
        """Print the summary."""
        counts = Counter(check.verdict for check in self.checks)
        if self._as_json:
            self._say(json.dumps({verdict.lower(): counts[verdict] for verdict in Verdict}))
            return
        failed = ", ".join(check.what for check in self.checks if check.verdict is Verdict.FAILED)
        summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
        self._say(f"{summary}{': ' if failed else ''}{failed}")

    def _add(self, check: Check) -> None:
        self.checks.append(check)
        if self._as_json:
            facts = {"check": check.what, "verdict": check.verdict.lower(), "expected": check.expected}
            self._say(json.dumps(facts | {"found": check.found}))
        else:
            verdict = self._colour(f"{check.verdict:<7}", COLOURS[check.verdict])
            self._say(f"{verdict}  {check.what}: {check.result}")
