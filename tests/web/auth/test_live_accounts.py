"""Changes of the files of users, tokens and ended sessions take effect at once, however they are made."""

# ruff: noqa: ASYNC240 # the files of a test are small

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from asyncinotify import Inotify, Mask

from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.web.auth import live_accounts
from soft_stream.web.auth.live_accounts import LiveFiles, follow_accounts, places_of

HANS, ANNA = "hans:$2b$04$one\n", "anna:$2b$04$two:role=view\n"
TOKEN = f"octo:{'a' * 64}:role=view expires=never\n"
Change = Callable[[Path], Any]


@dataclass
class Follower:
    """Collects the accounts of each change."""

    seen: list[Accounts] = field(default_factory=list)

    @property
    def names(self) -> str:
        """The names of the users and tokens now, and `!` if none of them can be known."""
        now = self.seen[-1] if self.seen else Accounts()
        broken = "!" if now.must_login and not now.users else ""
        return " ".join([*sorted(now.users), *sorted(each.name for each in now.tokens.values())]) + broken

    async def until(self, names: str) -> None:
        """Wait until these are the names; the time limit of the run ends a wait that never succeeds."""
        while not self.seen or self.names != names:  # noqa: ASYNC110 # what is awaited is a value
            await asyncio.sleep(0.005)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the users' file, which does not exist yet."""
    return tmp_path / "etc" / "camera-streamer"


@pytest.fixture
async def follower(folder: Path, tmp_path: Path) -> AsyncIterator[Follower]:
    """Follow the files of the folder, and a state directory that does not exist yet."""
    follower = Follower()
    live = follow_accounts(str(folder / "htpasswd"), tmp_path / "state")
    task = asyncio.create_task(live.follow(follower.seen.append))
    await follower.until("")
    yield follower
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def replace_file(file: Path, text: str) -> None:
    """Replace a file as programs do that are careful."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text)
    new.replace(file)


def watched_masks() -> dict[int, int]:
    """Return what this process watches by inotify: the events, by the number of the inode (proc(5))."""
    texts = [file.read_text() for file in Path("/proc/self/fdinfo").iterdir() if file.exists()]
    found = re.findall(r"^inotify wd:\w+ ino:(\w+) sdev:\w+ mask:(\w+)", "\n".join(texts), re.MULTILINE)
    return {int(inode, 16): int(mask, 16) for inode, mask in found}


def make(folder: Path, text: str = HANS) -> Path:
    """Make the folder and the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "htpasswd"
    file.write_text(text)
    return file


async def test_a_folder_that_is_missing_at_first(follower: Follower, folder: Path) -> None:
    """The folders of the file may be made later, one by one or at once, removed, and made again."""
    folder.parent.mkdir()
    await asyncio.sleep(0.1)
    folder.mkdir()
    await asyncio.sleep(0.1)
    make(folder)
    await follower.until("hans")
    shutil.rmtree(folder.parent)
    await follower.until("")
    make(folder, ANNA)
    await follower.until("anna")


async def test_ways_to_change_a_file(follower: Follower, folder: Path) -> None:
    """Replaced by rename, edited in place, appended to, linked, moved away: each is seen."""
    file = make(folder)
    await follower.until("hans")
    replace_file(file, ANNA)
    await follower.until("anna")
    file.write_text(HANS + ANNA)
    await follower.until("anna hans")
    with file.open("a") as opened:
        opened.write("zoe:$2b$04$three\n")
    await follower.until("anna hans zoe")
    file.rename(folder / "elsewhere")
    await follower.until("")
    os.link(folder / "elsewhere", file)
    await follower.until("anna hans zoe")
    file.unlink()
    await follower.until("")


async def test_tokens_and_sessions(follower: Follower, folder: Path, tmp_path: Path) -> None:
    """The tokens beside the users, and the ended sessions of the state directory, are followed as well."""
    make(folder)
    (folder / "tokens").write_text(TOKEN)
    await follower.until("hans octo")
    (folder / "tokens").unlink()
    await follower.until("hans")
    (tmp_path / "state").mkdir()
    replace_file(tmp_path / "state" / "ended-sessions", "abc 99999999999\n")
    while "abc" not in follower.seen[-1].ended_sessions:  # noqa: ASYNC110 # what is awaited is a value
        await asyncio.sleep(0.005)


def become_folder(file: Path) -> None:
    """Replace a file by a folder."""
    file.unlink()
    file.mkdir()


def become_pipe(file: Path) -> None:
    """Replace a file by a pipe, which no program writes to."""
    file.unlink()
    os.mkfifo(file)


def become_huge(file: Path) -> None:
    """Make a file larger than any file of users."""
    file.write_bytes(b"x" * 2**21)


@pytest.mark.parametrize("unreadable", [become_folder, become_pipe, become_huge])
async def test_a_file_that_cannot_be_read(follower: Follower, folder: Path, unreadable: Change) -> None:
    """It counts as a file whose users are unknown, not as no users; when it can be read again, it is."""
    file = make(folder)
    await follower.until("hans")
    unreadable(file)
    await follower.until("!")
    shutil.rmtree(folder)
    make(folder, ANNA)
    await follower.until("anna")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_permissions(follower: Follower, folder: Path) -> None:
    """A change of the permissions alone is seen."""
    file = make(folder)
    await follower.until("hans")
    file.chmod(0)
    await follower.until("!")
    file.chmod(0o600)
    await follower.until("hans")


