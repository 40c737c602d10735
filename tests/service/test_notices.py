"""The notices of a process follow its files."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from soft_stream.access.passwords import make_hash
from soft_stream.config import kept_controls
from soft_stream.config.loader import LOCAL_FILE, load
from soft_stream.service import notices
from soft_stream.service.notices import NoticeFinder
from soft_stream.web.api.notices import NoticeBoard

BEFORE = "cam0_source=test-pattern\ncam_fps=20\n"


class Process:
    """A process of camera 0, with its settings file and the file of a failed upgrade."""

    def __init__(self, folder: Path) -> None:
        self.file, self.failed = folder / "settings.env", folder / "failed-upgrade.txt"
        self.file.write_text(BEFORE)
        self.users = folder / "htpasswd"
        loaded = load({"STATE_DIRECTORY": str(folder)}, file=self.file, camera=0, flags={"users_file": str(self.users)})
        self.settings = loaded.cameras[0]
        self.finder = NoticeFinder(loaded, self.settings, self.failed)

    def says(self) -> list[str]:
        """Return the sentences."""
        return self.finder.find().sentences


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    """Return a process of a unit."""
    monkeypatch.setattr(notices, "unit_of", lambda _: "camera-soft-cam@0.service")
    return Process(tmp_path)


async def until(board: NoticeBoard, text: str = "", count: int = 1) -> None:
    """Wait until there are as many sentences, with a text."""
    while len(sentences := board.now.sentences) != count or text not in "".join(sentences):  # noqa: ASYNC110 # no event
        await asyncio.sleep(0.01)


def test_nothing_to_say(process: Process) -> None:
    """The file has not changed: no sentence, and its path for our own commands."""
    assert process.says() == []
    assert process.finder.find().settings.file == str(process.file)


def test_changed_settings(process: Process) -> None:
    """The sentence has the keys, a few of many, and the command."""
    process.file.write_text(BEFORE.replace("20", "25"))
    said = "The settings have changed since this camera was started (cam_fps). "
    assert process.says() == [f"{said}To apply them: sudo systemctl restart camera-soft-cam@0"]
    names = ["cam_width", "cam_height", "cam_quality", "cam_snapshot_quality", "cam_pause_max", "cam_clients_max"]
    process.file.write_text(BEFORE + "".join(f"{name}=88\n" for name in names))
    assert "and 1 more)" in process.says()[0]
    assert sorted(process.finder.find().settings.changed) == sorted(names)


def test_without_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started by hand has no command that restarts it."""
    monkeypatch.setattr(notices, "unit_of", lambda _: "")
    process = Process(tmp_path)
    process.file.write_text("cam_fps=5\n")
    assert process.says()[0].endswith("To apply them, stop this process and start it again.")


def test_settings_that_prevent_a_start(process: Process) -> None:
    """An error, a long one, a missing file, and an address of the network without users."""
    could_not = "The settings have changed since this camera was started, and it could not start again: "
    process.file.write_text(BEFORE + "cam_quality=101\ncam_hdr=on\n")
    (sentence,) = process.says()
    assert sentence.startswith(f"{could_not}{process.file}:")
    assert sentence.endswith("(and 1 more). To see all errors: soft-stream check --env-file " + str(process.file))
    nines = "9\n" * 5000
    process.file.write_text(f"{BEFORE}cam_quality='{nines}'\n")
    (sentence,) = process.says()
    assert len(sentence) < 700
    assert sentence.isprintable()
    process.file.write_text(BEFORE + "cam_bind=0.0.0.0\n")
    assert "other machines can reach http://0.0.0.0:18081" in process.says()[0]
    process.file.unlink()
    assert process.says()[0].startswith(f"{could_not}{process.file}: cannot be read: No such file or directory.")


