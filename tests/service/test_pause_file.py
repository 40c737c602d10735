"""The pause file: created, removed, moved, touched, left behind; and its acknowledgement."""

# ruff: noqa: ASYNC240 # the files of a test are small

import asyncio
import logging
import os
import pwd
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.support.multipart_reader import StreamReader
from tests.support.pausing import pause_file_of
from tests.support.server import Portal, StartPortal
from tests.support.wall_clock import DAYS, WallClock

USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a pause file that does not exist."""
    return tmp_path / "cam0.pause"


@pytest.fixture
def ack(tmp_path: Path) -> Path:
    """Return the path of its acknowledgement."""
    return tmp_path / "cam0.pause.ack"


@pytest.fixture
async def watched(portal: Portal, file: Path) -> AsyncIterator[Portal]:
    """Return a server that watches the file."""
    async with pause_file_of(portal, file):
        yield portal


async def until_paused(portal: Portal, ack: Path) -> str:
    """Wait for the acknowledgement; return its text."""
    await portal.until(ack.exists)
    assert portal.supervisor.status.state is State.PAUSED
    assert portal.device.opened == portal.device.closed
    return ack.read_text()


async def until_resumed(portal: Portal, ack: Path) -> None:
    """Wait for the end of the pause."""
    await portal.until(lambda: portal.supervisor.status.state is not State.PAUSED)
    assert not ack.exists()
    assert portal.supervisor.pause.lease is None


async def test_a_file_pauses_and_its_end_resumes(watched: Portal, file: Path, ack: Path) -> None:
    """The acknowledgement exists from the closing of the camera until shortly before it is opened again."""
    reader = await StreamReader.get(watched.port)
    for count in (1, 2, 3):
        file.write_text("me\n")
        assert await until_paused(watched, ack) == "me\n"
        assert watched.supervisor.status.counters.pauses == count
        file.unlink()
        await until_resumed(watched, ack)
        await watched.until(lambda: watched.supervisor.status.state is State.STREAMING)
    assert watched.device.opened == 4
    await reader.close()


async def test_no_acknowledgement_while_the_camera_is_open(start_portal: StartPortal, file: Path, ack: Path) -> None:
    """A camera that is still closing is not acknowledged as free."""
    portal = await start_portal(close_timeout=60)
    async with pause_file_of(portal, file):
        await no_acknowledgement(portal, file, ack)


async def no_acknowledgement(watched: Portal, file: Path, ack: Path) -> None:
    """Check for the acknowledgement while the camera closes."""
    with watched.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await watched.until(lambda: watched.supervisor.status.state is State.STREAMING)
        watched.device.hang_on_close()
        file.write_text("me")
        await watched.until(lambda: watched.supervisor.pause.lease)
        await asyncio.sleep(0.3)
        assert not ack.exists()
        watched.device.let_go()
        assert await until_paused(watched, ack) == "me\n"


async def test_the_program_of_a_pid_is_named(watched: Portal, file: Path, ack: Path) -> None:
    """A pid is shown as its program; the acknowledgement repeats the text of the file."""
    file.write_text(f"{os.getpid()}\n")
    assert await until_paused(watched, ack) == f"{os.getpid()}\n"
    pause, name = (await watched.status())["pause"], Path("/proc/self/comm").read_text().strip()
    assert pause["owner"] == f"{name} (pid {os.getpid()})"
    assert (pause["kind"], pause["name"], pause["address"], pause["user"]) == ("file", name, "", "")


@pytest.mark.parametrize(
    ("text", "owner", "name", "user"),
    [
        ("", f"user {USER}", "", USER),
        ("Octolapse\n", "Octolapse", "Octolapse", ""),
        ("4194304999", "pid 4194304999", "", ""),
        ("a\x1b[31mb\nc", "a[31mbc", "a[31mbc", ""),
        ("9" * 500, "pid 99999", "", ""),
        ("ü" * 300, "üüüüü", "ü" * 10, ""),
    ],
)
async def test_owners(watched: Portal, file: Path, ack: Path, text: str, owner: str, name: str, user: str) -> None:
    """The printable text of the file is the owner; without any, the user who created it."""
    file.write_text(text)
    await until_paused(watched, ack)
    lease = watched.supervisor.pause.lease
    assert lease
    assert lease.owner.startswith(owner)
    assert lease.owner.isprintable()
    assert len(lease.owner) <= 210
    assert (lease.borrower.name[:10], lease.borrower.user) == (name, user)


async def test_a_file_that_is_moved_into_place(watched: Portal, file: Path, ack: Path) -> None:
    """Moving a file to the path pauses at once, even an old file; moving it away ends the pause."""
    other = file.with_name("claim")
    other.write_text("mover")
    os.utime(other, (1, 1))
    other.replace(file)
    assert await until_paused(watched, ack) == "mover\n"
    file.replace(other)
    await until_resumed(watched, ack)


async def test_a_new_owner_takes_over(watched: Portal, file: Path, ack: Path) -> None:
    """A file that replaces the first one continues the pause with a new acknowledgement; the camera stays closed."""
    file.write_text("first")
    assert await until_paused(watched, ack) == "first\n"
    other = file.with_name("claim")
    other.write_text("second")
    other.replace(file)
    await watched.until(lambda: ack.read_text() == "second\n")
    assert watched.supervisor.status.counters.pauses == 1


async def test_a_touch_prolongs(start_portal: StartPortal, file: Path, ack: Path) -> None:
    """The time limit of a pause begins with the last touch."""
    portal = await start_portal(pause_max=60)
    async with pause_file_of(portal, file):
        file.write_text("me")
        await until_paused(portal, ack)
        before = portal.supervisor.pause.lease
        os.utime(file)
        await portal.until(lambda: portal.supervisor.pause.lease is not before)
        after = portal.supervisor.pause.lease
        assert before
        assert after
        assert after.until > before.until
        assert portal.supervisor.status.counters.pauses == 1


async def test_a_file_that_stays_too_long(
    start_portal: StartPortal, file: Path, ack: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After pause_max seconds the camera is available although the file exists; touching it starts a new pause."""
    portal = await start_portal(pause_max=1)
    reader = await StreamReader.get(portal.port)
    async with pause_file_of(portal, file):
        for count in (1, 2):
            file.touch()
            await until_paused(portal, ack)
            await until_resumed(portal, ack)
            await reader.until("live")
            assert file.exists()
            assert portal.supervisor.status.counters.pauses == count
    assert caplog.text.count("has lasted 1 s and ends") == 2
    await reader.close()


