"""A pytest plugin that fails the run for each row of the list that no test proves.

The process that runs a test compares its recording with the rows that name it, and reports the numbers of what it has
found beside the outcome. The process that reports the run, which is another one under pytest-xdist, judges the rows
whose tests were collected: some tests may have been selected, and the lab runs on its own.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable

import pytest

from tests.older_programs.matching import has
from tests.older_programs.promises import LAB, Promise
from tests.older_programs.recording import Recorder, Recording

PROPERTY = "promises"


class Judge:
    """The plugin; it has the rows that must be proven."""

    def __init__(self, promises: Iterable[Promise], *, with_lab: bool) -> None:
        self._rows = [each for each in promises if each.is_judged and (with_lab or not each.test.startswith(LAB))]
        self._by_test: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(self._rows):
            self._by_test[row.test].append(number)
        self._recorder = Recorder()
        self._collected: set[str] = set()
        self._outcomes: dict[str, set[str]] = defaultdict(set)
        self._skipped: dict[str, list[str]] = defaultdict(list)
        self._found: set[tuple[int, str]] = set()
        self._verdicts: list[str] = []
        self._is_selected = False

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        """Begin to listen."""
        self._recorder.install()
        self._is_selected = selects_parameters(config)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool | None, bool | None]:
        """Record a test that a row names, from its setup to its end."""
        if without_parameters(item.nodeid) in self._by_test:
            self._recorder.current = Recording()
        try:
            return (yield)
        finally:
            self._recorder.current = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[None]"
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add to the report what the test has proven when its call has passed."""
        report = yield
        recording = self._recorder.current
        if recording is not None and call.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            recording.read_written()
            recording.log = "\n".join(text for _, text in report.sections)
            found = [
                (number, tried)
                for number in self._by_test[without_parameters(item.nodeid)]
                for tried in self._rows[number].tried
                if has(recording, self._rows[number], tried)
            ]
            report.user_properties.append((PROPERTY, found))
        return report

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember which tests this run has."""
        self._collected |= {without_parameters(item.nodeid) for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Remember which tests the workers have."""
        self._collected |= {without_parameters(each) for each in ids}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect outcomes and proofs of all processes."""
        test = without_parameters(report.nodeid)
        if test not in self._by_test:
            return
        if report.when == "call" or not report.passed:
            self._outcomes[test].add(report.outcome)
        if report.skipped:
            self._skipped[test].append(reason(report))
        for name, found in report.user_properties:
            if name == PROPERTY and isinstance(found, (list, tuple)):
                self._found |= {(number, tried) for number, tried in found}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge the rows, and fail the run where one is not proven."""
        if hasattr(session.config, "workerinput") or session.config.option.collectonly:
            return
        ran = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        stopped = session.shouldstop or session.shouldfail or not ran
        for number, row in enumerate(self._rows):
            if row.test in self._collected and not (stopped and row.test not in self._outcomes):
                self._verdicts += [f"{row.name}: {sentence}" for sentence in self._judge(number, row)]
        if self._verdicts and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print one sentence for each row that is not proven."""
        if self._verdicts:
            terminalreporter.section("promises of the older programs that are not proven", red=True)
            for verdict in self._verdicts:
                terminalreporter.write_line(verdict)

    def _judge(self, number: int, row: Promise) -> Iterable[str]:
        outcomes = self._outcomes[row.test]
        reasons = "; ".join(sorted(set(self._skipped[row.test])))
        if "failed" in outcomes:
            yield f"{row.test} failed."
        elif "passed" not in outcomes:
            yield f"{row.test} was skipped: {reasons}" if reasons else f"{row.test} was not run."
        elif not self._is_selected:
            partly = f" Some of its parameters were skipped: {reasons}" if reasons else ""
            for tried in row.tried:
                if (number, tried) not in self._found:
                    verb = VERBS.get(row.kind, "run or request")
                    yield f"{row.test} passed, but did not {verb} exactly `{tried}`.{partly}"


VERBS = {
    "command": "run", "flag": "give", "url": "request", "setting": "use", "log line": "log",
    "file": "name", "path": "name", "unit": "name",
}  # fmt: skip


def reason(report: pytest.TestReport) -> str:
    """Return why a test was skipped."""
    if hasattr(report, "wasxfail"):
        return "it is expected to fail"
    text = report.longrepr[2] if isinstance(report.longrepr, (list, tuple)) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def selects_parameters(config: pytest.Config) -> bool:
    """Return whether a run may have only some of the parameters of a test."""
    options = config.option
    return bool(
        options.keyword
        or options.markexpr
        or getattr(options, "lf", False)
        or any("[" in each for each in (*config.args, *(options.deselect or ())))
    )


def without_parameters(nodeid: str) -> str:
    """Return the name of a test function without the values in brackets."""
    return nodeid.partition("[")[0]