def test_the_file_of_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the trial of a release has ended, its file is a link to the installed one, which the sentences name."""
    monkeypatch.setattr(notices, "INSTALLED_FILE", tmp_path / "installed.env")
    process = Process(tmp_path)
    installed = tmp_path / "installed.env"
    installed.write_text(BEFORE)
    process.file.unlink()
    process.file.symlink_to(installed)
    assert process.says() == []
    installed.write_text("cam_fps=fast\n")
    (sentence,) = process.says()
    assert f"{installed}:1: cam_fps: must be a number" in sentence
    assert sentence.endswith("soft-stream check")
    installed.unlink()
    assert f"{installed}: cannot be read: No such file or directory" in process.says()[0]


def test_a_failed_upgrade(process: Process) -> None:
    """The sentence of the file; one that is empty, huge or no text says so too, and a pipe does not block."""
    process.failed.write_text("The upgrade to 2.0 has failed: camera 0 gave no frame.\n")
    assert process.says() == ["The upgrade to 2.0 has failed: camera 0 gave no frame."]
    for content in (b"", os.urandom(5000), b"x" * 10_000_000):
        process.failed.write_bytes(content)
        (sentence,) = process.says()
        assert sentence.isprintable()
        assert 0 < len(sentence) < 600
    process.failed.unlink()
    os.mkfifo(process.failed)
    assert process.says() == []
    process.failed.unlink()
    process.failed.mkdir()
    assert process.says() == []


def test_a_question_has_no_full_stop(process: Process) -> None:
    """Another name for a wrong one is a question."""
    process.file.write_text(BEFORE + "cam_qualitty=5\n")
    assert "did you mean cam_quality? To see all errors" in process.says()[0]


def test_no_text_of_the_file_is_shown(process: Process) -> None:
    """A password that was written into the file by mistake is not on the page."""
    for line in ("hunter2: not", "cam_pasword=hunter2", "cam0_fps=hunter2: must be ", "cam_id=hunter2", "x: =hunter2"):
        process.file.write_text(f"{BEFORE}{line}\n")
        (sentence,) = process.says()
        assert f"{process.file}:3: " in sentence
        assert "hunter2" not in sentence


async def test_changes_are_followed(process: Process) -> None:
    """The board has each change soon, also of a file that is replaced, removed and made again."""
    board = NoticeBoard()
    task = asyncio.create_task(process.finder.follow(board))

    process.failed.write_text("The upgrade has failed.")
    await until(board, "upgrade", 1)
    other = process.file.with_suffix(".new")
    other.write_text("cam_fps=7\n")
    other.replace(process.file)
    await until(board, "cam_fps", 2)
    process.file.unlink()
    await until(board, "cannot be read", 2)
    process.file.write_text(BEFORE)
    await until(board, "upgrade", 1)
    process.failed.unlink()
    await until(board, count=0)
    task.cancel()
    await asyncio.wait([task])


async def test_the_working_directory_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file was found in it: that it is gone is a notice, and no error of ours."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("soft_stream.config.loader.INSTALLED_FILE", tmp_path / "none.env")
    LOCAL_FILE.write_text(BEFORE)
    loaded = await asyncio.to_thread(load, {}, camera=0)
    board = NoticeBoard()
    finder = await asyncio.to_thread(NoticeFinder, loaded, loaded.cameras[0], tmp_path / "failed-upgrade.txt")
    task = asyncio.create_task(finder.follow(board))
    await asyncio.to_thread(LOCAL_FILE.write_text, "cam_fps=7\n")
    await until(board, "cam_fps")
    shutil.rmtree(folder)
    await until(board, f"{folder}/{LOCAL_FILE}: cannot be read: No such file or directory")
    task.cancel()
    await asyncio.wait([task])
    assert caplog.messages == []


async def test_what_the_sentences_depend_on_is_followed(process: Process) -> None:
    """Without the first user a start would be refused; kept controls override the line of the controls."""
    board = NoticeBoard()
    task = asyncio.create_task(process.finder.follow(board))
    process.file.write_text(BEFORE + "cam_bind=0.0.0.0\n")
    await until(board, "other machines can reach")
    process.users.write_text(f"anna:{make_hash('secret')}\n")
    await until(board, "(cam_bind)")
    process.file.write_text(BEFORE + "cam0_controls=Brightness=0.2\n")
    await until(board, "(cam0_controls)")
    assert process.settings.controls_file
    camera_id = kept_controls.camera_id_of(process.settings)
    await asyncio.to_thread(kept_controls.write, process.settings.controls_file, camera_id, {"Contrast": "2"})
    await until(board, count=0)
    task.cancel()
    await asyncio.wait([task])