async def test_a_file_that_is_there_at_the_start(portal: Portal, file: Path, ack: Path) -> None:
    """A file that exists at the start pauses; the acknowledgement of an earlier process is removed."""
    ack.write_text("a process that was killed\n")
    file.write_text("me")
    async with pause_file_of(portal, file):
        await portal.until(lambda: ack.exists() and ack.read_text() == "me\n")
        await until_paused(portal, ack)
    assert not ack.exists()
    assert portal.supervisor.pause.lease is None


async def test_a_file_that_was_left_long_before_the_start(
    start_portal: StartPortal, file: Path, ack: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Restarts of the process do not prolong a pause."""
    portal = await start_portal(pause_max=0.2)
    file.write_text("me")
    ack.write_text("me")
    await portal.until(lambda: time.time() - file.stat().st_ctime > 0.3)
    async with pause_file_of(portal, file):
        await portal.until(lambda: "cam0.pause is older than 0.2 s and ignored" in caplog.text)
        assert not ack.exists()
        assert portal.supervisor.status.counters.pauses == 0


async def test_a_file_that_arrives_after_the_clock_was_set(
    watched: Portal, file: Path, ack: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that arrives while the process watches is new, even if its change time says something else."""
    wall_clock = WallClock(monkeypatch)
    for jump in (0.0, DAYS):
        wall_clock.jump(jump)
        file.write_text("me")
        await watched.until(lambda: ack.exists() or "and ignored" in caplog.text)
        assert ack.exists()
        file.unlink()
        await until_resumed(watched, ack)


async def test_a_file_in_memory_before_the_clock_was_set(
    portal: Portal, file: Path, ack: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file in memory, as in /run, is not older than the boot, although the clock has jumped by days since."""
    file.write_text("me")
    WallClock(monkeypatch).jump(DAYS)
    pause_max = portal.supervisor.settings.pause_max
    monkeypatch.setattr(time, "clock_gettime", lambda _: pause_max / 2)
    monkeypatch.setattr(os, "major", lambda _: 0)
    async with pause_file_of(portal, file):
        await portal.until(lambda: ack.exists() or "and ignored" in caplog.text)
        lease = portal.supervisor.pause.lease
        assert lease
        assert lease.until - lease.since == pytest.approx(pause_max / 2)


async def test_an_old_file_on_a_disk(
    portal: Portal, file: Path, ack: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file on a disk may be older than the boot: one that was left by a program before it has no effect."""
    file.write_text("me")
    WallClock(monkeypatch).jump(DAYS)
    monkeypatch.setattr(time, "clock_gettime", lambda _: 1.0)
    monkeypatch.setattr(os, "major", lambda _: 179)
    async with pause_file_of(portal, file):
        await portal.until(lambda: ack.exists() or "and ignored" in caplog.text)
        assert portal.supervisor.status.counters.pauses == 0


async def test_an_old_acknowledgement_without_a_file(portal: Portal, file: Path, ack: Path) -> None:
    """An acknowledgement without a pause file is removed at the start."""
    ack.write_text("stale")
    async with pause_file_of(portal, file):
        await portal.until(lambda: not ack.exists())


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing"])
async def test_a_file_that_cannot_be_read(watched: Portal, file: Path, ack: Path, kind: str) -> None:
    """An unreadable file pauses; a named pipe is not waited for. A broken link does not count as a file."""
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("nowhere")
        await asyncio.sleep(0.3)
        assert watched.supervisor.pause.lease is None
        return
    assert (await until_paused(watched, ack)).startswith("user ")


async def test_an_acknowledgement_that_cannot_be_written(
    watched: Portal, file: Path, ack: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an acknowledgement the pause begins and ends all the same; the log has the reason."""
    ack.mkdir()
    file.write_text("me")
    await watched.until(lambda: "The pause file is in effect, but " in caplog.text)
    assert watched.supervisor.status.state is State.PAUSED
    file.unlink()
    await watched.until(lambda: watched.supervisor.status.state is State.IDLE)


async def test_a_folder_that_only_root_may_write(
    portal: Portal, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A pause file in a folder that the process cannot write, such as /run, is acknowledged elsewhere."""
    caplog.set_level(logging.INFO)
    elsewhere = tmp_path / "runtime/cam0.pause.ack"
    elsewhere.parent.mkdir()
    elsewhere.write_text("of an earlier process")
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (file.parent, os.W_OK))
    async with pause_file_of(portal, file, elsewhere):
        await portal.until(lambda: not elsewhere.exists())
        for _ in range(2):
            file.touch()
            assert (await until_paused(portal, elsewhere)).startswith("user ")
            file.unlink()
            await until_resumed(portal, elsewhere)
    assert [path.name for path in tmp_path.iterdir()] == ["runtime"]
    assert not [record for record in caplog.records if record.levelno > logging.INFO and "PAUSED" not in record.message]


async def test_links_are_not_followed(watched: Portal, file: Path, ack: Path, tmp_path: Path) -> None:
    """A link in the folder cannot make the server write to another place."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    ack.symlink_to(victim)
    ack.with_name("cam0.pause.ack.new").symlink_to(victim)
    file.write_text("me")
    await watched.until(lambda: ack.exists() and not ack.is_symlink())
    assert await until_paused(watched, ack) == "me\n"
    assert victim.read_text() == "precious"


async def test_other_files_mean_nothing(watched: Portal, file: Path) -> None:
    """Files with other names have no effect."""
    for name in ("cam1.pause", "cam0.pause.new", "cam0"):
        file.with_name(name).write_text("me")
    await asyncio.sleep(0.3)
    assert watched.supervisor.pause.lease is None


async def test_quick_changes_end_right(watched: Portal, file: Path, ack: Path) -> None:
    """After many quick changes the last state of the file counts."""
    for count in range(50):
        file.write_text(f"{count}")
        file.unlink()
    file.write_text("last")
    await watched.until(lambda: ack.exists() and ack.read_text() == "last\n")
    assert watched.supervisor.status.state is State.PAUSED
    file.unlink()
    await until_resumed(watched, ack)


async def test_a_folder_that_is_missing(portal: Portal, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without the folder nothing is watched; the log says so and the server continues."""
    missing = file.parent / "missing" / file.name
    async with pause_file_of(portal, missing) as watching:
        await asyncio.wait([watching])
        assert watching.exception() is None
    sentence = f"{missing} cannot be watched, so no file pauses the camera: No such file or directory"
    assert sentence in caplog.text


async def test_a_folder_that_goes_away(portal: Portal, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Removing the folder ends the pause; the log says that no file is watched any more."""
    folder = file.parent / "folder"
    folder.mkdir()
    async with pause_file_of(portal, folder / file.name):
        (folder / file.name).write_text("me")
        await until_paused(portal, folder / "cam0.pause.ack")
        for name in ("cam0.pause", "cam0.pause.ack"):
            (folder / name).unlink()
        folder.rmdir()
        await portal.until(lambda: f"The folder {folder} is gone" in caplog.text)
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


@contextmanager
def no_more_files() -> Iterator[None]:
    """Prevent this process from opening further files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(number) for number in os.listdir("/proc/self/fd"))
    taken = [os.open("/dev/null", os.O_RDONLY) for _ in range(highest)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in taken:
            os.close(descriptor)


async def test_a_kernel_that_gives_no_watch(portal: Portal, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the limits of inotify the log names the limit, and the server continues without a pause file."""
    caplog.set_level(logging.INFO)
    with no_more_files():
        async with pause_file_of(portal, file) as watching:
            await asyncio.wait([watching])
            assert watching.exception() is None
    assert "so no file pauses the camera: Too many open files; " in caplog.text
    assert "fs.inotify.max_user_instances" in caplog.text
    async with portal.http.get("/snapshot.jpg") as answer:
        assert answer.status == 200


async def test_nothing_is_left_over(portal: Portal, file: Path, ack: Path) -> None:
    """After the end no descriptor, task or acknowledgement remains, and the camera is not paused."""
    before = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
    for _ in range(3):
        async with pause_file_of(portal, file):
            file.write_text("me")
            await until_paused(portal, ack)
        assert not ack.exists()
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
        file.unlink()
    assert (len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())) == before
