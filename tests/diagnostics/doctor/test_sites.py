"""Sites of other programs in front of the cameras: which names the server would refuse."""

import pytest

from soft_stream.diagnostics.doctor.report import Finding
from soft_stream.diagnostics.sites.site import Site
from tests.diagnostics.doctor.stand_in import deployed, examine

NGINX, HAPROXY = "/etc/nginx/sites-enabled/printer:3", "/etc/haproxy/haproxy.cfg:40"
PUBLIC = "printer.example.org"


def findings(*sites: Site, settings: str = "", **changes: object) -> list[Finding]:
    """Return the findings about sites of a deployed machine with further settings."""
    host = deployed(proxied=list(sites), **changes)
    host.settings += settings
    return examine(host).get("sites", [])


def test_a_name_that_the_server_refuses() -> None:
    """The finding has the file, the line and the name, and the line that accepts all missing names."""
    one, other = findings(
        Site(NGINX, 18081, (PUBLIC, "pi.local")), Site(HAPROXY, 18081, ("*.example.net",)), settings="cam_hosts=a.b.c\n"
    )
    assert (one.level, other.level) == ("WRONG", "WRONG")
    assert one.what == f"{NGINX} passes the name {PUBLIC} on to port 18081, where camera 0 refuses it"
    assert other.what == f"{HAPROXY} passes the name *.example.net on to port 18081, where camera 0 refuses it"
    for each in (one, other):
        assert "421" in each.why
        assert f": cam_hosts=a.b.c {PUBLIC} *.example.net; then: sudo systemctl restart camera-soft-cam@0" in each.fix


@pytest.mark.parametrize("settings", [f"cam_hosts={PUBLIC}\n", "cam_hosts=*.example.org\n", f"cam0_hosts={PUBLIC}\n"])
def test_names_that_the_server_accepts(settings: str) -> None:
    """A name in the settings is accepted, also by a wildcard."""
    (found,) = findings(Site(NGINX, 18081, (PUBLIC,)), settings=settings)
    assert (found.level, found.what) == ("ok", f"accepted names of sites that forward to the cameras: {PUBLIC}")


def test_names_of_the_local_network_and_of_the_machine() -> None:
    """They need no entry."""
    names = frozenset({"pi", "pi.example.org"})
    (found,) = findings(Site(NGINX, 18081, ("pi.example.org", "pi.lan", "pi")), names=names)
    assert found.level == "ok"
    assert findings(Site(NGINX, 18081, ("pi.example.org",)))[0].level == "WRONG"


def test_names_of_one_camera() -> None:
    """If the cameras accept different names, the line is that of the camera."""
    settings = f"cam1_id=/base/b\ncam1_hosts={PUBLIC}\n"
    found = findings(Site(NGINX, 18081, (PUBLIC,)), Site(NGINX, 18082, (PUBLIC,)), settings=settings)
    assert [each.level for each in found] == ["WRONG", "ok"]
    assert f": cam0_hosts={PUBLIC}" in found[0].fix


def test_names_of_several_cameras_with_one_line() -> None:
    """Each finding has the line for all of them: the last one that is set counts."""
    found = findings(
        Site(NGINX, 18081, (PUBLIC,)), Site(HAPROXY, 18082, ("b.example.net",)), settings="cam1_id=/base/b\n"
    )
    for each in found:
        assert f": cam_hosts={PUBLIC} b.example.net" in each.fix


def test_names_that_are_not_known() -> None:
    """The note has the reason, the names that are accepted, and the line to set."""
    (found,) = findings(Site(NGINX, 18081, unknown="it has no name"), settings=f"cam_hosts={PUBLIC}\n")
    assert (found.level, found.what) == (
        "note", f"{NGINX} may pass on names that could not be found: it has no name"
    )  # fmt: skip
    assert found.why == f"camera 0 accepts names of the local network; other names: {PUBLIC}"
    assert f": cam_hosts={PUBLIC} NAME;" in found.fix


@pytest.mark.parametrize(("is_root", "fix"), [(False, "run the doctor with sudo to see it"), (True, "")])
def test_a_file_that_cannot_be_read(is_root: bool, fix: str) -> None:
    """It is a note, with sudo if that helps."""
    (found,) = findings(Site("/etc/nginx/a", 0, unknown="it cannot be read: Permission denied"), is_root=is_root)
    assert (found.level, found.fix) == ("note", fix)


def test_a_port_of_another_program() -> None:
    """Sites that do not forward to a process of a camera do not count."""
    (found,) = findings(Site(NGINX, 8080, (PUBLIC,)))
    assert (found.level, [found]) == ("ok", findings())
