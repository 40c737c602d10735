"""The commands for users and tokens on a rolled-out machine: they are run by root, and the service reads the result."""

import pytest

from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import TWO_CAMERAS, Checkout, answer

FOLDER = "/etc/camera-streamer"
FROM_NETWORK = ("--header", "X-Forwarded-For: 192.0.2.9")
STREAMS = "curl --silent --output /dev/null --user x:$(cat /root/token) http://127.0.0.1:18082/stream.mjpg"


@pytest.fixture(scope="module")
def rolled(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Container:
    """Roll out two cameras to a container."""
    Checkout(tmp_path_factory.mktemp("project") / "checkout").deploy(container, settings=TWO_CAMERAS)
    return container


def status(machine: Container, camera: int, login: str) -> str:
    """Return the status that a camera's process answers to a login."""
    url = f"http://127.0.0.1:{18081 + camera}/status.json"
    return answer(machine, url, *FROM_NETWORK, "--user", login).partition(" ")[0]


def until(machine: Container, command: str, camera: int, login: str, expected: str) -> None:
    """Run a command, and wait until a camera's process answers to a login with a status."""
    machine.run(command)
    code = f"curl --silent --output /dev/null --write-out '%{{http_code}}' --user '{login}'"
    machine.until(
        f"[ $({code} --header '{FROM_NETWORK[1]}' http://127.0.0.1:{18081 + camera}/status.json) = {expected} ]"
    )


def test_users(rolled: Container) -> None:
    """A new user holds in the processes of all cameras, until the user is removed; the file stays the service's."""
    before = rolled.output(f"stat -c '%U:%G %a' {FOLDER}/htpasswd")
    add = "printf 'pass word\\n' | soft-stream user add anna --role view --camera 0"
    until(rolled, add, 0, "anna:pass word", "200")
    assert status(rolled, 0, "anna:wrong") == "401"
    until(rolled, "true", 1, "anna:pass word", "403")
    assert rolled.output(f"stat -c '%U:%G %a' {FOLDER}/htpasswd") == before == "camera-soft-stream:www-data 640"
    until(rolled, "soft-stream user remove anna", 0, "anna:pass word", "401")
    assert "user anna added: role=view camera=0 (by " in rolled.output("journalctl -t soft-stream -o cat")


def test_a_hash_that_needs_another_program(rolled: Container) -> None:
    """The sandbox of the units lets the process run openssl."""
    line = f"printf 'old:%s\\n' \"$(openssl passwd -apr1 word)\" >>{FOLDER}/htpasswd"
    until(rolled, line, 0, "old:word", "200")
    assert status(rolled, 0, "old:words") == "401"


def test_tokens(rolled: Container) -> None:
    """Only the service can read their file; a stream ends when its token is revoked."""
    rolled.run("umask 077; soft-stream token create --camera 1 --name display >/root/token")
    assert rolled.output(f"stat -c '%U %a' {FOLDER}/tokens") == "camera-soft-stream 600"
    token = rolled.output("cat /root/token")
    until(rolled, "true", 1, f"x:{token}", "200")
    assert status(rolled, 0, f"x:{token}") == "403"
    rolled.run(f"systemd-run --unit display --collect sh -c '{STREAMS}'")
    rolled.until("curl --silent http://127.0.0.1:18082/status.json | grep -q /stream.mjpg")
    rolled.run("soft-stream token revoke display")
    rolled.until("! systemctl is-active --quiet display")
    assert status(rolled, 1, f"x:{token}") == "401"


def test_without_root_rights(rolled: Container) -> None:
    """A user of the machine neither sees the users nor changes them."""
    for command in ("user list", "token list", "user remove camera", "token create"):
        done = rolled.run(f"sudo -u pi soft-stream {command} </dev/null", check=False)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "Permission denied" in done.stderr
        assert "Run the command with sudo." in done.stderr
