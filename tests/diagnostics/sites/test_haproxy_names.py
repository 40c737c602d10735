"""The names that haproxy passes on to the cameras; the real haproxy shows that none is missing."""

from pathlib import Path

import pytest

from soft_stream.config.host_names import matches
from soft_stream.diagnostics.sites.search import find_sites
from tests.diagnostics.sites import proxies
from tests.support import certificates
from tests.support.checkout import ROOT

A, B, C, BELOW = "a.example.org", "b.example.org", "c.example.net", "x.a.example.org"
REQUESTED = (A, B, C, BELOW, f"{A}:8443", "www.example.com", "10.0.0.5")
BACKENDS = """
backend camera
    server camera 127.0.0.1:CAMERA
backend other
    http-request return status 204
"""
FRONTEND = "frontend front\n    bind 127.0.0.1:FRONT\n    {}\n" + BACKENDS
FILES = {"names.lst": f"# names\n{A}\n{C}\n", "names.map": f"# map\n{A}   camera\n{B}\tother\n{C} other\n"}
OPEN = "passes on any name"
CONFIGURATIONS: dict[str, tuple[str, set[str]]] = {
    "an anonymous condition": (f"use_backend camera if {{ hdr(host) -i {A} }} || {{ req.hdr(Host) {C} }}", {A, C}),
    "an ACL": (f"acl is_a hdr(host),lower -m str {A}\n acl is_a hdr(host) {B}\n use_backend camera if is_a", {A, B}),
    "the name without its port": (f"use_backend camera if {{ hdr(host),field(1,:),lower {A} {B}:80 }}", {A, B}),
    "all names below a name": (f"use_backend camera if {{ hdr_end(host) -i .{A} }}", {f"*.{A}"}),
    "the end of a name": (f"use_backend camera if {{ hdr(host) -i -m end {A} }}", {A, f"*.{A}"}),
    "a part of a name": (f"use_backend camera if {{ hdr_dom(host) {A} }}", {A, f"*.{A}"}),
    "the beginning of a name": (f"use_backend camera if {{ hdr_beg(host) -i {A} }}", {A}),
    "a name and a path": (f"use_backend camera if {{ base_beg {A}/webcam/ }}", {A}),
    "a file": ("use_backend camera if { hdr(host) -i -f ETC/names.lst }", {A, C}),
    "a map": ("use_backend %[req.hdr(host),lower,map(ETC/names.map,other)]", {A}),
    "a map of domains": ("use_backend %[hdr(host),map_dom(ETC/names.map)]", {A, f"*.{A}"}),
    "a variable": (
        f"http-request set-var(txn.host) hdr(host),lower\n use_backend camera if {{ var(txn.host) -m str {A} }}", {A},
    ),
    "other names are denied": (f"http-request deny unless {{ hdr(host) {A} {C} }}\n default_backend camera", {A, C}),
    "other names are denied by an ACL": (
        f"acl is_a hdr(host) {A}\n http-request deny if !is_a\n use_backend camera if {{ path_beg /webcam/ }}", {A},
    ),
    "other names have another backend": (
        f"use_backend other unless {{ hdr(host) {A} }}\n default_backend camera", {A},
    ),
    "a name has another backend": (
        f"http-request deny unless {{ hdr(host) {A} {C} }}\n use_backend other if {{ hdr(host) {C} }}\n"
        " default_backend camera", {A, C},
    ),
    "a path and a name": (f"use_backend camera if {{ path_beg /webcam/ }} {{ hdr(host) {A} }}", {A}),
    "another Host": (f"http-request set-header Host {C}\n default_backend camera", {C}),
    "another Host, and the name in X-Forwarded-Host": (
        f"http-request deny unless {{ hdr(host) {A} }}\n http-request set-header X-Forwarded-Host %[req.hdr(host)]\n"
        f" http-request set-header Host {C}\n default_backend camera", {A, C},
    ),
    "another Host for some": (
        f"http-request deny unless {{ hdr(host) {A} {B} }}\n http-request set-header Host {C} if {{ hdr(host) {B} }}\n"
        " default_backend camera", {A, B, C},
    ),
    "quotes and comments": (f'use_backend "camera" if {{ hdr(host) -i "{A}" }} # || {{ hdr(host) {B} }}', {A}),
}  # fmt: skip
UNKNOWN = {
    "no name": ("default_backend camera", OPEN),
    "only a path": ("use_backend camera if { path_beg /webcam/ }", OPEN),
    "a name or a path": (f"use_backend camera if {{ hdr(host) {A} }} or {{ path_beg /webcam/ }}", OPEN),
    "an ACL with a name or a path": (f"acl is hdr(host) {A}\n acl is path /webcam/\n use_backend camera if is", OPEN),
    "only names of other backends": (f"use_backend other if {{ hdr(host) {A} }}\n default_backend camera", OPEN),
    "denied names": (f"http-request deny if {{ hdr(host) {A} }}\n default_backend camera", OPEN),
    "a regular expression": ("use_backend camera if { hdr_reg(host) ^a[.] }", "the pattern ^a[.]"),
    "the beginning of any name": ("use_backend camera if { hdr_beg(host) a. }", "the pattern a."),
    "a label": ("use_backend camera if { hdr_dom(host) a }", "the pattern a "),
    "an unknown converter": ("use_backend camera if { hdr(host),bytes(2) example.org }", "bytes(2)"),
    "a name of the environment": ('use_backend camera if { hdr(host) "${NAME}" }', "the name ${NAME}"),
    "a backend named like the host": ("use_backend %[hdr(host)]", "%[hdr(host)]"),
    "the default of a map": ("use_backend %[hdr(host),map(ETC/names.map,camera)]", OPEN),
    "a map that does not exist": ("use_backend %[hdr(host),map(ETC/none.map)]", "none.map cannot be read"),
    "a computed Host": ("http-request set-header Host %[req.hdr(X-A)]\n default_backend camera", "%[req.hdr(X-A)]"),
}


