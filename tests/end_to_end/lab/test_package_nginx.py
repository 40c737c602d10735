"""The package and nginx: before, with and after it, with sites of others, and gone again."""

import re

import pytest

from tests.end_to_end.lab.conftest import BootBare
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import SETTINGS, answer, measure, serves
from tests.end_to_end.lab.packages import Packages, apt, install, running, with_two_cameras
from tests.end_to_end.lab.tree import SUITES

AGAIN = "sudo DEBIAN_FRONTEND=noninteractive dpkg-reconfigure camera-soft-stream 2>&1"


def serves_all(machine: Container) -> None:
    """Check both cameras on their own ports and on the common one, and that a login is necessary."""
    serves(machine, 0, 1)
    measure(machine, machine.url(8080, "/cam1/stream.mjpg"))
    for port in (8080, 8081, 8082):
        assert answer(machine, machine.url(port)).startswith("401 ")


@pytest.fixture(params=SUITES)
def machine(request: pytest.FixtureRequest, boot_bare: BootBare) -> Container:
    """Boot a bare machine of a suite, with settings for two cameras."""
    return with_two_cameras(boot_bare(request.param))


def suite_of(machine: Container) -> str:
    """Return the suite that a machine runs."""
    return machine.output(". /etc/os-release && echo $VERSION_CODENAME")


def test_nginx_after_the_package(machine: Container, packages: Packages) -> None:
    """Without nginx the cameras are on the machine only; nginx brings them to the network, with a login."""
    said = install(machine, packages.build(suite_of(machine)), "--no-install-recommends")
    assert "sudo apt install nginx-light" in said
    assert answer(machine, "http://127.0.0.1:18081/healthz").startswith("200 ")
    assert answer(machine, machine.url(18081, "/healthz")).startswith("000")
    before = running(machine, 0), machine.output("systemctl show --value -p MainPID camera-soft-cam@0")

    said = apt(machine, "install", "nginx-light")
    assert "http://lab.local:8080/" in said
    serves_all(machine)
    assert "Welcome to nginx" in answer(machine, machine.url(80))
    now = running(machine, 0), machine.output("systemctl show --value -p MainPID camera-soft-cam@0")
    assert now == before  # no camera was interrupted

    apt(machine, "purge", "nginx-light", "nginx", "nginx-common")
    assert answer(machine, "http://127.0.0.1:18081/healthz").startswith("200 ")
    assert machine.run("test -e /etc/nginx", check=False).returncode == 1
    apt(machine, "install", "nginx-light")
    serves_all(machine)


def test_nginx_before_the_package(boot_bare: BootBare, packages: Packages) -> None:
    """Sites of others keep working; a broken one costs a sentence, and the installation succeeds."""
    machine = with_two_cameras(boot_bare("trixie"))
    apt(machine, "install", "nginx-light")
    machine.run("echo 'server { listen 81; return 200 foreign; }' >/etc/nginx/conf.d/foreign.conf && nginx -s reload")
    machine.run("echo 'server { nonsense; }' >/etc/nginx/sites-enabled/broken")
    site = machine.output("cat /etc/nginx/conf.d/foreign.conf")

    said = install(machine, packages.build("trixie"))
    assert re.search(
        r"^nginx does not serve the cameras: .*nonsense.*/etc/nginx/sites-enabled/broken", said, re.MULTILINE
    )
    assert "WARNING" not in said
    assert running(machine, 0)
    assert running(machine, 1)
    assert answer(machine, machine.url(81)) == "200 foreign"
    assert answer(machine, machine.url(8080)).startswith("000")

    machine.run("rm /etc/nginx/sites-enabled/broken")
    assert "http://lab.local:8080/" in machine.output(AGAIN, user="pi")
    serves_all(machine)
    assert answer(machine, machine.url(81)) == "200 foreign"
    assert machine.output("cat /etc/nginx/conf.d/foreign.conf") == site


def test_a_port_of_another_site(boot_bare: BootBare, packages: Packages) -> None:
    """A foreign site keeps its port; a sentence names the setting, and with another port the cameras are served."""
    machine = with_two_cameras(boot_bare("trixie"))
    machine.run("mkdir -p /etc/nginx/conf.d")
    machine.run("echo 'server { listen 8080; return 200 foreign; }' >/etc/nginx/conf.d/foreign.conf")
    said = install(machine, packages.build("trixie"))  # and nginx with it
    assert re.search("nginx does not serve the cameras: .*8080.*cam_portal_port", said)
    assert answer(machine, machine.url(8080)) == "200 foreign"
    machine.run(f"echo cam_portal_port=8090 >>{SETTINGS}")
    assert "http://lab.local:8090/" in machine.output(AGAIN, user="pi")
    assert answer(machine, machine.url(8080)) == "200 foreign"
    measure(machine, machine.url(8090, "/cam0/stream.mjpg"))
