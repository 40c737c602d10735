"""`soft-stream serve --all --lan`, and the way to the cameras through ssh."""

import base64
import json
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from soft_stream.access.passwords import make_hash
from soft_stream.cli import lan
from soft_stream.config import own_addresses
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.loader import SettingsError
from soft_stream.config.settings import Settings
from tests.cli.serving_all import TWO_TEST_CAMERAS, AllServed, serving_all
from tests.support.processes import run

LOGIN = re.compile(r"Login: camera   Password: (\S+)   \(kept in (\S+)\)")
ADDRESS = own_addresses.network_address()
EVERY = "0.0.0.0"  # noqa: S104 # nothing is bound
needs_network = pytest.mark.skipif(":" in ADDRESS or not ADDRESS, reason="this machine has no IPv4 address")


def status_of(port: int, login: str = "", path: str = "/status.json") -> int:
    """Request a path at the network address of this machine; return the status of the answer."""
    request = urllib.request.Request(f"http://{ADDRESS}:{port}{path}")
    if login:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def settings_of(folder: Path, text: str = "") -> str:
    """Return settings of two test cameras with a users' file in a folder."""
    return f"{TWO_TEST_CAMERAS}cam_users_file={folder}/users\n{text}"


def secrets_in_processes(served: AllServed, secret: str) -> list[int]:
    """Return the pids of the processes in whose arguments or environment a secret is."""
    found = []
    for pid in (served.process.pid, *served.children()):
        texts = (Path(f"/proc/{pid}/{name}").read_text() for name in ("cmdline", "environ"))
        found += [pid] if any(secret in text for text in texts) else []
    return found


@needs_network
def test_a_login_is_made_and_stays(tmp_path: Path) -> None:
    """Clients of the network need it; it is on the terminal only, and the next start has the same."""
    logins, sessions = [], []
    for _ in range(2):
        with serving_all(tmp_path, "--lan", settings=settings_of(tmp_path)) as served:
            match = LOGIN.fullmatch(served.until_printed("Login: "))
            assert match
            password, file = match.groups()
            name = socket.gethostname().partition(".")[0].lower()
            for number, line in enumerate(served.lines[:2]):
                port = served.base + number
                urls = f"http://{name}.local:{port}/  http://{ADDRESS}:{port}/"
                assert line == f"{('Door', 'Bed')[number]}: {urls}  (a test camera)\n"
                assert status_of(port) == 401
                assert status_of(port, f"camera:{password}") == 200
                assert status_of(port, "camera:wrong") == 401
            assert Path(file) == tmp_path / ".local/state/camera-soft-stream/login"
            assert Path(file).stat().st_mode & 0o777 == 0o600
            assert secrets_in_processes(served, password) == []
            assert not any(password in line for line in served.errors)
            logins.append(password)
            sessions.append(
                (Path(file).with_name("htpasswd").read_text(), Path(file).with_name("signing-key").read_text())
            )
    assert logins[0] == logins[1]
    assert sessions[0] == sessions[1]  # a session is signed with this key, and bound to this hash


@needs_network
def test_the_users_of_the_settings(tmp_path: Path) -> None:
    """If the settings have users, these are named, and no other login is made."""
    (tmp_path / "users").write_text(f"anna:{make_hash('secret-word')}:role=view\nben:{make_hash('other')}\n")
    with serving_all(tmp_path, "--lan", settings=settings_of(tmp_path)) as served:
        assert served.until_printed("Log in") == f"Log in as a user of {tmp_path}/users: anna, ben."
        assert status_of(served.base) == 401
        assert status_of(served.base, "anna:secret-word") == 200
        assert not (tmp_path / ".local/state/camera-soft-stream/login").exists()


@needs_network
def test_the_processes_know_each_other(tmp_path: Path) -> None:
    """The page of all cameras has the state of the other camera, also where every client needs a login."""
    with serving_all(tmp_path, "--lan", settings=settings_of(tmp_path, "cam_auth=always\n")) as served:
        match = LOGIN.fullmatch(served.until_printed("Login: "))
        assert match
        request = urllib.request.Request(f"http://{ADDRESS}:{served.base}/cameras.json")
        request.add_header("Authorization", f"Basic {base64.b64encode(f'camera:{match[1]}'.encode()).decode()}")
        with urllib.request.urlopen(request) as answer:
            assert [each["state"] for each in json.load(answer)] == ["idle", "idle"]


@needs_network
def test_cameras_that_are_open_need_no_login(tmp_path: Path) -> None:
    """With cam_open_to_network=1 no login is made, and a line says so."""
    with serving_all(tmp_path, "--lan", settings=settings_of(tmp_path, "cam_open_to_network=1\n")) as served:
        served.until_printed("No login is needed, because of cam_open_to_network=1.")
        assert status_of(served.base) == 200
        assert not (tmp_path / ".local/state/camera-soft-stream/login").exists()