async def test_symbolic_links(follower: Follower, folder: Path, tmp_path: Path) -> None:
    """The file, or a folder above it, may be a link; its target is followed, and so is a new target."""
    for name, text in (("one", HANS), ("two", ANNA)):
        make(tmp_path / name, text)
    folder.mkdir(parents=True)
    (folder / "htpasswd").symlink_to("../../one/htpasswd")
    await follower.until("hans")
    replace_file(tmp_path / "one" / "htpasswd", HANS + ANNA)
    await follower.until("anna hans")
    (folder / "new").symlink_to(tmp_path / "two" / "htpasswd")
    (folder / "new").replace(folder / "htpasswd")
    await follower.until("anna")
    shutil.rmtree(folder)
    folder.symlink_to(tmp_path / "one")
    await follower.until("anna hans")
    (tmp_path / "one" / "htpasswd").write_text(HANS)
    await follower.until("hans")


async def test_links_that_lead_nowhere(follower: Follower, folder: Path, tmp_path: Path) -> None:
    """A link to itself or to nothing cannot be read, until there is a file."""
    folder.mkdir(parents=True)
    (folder / "htpasswd").symlink_to("htpasswd")
    await follower.until("!")
    (folder / "htpasswd").unlink()
    (folder / "htpasswd").symlink_to(tmp_path / "later" / "htpasswd")
    await asyncio.sleep(0.1)
    assert follower.names == "!"
    make(tmp_path / "later")
    await follower.until("hans")


async def test_other_files_cost_nothing(
    follower: Follower, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What happens to other files of these folders is not read."""
    make(folder)
    await follower.until("hans")
    reads = []

    def note(files: Collection[Path]) -> set[tuple[str, str]]:
        reads.append(files)
        return places_of(files)

    monkeypatch.setattr(live_accounts, "places_of", note)
    await asyncio.sleep(0.2)  # the events of the beginning are over
    reads.clear()
    for number in range(50):
        (folder / f"other{number}").write_text("x")
        (tmp_path / f"other{number}").write_text("x")
    await asyncio.sleep(0.2)
    assert not reads
    replace_file(folder / "htpasswd", ANNA)
    await follower.until("anna")
    assert reads


async def test_a_busy_folder_above_wakes_nothing(follower: Follower, folder: Path) -> None:
    """Only the last folder is watched for names; of those above, the kernel reports nothing but their own changes."""
    make(folder)
    await follower.until("hans")
    inode, above = folder.stat().st_ino, folder.parent.stat().st_ino
    while not watched_masks().get(inode, 0) & Mask.CREATE:  # noqa: ASYNC110 # the kernel reports no new watch
        await asyncio.sleep(0.01)
    assert watched_masks()[above] & Mask.DELETE_SELF
    assert not watched_masks()[above] & Mask.CREATE


@pytest.mark.parametrize("broken", ["Inotify", "add_watch"])
async def test_files_that_cannot_be_watched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """Without inotify the files are read each second, and one line says so."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(live_accounts, "POLL_INTERVAL", 0.02)
    if broken == "Inotify":
        monkeypatch.setattr(live_accounts, "Inotify", fail)
    else:
        monkeypatch.setattr(Inotify, "add_watch", fail)
    follower, file = Follower(), make(folder)
    task = asyncio.create_task(follow_accounts(str(file), None).follow(follower.seen.append))
    await follower.until("hans")
    file.write_text(ANNA)
    await follower.until("anna")
    await asyncio.sleep(0.1)
    assert caplog.text.count("looked for each second") == 1
    task.cancel()
    await asyncio.wait([task])


async def test_an_error_of_ours(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is not expected is logged, and the files are followed further."""
    follower, file = Follower(), make(folder)
    monkeypatch.setattr(live_accounts, "POLL_INTERVAL", 0.02)
    failures = iter([True, False, True, False])

    def read() -> Accounts:
        if next(failures, False):
            raise ValueError("of the test")
        return read_accounts(str(file), None)

    task = asyncio.create_task(LiveFiles([file], read).follow(follower.seen.append))
    await follower.until("hans")
    file.write_text(ANNA)
    await follower.until("anna")
    assert caplog.text.count("ValueError: of the test") == 2
    task.cancel()
    await asyncio.wait([task])


async def test_without_files(tmp_path: Path) -> None:
    """Without a users' file and a state directory there is nothing to follow, and no error."""
    follower = Follower()
    task = asyncio.create_task(follow_accounts("", None).follow(follower.seen.append))
    await follower.until("")
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


def test_places(tmp_path: Path) -> None:
    """Each name on the way is a place; a path with `..` is followed as the kernel does it."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/b")
    found = places_of([tmp_path / "link" / ".." / "file"])
    assert {
        (str(tmp_path), "link"),
        (str(tmp_path), "a"),
        (str(tmp_path / "a"), "b"),
        (str(tmp_path / "a"), "file"),
    } <= found
    assert (str(tmp_path), "file") not in found
    assert ("/", tmp_path.parts[1]) in found
