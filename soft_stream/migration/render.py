"""The lines of a settings file for imported cameras; the result always passes the loader."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from soft_stream.config.env_file import parse, quote_value
from soft_stream.config.loader import SettingsError, load
from soft_stream.config.network_settings import DEFAULT_BIND, FIRST_PORT
from soft_stream.migration.arguments import shown_value
from soft_stream.migration.facts import OPEN, is_public, was_open
from soft_stream.migration.machine import Machine
from soft_stream.migration.model import OlderCamera, Translation
from soft_stream.migration.settings_file import commented, with_lines
from soft_stream.migration.translate import translate

LAST_CAMERA = 99
# settings that the loader accepts only after others of the same camera
LATE = ("source", "listen", "min_fps", "client_fps_max", "watchdog_timeout")
TOGETHER = (("snapshot_width", "snapshot_height"), ("width", "height"))


class Imported:
    """The translations of all cameras by number, checked together with an existing settings file."""

    def __init__(self, older: Sequence[OlderCamera], first: int | None, existing: str, machine: Machine) -> None:
        self._existing = existing
        self.cameras: dict[int, Translation] = {}
        self.left_over: list[OlderCamera] = []
        for position, each in enumerate(older):
            number = self._number(older, position, first)
            if number > LAST_CAMERA or number in self.cameras:
                self.left_over.append(each)
            else:
                self.cameras[number] = translate(each, machine)
        if not self._is_accepted(self._all_values()):
            self._keep_what_is_accepted()
        decided = {each.key for each in parse(existing)}
        for number, done in self.cameras.items():
            if f"cam{number}_{OPEN}" in decided or not is_public(done):
                done.values.pop(OPEN, None)
            asked = "login" in done.facts and "bind" not in done.values
            if asked and "cam_bind" in decided and f"cam{number}_bind" not in decided:
                done.values["bind"] = " ".join(DEFAULT_BIND)  # that of all cameras may be open

    @property
    def notes(self) -> list[str]:
        """A sentence for everything that was not translated."""
        found = [f"cam{number}: {note.text}" for number, done in self.cameras.items() for note in done.notes]
        return found + [f"{each.title}: not imported: camera numbers end at {LAST_CAMERA}" for each in self.left_over]

    def text(self, source: str) -> str:
        """Return the existing file with the imported settings: in place of the same keys, others at its end."""
        values = {f"cam{number}_{name}": text for number, name, text in self._all_values()}
        present = {each.key for each in parse(self._existing)} & values.keys()
        replaced = {key: [f"{key}={quote_value(values[key])}"] for key in present}
        merged = with_lines(self._existing, replaced).rstrip("\n")
        new = [line for number in self.cameras for line in self._lines(number, present)]
        before = {line.strip() for line in merged.split("\n")} if merged else set()
        new = [line for line in new if not line.startswith("#") or line not in before]
        if not any(line and not line.startswith("# cam") for line in new):
            new = [line for line in new if line]
        heading = [commented(f"--- Imported from {source} ---")] if new else []
        return "\n".join(([merged, ""] if merged and new else [merged] if merged else []) + heading + new) + "\n"

    @staticmethod
    def _number(older: Sequence[OlderCamera], position: int, first: int | None) -> int:
        own = [each.number for each in older]
        if any(number is None for number in own):
            return (first or 0) + position
        numbers = [number or 0 for number in own]
        return numbers[position] + (0 if first is None else first - min(numbers))

    def _lines(self, number: int, present: set[str]) -> list[str]:
        done = self.cameras[number]
        lines = ["", commented(f"camera {number}: {done.older.program}: {done.older.title}")]
        for note in done.notes:
            lines.append(commented(f"cam{number}: {note.text}"))
            if note.setting == "id" and "id" not in done.values:
                lines.append(f"#cam{number}_id=")
        ours = {name: text for name, text in done.values.items() if f"cam{number}_{name}" not in present}
        is_open = ours.pop(OPEN, None)
        lines += [
            f"cam{number}_{name}={quote_value(text)}" for name, text in ours.items() if name not in done.defaulted
        ]
        if defaults := [name for name in ours if name in done.defaulted]:
            lines.append(commented(f"defaults of {done.older.program}:"))
            lines += [f"cam{number}_{name}={quote_value(ours[name])}" for name in defaults]
        if is_open:
            lines.append(commented(was_open(done.older.program, number)))
            lines.append(f"cam{number}_{OPEN}={is_open}")
        return lines

    def _all_values(self) -> list[tuple[int, str, str]]:
        return [(number, name, text) for number, done in self.cameras.items() for name, text in done.values.items()]

    def _is_accepted(self, values: Sequence[tuple[int, str, str]]) -> bool:
        return not problems_of(self._with(values))

    def _with(self, values: Sequence[tuple[int, str, str]]) -> str:
        lines = [f"cam{number}_{name}={quote_value(text)}" for number, name, text in values]
        return "\n".join([self._existing, *lines]) + "\n"

    def _keep_what_is_accepted(self) -> None:
        """Add the values one after the other; one that the loader does not accept beside the others becomes a note."""
        accepted: list[tuple[int, str, str]] = []
        for number, done in self.cameras.items():
            whole = [(number, name, text) for name, text in done.values.items()]
            if self._is_accepted([*accepted, *whole]):
                accepted += whole
                continue
            if "port" not in done.values:
                self._choose_port(number, done, accepted)
            for names in _groups(done.values):
                group = [(number, name, done.values[name]) for name in names]
                problems = problems_of(self._with([*accepted, *group]))
                if not problems:
                    accepted += group
                    continue
                texts = {name: done.values.pop(name) for name in names}
                reason = _reason(problems[0])
                if names == ["port"]:
                    self._choose_port(number, done, accepted)
                    reason += f"; here it is {done.values.get('port', FIRST_PORT + number)}"
                for name, text in texts.items():
                    done.note(f"cam{number}_{name}={shown_value(text)}: {reason}", name)

    def _choose_port(self, number: int, done: Translation, accepted: list[tuple[int, str, str]]) -> None:
        """Set a free port, if the default port is taken."""
        if self._is_accepted([*accepted, (number, "name", done.values.get("name", ""))]):
            return
        for port in range(FIRST_PORT + number, FIRST_PORT + number + 200):
            candidate = (number, "port", str(port))
            if self._is_accepted([*accepted, candidate]):
                accepted.append(candidate)
                done.values["port"] = str(port)
                return


def problems_of(settings: str) -> list[str]:
    """Return the problems that the loader finds in settings."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "settings.env"
        file.write_text(settings, encoding="utf-8")
        try:
            load({"STATE_DIRECTORY": folder}, file=file)
        except SettingsError as error:
            return [problem.replace(f"{file}:", "line ") for problem in error.problems]
    return []


def _groups(values: Mapping[str, str]) -> list[list[str]]:
    """Return the names in an order in which the loader can check them, some of them together."""
    together = [[name for name in pair if name in values] for pair in TOGETHER]
    grouped = {name for pair in together for name in pair}
    single = [[name] for name in sorted(values.keys() - grouped, key=lambda name: (name in LATE, name != "port"))]
    return [pair for pair in together if pair] + single


def _reason(problem: str) -> str:
    # the line is that of a temporary file
    return re.sub(r" \(line \d+\)", "", problem.rsplit(": ", 1)[-1])