def written(folder: Path, lines: str) -> proxies.Ports:
    """Write the files of haproxy with a frontend."""
    folder.mkdir(exist_ok=True)
    ports = proxies.ports()
    proxies.write_haproxy(folder, ports, FRONTEND.format(lines))
    for name, text in FILES.items():
        (folder / "haproxy" / name).write_text(text)
    return ports


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_name_is_missing(tmp_path: Path, name: str) -> None:
    """The cameras receive only names that were found, and the real haproxy accepts the configuration."""
    lines, expected = CONFIGURATIONS[name]
    ports = written(tmp_path, lines)
    (found,) = find_sites([ports.camera], tmp_path)
    assert ({*found.names}, found.unknown) == (expected, "")
    received = proxies.received("haproxy", tmp_path, ports, REQUESTED)
    assert received
    assert all(matches(each, found.names) for each in received)


@pytest.mark.parametrize("name", UNKNOWN)
def test_names_that_cannot_be_found(tmp_path: Path, name: str) -> None:
    """The site has the reason, and its place is the line of the server."""
    lines, reason = UNKNOWN[name]
    ports = written(tmp_path, lines)
    (found,) = find_sites([ports.camera], tmp_path)
    assert reason in f"{found.unknown} "
    line = (
        (tmp_path / "haproxy/haproxy.cfg").read_text().splitlines().index(f"    server camera 127.0.0.1:{ports.camera}")
    )
    assert found.where == f"{tmp_path}/haproxy/haproxy.cfg:{line + 1}"


def test_a_listen_section_and_the_requests_of_health_checks(tmp_path: Path) -> None:
    """A `listen` section is a frontend with its own servers; haproxy's checks have a Host, too."""
    ports = proxies.ports()
    proxies.write_haproxy(
        tmp_path, ports,
        f"listen camera\n bind 127.0.0.1:FRONT\n http-request deny unless {{ hdr(host) {A} }}\n"
        f" option httpchk\n http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host {B}\n"
        " server a ipv4@localhost:CAMERA check\n",
    )  # fmt: skip
    (found,) = find_sites([ports.camera], tmp_path)
    assert ({*found.names}, found.unknown) == ({A, B}, "")
    received = proxies.received("haproxy", tmp_path, ports, (A, C))
    assert received == [A]


def test_lines_of_defaults_and_of_further_files(tmp_path: Path) -> None:
    """A section has the lines of its `defaults`; files in conf.d count."""
    ports = proxies.ports()
    denied = f" http-request deny unless {{ hdr(host) {A} }}\n"
    proxies.write_haproxy(tmp_path, ports, f"defaults named\n mode http\n default_backend camera\n{denied}")
    (tmp_path / "haproxy/conf.d").mkdir()
    text = f"frontend front from named\n bind 127.0.0.1:{ports.front}\nbackend camera\n server a [::1]:{ports.camera}\n"
    (tmp_path / "haproxy/conf.d/a.cfg").write_text(text)
    (found,) = find_sites([ports.camera], tmp_path)
    assert (found.where, found.names, found.unknown) == (f"{tmp_path}/haproxy/conf.d/a.cfg:4", (A,), "")


