"""Streams and other long requests end within a second when their clients lose the right to them."""

# the files of a test are small

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import ClientError

from soft_stream.access import sessions
from soft_stream.access.accounts import read_accounts
from soft_stream.access.internal import make_token
from soft_stream.access.signing import SigningKey
from tests.support.logins import LoginFiles, bearer, login_of, write_logins
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal
from tests.support.wall_clock import WallClock

Change = Callable[[LoginFiles], object]


def edit(old: str, new: str, *, name: str = "users") -> Change:
    """Return a change that replaces a text in a file, as an editor does it."""

    def change(files: LoginFiles) -> None:
        file: Path = getattr(files, name)
        text = file.read_text()
        assert old in text
        new_file = file.with_suffix(".new")
        new_file.write_text(text.replace(old, new))
        new_file.replace(file)

    return change


@pytest.fixture
def files(tmp_path: Path) -> LoginFiles:
    """Return the files of users and tokens."""
    return write_logins(tmp_path)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> None:
    """Collect the lines of level info as well."""
    caplog.set_level("INFO")


@pytest.fixture
async def locked(start_portal: StartPortal, files: LoginFiles) -> Portal:
    """Return a server that wants a login from every client."""
    return await start_portal(auth="always", users_file=str(files.users), state_directory=files.folder / "state")


async def ended(stream: StreamReader) -> None:
    """Read a stream until it ends."""
    while True:
        try:
            await stream.part()
        except (asyncio.IncompleteReadError, ConnectionError):
            stream.writer.transport.abort()
            return


async def session_of(files: LoginFiles, name: str) -> str:
    """Return the cookie of a session that a login page has begun."""

    def begin() -> str:
        user = read_accounts(str(files.users), None).users[name]
        return sessions.begin(SigningKey.load(files.folder / "state"), user, time.time())

    return await asyncio.to_thread(begin)


def make_folder(file: Path) -> Path:
    """Replace a file by a folder, which cannot be read."""
    file.unlink()
    file.mkdir()
    return file


VERA = "vera:$2b$04$abcdefghijklmnopqrstuuvlUP.u1zsBjO87IoPRXHSFQ2OzG3hsm:role=view\n"
REVOCATIONS: dict[str, tuple[str, Change, str]] = {
    "user removed": ("vera", edit(VERA, ""), "the user vera was removed"),
    "password changed": ("vera", edit("$2b$04$abcdefghijklmnopqrstuuvl", "$2b$04$abcdefghijklmnopqrstuuvm"),
                         "the user vera has another password"),
    "rights of another camera": ("conny", edit(":role=control", ":role=control camera=1"),
                                 "the user conny now has the role none"),
    "rights that cannot be read": ("vera", edit(":role=view", ":role=viewer"), "the user vera now has the role none"),
    "file removed": ("adam", lambda files: files.users.unlink(), "the users cannot be read"),
    "file unreadable": ("adam", lambda files: make_folder(files.users),
                        "the users cannot be read"),
    "token revoked": ("see", lambda files: files.tokens.unlink(), "the token see was revoked"),
    "rights of a token": ("turn", edit("role=control", "role=control camera=3", name="tokens"),
                          "the token turn now has the role none"),
    "token expired": ("see", edit("expires=2099", "expires=2021", name="tokens"), "the token see has expired"),
}  # fmt: skip


@pytest.mark.parametrize("which", REVOCATIONS)
async def test_streams_end(locked: Portal, files: LoginFiles, caplog: pytest.LogCaptureFixture, which: str) -> None:
    """The stream ends, the log has the reason, and streams of others flow on."""
    login, change, reason = REVOCATIONS[which]
    stream = await StreamReader.get(locked.port, headers=login_of(login))
    other = await StreamReader.get(locked.port, headers=await other_login(files))
    await stream.opening()
    await other.opening()
    await stream.part()
    change(files)
    async with asyncio.timeout(5):
        await ended(stream)
    await locked.until(lambda: len(locked.supervisor.subscribers.clients) == 1)
    assert f"Ended GET /stream.mjpg of 127.0.0.1: {reason}" in caplog.text
    assert reason in next(line for line in caplog.messages if "frames sent" in line)
    for _ in range(5):
        await other.part()
    async with locked.http.get("/status.json", headers=login_of(login)) as answer:
        assert answer.status in (401, 403)
    await other.close()


async def other_login(files: LoginFiles) -> dict[str, str]:
    """Return a login that no change of a file ends."""
    key = await asyncio.to_thread(SigningKey.load, files.folder / "state")
    return dict(bearer(make_token(key, time.time())))


