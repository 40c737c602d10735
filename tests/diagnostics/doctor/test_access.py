"""Who may use the cameras: open addresses, logins that do not work, and rights of the files."""

import os
from pathlib import Path

import pytest

from soft_stream.access.accounts import Accounts, User
from soft_stream.access.rights import ALL_RIGHTS
from soft_stream.diagnostics.doctor.access import check
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.host import Host, Node
from soft_stream.diagnostics.doctor.report import Finding
from soft_stream.diagnostics.sites.site import Site
from tests.diagnostics.doctor.stand_in import CONFIGURED, FakeHost, deployed, examine, wrongs
from tests.support.logins import write_logins

NGINX = "/etc/nginx/sites-enabled/printer:3"
EVERY = "0.0.0.0"  # noqa: S104 # nothing is bound here
USERS = Accounts({"anna": User("anna", "", ALL_RIGHTS)}, must_login=True)
HTPASSWD, TOKENS = "/etc/camera-streamer/htpasswd", "/etc/camera-streamer/tokens"
KEY = "/var/lib/camera-soft-stream/signing-key"
RESTART = "; then: sudo systemctl restart camera-soft-cam@0"


def findings(settings: str = "", users: Accounts | None = None, **changes: object) -> list[Finding]:
    """Return the findings about access on a deployed machine."""
    host = deployed(settings=CONFIGURED + settings, users=users or Accounts(), **changes)
    return examine(host).get("access", [])


def test_addresses_that_the_start_refuses() -> None:
    """Each is a fault with the sentence of the start; endpoints of this machine are none."""
    found = findings(f'cam0_bind={EVERY}\ncam0_listen="http://[::]:9 unix:/run/a"\ncam1_bind=127.0.0.1\n')
    assert [(each.level, each.why) for each in found] == [("WRONG", "the service exits with 78 and stays down")] * 2
    assert f"cam0_bind={EVERY}: other machines can reach http://{EVERY}:18081, and {HTPASSWD}" in found[0].what
    assert "cam0_listen=http://[::]:9: other machines can reach" in found[1].what
    assert found[0].fix == f"sudo soft-stream user add NAME{RESTART}"
    assert [each.what for each in findings()] == ["other machines do not reach the processes of the cameras"]


def test_addresses_that_the_owner_has_opened() -> None:
    """Each is a fault, with the settings that close it."""
    found = findings(f"cam0_bind={EVERY}\ncam0_listen=http://[::]:9\ncam_open_to_network=1\n")
    assert [each.what for each in found] == [
        f"http://{EVERY}:18081 of camera 0 is open to the network without a login (cam0_bind, cam0_port, "
        "cam_open_to_network=1)",
        "http://[::]:9 of camera 0 is open to the network without a login (cam0_listen, cam_open_to_network=1)",
    ]
    add = "sudo soft-stream user add NAME, and cam_open_to_network=0; or "
    nginx = f", and use nginx with a login (docs/nginx.md){RESTART}"
    assert [each.fix for each in found] == [
        f"{add}set cam0_bind=127.0.0.1 ::1{nginx}", f"{add}remove it from cam0_listen{nginx}"
    ]  # fmt: skip


def test_addresses_with_a_login() -> None:
    """They are as they should be; http:// is worth knowing, https:// is not."""
    one, other = findings(f"cam0_bind={EVERY}\n", USERS)
    assert (one.level, one.what) == (
        "ok", f"camera 0 requires a login of other machines at http://{EVERY}:18081"
    )  # fmt: skip
    assert (other.level, "passwords and frames can be read" in other.what) == ("note", True)
    text = f"cam0_listen=https://{EVERY}:9\ncam_tls_certificate=/c\ncam_tls_key=/k\n"
    assert [each.level for each in findings(text, USERS)] == ["ok"]


def test_users_who_are_not_needed() -> None:
    """cam_open_to_network=1 beside users is one fault, whatever the number of cameras."""
    (found,) = findings(f"cam0_bind={EVERY}\ncam1_bind={EVERY}\ncam_open_to_network=1\n", USERS)
    assert found.level == "WRONG"
    assert "without a login, although there are users" in found.what
    assert found.fix.startswith("in ")
    assert ": cam_open_to_network=0" in found.fix


def test_nobody_can_log_in() -> None:
    """cam_auth=always without users is a fault."""
    (found,) = findings("cam_auth=always\n")
    assert (found.level, found.fix) == ("WRONG", "sudo soft-stream user add NAME")


@pytest.mark.parametrize(
    ("problem", "is_root", "level"),
    [
        (f"{HTPASSWD} cannot be read: Permission denied", False, "note"),
        (f"{HTPASSWD} cannot be read: Permission denied", True, "WRONG"),
        (f"{HTPASSWD} cannot be read: Is a directory", False, "WRONG"),
        (f"{HTPASSWD}:2: the user nora has no rights: role=all: must be one of: view", False, "WRONG"),
    ],
)
def test_problems_of_the_users_file(problem: str, level: str, *, is_root: bool) -> None:
    """Each sentence is a finding, for all cameras once; what only root can see is no fault."""
    users = Accounts(problems=(problem,), must_login=True)
    found = findings("cam1_name=B\n", users, is_root=is_root)
    assert [(each.what, each.level) for each in found if each.level != "ok"] == [(problem, level)]


