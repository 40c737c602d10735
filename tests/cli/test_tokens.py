"""`soft-stream token`: what is printed where, and what the file has."""

import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.access.rights import Rights, Role
from soft_stream.access.tokens import find_token
from soft_stream.cli.main import main

YEAR = 365 * 86400


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place of the tokens' file, beside the users' file that the settings in the environment name."""
    monkeypatch.setenv("cam_users_file", str(tmp_path / "htpasswd"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tokens"


class Done(NamedTuple):
    """What a command has returned and printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Return a function that runs `soft-stream token` in this process, which is quick."""
    monkeypatch.setattr("syslog.syslog", lambda *_: None)
    return lambda *arguments: Done(main(["token", *arguments]), *capfd.readouterr())


def read(file: Path) -> Accounts:
    """Return what the files have."""
    return read_accounts(str(file.with_name("htpasswd")), None)


def test_create_a_token(token: Callable[..., Done], file: Path) -> None:
    """Only the token is at stdout, so that it can be piped; the file has its digest, rights and times."""
    done = token("create", "--role", "control", "--camera", "0,3", "--expires", "1y", "--name", "kitchen")
    assert done.returncode == 0
    assert done.stderr.startswith("The token kitchen has role=control camera=0,3 and expires: ")
    text = done.stdout.removesuffix("\n")
    assert text not in file.read_text() + done.stderr
    found = find_token(read(file), text)
    assert found
    assert (found.name, found.rights) == ("kitchen", Rights(Role.CONTROL, frozenset({0, 3})))
    assert time.time() + YEAR - 60 < found.expires_at <= time.time() + YEAR
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.with_name("htpasswd").exists()


def test_defaults(token: Callable[..., Done], file: Path) -> None:
    """The least role, a year, and a name of its own for each."""
    first, second = token("create").stdout.strip(), token("create").stdout.strip()
    tokens = read(file)
    for text, name in ((first, "token-1"), (second, "token-2")):
        found = find_token(tokens, text)
        assert found
        assert (found.name, found.rights) == (name, Rights(Role.VIEW))
        assert time.time() + YEAR - 60 < found.expires_at <= time.time() + YEAR
    token("revoke", "token-1")
    token("create")
    assert sorted(each.name for each in read(file).tokens.values()) == ["token-1", "token-2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--expires", "soon"], "--expires soon: must be a time such as 12h, 30d, 4w or 1y, a date such as 2027-11-30"),
        (["--expires", "2020-01-01"], "--expires 2020-01-01: must be in the future, and at most 100 years."),
        (["--name", "a:b"], "'a:b' cannot be a name"),
        (["--name", "there"], "There is a token there already; choose another name, or revoke it."),
    ],
)
def test_refused(token: Callable[..., Done], file: Path, arguments: list[str], message: str) -> None:
    """One sentence; the file is as it was, and no token is printed."""
    file.write_text("there:x:broken\n")
    done = token("create", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert file.read_text() == "there:x:broken\n"


def test_a_token_that_was_not_shown_does_not_exist(file: Path) -> None:
    """As when the disk is full."""
    command = [sys.executable, "-m", "soft_stream", "token", "create"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr == "The output cannot be written: No space left on device\n"
    assert file.read_text() == ""


def test_list_tokens(token: Callable[..., Done], file: Path) -> None:
    """Names, rights and expiry; neither tokens nor digests."""
    assert token("list").stderr == f"{file} has no tokens.\n"
    digests = [str(number) * 64 for number in range(4)]
    file.write_text(
        f"old:{digests[0]}:role=admin created=2020-01-01T00:00:00Z expires=2021-01-01T12:00:00Z\n"
        f"new:{digests[1]}:role=view camera=1,0 expires=2099-01-01T12:00:00Z\n"
        f"ever:{digests[2]}:role=control expires=never\n"
        f"bad:{digests[3]}:role=view\n"
    )
    done = token("list")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["NAME", "ROLE", "CAMERAS", "EXPIRES"],
        ["old", "admin", "all", *shown(1609502400), "expired"],
        ["new", "view", "0,1", *shown(4070952000)],
        ["ever", "control", "all", "never"],
    ]
    assert done.returncode == 1
    assert done.stderr.startswith(f"{file}:4: expires=: must be a time in UTC")
    assert not any(digest in done.stdout + done.stderr for digest in digests)


def shown(seconds: float) -> list[str]:
    """Return the words of a time as it is shown, in the local time zone."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)).split()


def test_revoke_a_token(token: Callable[..., Done], file: Path) -> None:
    """Others stay, and so does what the owner wrote; a line that is broken can be removed as well."""
    text = token("create", "--name", "a").stdout.strip()
    token("create", "--name", "b")
    file.write_text(f"# mine\n{file.read_text()}broken:x\n")
    done = token("revoke", "a")
    assert (done.returncode, done.stdout) == (0, "The token a is revoked; its streams end now.\n")
    assert find_token(read(file), text) is None
    assert token("revoke", "broken").returncode == 0
    assert [each.name for each in read(file).tokens.values()] == ["b"]
    assert file.read_text().startswith("# mine\nb:")
    done = token("revoke", "a")
    assert (done.returncode, done.stderr) == (1, f"{file} has no token a.\n")


def test_several_commands_at_once(file: Path) -> None:
    """Each token has a name of its own."""
    command = [sys.executable, "-m", "soft_stream", "token", "create"]
    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(lambda _: subprocess.check_output(command, text=True).strip(), range(6)))
    tokens = read(file)
    assert sorted(found.name for text in texts if (found := find_token(tokens, text))) == [
        f"token-{number}" for number in range(1, 7)
    ]
