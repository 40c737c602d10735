"""`cam_local_proxy_role`: sites on this machine, such as OctoPi's, that show the cameras also after an upgrade."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rollout import (
    exposure,
    local_proxies,
    login,
    names,
    nginx_sites,
    owners_settings,
    plan,
    planner,
    predecessor,
    site_names,
)
from rollout.owners_settings import OwnersSettings
from rollout.settings_merge import merge
from rollout.system import SETTINGS

from soft_stream.config import settings_file
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from soft_stream.config.settings_values import Values
from soft_stream.diagnostics.sites.site import Site
from tests.support.checkout import ROOT
from tests.support.logins import write_logins

SITE = Site("/etc/haproxy/haproxy.cfg:7", 18081)
VIEW = "cam_local_proxy_role=view"
OCTOPI = """
defaults
    option forwardfor except 127.0.0.1
frontend public
    bind :80
    use_backend webcam if { path_beg /webcam/ }
backend webcam
    server webcam1 127.0.0.1:18081
"""


@pytest.fixture
def two(tmp_path: Path) -> Mapping[int, Settings]:
    """Return two cameras with users."""
    users = str(write_logins(tmp_path).users)
    return {number: Settings(camera=number, port=18081 + number, users_file=users) for number in range(2)}


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> list[Site]:
    """Return the sites of this machine, to be filled."""
    found: list[Site] = []
    monkeypatch.setattr(local_proxies, "find_sites", lambda *_, **__: found)
    monkeypatch.setattr(site_names, "find_sites", lambda *_, **__: [])
    return found


def added(text: str, cameras: Mapping[int, Settings], *, with_nginx: bool = False) -> OwnersSettings:
    """Return settings with what the sites need."""
    return local_proxies.add(OwnersSettings(text, {}), cameras, nginx_sites.Takeover(), with_nginx=with_nginx)


def test_a_site_keeps_showing_the_cameras(two: Mapping[int, Settings], sites: list[Site]) -> None:
    """The line has a comment and a source, and one sentence names the site and the ways to change it."""
    sites.append(SITE)
    made = added("# the role\ncam_local_proxy_role=none\n# more\ncam0_name=A\n", two)
    assert made.text == f"# the role\n{local_proxies.COMMENT}\n{VIEW}\n# more\ncam0_name=A\n"
    assert made.origins == {"cam_local_proxy_role": f"sites that show the cameras: {SITE.where}"}
    (note,) = made.notes
    assert note.startswith(f"{SITE.where}: everyone there still sees the cameras without a login of theirs, as before")
    for part in (f"({VIEW})", "the role control", "cam_local_proxy_role=none asks for a login for watching"):
        assert part in note


@pytest.mark.parametrize(
    "change",
    [{"auth": "always"}, {"open_to_network": True}, {"local_proxy_role": "control"}, {"users_file": ""}],
)
def test_cameras_whose_proxies_need_no_role(
    two: Mapping[int, Settings], sites: list[Site], change: dict[str, object]
) -> None:
    """The upgrade changes nothing for them, or the owner has decided; the line counts for the other camera."""
    sites.append(SITE)
    text = "cam0_name=A\ncam1_name=B\n"
    changed = {number: replace(each, **change) for number, each in two.items()}  # type: ignore[arg-type]
    assert added(text, changed).text == text
    made = added(text, {**two, 1: changed[1]})
    assert Values(made.text).texts == {"cam0_name": "A", "cam1_name": "B", "cam0_local_proxy_role": "view"}


def test_lines_of_the_owner_for_one_camera(two: Mapping[int, Settings], sites: list[Site]) -> None:
    """They stay, and the other camera gets the role."""
    sites.append(SITE)
    text = "cam1_local_proxy_role=none\n"
    assert Values(added(text, two).text).texts == {"cam1_local_proxy_role": "none", "cam_local_proxy_role": "view"}


@pytest.mark.parametrize("site", [None, replace(SITE, sends_address=False), replace(SITE, port=0)])
def test_nothing_to_keep(two: Mapping[int, Settings], sites: list[Site], site: Site | None) -> None:
    """Without a site, or with one that sends no address and so counts as this machine, the settings stay."""
    sites += [site] if site else []
    assert added("cam0_name=A\n", two) == OwnersSettings("cam0_name=A\n", {})


def test_the_first_user_of_the_rollout(
    two: Mapping[int, Settings], sites: list[Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without users a proxy needs no login, so it keeps what it has; nginx gets the first user, which closes it."""
    sites.append(SITE)
    monkeypatch.setattr(login, "HTPASSWD", tmp_path / "none")
    fresh = {number: replace(each, users_file=str(tmp_path / "none")) for number, each in two.items()}
    assert added("cam0_name=A\n", fresh).notes == []
    assert VIEW in added("cam0_name=A\n", fresh, with_nginx=True).text


@pytest.mark.parametrize(
    ("before", "new", "shipped", "expected"),
    [
        ("cam0_name=A\n", "", "cam_hosts=\n", True),
        ("", "", "", True),
        ("cam0_name=A\n", "", "cam_local_proxy_role=none\n", False),
        ("cam_local_proxy_role=none\n", "", "cam_hosts=\n", False),
        ("#cam_local_proxy_role=none\n", "", "cam_hosts=\n", False),
        ("cam1_local_proxy_role=control\n", "", "cam_hosts=\n", False),
        ("cam0_name=A\n", "cam_local_proxy_role=none\n", "cam_hosts=\n", False),
        ("cam0_name=A\n", "cam0_name=B\n", "cam_hosts=\n", True),
        (f"{local_proxies.COMMENT}\n{VIEW}\n", "cam0_name=B\n", "cam_local_proxy_role=none\n", True),
        (f"{local_proxies.COMMENT}\n{VIEW}\n", "cam_local_proxy_role=none\n", "", False),
        (f"{local_proxies.COMMENT}\ncam_local_proxy_role=none\n", "cam0_name=B\n", "", False),
    ],
)
def test_when_the_sites_count(before: str, new: str, shipped: str, *, expected: bool) -> None:
    """They do at the upgrade from a release without a login, and as long as the line of that upgrade is unchanged."""
    assert local_proxies.must_keep(before, new, shipped) == expected