def test_files_of_debians_unit(tmp_path: Path) -> None:
    """/etc/default/haproxy may have another file, and further ones and folders."""
    ports = proxies.ports()
    proxies.write_haproxy(tmp_path, ports, BACKENDS)  # no longer loaded
    options = f"-f {tmp_path}/b -f {tmp_path}/c.cfg -de"
    for name, text in {
        "default/haproxy": f"#CONFIG=/none\nCONFIG={tmp_path}/a.cfg\nEXTRAOPTS='{options}'\n",
        "a.cfg": f"frontend front\n use_backend printer if {{ hdr(host) {A} }}\n",
        "b/b.cfg": f" use_backend printer if {{ hdr(host) {B} }}\n",
        "c.cfg": f"backend printer\n server a 127.0.0.1:{ports.camera}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (found,) = find_sites([ports.camera], tmp_path)
    assert (found.where, found.names, found.unknown) == (f"{tmp_path}/c.cfg:2", (A, B), "")


def test_many_names_and_a_nul_byte(tmp_path: Path) -> None:
    """A file of many names takes no minutes, and the name of a file may be wrong."""
    ports = written(tmp_path, f"use_backend camera if {{ hdr(host) -f {tmp_path}/names }}")
    (tmp_path / "names").write_text("".join(f"{number}.example.org\n" for number in range(30_000)))
    (found,) = find_sites([ports.camera], tmp_path)
    assert (len(found.names), found.unknown) == (30_000, "")
    ports = written(tmp_path / "b", "use_backend camera if { hdr(host) -f a\0b }")
    (found,) = find_sites([ports.camera], tmp_path / "b")
    assert found.unknown == "the file a cannot be read"


@pytest.mark.parametrize("target", ["unix@/run/cam0.sock", "/run/cam0.sock", "10.9.8.7:CAMERA", "127.0.0.1:5000"])
def test_other_targets(tmp_path: Path, target: str) -> None:
    """Unix sockets, ports of other machines and other ports are no cameras."""
    ports = proxies.ports()
    text = FRONTEND.format("default_backend camera").replace("127.0.0.1:CAMERA", target)
    proxies.write_haproxy(tmp_path, ports, text)
    assert find_sites([ports.camera], tmp_path) == []


def test_the_example_for_octoprint(tmp_path: Path) -> None:
    """It has the names of its certificate; with a certificate of the local network they are not known."""
    (tmp_path / "haproxy").mkdir()
    text = (ROOT / "nginx/octoprint-tls-haproxy.cfg").read_text()
    (tmp_path / "haproxy/haproxy.cfg").write_text(text.replace("/etc/haproxy/octoprint.pem", f"{tmp_path}/site.pem"))
    for names, expected in (("DNS:pi,DNS:pi.local", ()), (f"DNS:{A},DNS:*.{B}", (A, f"*.{B}"))):
        certificates.make(tmp_path, "site", names=names)
        for found in find_sites([18081, 18082], tmp_path):
            assert (found.names, bool(found.unknown)) == (expected, not expected)
        assert {each.port for each in find_sites([8080, 18081, 18082], tmp_path)} == {8080, 18081, 18082}


@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("option forwardfor except 127.0.0.1", "defaults"),
        ("option forwardfor", "frontend"),
        ("option forwarded", "backend"),
        ("http-request set-header X-Forwarded-For %[src]", "frontend"),
        ("http-request add-header forwarded for=%[src]", "backend"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("target", ["127.0.0.1:18081", "unix@/run/cam0.sock", "/run/cam0.sock"])
def test_sites_that_send_the_address_of_the_client(tmp_path: Path, line: str, section: str, target: str) -> None:
    """It is in X-Forwarded-For or Forwarded; ports and unix sockets of the cameras are found."""
    (tmp_path / "haproxy").mkdir()
    sections = {"defaults": "", "frontend": "default_backend a", "backend": f"server a {target}"}
    names = {"defaults": "", "frontend": "f", "backend": "a"}
    text = [f"{kind} {names[kind]}\n{line if kind == section else ''}\n{rest}" for kind, rest in sections.items()]
    (tmp_path / "haproxy/haproxy.cfg").write_text("\n".join(text))
    (found,) = find_sites([18081], tmp_path, sockets={"/run/cam0.sock": 18081})
    assert (found.port, found.sends_address) == (18081, bool(line))
