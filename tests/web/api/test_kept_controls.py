"""POST /controls?keep=1: what is written, and what the client gets when it cannot be written."""

# ruff: noqa: ASYNC240 # the files of a test are small

import asyncio
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.config import kept_controls
from tests.support.server import Portal, StartPortal

ID = "0 (test-pattern)"
OLD = {"Brightness": "0.1"}
FullDisk = Callable[[Path], AbstractContextManager[None]]


async def keep(portal: Portal, body: dict[str, Any]) -> tuple[int, str]:
    """Set controls and keep them; return the status and the text."""
    async with portal.http.post("/controls?keep=1", json=body) as answer:
        return answer.status, (await answer.text()).strip()


async def keep_old(file: Path) -> None:
    """Write the file of an earlier request."""
    await asyncio.to_thread(kept_controls.write, file, ID, OLD)


async def kept_in(file: Path) -> dict[str, str]:
    """Return what the next start would read."""
    kept = await asyncio.to_thread(kept_controls.read, file, ID)
    assert kept
    assert kept.warnings == ()
    return dict(kept.controls)


@contextmanager
def limited_file_size(_: Path) -> Iterator[None]:
    """Let this process write only the first bytes of a file: the rest fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_file_system(folder: Path) -> Iterator[None]:
    """Fill the small file system at the folder."""
    full = folder / "full"
    with full.open("wb", buffering=0) as opened, suppress(OSError):
        while True:
            opened.write(bytes(512))
    yield
    full.unlink()


@pytest.fixture(params=[limited_file_size, small_file_system])
def full_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FullDisk]:
    """Return what makes the disk of `tmp_path` full; a file system of its own needs root."""
    if request.param is limited_file_size:
        yield limited_file_size
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield small_file_system
    subprocess.run(["umount", str(tmp_path)], check=True)  # noqa: S607 # root has the usual PATH


async def test_nothing_is_written_without_keep(start_portal: StartPortal, tmp_path: Path) -> None:
    """Only keep=1 writes a file; it is in the state directory, which it may have to make."""
    file = tmp_path / "state" / "controls.env"
    portal = await start_portal(controls_file=file)
    async with portal.http.post("/controls", json={"Brightness": 0.5}) as answer:
        assert answer.status == 200
    assert not list(tmp_path.iterdir())
    assert (await keep(portal, {"ExposureTime": 5000}))[0] == 200
    assert await kept_in(file) == {"Brightness": "0.5", "ExposureTime": "5000"}
    assert file.stat().st_mode & 0o777 == 0o644
    async with portal.http.post("/controls?keep=yes", json={}) as answer:
        assert (answer.status, await answer.text()) == (400, "keep=yes: must be one of: 0, 1.\n")


async def test_no_crop_is_kept(start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A crop works until it is set again, but no file has it, neither of POST /controls nor of a zoom for everybody."""
    caplog.set_level("INFO")
    file = tmp_path / "controls.env"
    portal = await start_portal(controls_file=file)
    assert (await keep(portal, {"ScalerCrop": [0, 0, 1152, 648]}))[0] == 200
    assert (await portal.status())["controls"] == {"ScalerCrop": [0, 0, 1152, 648]}
    assert not list(tmp_path.iterdir())
    with portal.supervisor.subscribers.connected(Client("10.0.0.7", "/stream.mjpg", "page-1", streams=True)):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        async with portal.http.post("/zoom?size=0.5&client=page-1") as answer:
            assert answer.status == 200
        assert (await keep(portal, {"Brightness": 0.5}))[0] == 200
        assert (await portal.status())["zoom"]["shared"]["size"] == 0.5
    assert await kept_in(file) == {"Brightness": "0.5"}
    assert caplog.messages[-1].endswith(f" in {file}: Brightness=0.5")


async def test_an_empty_object_keeps_what_is_set(start_portal: StartPortal, tmp_path: Path) -> None:
    """{} with keep=1 writes the current values, those of cam_controls included, also of a camera never open before."""
    file = tmp_path / "controls.env"
    portal = await start_portal(controls_file=file, controls=(("Brightness", "0.5"),))
    assert (await keep(portal, {}))[0] == 200
    assert await kept_in(file) == {"Brightness": "0.5"}


async def test_null_for_all_removes_the_file(start_portal: StartPortal, tmp_path: Path) -> None:
    """A null removes a value from the file; without values there is no file, and cam_controls apply again."""
    file = tmp_path / "controls.env"
    portal = await start_portal(controls_file=file)
    assert (await keep(portal, {"ExposureTime": 5000, "Brightness": 0.5}))[0] == 200
    assert (await keep(portal, {"ExposureTime": None}))[0] == 200
    assert await kept_in(file) == {"Brightness": "0.5"}
    assert (await keep(portal, {"Brightness": None}))[0] == 200
    assert not list(tmp_path.iterdir())
    assert (await keep(portal, {"Brightness": None}))[0] == 200