@pytest.mark.parametrize("target", ["127.0.0.1:18081", "unix@/run/camera-soft-stream-sockets/cam1.sock", "[::1]:18443"])
def test_targets_that_count(two: Mapping[int, Settings], tmp_path: Path, target: str) -> None:
    """Ports and sockets of the processes, further endpoints, but not the ports of our nginx."""
    (tmp_path / "haproxy").mkdir()
    (tmp_path / "haproxy/haproxy.cfg").write_text(OCTOPI.replace("127.0.0.1:18081", target))
    listen = (Endpoint("http", "::1", 18443), Endpoint("unix", path="/run/own.sock"))
    cameras = {**two, 1: replace(two[1], listen=listen)}
    takeover = nginx_sites.Takeover()
    (found,) = local_proxies.find(cameras, takeover, tmp_path)
    assert found.where == f"{tmp_path}/haproxy/haproxy.cfg:8"
    (tmp_path / "haproxy/haproxy.cfg").write_text(OCTOPI.replace("18081", "8080"))
    assert local_proxies.find(cameras, takeover, tmp_path) == []
    (tmp_path / "haproxy/haproxy.cfg").write_text(OCTOPI.replace("127.0.0.1:18081", "/run/own.sock"))
    assert len(local_proxies.find(cameras, takeover, tmp_path)) == 1


def test_our_own_nginx_is_no_site(two: Mapping[int, Settings], tmp_path: Path) -> None:
    """Earlier releases connected it to the sockets of the cameras, behind the login of nginx."""
    (tmp_path / "nginx/conf.d").mkdir(parents=True)
    target = f"http://unix:{local_proxies.SOCKET.format(0)}"
    text = f"server {{ location / {{ proxy_set_header X-Forwarded-For 1; proxy_pass {target}; }} }}"
    (tmp_path / "nginx/conf.d/camera-soft-stream.conf").write_text(text)
    assert local_proxies.find(two, nginx_sites.Takeover(), tmp_path) == []
    (tmp_path / "nginx/conf.d/other.conf").write_text(text)
    assert len(local_proxies.find(two, nginx_sites.Takeover(), tmp_path)) == 1


def test_a_second_rollout_and_a_change_of_the_repository(two: Mapping[int, Settings], sites: list[Site]) -> None:
    """The role stays on the target while the repository has the default, and the repository can change it."""
    sites.append(SITE)
    shipped = (ROOT / "camera-soft-stream.env").read_text()
    text = settings_file.merged("cam0_name=A\n", shipped, "release 1")
    first = added(text, two).text
    assert Values(first).text(None, "local_proxy_role") == "view"
    assert settings_file.merged(first, shipped, "release 2") == first
    base = Values(shipped)
    assert merge(base, Values(shipped), Values(first), Values()).changes == {}
    wishes = Values(shipped.replace("cam_local_proxy_role=none", "cam_local_proxy_role=control"))
    assert "cam_local_proxy_role" in merge(base, wishes, Values(first), Values()).conflicts


def test_the_plan_has_the_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sites: list[Site], two: Mapping[int, Settings]
) -> None:
    """It is in the settings and in the cameras of the plan, so it counts before the first camera is restarted."""
    sites.append(SITE)
    text = f"cam0_name=A\ncam_users_file={two[0].users_file}\n"
    monkeypatch.setattr(predecessor, "find", list)
    monkeypatch.setattr(owners_settings, "combine", lambda *_: OwnersSettings(text, {}))
    monkeypatch.setattr(planner, "read", lambda path: text if path == SETTINGS else None)
    monkeypatch.setattr(names, "files", lambda *_: {})
    monkeypatch.setattr(names, "moves", lambda *_: [])
    monkeypatch.setattr(exposure, "folder_before", lambda: tmp_path)
    machine = {"_system_files": {}, "enabled_cameras": {0}, "is_first": False, "is_enabled": True}
    for name, value in machine.items():
        monkeypatch.setattr(planner, name, lambda *_, value=value: value)
    monkeypatch.setattr(planner, "changed_files", dict)
    monkeypatch.setattr(plan, "is_active", lambda _: True)
    monkeypatch.setattr(plan, "enabled_cameras", lambda: {0})
    monkeypatch.setattr(plan, "is_enabled", lambda _: True)
    monkeypatch.setattr(planner, "check_ids", lambda *_: [])
    wanted = planner.make_plan(tmp_path, None, None, with_nginx=False, tls=False, flags={})
    assert wanted.cameras[0].local_proxy_role == "view"
    assert Values(wanted.files[SETTINGS] or "").text(None, "local_proxy_role") == "view"
    assert any(VIEW in note for note in wanted.notes)
    monkeypatch.setattr(planner, "is_first", lambda: True)
    first = planner.make_plan(tmp_path, None, None, with_nginx=False, tls=False, flags={})
    assert first.cameras[0].local_proxy_role == "none"