@pytest.mark.parametrize(("has_ipv6", "addresses"), [(True, f"{EVERY} ::"), (False, EVERY)])
def test_a_machine_without_ipv6(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, addresses: str, *, has_ipv6: bool
) -> None:
    """Each camera listens on all addresses that the machine can have, whatever its settings are."""
    monkeypatch.setattr(own_addresses, "has_ipv6", lambda: has_ipv6)
    cameras = {0: Settings(state_directory=tmp_path), 3: Settings(bind=("10.0.0.1",), open_to_network=True)}
    assert lan.opened(cameras) == {
        "cam0_bind": addresses,
        "cam0_users_file": f"{tmp_path}/htpasswd",
        "cam3_bind": addresses,
    }


def test_without_a_home(tmp_path: Path) -> None:
    """The login needs a folder; the message says why there is none."""
    (tmp_path / "camera-soft-stream.env").write_text(settings_of(tmp_path))
    done = run("serve", "--all", "--lan", cwd=tmp_path, HOME="", XDG_STATE_HOME="", STATE_DIRECTORY="")
    assert done.returncode == 78
    assert "--lan: there is no folder for the login, because HOME is not set" in done.stderr


def test_a_login_that_cannot_be_made(tmp_path: Path) -> None:
    """The message names the place."""
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file")
    settings = Settings(state_directory=tmp_path / "file", users_file=f"{folder}/htpasswd")
    with pytest.raises(SettingsError, match=f"--lan: {folder}: the login cannot be made: "):
        list(lan.logins([settings]))


def test_users_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not used, and a sentence says why there is another login."""
    (tmp_path / "users").mkdir()
    cameras = {0: Settings(users_file=str(tmp_path / "users"), state_directory=tmp_path)}
    assert lan.opened(cameras)["cam0_users_file"] == f"{tmp_path}/htpasswd"
    (sentence,) = lan.unreadable(cameras)
    assert sentence == f"{tmp_path}/users cannot be read: it is not a regular file. So there is another login."


def test_a_journal_does_not_get_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stdout is the journal, only the file is named."""
    settings = Settings(users_file=f"{tmp_path}/htpasswd", state_directory=tmp_path)
    with (tmp_path / "journal").open("w") as journal:
        status = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        monkeypatch.setattr("sys.stdout", journal)
        (sentence,) = lan.logins([settings])
    assert sentence == f"Login: camera   Password: is in {tmp_path}/login"


SSH = "10.0.0.2 50000 10.0.0.3 22"
TWO = [Settings(), Settings(camera=1, port=18082)]


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({"SSH_CONNECTION": SSH}, "ssh -L 18081:127.0.0.1:18081 -L 18082:127.0.0.1:18082 pi@10.0.0.3"),
        (
            {"SSH_CONNECTION": "a b fd00::7 2222"},
            "ssh -p 2222 -L 18081:127.0.0.1:18081 -L 18082:127.0.0.1:18082 pi@fd00::7",
        ),
        (
            {"SSH_CONNECTION": "fe80::1%eth0 5 fe80::2%eth0 22"},
            "ssh -L 18081:127.0.0.1:18081 -L 18082:127.0.0.1:18082 pi@printer.local",
        ),
        ({"SSH_CONNECTION": "damaged"}, ""),
        ({}, ""),
    ],
)
def test_through_ssh(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], command: str) -> None:
    """The command forwards the port of each camera, to the address and port that ssh was used with."""
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    for name, text in {"SUDO_USER": "pi", **environ}.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(socket, "gethostname", lambda: "printer")
    lines = list(lan.notes(TWO))
    assert [line.strip().removeprefix("- on your computer:  ") for line in lines if " -L " in line] == [command][
        : bool(command)
    ]
    assert bool(lines) == bool(command) == any("--lan" in line for line in lines)


def test_open_addresses_need_no_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can open the addresses gets no advice about ssh."""
    monkeypatch.setenv("SSH_CONNECTION", SSH)
    monkeypatch.setattr(own_addresses, "announces_name", lambda: True)
    monkeypatch.setattr(own_addresses, "network_address", lambda: "192.168.1.7")
    assert list(lan.notes([Settings(bind=(EVERY,))])) == []
    monkeypatch.setattr(own_addresses, "network_address", lambda: "")
    assert list(lan.notes([Settings(bind=(EVERY,))])) == ["This machine has no address in a network now."]


@pytest.mark.parametrize(
    ("settings", "urls"),
    [
        (Settings(), ["http://127.0.0.1:18081/"]),
        (Settings(bind=(EVERY, "::")), ["http://printer.local:18081/", "http://192.168.1.7:18081/"]),
        (Settings(bind=("10.0.0.5",), port=80), ["http://10.0.0.5:80/"]),
        (
            Settings(listen=(Endpoint("https", EVERY, 18443),)),
            ["https://printer.local:18443/", "https://192.168.1.7:18443/"],
        ),
        (Settings(listen=(Endpoint("http", "fd00::7", 90),)), ["http://[fd00::7]:90/"]),
    ],
)
def test_addresses(monkeypatch: pytest.MonkeyPatch, settings: Settings, urls: list[str]) -> None:
    """Those for other machines are printed if there are any."""
    monkeypatch.setattr(socket, "gethostname", lambda: "printer")
    monkeypatch.setattr(own_addresses, "network_address", lambda: "192.168.1.7")
    assert lan.urls(settings) == urls