async def test_values_of_another_mode_are_kept(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A control that the camera does not have is a warning and stays in the file until all controls are reset."""
    file = tmp_path / "controls.env"
    controls = (("Sharpness", "1"), ("ExposureTime", "soon"), *((f"No{number}", "1") for number in range(50)))
    portal = await start_portal(controls_file=file, has_kept_controls=True, controls=controls)
    assert (await keep(portal, {"Brightness": 0.5}))[0] == 200
    assert f"{file}: this camera has no control Sharpness" in caplog.text
    assert f"{file}: ExposureTime=soon: must be a whole number" in caplog.text
    assert f"{file}: 42 more values are ignored" in caplog.text
    kept = await kept_in(file)
    assert (kept["Brightness"], kept["Sharpness"], kept["No7"]) == ("0.5", "1", "1")
    assert "ExposureTime" not in kept
    assert (await keep(portal, {"Brightness": None}))[0] == 200
    assert not file.exists()


async def test_a_full_disk(start_portal: StartPortal, tmp_path: Path, full_disk: FullDisk) -> None:
    """The answer is 507 with the reason; the old file is whole, no other is left, and the controls are set."""
    file = tmp_path / "controls.env"
    await keep_old(file)
    portal = await start_portal(controls_file=file)
    await portal.http.get("/controls.json")
    with full_disk(tmp_path):
        before = sorted(tmp_path.iterdir())
        status, said = await keep(portal, {"Brightness": 0.5, "ScalerCrop": [0, 0, 1152, 648]})
        assert sorted(tmp_path.iterdir()) == before
    assert status == 507
    reasons = (os.strerror(errno.EFBIG), os.strerror(errno.ENOSPC))
    assert said in [f"The controls are set, but not kept: {file} cannot be written: {reason}." for reason in reasons]
    assert await kept_in(file) == OLD
    assert portal.supervisor.controls.values["Brightness"] == 0.5
    assert (await keep(portal, {}))[0] == 200
    assert (await kept_in(file))["Brightness"] == "0.5"


@pytest.mark.parametrize("call", ["fsync", "open", "replace"])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        *((number, 507) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM)),
        *((number, 409) for number in (errno.EROFS, errno.EACCES, errno.EPERM)),
    ],
)
async def test_every_step_may_fail(
    start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, expected: int
) -> None:
    """A disk that is full or broken is 507, a file that may not be written 409; nothing is left behind."""
    file = tmp_path / "controls.env"
    await keep_old(file)
    portal = await start_portal(controls_file=file)
    await portal.http.get("/controls.json")

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        status, said = await keep(portal, {"Brightness": 0.5})
    assert (status, os.strerror(number) in said) == (expected, True)
    assert (list(tmp_path.iterdir()), await kept_in(file)) == ([file], OLD)


async def test_a_folder_that_cannot_be_written(start_portal: StartPortal, tmp_path: Path) -> None:
    """A file where the folder should be, or a folder where the file should be, is 409; the controls are set."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "controls.env", tmp_path / "folder"):
        portal = await start_portal(controls_file=place)
        status, said = await keep(portal, {"Brightness": 0.5})
        assert status == 409
        assert said.startswith(f"The controls are set, but not kept: {place} cannot be written: ")
        assert portal.supervisor.controls.values == {"Brightness": 0.5}
    status, said = await keep(portal, {"Brightness": None})
    assert (status, said.rpartition(": ")[0]) == (409, f"The controls are set, but {place} cannot be removed")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file", tmp_path / "folder"]


async def test_no_folder_at_all(portal: Portal) -> None:
    """Without a state directory and a home nothing can be kept, and nothing needs to be removed."""
    status, said = await keep(portal, {"Brightness": 0.5})
    assert (status, said.split(": ")[0]) == (409, "The controls are set, but not kept")
    assert (await keep(portal, {"Brightness": None}))[0] == 200


async def test_concurrent_requests_are_kept_in_order(start_portal: StartPortal, tmp_path: Path) -> None:
    """Concurrent requests leave the last state in the file and no other files."""
    file = tmp_path / "controls.env"
    portal = await start_portal(controls_file=file)
    values = [round(0.01 * number, 2) for number in range(1, 21)]
    answers = await asyncio.gather(*(keep(portal, {"Brightness": value}) for value in values))
    assert {status for status, _ in answers} == {200}
    assert await kept_in(file) == {"Brightness": str(portal.supervisor.controls.values["Brightness"])}
    assert list(tmp_path.iterdir()) == [file]


async def test_clients_that_leave_meanwhile(start_portal: StartPortal, tmp_path: Path) -> None:
    """A client that disconnects at any moment leaves the old file or a new one, and no other files."""
    file = tmp_path / "controls.env"
    await keep_old(file)
    portal = await start_portal(controls_file=file)
    await portal.http.get("/controls.json")
    for number in range(20):
        asked = asyncio.create_task(keep(portal, {"Brightness": (number + 1) / 100}))
        await asyncio.sleep(number / 2000)
        asked.cancel()
        await asyncio.wait([asked])
    assert (await keep(portal, {}))[0] == 200
    assert await kept_in(file) in [{"Brightness": str(number / 100)} for number in range(1, 21)]
    await portal.until(lambda: list(tmp_path.iterdir()) == [file])  # the last client may have just left
