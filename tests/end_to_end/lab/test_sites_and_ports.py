"""Other sites and other programs on our ports: a mixed nginx site, a foreign program, a root that keeps nothing."""

import re

import pytest

from tests.end_to_end.lab.conftest import BootContainer, NewCheckout
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import (
    CAMERAS,
    OPT,
    SETTINGS,
    TWO_CAMERAS,
    answer,
    in_force,
    measure,
    password,
    states,
)
from tests.end_to_end.lab.older_portal import LOGIN, OLDER, SITE, older_serves, put

KEPT = "/etc/nginx/camera-soft-stream/replaced/sites-available-printer"
# not UTF-8, with the line ends of Windows, and with two servers on a line
MIXED = """\
# Drucker f\udcfcr alle\r
server { listen 5000; auth_basic "printer"; auth_basic_user_file printer.htpasswd; \
location / { proxy_pass http://127.0.0.1:5001; } location /webcam/ { proxy_pass http://127.0.0.1:18081/; } } \
server { listen 8081; auth_basic "printer"; auth_basic_user_file printer.htpasswd; \
location / { proxy_pass http://127.0.0.1:18081; } }\r
server { listen 8082; auth_basic "other"; auth_basic_user_file "/etc/nginx/other.htpasswd"; \
location / { proxy_pass http://127.0.0.1:18082; } }\r
"""
OCTOPRINT = "http://127.0.0.1:5000"
PUBLIC = "printer.example.org"
PUBLIC_SITE = """\
server { listen 80; server_name pi.local printer.example.org;
    location /webcam/ { proxy_set_header Host $http_host; proxy_pass http://127.0.0.1:18081/; } }
"""
HAPROXY = """\
frontend https
    bind :443
    use_backend bed if { hdr(host) -i bed.example.net }
backend bed
    server bed localhost:18082
"""
CADDYFILE = "cam.example.com {\n    reverse_proxy 127.0.0.1:18081\n}\n"
SQUATTER = "systemd-run --unit={} python3 -m http.server {}"


@pytest.fixture
def mixed(ancestor: Container) -> Container:
    """Replace the site by one in another encoding, with servers that share a line and have different logins."""
    file = ancestor.folder / "site"
    file.write_bytes(MIXED.encode("utf-8", "surrogateescape"))
    ancestor.put(file, SITE)
    ancestor.run(
        f"chmod 640 {SITE};"
        'printf "bert:%s\n" "$(openssl passwd -6 other-secret)" | cat /etc/nginx/printer.htpasswd - '
        ">/etc/nginx/other.htpasswd; systemctl reload nginx"
    )
    older_serves(ancestor)
    return ancestor


def octoprint_works(machine: Container) -> None:
    """Check OctoPrint, and the camera below its path /webcam/, with the login of the site."""
    assert answer(machine, OCTOPRINT, *LOGIN) == "200 OctoPrint"
    assert answer(machine, f"{OCTOPRINT}/webcam/", *LOGIN).startswith("200 ")
    assert answer(machine, f"{OCTOPRINT}/webcam/").startswith("401 ")


def files(machine: Container) -> str:
    """Return content, owner, mode and time of nginx's files."""
    what = "find /etc/nginx -type f -exec sha256sum {} + -o -type l -printf '%p %l\\n' | sort"
    return machine.output(f"{what}; stat -c '%n %a %U %G %Y' {SITE}")