@pytest.mark.parametrize(
    ("path", "node", "what", "fix"),
    [
        (HTPASSWD, (0o644, "camera-soft-stream", "www-data"), "can be read by others", "chmod o-r"),
        (HTPASSWD, (0o660, "camera-soft-stream", "www-data"), "the group www-data may write it", "chmod g-w"),
        (HTPASSWD, (0o640, "pi", "www-data"), "it belongs to pi", "chown camera-soft-stream"),
        (HTPASSWD, (0o640, "root", "www-data"), "camera-soft-stream may not read", "chown camera-soft-stream"),
        (TOKENS, (0o640, "camera-soft-stream", "www-data"), "can be read by others", "chmod g-r,o-r"),
        (KEY, (0o604, "camera-soft-stream", "video"), "can be read by others", "chmod g-r,o-r"),
        (KEY, (0o600, "root", "root"), "camera-soft-stream may not read", "chown camera-soft-stream"),
    ],
)
def test_rights_of_the_files(path: str, node: tuple[int, str, str], what: str, fix: str) -> None:
    """Who else may read or change a file is a fault, and so is a file that the service may not read."""
    mode, owner, group = node
    found = findings(users=USERS, nodes={path: Node(mode, owner, group, path, can_open=True)})
    assert all(each.level == "WRONG" and path in each.what for each in found)
    assert any(what in each.what and f"sudo {fix} {path}" in each.fix for each in found)


def test_files_as_the_deployment_makes_them() -> None:
    """They have no finding."""
    nodes = {
        HTPASSWD: Node(0o640, "camera-soft-stream", "www-data", HTPASSWD, can_open=True),
        TOKENS: Node(0o600, "camera-soft-stream", "www-data", TOKENS, can_open=True),
        KEY: Node(0o600, "camera-soft-stream", "camera-soft-stream", KEY, can_open=True),
    }
    assert [each.level for each in findings(users=USERS, nodes=nodes)] == ["ok"]


def test_real_files(tmp_path: Path) -> None:
    """The files of the settings are read: their users, their mistakes and their rights."""
    files = write_logins(tmp_path)
    files.users.chmod(0o644)
    settings = tmp_path / "settings.env"
    settings.write_text(f"cam0_bind={EVERY}\ncam_users_file={files.users}\n")
    found = [*check(DoctorContext(Host(), settings))]
    assert any(each.level == "ok" and "requires a login" in each.what for each in found)
    assert any("nora has no rights" in each.what for each in found)
    assert any(each.what.startswith(f"{files.users} can be read by others") for each in found)
    files.users.chmod(0o600 if os.geteuid() else 0o640)
    assert not any("can be read by others" in each.what for each in check(DoctorContext(Host(), settings)))


def test_without_cameras_there_is_no_finding() -> None:
    """Wrong settings are the topic of another check."""
    assert "access" not in wrongs(examine(FakeHost(settings="cam0_fps=fast\n")))


def test_clients_of_a_proxy_need_a_login() -> None:
    """A note says so, before the first user and afterwards, and names the setting for a login of the proxy itself."""
    for accounts, words in ((Accounts(), "will need a login as soon as there is a user"), (USERS, "need a login")):
        (found,) = (
            each for each in findings(users=accounts, proxied=[Site(NGINX, 18081)]) if "its clients" in each.what
        )
        assert (found.level, found.what) == (
            "note", f"{NGINX} forwards to port 18081: its clients {words} of camera 0"
        )  # fmt: skip
        assert ": cam0_local_proxy_role=control (or view, admin); then: " in found.fix
    for settings in ("cam_local_proxy_role=view\n", "cam_auth=always\n", "cam_open_to_network=1\n"):
        some = findings(settings, USERS, proxied=[Site(NGINX, 18081)])
        assert not any("its clients" in each.what for each in some)


@pytest.mark.parametrize(
    ("settings", "users", "is_open"),
    [
        ("", USERS, True),
        ("cam_local_proxy_role=view\n", USERS, True),
        ("cam_auth=always\n", USERS, False),
        ("cam_open_to_network=1\n", USERS, False),
        ("", Accounts(), False),
    ],
)
def test_sites_whose_clients_look_like_this_machine(settings: str, users: Accounts, *, is_open: bool) -> None:
    """A site without X-Forwarded-For gives its clients control; it is not said that they need a login."""
    site = Site(NGINX, 18081, sends_address=False)
    found = [each for each in findings(settings, users, proxied=[site]) if NGINX in each.what]
    assert [each.level for each in found] == ["note"] * is_open
    assert all("may control camera 0 without a login" in each.what for each in found)
    assert all("X-Forwarded-For $remote_addr;" in each.fix for each in found)


def test_the_command_for_a_user_names_what_has_the_users() -> None:
    """Settings in another place, and those without a file of users, need more than the name."""
    host = deployed(settings=f"{CONFIGURED}cam0_bind={EVERY}\n", users=Accounts())
    here = DoctorContext(host, Path("camera-soft-stream.env"))
    assert next(check(here)).fix == f"sudo soft-stream user add NAME --env-file camera-soft-stream.env{RESTART}"
    (found,) = findings(f"cam0_bind={EVERY}\ncam_users_file=\n")
    assert found.fix.startswith("in /etc/camera-streamer/camera-soft-stream.env: cam_users_file=")
    assert f"cam_users_file={HTPASSWD}; then: sudo soft-stream user add NAME" in found.fix


def test_users_who_cannot_be_read_are_no_contradiction() -> None:
    """There is one fault for the file, with what to look at; a new user would not help."""
    folder = Accounts(problems=(f"{HTPASSWD} cannot be read: it is not a regular file",), must_login=True)
    faults = [each for each in findings(f"cam0_bind={EVERY}\n", folder) if each.level == "WRONG"]
    assert [each.fix for each in faults] == [f"sudo ls -l {HTPASSWD}"]
