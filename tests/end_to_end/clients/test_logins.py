"""Real client programs log in with a user or a token, and cause no storm of requests when that is wrong or revoked."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.end_to_end.clients.logins import ENDING, ENDLESS, FRAMES, Command, Login, ffmpeg, motion, mpv, vlc
from tests.end_to_end.clients.programs import needs_program, run, running
from tests.support import nginx_process
from tests.support.logins import TOKENS, USERS, write_logins
from tests.support.nginx_process import NGINX
from tests.support.server import Portal, StartPortal

# Each character has a meaning in URLs, in shells or in the files of a client.
SPECIAL = "p@s:s/w#d?%41 ü&=+"
# Seconds in which a client may try again.
WATCHED = 3.0


class Requests:
    """The requests that a server has answered, by its log."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def statuses(self) -> list[str]:
        """The status of each answer."""
        return [line.partition(": ")[2].partition(": ")[2][:3] for line in self._lines("HTTP: ")]

    @property
    def ends(self) -> list[str]:
        """The reason for the end of each stream."""
        return [line.rpartition(" (")[2].rstrip(")") for line in self._lines("Client disconnected: ")]

    def has_secret(self, *secrets: str) -> bool:
        """Return True if the log has one of some texts."""
        return any(secret in self._caplog.text for secret in secrets)

    def _lines(self, begin: str) -> list[str]:
        messages = [record.getMessage() for record in self._caplog.records]
        return [message for message in messages if message.startswith(begin)]


@pytest.fixture
async def portal(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Start a server that requires a login of every client."""
    users = str(write_logins(tmp_path, {"vera": SPECIAL}).users)
    return await start_portal(auth="always", users_file=users, loghttp=True, close_after=0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder for the files of a client; pytest's own can be read by one user only, and VLC is another."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def answers(caplog: pytest.LogCaptureFixture) -> Requests:
    """Return the requests that the server answers."""
    caplog.set_level(logging.INFO)
    return Requests(caplog)


@pytest.fixture(params=["user", "token"])
def login(request: pytest.FixtureRequest, portal: Portal, folder: Path) -> Login:
    """Return a user whose password has special characters; and a token, which is sent with any user name."""
    name, password = ("vera", SPECIAL) if request.param == "user" else ("any", TOKENS["see"])
    return Login(name, password, portal.port, folder)


@pytest.mark.parametrize("command", ENDING)
async def test_a_client_logs_in(command: Command, login: Login, answers: Requests) -> None:
    """It gets its frames; the log has neither the password nor the token."""
    ended = await run(*command(login))
    assert ended.status == 0, ended.said
    assert answers.statuses in (["200"], ["401", "200"])  # many clients send the login only when they are asked
    assert not answers.has_secret(login.password, login.encoded)


@needs_program(NGINX)
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("command", ENDING)
async def test_a_client_logs_in_behind_nginx(
    command: Command, tls: bool, start_portal: StartPortal, answers: Requests, folder: Path, tmp_path: Path
) -> None:
    """It gets its frames over plain HTTP, also on a port that has TLS; without the login it gets nothing."""
    users = str(write_logins(tmp_path, {"vera": SPECIAL}).users)
    portal = await start_portal(users_file=users, loghttp=True, close_after=0)
    async with nginx_process.running(tmp_path, {0: portal.port}, tls=tls) as nginx:
        login = Login("vera", SPECIAL, nginx.port(0), folder)
        assert (await run(*command(Login("vera", "wrong", login.port, folder)))).status != 0
        assert "200" not in answers.statuses
        ended = await run(*command(login))
        assert ended.status == 0, ended.said
    assert answers.statuses[-1] == "200"


@pytest.mark.parametrize("command", ENDLESS)
async def test_a_client_that_does_not_end_logs_in(
    command: Command, login: Login, portal: Portal, tmp_path: Path
) -> None:
    """It gets frames of the stream."""
    if command is motion:  # its Base64 is wrong for characters outside ASCII
        write_logins(tmp_path, {"vera": SPECIAL.replace("ü", "u")})
        login = replace(login, password=login.password.replace("ü", "u"))
    async with running(*command(login)):
        await portal.until(lambda: any(client.sent > 5 for client in portal.supervisor.subscribers.clients))


@pytest.mark.parametrize("command", [*ENDING, *ENDLESS])
async def test_a_client_with_a_wrong_login(command: Command, portal: Portal, answers: Requests, folder: Path) -> None:
    """It gets nothing, and does not try again many times; one that ends has an error as its status."""
    login = Login("vera", "wrong", portal.port, folder)
    async with running(*command(login)) as process:
        await portal.until(lambda: "401" in answers.statuses)
        with contextlib.suppress(TimeoutError):  # VLC and motion do not end
            await asyncio.wait_for(process.wait(), WATCHED)
    assert process.returncode != 0
    assert set(answers.statuses) == {"401"}
    assert len(answers.statuses) <= 6
    assert not answers.has_secret("wrong@")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(ffmpeg, marks=needs_program("ffmpeg")),
        pytest.param(mpv, marks=needs_program("mpv")),
        pytest.param(vlc, marks=needs_program("cvlc")),
    ],
)
async def test_a_login_that_is_revoked(
    command: Command, login: Login, portal: Portal, answers: Requests, tmp_path: Path
) -> None:
    """The stream ends within a second with the reason, and the client does not try again many times."""
    endless = (str(word).replace(f"={FRAMES}", "=999999").replace("-frames:v", "-t") for word in command(login))
    async with running(*["9999" if word == str(FRAMES) else word for word in endless]) as process:
        await portal.until(lambda: any(client.sent > 5 for client in portal.supervisor.subscribers.clients))
        revoked = time.monotonic()
        (tmp_path / "htpasswd").write_text(USERS.split("\n", 1)[1])
        (tmp_path / "tokens").write_text("")
        await portal.until(lambda: answers.ends)
        assert time.monotonic() - revoked < 1
        with contextlib.suppress(TimeoutError):  # VLC does not end
            await asyncio.wait_for(process.wait(), WATCHED)
    assert any(word in answers.ends[0] for word in ("the user vera was removed", "the token see was revoked"))
    assert len(answers.statuses) <= 6