def test_a_mixed_site_is_taken_over_and_given_back(mixed: Container, new_checkout: NewCheckout) -> None:
    """OctoPrint keeps working, all logins of the cameras stay valid, and a rollback restores every byte."""
    machine, checkout, before = mixed, new_checkout(), files(mixed)
    said = checkout.deploy(machine, "--dry-run", status=69)
    assert "/etc/nginx/sites-enabled/printer: cannot be read: Permission denied; a dry run as root can" in said
    machine.run(f"chmod o+r {SITE}")
    said = checkout.deploy(machine, "--dry-run")
    machine.run(f"chmod o-r {SITE}")
    change = f"* comment out the cameras' servers in {SITE}; backup: {KEPT}\n"
    assert change in said
    assert files(machine) == before

    said = checkout.deploy(machine)
    assert change in said
    assert "The logins of /etc/nginx/other.htpasswd are copied to /etc/camera-streamer/htpasswd." in said
    octoprint_works(machine)
    measure(machine, machine.url(5000, "/webcam/stream.mjpg"), "anna", "old-secret")
    for user, secret in (("anna", "old-secret"), ("bert", "other-secret")):
        for camera in (0, 1):
            measure(machine, machine.url(8081 + camera, "/stream.mjpg"), user, secret)
            measure(machine, machine.url(8080, f"/cam{camera}/stream.mjpg"), user, secret)
    assert machine.output(f"stat -c '%a %F' {SITE} /etc/nginx/sites-enabled/printer").split("\n") == [
        "640 regular file",
        "777 symbolic link",
    ]
    assert machine.output(f"grep -c '^# The file as it was before: {KEPT}' {SITE}") == "2"
    assert "Nothing to change" in checkout.deploy(machine)

    assert "Everything is as before the first rollout." in checkout.deploy(machine, "--rollback")
    assert files(machine) == before
    older_serves(machine)
    octoprint_works(machine)

    checkout.deploy(machine)
    said = checkout.deploy(machine, "--uninstall")
    assert f"The replaced nginx site is now {SETTINGS.rpartition('/')[0]}/sites-available-printer\n" in said
    assert f"The servers of the cameras stay commented out in {SITE}" in said
    assert machine.output(f"grep -c 'before: /etc/camera-streamer/sites-available-printer' {SITE}") == "2"
    assert answer(machine, OCTOPRINT, *LOGIN) == "200 OctoPrint"
    machine.run("nginx -t -q")


def test_ports_of_other_programs(ancestor: Container, new_checkout: NewCheckout) -> None:
    """A program on a port is found before a camera stops; other ports are kept, shown, used by pages, rolled back."""
    machine, checkout = ancestor, new_checkout()
    machine.run(f"{SQUATTER.format('crowsnest', 8080)}; {SQUATTER.format('other', 9082)}")
    machine.until("ss -ltn | grep -q :8080 && ss -ltn | grep -q :9082", 60)
    found = {
        (): r"Port 8080 \(nginx\) is in use by (python3 \(pid \d+\) of )?crowsnest.service\. Stop it.* --portal-port\.",
        ("--portal-port=9080", "--camera-port-base=9081"): r"Port 9082 .* (python3 .*)?other.service\..*-port-base\.",
    }
    before = files_of_portal(machine)
    for flags, sentence in found.items():
        for dry in ((), ("--dry-run",)):
            assert re.search(sentence, checkout.deploy(machine, *flags, *dry, status=69))
    older_serves(machine)
    assert files_of_portal(machine) == before

    said = checkout.deploy(machine, "--portal-port", "9080", "--camera-port-base", "9091")
    for line in ("+cam_portal_port=9080", "+cam_camera_port_base=9091"):
        assert line in said
    assert states(machine, *CAMERAS) == [("active", "enabled")] * 2
    measure(machine, machine.url(9080, "/cam1/stream.mjpg"))
    page = answer(machine, "http://127.0.0.1:9091/", "--user", f"camera:{password(machine)}")
    assert 'href="//127.0.0.1:9092/"' in page
    doctor = machine.output("soft-stream doctor || true")
    assert "login required: http://127.0.0.1:9080/, http://127.0.0.1:9091/status.json" in doctor
    for port in (8081, 8082):  # sites on the usual ports stay
        assert answer(machine, f"http://127.0.0.1:{port}/status.json", *LOGIN).startswith("200 {")
    assert "Nothing to change" in checkout.deploy(machine)

    said = checkout.deploy(machine, "--portal-port", "9083")
    assert re.search(r"-cam_portal_port=9080 .*\n.*\+cam_portal_port=9083  <- flag of the deployment\n", said)
    checkout.deploy(machine, "--rollback")
    assert answer(machine, "http://127.0.0.1:9080/").startswith("401 ")
    assert answer(machine, "http://127.0.0.1:9083/").startswith("000")
    assert "Directory listing" in answer(machine, "http://127.0.0.1:8080/")


