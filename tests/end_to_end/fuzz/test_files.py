"""Settings, kept controls, pause files and files of older programs: each is read, or refused with a sentence."""

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from soft_stream.cameras.synthetic.controls import list_controls
from soft_stream.capture.control_values import WrongControl
from soft_stream.capture.controls import Controls
from soft_stream.config import env_file
from soft_stream.config.env_file import quote_value
from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import Settings
from soft_stream.migration.machine import Machine
from soft_stream.migration.model import OlderCamera
from soft_stream.migration.recognise import KINDS, cameras_of_command, cameras_of_text
from soft_stream.migration.render import Imported, problems_of
from soft_stream.migration.takeover import has_older_words, translated
from soft_stream.migration.words import Unreadable, split
from soft_stream.service import pause_file
from tests.end_to_end.fuzz import budget, texts
from tests.end_to_end.fuzz.cases import byte_cases
from tests.end_to_end.fuzz.watch import StandsStill, watched_progress
from tests.migration.importing import FakeMachine

LONGEST_SENTENCE = 20_000


def check_all(check: Callable[[bytes], None], inputs: st.SearchStrategy[bytes], count: int) -> None:
    """Check inputs of this run's seed; the smallest that fails is printed as a case."""
    last = b""
    with watched_progress() as progress:

        def one(data: bytes) -> None:
            nonlocal last
            last = data
            progress.done += 1
            check(data)

        plan = hypothesis.settings(
            max_examples=count,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            verbosity=hypothesis.Verbosity.quiet,
        )
        try:
            run: Callable[[], None] = hypothesis.seed(budget.seed())(plan(given(inputs)(one)))
            run()
        except (Exception, StandsStill) as error:
            error.add_note(
                f'FUZZ_SEED={budget.seed()}; for cases/files.toml:\n[[case]]\nwhy = ""\ninput = "{last.hex()}"'
            )
            raise


def check_settings(folder: Path, data: bytes) -> None:
    """Check that a settings file is read, or refused with sentences that name it; what is read can be used."""
    file = folder / "settings.env"
    file.write_bytes(data)
    try:
        loaded = load({"STATE_DIRECTORY": str(folder)}, file=file)
    except SettingsError as error:
        check_sentences(error.problems, str(file))
        return
    for number, settings in loaded.cameras.items():
        assert settings.camera == number
        assert settings.local_url.startswith("http://")
        assert [str(endpoint) for endpoint in settings.endpoints]
        assert settings.title
        assert loaded.origins[number].keys() >= {"fps", "port"}


def check_sentences(sentences: list[str], place: str = "") -> None:
    """Check that an error says something, and where."""
    assert sentences
    for each in sentences:
        assert place in each or each.startswith("default: cam")  # a default that does not agree with the file
        assert each.strip()
        assert len(each) < LONGEST_SENTENCE


def check_kept_controls(folder: Path, data: bytes) -> None:
    """Check that the file of kept controls is read or refused with sentences, and its values are set or refused."""
    (folder / "cam0-controls.env").write_bytes(data)
    try:
        loaded = load({"STATE_DIRECTORY": str(folder)}, camera=0, defaults={})
    except SettingsError as error:
        check_sentences(error.problems)
        return
    controls = Controls(Settings())
    controls.advertised = {each.name: each for each in list_controls((640, 480), has_autofocus=True)}
    try:
        controls.check(dict(loaded.cameras[0].controls))
    except WrongControl as error:
        check_sentences([str(error)])


def check_pause_file(folder: Path, data: bytes) -> None:
    """Check that a pause file has an owner whatever is in it, on one line."""
    file = folder / "cam0.pause"
    file.write_bytes(data)
    text = "".join(char for char in pause_file._text(file).strip() if char.isprintable())
    borrower = pause_file._borrower(text, 0)
    assert borrower.owner
    assert "".join(astuple(borrower)).isprintable()


def check_import(data: bytes) -> None:
    """Check that a file or a command of an older program is translated into settings, or refused with a sentence."""
    kind = (None, *KINDS)[len(data) % (len(KINDS) + 1)] if len(data) % 3 == 0 else None
    text = data.decode("utf-8", "replace").replace("\0", "")
    readers: tuple[Callable[[], list[OlderCamera]], ...] = (
        lambda: cameras_of_text(text, "file", kind),
        lambda: cameras_of_command(split(text, "the command"), kind),
    )
    for read in readers:
        try:
            cameras = read()
        except Unreadable as error:
            check_sentences([str(error)])
            continue
        result = Imported(cameras, None, "", FakeMachine()).text("test")
        assert problems_of(result) == []


def check_takeover(data: bytes) -> None:
    """Check that a settings file of soft-stream-portal is translated, or refused with a sentence."""
    text = data.decode("utf-8", "replace")
    has_older_words(text)
    try:
        taken = translated(text, Machine())
    except Unreadable as error:
        check_sentences([str(error)])
        return
    for problem in problems_of(taken.text or ""):
        check_sentences([problem])


def check_quoting(data: bytes) -> None:
    """Check that a value is read back as it was written."""
    value = data.decode("utf-8", "replace").replace("\0", "").replace("\r", "")
    assert [each.value for each in env_file.parse(f"key={quote_value(value)}\n")] == [value]


def all_checks(folder: Path) -> dict[str, tuple[Callable[[bytes], None], st.SearchStrategy[bytes], float, str]]:
    """Return each check with its inputs, its part of the inputs of a kind, and the kind."""
    settings = texts.as_bytes(texts.settings_texts())
    return {
        "settings": (lambda data: check_settings(folder, data), settings, 0.8, "settings"),
        "takeover": (check_takeover, settings, 0.1, "settings"),
        "quoting": (check_quoting, texts.as_bytes(st.text()), 0.1, "settings"),
        "controls": (lambda data: check_kept_controls(folder, data), texts.kept_controls(), 0.6, "control"),
        "pause": (lambda data: check_pause_file(folder, data), texts.pause_files(), 0.4, "control"),
        "files": (check_import, texts.imported_texts().map(str.encode), 0.7, "import"),
        "commands": (check_import, texts.commands().map(str.encode), 0.3, "import"),
    }


NAMES = sorted(all_checks(Path()))


@pytest.mark.parametrize("name", NAMES)
def test_no_file_breaks_a_promise(name: str, tmp_path: Path) -> None:
    """A file is read or refused with a clear sentence; there is no other exception, and no hang."""
    check, inputs, part, kind = all_checks(tmp_path)[name]
    check_all(check, inputs, max(1, round(part * budget.count(kind))))


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", NAMES)
def test_no_file_breaks_a_promise_in_a_long_run(name: str, tmp_path: Path) -> None:
    """The same with the inputs of another seed, as many as one likes; see README.md."""
    check, inputs, part, kind = all_checks(tmp_path)[name]
    check_all(check, inputs, max(1, round(part * budget.count(kind, soak=True))))


@pytest.mark.parametrize("name", NAMES)
def test_what_failed_once_never_fails_again(name: str, tmp_path: Path) -> None:
    """Each kept case keeps the promises of each kind of file."""
    check, *_ = all_checks(tmp_path)[name]
    for data in byte_cases("files"):
        check(data)
