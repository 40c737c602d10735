"""Upgrades and rollbacks between a release whose nginx verifies the logins and one whose processes do."""

import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.end_to_end.lab.conftest import BootContainer, NewCheckout
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import (
    OPT,
    SETTINGS,
    TWO_CAMERAS,
    Checkout,
    answer,
    in_force,
    measure,
    password,
    serves,
)
from tests.end_to_end.lab.older_portal import put
from tests.end_to_end.lab.patches import OLDER, PATCHES

HTPASSWD = "/etc/camera-streamer/htpasswd"
# As OctoPi's: a site without a login of its own, which sends the address of the client.
WEBCAM = "http://127.0.0.1:9000/webcam/"
WEBCAM_SITE = """\
server {
    listen 9000;
    location /webcam/ { proxy_set_header X-Forwarded-For $remote_addr; proxy_pass http://127.0.0.1:18081/; }
}
"""
PLACES = (
    (8080, "/"),
    (8080, "/cameras.json"),
    (8080, "/cam0/status.json"),
    (8081, "/status.json"),
    (8082, "/status.json"),
)
NO_CONNECTION = 0
SERVED_OR_CLOSED = {200, 502, 503, NO_CONNECTION}
# Seconds between rounds of requests: the clients must not slow the rollout down.
PAUSE = 0.05


class Client(threading.Thread):
    """A client of the network that requests several URLs again and again, and counts the answers by their status."""

    def __init__(self, machine: Container, headers: dict[str, str]) -> None:
        super().__init__()
        self.statuses: Counter[int] = Counter()
        self._urls = [machine.url(port, path) for port, path in PLACES]
        self._headers = headers
        self._is_leaving = threading.Event()

    def run(self) -> None:
        """Request them until the block of `watched` ends."""
        while not self._is_leaving.wait(PAUSE):
            for url in self._urls:
                self.statuses[self._status(url)] += 1

    def end(self) -> None:
        """Leave."""
        self._is_leaving.set()
        self.join()

    def _status(self, url: str) -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=self._headers), timeout=30) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return NO_CONNECTION


@contextmanager
def watched(machine: Container, user: str, secret: str) -> Iterator[Counter[int]]:
    """Check that no client without a login gets an answer during the block; yield the answers to one with a login."""
    login = {"Authorization": f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"}
    strangers = [
        Client(machine, {}),
        Client(machine, {"X-Soft-Stream-Auth": "network", "X-Forwarded-For": "127.0.0.1"}),
    ]
    known = Client(machine, login)
    clients = [*strangers, known]
    for each in clients:
        each.start()
    try:
        yield known.statuses
    finally:
        for each in clients:
            each.end()
    for each in strangers:
        assert each.statuses[401]
        assert each.statuses.keys() <= {401, 502, 503, NO_CONNECTION}, each.statuses
    assert known.statuses[200]


@pytest.fixture
def older(new_checkout: NewCheckout) -> Checkout:
    """Return a checkout of the older kind of release."""
    checkout = new_checkout()
    for patch in OLDER:
        checkout.change(*patch)
    return checkout


@pytest.fixture
def before(boot_container: BootContainer, older: Checkout) -> Container:
    """Boot a machine that runs the older kind of release, with one more login in the file as it was then."""
    machine = boot_container()
    older.deploy(machine, settings=TWO_CAMERAS)
    machine.run(f'printf "anna:%s:my phone\n" "$(openssl passwd -apr1 old-secret)" >>{HTPASSWD}')
    machine.run(f"chown root:www-data {HTPASSWD}; chmod 644 {HTPASSWD}")
    machine.run(f"sed -i /local_proxy_role/d {SETTINGS} {OPT}/current/camera-soft-stream.env")
    put(machine, "/etc/nginx/conf.d/webcam.conf", WEBCAM_SITE)
    machine.run("systemctl reload nginx")
    return machine


def at_webcam(machine: Container) -> list[str]:
    """Return the statuses of a snapshot and of a change at a site of the owner, without a login."""
    requests = (("snapshot.jpg",), ("focus", "--request", "POST"))
    return [
        answer(machine, WEBCAM + path, "--output", "/dev/null", *options).partition(" ")[0]
        for path, *options in requests
    ]


def test_an_upgrade_and_its_rollback_open_nothing(before: Container, new_checkout: NewCheckout) -> None:
    """At no moment is a client without a login served; one with a login is never 401, and may do everything."""
    state, users = in_force(before), (("anna", "old-secret"), ("camera", password(before)))
    present = new_checkout()
    assert at_webcam(before) == ["200", "200"]
    with watched(before, "anna", "old-secret") as statuses:
        said = present.deploy(before)
    assert "+cam_local_proxy_role=view  <- sites that show the cameras: /etc/nginx/conf.d/webcam.conf:1" in said
    assert at_webcam(before) == ["200", "403"]
    unchanged = present.deploy(before, "--dry-run")  # by a user who may not read the users' file
    assert "Nothing to change" in unchanged
    assert "can be read" not in unchanged
    assert statuses.keys() <= SERVED_OR_CLOSED, statuses
    assert before.output(f"stat -c '%U %G %a' {HTPASSWD}") == "camera-soft-stream www-data 640"
    assert "auth_basic" not in before.output("cat /etc/nginx/camera-soft-stream/*.conf /etc/nginx/conf.d/*")
    for user, secret in users:
        measure(before, before.url(8080, "/cam1/stream.mjpg"), user, secret)
        focus = answer(before, "http://127.0.0.1:8081/focus", "--user", f"{user}:{secret}", "--request", "POST")
        assert focus.startswith("200 ")

    with watched(before, *users[1]) as statuses:
        present.deploy(before, "--rollback")
    assert statuses.keys() <= SERVED_OR_CLOSED, statuses
    assert without_login_file(in_force(before)) == without_login_file(state)
    assert at_webcam(before) == ["200", "200"]
    for user, secret in users:
        measure(before, before.url(8081, "/stream.mjpg"), user, secret)


def test_a_failed_upgrade_opens_nothing(before: Container, new_checkout: NewCheckout) -> None:
    """The older release and its nginx are restored, byte for byte."""
    state, broken = in_force(before), new_checkout()
    broken.change(*PATCHES["gives frames of camera 0 only"])
    with watched(before, "anna", "old-secret") as statuses:
        broken.deploy(before, status=1)
    assert statuses.keys() <= SERVED_OR_CLOSED, statuses
    assert without_login_file(in_force(before)) == without_login_file(state)
    serves(before, 0, 1)


def test_an_older_checkout_opens_nothing_either(
    boot_container: BootContainer, older: Checkout, new_checkout: NewCheckout
) -> None:
    """Its own code rolls it out, which knows nothing of logins: it starts its processes behind the present nginx."""
    machine = boot_container()
    new_checkout().deploy(machine, settings=TWO_CAMERAS)
    secret = password(machine)
    with watched(machine, "camera", secret) as statuses:
        older.deploy(machine)
    assert statuses.keys() <= SERVED_OR_CLOSED, statuses
    serves(machine, 0, 1)


def without_login_file(state: str) -> str:
    """Return a state without the file of the users, its lock, backups of the settings, and the history."""
    return "\n".join(
        line for line in state.split("\n") if "htpasswd" not in line and ".env.2" not in line and ".json" not in line
    )