def test_an_own_port_of_a_camera_and_a_foreign_site(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """A program on 18081, a site that serves something else on 8080, and an nginx that could not start are found."""
    machine, checkout = boot_container(), new_checkout()
    put(machine, "/etc/nginx/conf.d/mine.conf", "# mine\nserver { listen 8080; root /var/www; }\n")
    said = checkout.deploy(machine, settings=TWO_CAMERAS, status=69)
    assert "/etc/nginx/conf.d/mine.conf:2: this server listens on port 8080, and forwards to no camera." in said
    machine.run(f"rm /etc/nginx/conf.d/mine.conf; systemctl stop nginx; {SQUATTER.format('haproxy', 80)}")
    machine.run(f"{SQUATTER.format('own', 18082)} --bind 127.0.0.1")
    machine.until("ss -ltn | grep -q ':80 ' && ss -ltn | grep -q :18082", 60)
    said = checkout.deploy(machine, settings=TWO_CAMERAS, status=69)
    assert re.search(r"Port 80 \(/etc/nginx/sites-enabled/default:\d+, without which .* of haproxy.service", said)
    assert re.search(r"Port 18082 \(camera 1\) is in use by python3 \(pid \d+\) of own.service", said)
    assert machine.output(f"ls {OPT}") == ""


def test_an_overlay_or_a_read_only_folder(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """The lab's own overlay is no problem; that of Raspberry Pi OS, or a read-only folder, ends the rollout first."""
    machine, checkout = boot_container(), new_checkout()
    assert machine.output("stat -f -c %T /") == "overlayfs"
    machine.run("echo 'console=tty1 overlayroot=tmpfs' >/tmp/cmdline; mount --bind /tmp/cmdline /proc/cmdline")
    for flag in ("--dry-run", "--rollback", "--tls"):
        assert "raspi-config nonint disable_overlayfs" in checkout.deploy(machine, flag, status=69)
    machine.run(f"umount /proc/cmdline; mkdir -p {OPT}; mount --bind /opt /opt; mount -o remount,bind,ro /opt")
    assert "mounted read-only: /opt" in checkout.deploy(machine, settings=TWO_CAMERAS, status=69)
    machine.run("umount /opt")
    checkout.deploy(machine, settings=TWO_CAMERAS)
    assert password(machine)
    assert in_force(machine)


def state(machine: Container, name: str, url: str = "http://127.0.0.1/webcam/status.json") -> str:
    """Return the status of a request for a name."""
    return answer(machine, url, "--header", f"Host: {name}").partition(" ")[0]


def test_sites_with_public_names_keep_working(boot_container: BootContainer, new_checkout: NewCheckout) -> None:
    """A rollout adds their names to cam_hosts; without them the doctor names the site, and the line to set."""
    machine, checkout = boot_container(), new_checkout()
    put(machine, "/etc/nginx/conf.d/printer.conf", PUBLIC_SITE)
    machine.run("mkdir /etc/haproxy /etc/caddy && systemctl reload nginx")
    put(machine, "/etc/haproxy/haproxy.cfg", HAPROXY)
    put(machine, "/etc/caddy/Caddyfile", CADDYFILE)
    places = "/etc/nginx/conf.d/printer.conf:1, /etc/haproxy/haproxy.cfg:5"
    change = f"+cam_hosts='{PUBLIC} bed.example.net'  <- sites that forward to the cameras: {places}\n"
    note = "/etc/caddy/Caddyfile:2: this site may pass on names that could not be found: "
    for flag in ("--dry-run", "--no-nginx"):
        said = checkout.deploy(machine, flag, settings=TWO_CAMERAS)
        assert change in said
        assert note in said
    assert [state(machine, name) for name in (PUBLIC, "pi.local", "evil.example")] == ["200", "200", "404"]
    bed = "http://127.0.0.1:18082/status.json"
    assert [state(machine, name, bed) for name in ("bed.example.net", "evil.example")] == ["200", "421"]
    assert "Nothing to change" in checkout.deploy(machine, "--no-nginx")
    found = machine.output("soft-stream doctor --json")
    assert '"wrong": 0' in found
    assert f"accepted names of sites that forward to the cameras: pi.local, {PUBLIC}, bed.example.net" in found

    machine.run(f"sed -i '/^cam_hosts=/d' {SETTINGS} && systemctl restart camera-soft-cam@0 camera-soft-cam@1")
    assert state(machine, PUBLIC) == "421"
    found = machine.output("soft-stream doctor || true")
    assert f"WRONG  sites: /etc/nginx/conf.d/printer.conf:1 passes the name {PUBLIC} on to port 18081" in found
    assert f"cam_hosts={PUBLIC} bed.example.net; then: sudo systemctl restart camera-soft-cam@" in found
    before = machine.output(f"cat {SETTINGS}")
    assert "+cam_hosts=" in checkout.deploy(machine, "--no-nginx")
    assert state(machine, PUBLIC) == "200"
    checkout.deploy(machine, "--rollback")
    assert machine.output(f"cat {SETTINGS}") == before


def files_of_portal(machine: Container) -> str:
    """Return nginx's files, the settings, and the processes of the older portal."""
    pids = f"systemctl show --value --property MainPID {' '.join(OLDER)}"
    return machine.output(f"find /etc/nginx /etc/camera-streamer -type f -exec sha256sum {{}} + | sort; {pids}")
