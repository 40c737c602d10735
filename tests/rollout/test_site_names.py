"""`cam_hosts`: the names of sites that forward to the cameras, and what the owner has set."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from rollout import names, nginx_sites, owners_settings, plan, planner, predecessor, site_names
from rollout.owners_settings import OwnersSettings, diff
from rollout.system import SETTINGS

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from soft_stream.config.settings_values import Values
from soft_stream.diagnostics.sites.site import Site

A, B, C = "a.example.org", "b.example.org", "c.example.net"
NGINX, HAPROXY = "/etc/nginx/conf.d/a.conf:3", "/etc/haproxy/haproxy.cfg:7"
TWO = {0: Settings(camera=0, port=18081), 1: Settings(camera=1, port=18082)}


def filled(text: str, *sites: Site, cameras: Mapping[int, Settings] = TWO) -> OwnersSettings:
    """Return settings with the names of sites."""
    return site_names.add(OwnersSettings(text, {}), cameras, sites)


def test_found_names_follow_those_of_the_owner() -> None:
    """Each name is added once, with its sites as the source; local names need no entry."""
    made = filled(
        "cam_hosts=own.example.com\ncam0_name=A\n",
        Site(NGINX, 18081, (A, "pi.local", "pi")),
        Site(HAPROXY, 18082, (A, f"*.{B}")),
    )
    assert made.text == f"cam_hosts='own.example.com {A} *.{B}'\ncam0_name=A\n"
    assert made.origins == {"cam_hosts": f"sites that forward to the cameras: {NGINX}, {HAPROXY}"}
    assert made.notes == []
    assert f"+cam_hosts='own.example.com {A} *.{B}'  <- {made.origins['cam_hosts']}" in [
        *diff("", made.text, made.origins)
    ]


@pytest.mark.parametrize("text", [f"cam_hosts={A}\n", "cam_hosts=*.EXAMPLE.org\n", f"cam_hosts='x.y {A}'\n"])
def test_names_that_are_accepted_already(text: str) -> None:
    """The settings stay as they are."""
    made = filled(text, Site(NGINX, 18081, (A,)))
    assert (made.text, made.origins) == (text, {})


def test_a_camera_with_names_of_its_own() -> None:
    """Its line hides that of all cameras, so it gets the names too."""
    made = filled(f"cam_hosts={A}\ncam1_hosts={C}\n", Site(NGINX, 18082, (A, B)))
    assert made.text == f"cam_hosts='{A} {B}'\ncam1_hosts='{C} {A} {B}'\n"


def test_a_site_in_front_of_nginx() -> None:
    """Its names are added; that others are unknown is no note, because nginx connects to unix sockets."""
    made = filled("", Site(NGINX, 8080, (A,), "why"))
    assert (Values(made.text).text(None, "hosts"), made.notes) == (A, [])


def test_names_that_could_not_be_found() -> None:
    """A note has the place and the reason; the settings stay as they are."""
    made = filled("cam0_name=A\n", Site(NGINX, 18081, unknown="it has no name"), Site("/etc/x", 0, unknown="locked"))
    assert made.text == "cam0_name=A\n"
    assert [note.partition(" The cameras")[0] for note in made.notes] == [
        f"{NGINX}: this site may pass on names that could not be found: it has no name.",
        "/etc/x: this site may pass on names that could not be found: locked.",
    ]


@pytest.mark.parametrize(
    "target", ["127.0.0.1:18081", "localhost:18082", "[::1]:18443", "127.0.0.1:8080", "127.0.0.1:8082"]
)
def test_ports_that_count(tmp_path: Path, target: str) -> None:
    """Those of the processes, of `camN_listen`, and of our nginx; not the servers that the rollout replaces."""
    (tmp_path / "nginx/conf.d").mkdir(parents=True)
    site = "server {{ listen {}; server_name {}; location / {{ proxy_set_header Host $host; proxy_pass http://{}; }} }}"
    lines = [site.format(8081, A, "127.0.0.1:18081"), site.format(80, B, target), site.format(80, C, "127.0.0.1:5000")]
    (tmp_path / "nginx/conf.d/a.conf").write_text(" ".join(lines))
    etc = tmp_path / "nginx"
    cameras = {**TWO, 1: Settings(camera=1, port=18082, listen=(Endpoint("http", "::1", 18443),))}
    takeover = nginx_sites.find(etc, nginx_sites.Ports([8080, 8081, 8082], [18081, 18082]), ())
    assert [each.names for each in site_names.find(cameras, takeover, tmp_path)] == [(B,)]
    assert {each.names for each in site_names.find(cameras, nginx_sites.Takeover(), tmp_path)} == {(A,), (B,)}


def test_the_plan_has_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in the settings and in the cameras of the plan, so they count before the first camera is restarted."""
    made = OwnersSettings("cam0_name=A\n", {})
    monkeypatch.setattr(predecessor, "find", list)
    monkeypatch.setattr(owners_settings, "combine", lambda *_: made)
    monkeypatch.setattr(names, "files", lambda *_: {})
    monkeypatch.setattr(names, "moves", lambda *_: [])
    for name, value in {
        "_system_files": {},
        "enabled_cameras": {0},
        "is_first": False,
        "is_enabled": True,
    }.items():
        monkeypatch.setattr(planner, name, lambda *_, value=value: value)
    monkeypatch.setattr(planner, "changed_files", dict)
    monkeypatch.setattr(plan, "is_active", lambda _: True)
    monkeypatch.setattr(plan, "enabled_cameras", lambda: {0})
    monkeypatch.setattr(plan, "is_enabled", lambda _: True)
    monkeypatch.setattr(planner, "check_ids", lambda *_: ["a note"])
    monkeypatch.setattr(site_names, "find_sites", lambda *_, **__: [Site(NGINX, 18081, (A,), "and others")])
    wanted = planner.make_plan(tmp_path, None, None, with_nginx=False, tls=False, flags={})
    assert wanted.cameras[0].hosts == (A,)
    assert Values(wanted.files[SETTINGS] or "").text(None, "hosts") == A
    assert wanted.origins
    assert NGINX in wanted.origins["cam_hosts"]
    assert any(note.startswith(f"{NGINX}: ") for note in wanted.notes)