@pytest.mark.parametrize("which", ["user removed", "password changed", "logout", "role"])
async def test_streams_of_sessions(
    locked: Portal, files: LoginFiles, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    """A session ends with its user, its password, a logout in another process, or a role that is not enough."""
    cookie = await session_of(files, "vera")
    stream = await StreamReader.get(locked.port, headers={"Cookie": f"soft_stream_session={cookie}"})
    await stream.opening()
    await stream.part()
    reason = "the user vera has logged out"
    if which == "logout":
        key = await asyncio.to_thread(SigningKey.load, files.folder / "state")
        accounts = await asyncio.to_thread(read_accounts, str(files.users), None)
        session = sessions.read(key, cookie, accounts, time.time())
        assert session
        await asyncio.to_thread(sessions.end, files.folder / "state", session)
    elif which == "role":
        reason = "the user vera now has the role none"
        edit(":role=view", ":role=view camera=1")(files)
    else:
        _, change, reason = REVOCATIONS[which]
        change(files)
    async with asyncio.timeout(5):
        await ended(stream)
    await locked.until(lambda: reason in caplog.text)


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_signing_key_that_is_removed_or_replaced(
    locked: Portal, files: LoginFiles, caplog: pytest.LogCaptureFixture, is_replaced: bool
) -> None:
    """All sessions end without a restart, and the file has the key of the process; else each process had its own."""
    cookie = {"Cookie": f"soft_stream_session={await session_of(files, 'vera')}"}
    session = await StreamReader.get(locked.port, headers=cookie)
    token = await StreamReader.get(locked.port, headers=login_of("see"))
    for stream in (session, token):
        await stream.opening()
    file = files.folder / "state/signing-key"
    if is_replaced:
        file.write_text((b"k" * 32).hex())
    else:
        file.unlink()
    async with asyncio.timeout(5):
        await ended(session)
    await token.part()
    token.writer.close()
    assert "Ended GET /stream.mjpg of 127.0.0.1: the signing key has changed" in caplog.text
    async with locked.http.get("/healthz", headers=cookie) as answer:
        assert answer.status == 401
    cookie = {"Cookie": f"soft_stream_session={await session_of(files, 'vera')}"}
    async with locked.http.get("/healthz", headers=cookie) as answer:
        assert answer.status == 200


async def test_a_signing_key_that_cannot_be_read_any_more(locked: Portal, files: LoginFiles) -> None:
    """The sessions stay, and the process keeps the key that it has."""
    cookie = {"Cookie": f"soft_stream_session={await session_of(files, 'vera')}"}
    file = files.folder / "state/signing-key"
    file.rename(file.with_name("away"))
    file.mkdir()
    await asyncio.sleep(0.2)
    async with locked.http.get("/healthz", headers=cookie) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("kind", ["token", "session"])
async def test_what_expires_during_a_stream(
    locked: Portal, files: LoginFiles, caplog: pytest.LogCaptureFixture, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token or session that expires during a stream ends it, also when the clock is set meanwhile."""
    clock = WallClock(monkeypatch)
    cookie = await session_of(files, "vera")
    headers = login_of("see") if kind == "token" else {"Cookie": f"soft_stream_session={cookie}"}
    stream = await StreamReader.get(locked.port, headers=headers)
    await stream.opening()
    await stream.part()
    clock.jump(100 * 365 * 86400 if kind == "token" else 31 * 86400)
    async with asyncio.timeout(5):
        await ended(stream)
    await locked.until(lambda: f"{kind} see has expired" in caplog.text or "session of the user vera" in caplog.text)


async def test_the_first_user_ends_open_streams(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the first user a proxy's clients need no login; their streams end, those of this machine do not."""
    (tmp_path / "etc").mkdir()
    portal = await start_portal(users_file=str(tmp_path / "etc" / "htpasswd"))
    outside = await StreamReader.get(portal.port, headers={"X-Forwarded-For": "192.0.2.7"})
    inside = await StreamReader.get(portal.port)
    await outside.opening()
    await inside.opening()
    await outside.part()
    write_logins(tmp_path / "etc")
    async with asyncio.timeout(5):
        await ended(outside)
    await portal.until(lambda: "Ended GET /stream.mjpg of 192.0.2.7: a login is needed now" in caplog.text)
    for _ in range(5):
        await inside.part()
    await inside.close()


async def test_more_rights_and_other_lines_end_nothing(locked: Portal, files: LoginFiles) -> None:
    """A stream flows on while its user gets another role that is enough, and others are added or removed."""
    stream = await StreamReader.get(locked.port, headers=login_of("vera"))
    await stream.opening()
    for change in (
        edit(":role=view", ":role=admin"),
        edit(":role=admin\n", ":role=view camera=0\n"),
        edit("conny:", "zoe:"),
        edit("see:", "look:", name="tokens"),
    ):
        await stream.part()
        change(files)
        await asyncio.sleep(0.2)
    for _ in range(20):
        await stream.part()
    await stream.close()


@pytest.mark.parametrize(("method", "path"), [("GET", "/snapshot.jpg"), ("POST", "/arm"), ("POST", "/focus")])
async def test_waiting_requests_end(
    locked: Portal, files: LoginFiles, caplog: pytest.LogCaptureFixture, method: str, path: str
) -> None:
    """A request that waits for the camera ends as well, and keeps it open no longer."""
    locked.device.slow_open(60)
    waiting = asyncio.create_task(locked.http.request(method, path, headers=login_of("conny")).__aenter__())
    await locked.until(lambda: locked.supervisor.subscribers.clients)
    edit("conny:", "zoe:")(files)
    async with asyncio.timeout(5):
        await asyncio.wait([waiting])
    if method == "GET":  # this HTTP library sends it once more
        assert waiting.result().status == 401
        waiting.result().release()
    else:
        assert isinstance(waiting.exception(), ClientError)
    assert f"Ended {method} {path} of 127.0.0.1: the user conny was removed" in caplog.text
    await locked.until(lambda: not locked.supervisor.subscribers.clients)


async def test_a_client_that_reads_nothing(locked: Portal, files: LoginFiles) -> None:
    """The stream of a client that reads nothing ends at once, too; it does not wait for the rest of a part."""
    stream = await StreamReader.get(locked.port, headers=login_of("vera"))
    stream.writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's
    await locked.until(lambda: any(client.unsent() > 0 for client in locked.supervisor.subscribers.clients))
    edit(VERA, "")(files)
    async with asyncio.timeout(5):
        await locked.until(lambda: not locked.supervisor.subscribers.clients)
    await stream.close()
