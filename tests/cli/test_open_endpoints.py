"""Starts with addresses of the network: refused, open by consent, or with a login."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable

import pytest

from tests.support.logins import write_logins
from tests.support.processes import ENVIRON, free_port, run

EVERY = "0.0.0.0"  # noqa: S104 # the default of other programs
FORWARDED = {"X-Forwarded-For": "192.168.1.20"}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return a file of settings for a camera at an address of the network, without users."""
    file = tmp_path / "settings.env"
    file.write_text(f"cam0_source=test-pattern\ncam0_bind={EVERY}\ncam_users_file={tmp_path}/htpasswd\n")
    return file


@contextmanager
def started(*words: object, **environ: str) -> Iterator[tuple[str, list[str]]]:
    """Run `serve` until it listens; yield its address on this machine, and its log so far."""
    port = free_port()
    command = [executable, "-m", "soft_stream", "serve", "--port", str(port), *map(str, words)]
    with Popen(command, stderr=PIPE, text=True, env=ENVIRON | environ) as process:
        assert process.stderr
        try:
            log = []
            for line in process.stderr:
                log.append(line.rstrip())
                if "Listening on" in line:
                    break
            yield f"http://127.0.0.1:{port}", log
        finally:
            process.kill()


def status_of(url: str, path: str = "/status.json", *, method: str = "GET", forwarded: bool = True) -> int:
    """Return the status of a request, which a proxy has forwarded for another machine."""
    headers = FORWARDED if forwarded else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, method=method, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_settings_file_that_opens_a_camera(settings: Path, command: str) -> None:
    """`serve` and `check` refuse it with 78 and one sentence; nothing listens."""
    done = run(command, "--env-file", str(settings))
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "1 error in the settings:",
        f"  {settings}:2: cam0_bind={EVERY}: other machines can reach http://{EVERY}:18081, and "
        f"{settings.parent}/htpasswd has no user: add one (soft-stream user add NAME), or listen on 127.0.0.1 behind "
        "nginx, which asks for a login (docs/nginx.md), or let every client see and control the camera "
        "(cam_open_to_network=1)",
    ]


def test_the_environment_is_no_consent(tmp_path: Path) -> None:
    """An address in the environment is refused as one in the file."""
    environ = {"cam0_bind": EVERY, "cam_users_file": str(tmp_path / "htpasswd")}
    done = run("serve", "--source", "test-pattern", cwd=tmp_path, **environ)
    assert (done.returncode, f"environment: cam0_bind={EVERY}: " in done.stderr) == (78, True)


def test_check_lists_all_cameras(settings: Path) -> None:
    """Each refused address has a sentence."""
    settings.write_text(f"{settings.read_text()}cam1_listen=http://[::]:9\n")
    done = run("check", "--env-file", str(settings))
    assert "2 errors in the settings:" in done.stderr
    assert ":4: cam1_listen=http://[::]:9: other machines can reach http://[::]:9, and " in done.stderr


def test_a_flag_is_consent_until_there_is_a_user(settings: Path, tmp_path: Path) -> None:
    """The address of a flag is open with a warning; the first user closes it at once, and at the next start."""
    flags = ("--env-file", settings, "--bind", EVERY)
    with started(*flags) as (url, log):
        assert [line.split(" (")[0] for line in log if "WARNING" in line] == [
            f"WARNING cam0 http://{EVERY}:{url.rpartition(':')[2]}"
        ]
        assert status_of(url) == 200
        write_logins(tmp_path)
        while status_of(url) != 401:
            pass
        assert status_of(url, forwarded=False) == 200
    with started(*flags) as (url, log):
        assert not any("open to the network" in line for line in log)
        assert status_of(url) == 401


def test_consent_in_the_settings(settings: Path, tmp_path: Path) -> None:
    """With cam_open_to_network=1 the camera starts with a warning; beside users the warning is another one."""
    settings.write_text(f"{settings.read_text()}cam_open_to_network=1\n")
    with started("--env-file", settings) as (url, log):
        assert any(line.startswith("WARNING cam0 http://") and "is open to the network" in line for line in log)
        assert (status_of(url), status_of(url, "/pause", method="POST")) == (200, 200)
    write_logins(tmp_path)
    with started("--env-file", settings) as (url, log):
        assert any("WARNING cam0 cam_open_to_network=1: clients of other machines still see" in line for line in log)
        assert status_of(url) == 200
    done = run("check", "--env-file", str(settings))
    assert "# warning: cam_open_to_network=1: clients of other machines still see" in done.stdout
    assert done.returncode == 0


def test_users_need_no_warning_about_a_login(settings: Path, tmp_path: Path) -> None:
    """One line of information says that passwords can be read on the way; `check` has it, too."""
    write_logins(tmp_path)
    with started("--env-file", settings) as (url, log):
        about = [line for line in log if "passwords and frames can be read on the way" in line]
        assert [line.split(" http")[0] for line in about] == ["INFO cam0"]
        assert not any("open to the network" in line for line in log)
        assert status_of(url) == 401
    done = run("check", "--env-file", str(settings))
    assert f"# http://{EVERY}:18081: passwords and frames can be read on the way" in done.stdout


def test_a_users_file_that_cannot_be_read(settings: Path, tmp_path: Path) -> None:
    """The process starts, refuses other machines, serves this one, and says why."""
    (tmp_path / "htpasswd").mkdir()
    with started("--env-file", settings) as (url, log):
        assert any(f"WARNING cam0 no user of {tmp_path}/htpasswd can be read: " in line for line in log)
        assert (status_of(url), status_of(url, forwarded=False)) == (401, 200)
    done = run("check", "--env-file", str(settings))
    assert f"# warning: {tmp_path}/htpasswd cannot be read: " in done.stdout


def test_always_without_users(settings: Path) -> None:
    """cam_auth=always closes the camera to all clients; the log says that there is no user."""
    with started("--env-file", settings, "--bind", EVERY, "--auth", "always") as (url, log):
        assert any("WARNING cam0 cam_auth=always refuses every client" in line for line in log)
        assert (status_of(url), status_of(url, forwarded=False)) == (401, 401)
