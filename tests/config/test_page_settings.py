"""The layer of the page: what its file can do, whatever is in it."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soft_stream.config import kept_controls
from soft_stream.config.page_settings import NAMES, PageLayer, WrongSettings, must_restart, parse
from soft_stream.config.settings import SETTINGS, Settings
from soft_stream.config.validation import check_camera
from soft_stream.message import Message, message_of

ID = "0 (test-pattern)"
KEYS = st.sampled_from([*SETTINGS, *(f"cam0_{name}" for name in SETTINGS), *(f"cam_{name}" for name in SETTINGS), "id"])
VALUES = st.one_of(st.text(max_size=30), st.integers(-5, 20_000).map(str), st.floats().map(str), st.just("1"))
LINES = st.lists(st.tuples(KEYS, VALUES).map("=".join), max_size=12).map("\n".join)
NAMED = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=100)


@given(st.one_of(LINES.map(lambda text: text.encode(errors="replace")), st.binary(max_size=300)))
def test_only_the_settings_of_the_page_change(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever the file has, the other settings stay, the camera can start, and each warning is one line."""
    file = tmp_path_factory.getbasetemp() / "page.env"
    file.write_bytes(data)
    before = Settings(source="test-pattern", controls_file=file)
    kept = kept_controls.read(file, ID)
    assert kept
    layer, problems = kept_controls.page_layer(before, {})
    after = layer.settings
    changed = {each.name for each in fields(Settings) if getattr(before, each.name) != getattr(after, each.name)}
    assert changed <= {*NAMES}
    assert list(check_camera(after)) == []
    assert all(sentence.isprintable() for sentence in (*kept.warnings, *problems))


@given(NAMED, st.floats(0.25, 240), st.integers(0, 3))
def test_values_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, name: str, fps: float, turns: int
) -> None:
    """Any name and any rate survive a restart exactly."""
    file = tmp_path_factory.getbasetemp() / "written.env"
    below = Settings(source="test-pattern", controls_file=file)
    layer = PageLayer(below).with_changes({"name": name, "fps": fps, "rotation": 90 * turns, "hflip": True})
    kept_controls.write(file, ID, {}, layer.texts())
    kept = kept_controls.page_layer(below, {})[0].settings
    found = layer.settings
    assert (kept.name, kept.rotation, kept.hflip) == (found.name, found.rotation, True)
    assert kept.fps == pytest.approx(fps, rel=1e-12)


def test_all_problems_at_once() -> None:
    """One sentence for each wrong value; the layer stays as it is."""
    layer = PageLayer(Settings(), {}, {"fps": 15.0})
    with pytest.raises(WrongSettings) as wrong:
        layer.with_changes({"fps": None, "width": -1, "bind": "::", "rotation": 91})
    assert [sentence.partition(":")[0] for sentence in wrong.value.problems] == ["width=-1", "bind", "rotation=91"]
    assert layer.settings.fps == 15.0


@pytest.mark.parametrize(
    ("name", "sent", "expected"),
    [("fps", 15, 15.0), ("fps", "15", 15.0), ("width", 640.0, 640), ("hflip", True, True), ("hflip", "0", False)],
)
def test_forms_of_a_value(name: str, sent: Any, expected: Any) -> None:
    """A number of JSON may be written as a float, and each value as text."""
    assert parse(name, sent) == expected


def test_what_restarts_the_capture() -> None:
    """A name and a quality do not."""
    assert not must_restart(Settings(), Settings(name="Nest box", quality=50))
    assert must_restart(Settings(), Settings(hflip=True))


def test_a_removal_keeps_the_other_part(tmp_path: Path) -> None:
    """Controls and settings are replaced one without the other; without both there is no file."""
    file = tmp_path / "camera.env"
    kept_controls.update(file, ID, settings={"fps": "15"})
    kept_controls.update(file, ID, controls={"Brightness": "0.5"})
    found = kept_controls.read(file, ID)
    assert found
    assert (found.controls, found.settings) == ((("Brightness", "0.5"),), (("fps", "15"),))
    kept_controls.update(file, ID, settings={})
    kept_controls.update(file, ID, controls={})
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_read_now_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its controls would be lost; so the write fails."""
    file = tmp_path / "camera.env"
    kept_controls.write(file, ID, {"Brightness": "0.5"})

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(kept_controls, "_read_text", fail)
        with pytest.raises(OSError, match="Input/output error"):
            kept_controls.update(file, ID, settings={"fps": "15"})
    found = kept_controls.read(file, ID)
    assert found
    assert found.controls == (("Brightness", "0.5"),)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_expected_has_words_in_every_language(name: str) -> None:
    """The sentence about a wrong value, and what it says about the values that are right, have codes."""
    with pytest.raises(ValueError, match=f"{name}=") as refused:
        parse(name, "\n-" if name != "name" else "a\nb")
    sentence = message_of(refused.value)
    assert isinstance(sentence, Message)
    assert isinstance(sentence.values["expected"], Message)


def test_a_setting_without_a_name() -> None:
    """The sentence says what is wrong, although there is nothing that it could name."""
    with pytest.raises(ValueError, match=r"^an empty name: the page cannot set this\."):
        parse("", "1")
