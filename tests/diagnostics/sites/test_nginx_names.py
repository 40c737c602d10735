"""The names that sites of nginx pass on to the cameras; the real nginx shows that none is missing."""

from pathlib import Path

import pytest

from soft_stream.config.host_names import matches
from soft_stream.diagnostics.sites.search import find_sites
from tests.diagnostics.sites import proxies
from tests.support import certificates

A, B, C, BELOW = "a.example.org", "b.example.org", "c.example.net", "x.a.example.org"
REQUESTED = (A, B, C, BELOW, "www.example.com", "10.0.0.5")
HOST = "proxy_set_header Host $host;"
TO_CAMERA = "proxy_pass http://127.0.0.1:CAMERA"
SERVER = "server {{ listen 127.0.0.1:FRONT; server_name {}; location / {{ {} }} }}"
SITES: dict[str, tuple[str, set[str]]] = {
    "the name of the server": (SERVER.format(A, f"{HOST} {TO_CAMERA};"), {A}),
    "several names, with $http_host": (
        SERVER.format(f"{A} _ {C}", f"proxy_set_header host $http_host; {TO_CAMERA};"), {A, C},
    ),
    "wildcards": (
        SERVER.format(f"*.{A} .example.net", f"{HOST} {TO_CAMERA};"), {f"*.{A}", "example.net", "*.example.net"},
    ),
    "the default Host, which is that of proxy_pass": (SERVER.format(A, f"{TO_CAMERA};"), set()),
    "an upstream with a public name": (
        f"upstream {B} {{ server 127.0.0.1:CAMERA; }}" + SERVER.format(A, f"proxy_pass http://{B};"), {B},
    ),
    "a literal": (SERVER.format(A, f'proxy_set_header Host "{B}:8443"; {TO_CAMERA};'), {B}),
    "$server_name": (SERVER.format(f"{A} {B}", f"proxy_set_header Host $server_name; {TO_CAMERA};"), {A}),
    "a header that is inherited": (f"{HOST}" + SERVER.format(A, f"{TO_CAMERA};"), {A}),
    "a header that is not inherited, because there is another one": (
        f"{HOST}" + SERVER.format(A, f"proxy_set_header X-Other 1; {TO_CAMERA};"), set(),
    ),
    "X-Forwarded-Host": (
        SERVER.format(A, f"proxy_set_header Host {C}; proxy_set_header X-Forwarded-Host $host; {TO_CAMERA};"), {A, C},
    ),
    "a nested location": (
        SERVER.format(A, f"{HOST} location /webcam/ {{ if ($args) {{ return 204; }} {TO_CAMERA}/; }}"), {A},
    ),
    "variables": (
        "map $host $passed { default $http_host; } "
        + SERVER.format(A, "set $to http://127.0.0.1:CAMERA; proxy_set_header Host $passed; proxy_pass $to;"), {A},
    ),
    "a part of the port is a variable": (
        SERVER.format(A, f"set $to CAMERA; {HOST} proxy_pass http://127.0.0.1:$to;"), {A},
    ),
    "each part of the target is a variable, as in Nginx Proxy Manager": (
        SERVER.format(
            A, f"set $scheme_there http; set $server 127.0.0.1; set $port CAMERA; {HOST} "
            "proxy_pass $scheme_there://$server:$port$request_uri;"
        ), {A},
    ),
    "another server": (
        SERVER.format(A, f"{HOST} {TO_CAMERA};") + SERVER.format(B, "return 204;"), {A},
    ),
    "two servers": (SERVER.format(A, f"{HOST} {TO_CAMERA};") + SERVER.format(C, f"{HOST} {TO_CAMERA};"), {A, C}),
}  # fmt: skip
UNKNOWN = {
    "a regular expression": (SERVER.format("~^(www|a)[.]example", f"{HOST} {TO_CAMERA};"), "regular expression"),
    "a wildcard at the end": (SERVER.format("a.example.*", f"{HOST} {TO_CAMERA};"), "ends with a wildcard"),
    "no name": (SERVER.format("_", f"{HOST} {TO_CAMERA};"), "passes on any name"),
    "another header": (SERVER.format(A, f"proxy_set_header Host $http_x_a; {TO_CAMERA};"), "Host to $http_x_a"),
    "a quoted string that does not end": (SERVER.format(A, f'add_header A "; {HOST} {TO_CAMERA};'), "does not end"),
    "Lua that does not end": (SERVER.format(A, f"{TO_CAMERA}; content_by_lua_block {{{{ '}}}}' --"), "does not end"),
    "a byte that is none of a text": (SERVER.format(A, f"ssl_certificate a\0; {HOST} {TO_CAMERA};"), "a NUL byte"),
    "very many blocks in each other": (SERVER.format(A, f"{TO_CAMERA}; {'if (1) {' * 5000 + '}' * 5000}"), "blocks"),
}  # fmt: skip


@pytest.mark.parametrize("name", SITES)
def test_no_name_is_missing(tmp_path: Path, name: str) -> None:
    """The cameras receive only names that were found, names of the local network, and addresses."""
    site, expected = SITES[name]
    ports = proxies.ports()
    proxies.write_nginx(tmp_path, ports, site)
    found = find_sites([ports.camera, ports.camera + 1], tmp_path)
    assert {each.unknown for each in found} == {""}
    assert ports.camera in {each.port for each in found}
    names = {each for one in found for each in one.names if "." in each}
    assert names == expected
    received = proxies.received("nginx", tmp_path, ports, REQUESTED)
    assert received
    public = {each for each in received if each != "127.0.0.1"}
    assert all(matches(each, names) for each in public)


@pytest.mark.parametrize("name", UNKNOWN)
def test_names_that_cannot_be_found(tmp_path: Path, name: str) -> None:
    """The site has the reason."""
    site, reason = UNKNOWN[name]
    ports = proxies.ports()
    proxies.write_nginx(tmp_path, ports, site)
    (found,) = find_sites([ports.camera], tmp_path)
    assert reason in found.unknown


def test_the_entries_of_a_map_may_be_in_other_files(tmp_path: Path) -> None:
    """A map may include files, with a camera as the value of a variable."""
    ports = proxies.ports()
    site = SERVER.format(A, f"{HOST} proxy_pass http://$to;")
    proxies.write_nginx(tmp_path, ports, f"map $host $to {{ include maps/*; }} {site}")
    (tmp_path / "nginx/maps").mkdir()
    (tmp_path / "nginx/maps/cameras").write_text(f"{A} 127.0.0.1:{ports.camera};")
    (found,) = find_sites([ports.camera], tmp_path)
    assert (found.names, found.unknown) == ((A,), "")


LUA = """content_by_lua_block {
    local t = { "}", '}', [[ } ]], [==[ ]] } ]==] } -- }
    --[[ } ]] --[=[
    } ]] ]=]
}"""


def test_lua(tmp_path: Path) -> None:
    """A block of Lua ends at its own brace, so what follows it is read."""
    ports = proxies.ports()
    other = SERVER.format(C, f"{TO_CAMERA};")
    proxies.write_nginx(tmp_path, ports, SERVER.format(A, f"{HOST} {TO_CAMERA}; {LUA}") + other)
    assert [each.names for each in find_sites([ports.camera], tmp_path)] == [(A,), ()]


def test_large_files_and_numbers(tmp_path: Path) -> None:
    """A long list of addresses takes no minutes, and a number that is no port is none."""
    ports = proxies.ports()
    denied = "\n".join(["deny 10.0.0.1;"] * 150_000)
    large = f"listen 1-999999999; listen {'9' * 5000}; proxy_pass http://127.0.0.1:{'9' * 5000};"
    proxies.write_nginx(tmp_path, ports, f"{denied}\n{SERVER.format(A, f'{HOST} {TO_CAMERA}; {large}')}")
    (found,) = find_sites([ports.camera], tmp_path)
    assert (found.where.rpartition(":")[2], found.names) == ("150001", (A,))


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    """What is printed can be encoded."""
    ports = proxies.ports()
    proxies.write_nginx(tmp_path, ports, SERVER.format("~^caf\xe9", f"{HOST} {TO_CAMERA};"))
    file = tmp_path / "nginx/conf.d/site.conf"
    file.write_bytes(file.read_text().encode("latin-1"))
    (found,) = find_sites([ports.camera], tmp_path)
    assert "caf\N{REPLACEMENT CHARACTER}" in found.unknown


def test_the_place_of_a_site(tmp_path: Path) -> None:
    """It is the file and line of the server; files that are included count, and so do links."""
    ports = proxies.ports()
    proxies.write_nginx(tmp_path, ports, "\nserver { listen 1; server_name a.example.org;\n include snippets/camera; }")
    (tmp_path / "nginx/snippets").mkdir()
    (tmp_path / "nginx/snippets/camera").write_text(f"{HOST} location / {{ proxy_pass http://[::1]:{ports.camera}; }}")
    (found,) = find_sites([ports.camera], tmp_path)
    assert (found.where, found.names) == (f"{tmp_path}/nginx/conf.d/site.conf:2", (A,))


@pytest.mark.parametrize("target", ["127.0.0.1:{}$1/", "${{host}}:{}$1", "camera$1"])
def test_a_target_with_a_variable_that_is_not_known(tmp_path: Path, target: str) -> None:
    """Each port and each upstream counts that begins as the target does."""
    ports = proxies.ports()
    site = SERVER.format(A, f"{HOST} proxy_pass http://{target.format(str(ports.camera)[:3])};")
    proxies.write_nginx(tmp_path, ports, f"upstream camera0 {{ server 127.0.0.1:CAMERA; }} {site}")
    (found,) = find_sites([ports.camera, 1], tmp_path)
    assert (found.port, found.names) == (ports.camera, (A,))


@pytest.mark.parametrize("target", ["http://unix:/run/cam0.sock:/", "http://10.9.8.7:CAMERA", "http://127.0.0.1:5000"])
def test_other_targets(tmp_path: Path, target: str) -> None:
    """Unix sockets, ports of other machines and other ports are no cameras."""
    ports = proxies.ports()
    proxies.write_nginx(tmp_path, ports, SERVER.format(A, f"{HOST} proxy_pass {target};"))
    assert find_sites([ports.camera], tmp_path) == []


@pytest.mark.parametrize(("san", "names"), [("DNS:a.example.org,DNS:pi.local", (A, "pi.local")), ("DNS:pi.local", ())])
def test_a_site_without_a_name_has_those_of_its_certificate(tmp_path: Path, san: str, names: tuple[str, ...]) -> None:
    """Unless they are only names of the local network."""
    ports = proxies.ports()
    certificates.make(tmp_path, "site", names=san)
    proxies.write_nginx(
        tmp_path, ports, f"ssl_certificate {tmp_path}/site.pem; server {{ {HOST} location / {{ {TO_CAMERA}; }} }}"
    )
    (found,) = find_sites([ports.camera], tmp_path)
    assert (found.names, bool(found.unknown)) == (names, not names)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (SERVER.format(A, "proxy_set_header X-Forwarded-For $remote_addr; proxy_pass http://TARGET;"), True),
        (SERVER.format(A, "proxy_set_header forwarded for=$remote_addr; proxy_pass http://TARGET;"), True),
        ("proxy_set_header X-Forwarded-For $remote_addr;" + SERVER.format(A, "proxy_pass http://TARGET;"), True),
        (SERVER.format(A, 'proxy_set_header X-Forwarded-For ""; proxy_pass http://TARGET;'), False),
        (SERVER.format(A, f"{HOST} proxy_pass http://TARGET;"), False),
        (
            "proxy_set_header X-Forwarded-For $remote_addr;" + SERVER.format(A, f"{HOST} proxy_pass http://TARGET;"),
            False,
        ),
        (
            "upstream mjpg { server TARGET; }"
            + SERVER.format(A, "proxy_set_header X-Forwarded-For 1; proxy_pass http://mjpg/;"),
            True,
        ),
    ],
)
@pytest.mark.parametrize("target", ["127.0.0.1:18081", "unix:/run/sockets/cam0.sock"])
def test_sites_that_send_the_address_of_the_client(tmp_path: Path, config: str, target: str, *, expected: bool) -> None:
    """It is in X-Forwarded-For or Forwarded; ports and unix sockets of the cameras are found."""
    (tmp_path / "nginx/conf.d").mkdir(parents=True)
    (tmp_path / "nginx/conf.d/a.conf").write_text(config.replace("TARGET", target).replace("FRONT", "80"))
    (found,) = find_sites([18081], tmp_path, sockets={"/run/sockets/cam0.sock": 18081})
    assert (found.port, found.sends_address) == (18081, expected)
    assert len(find_sites([18081], tmp_path)) == (0 if "unix" in target else 1)


@pytest.mark.parametrize("target", ["unix:/run/sockets/cam0.sock:/", "unix:/run/sockets$camera.sock"])
def test_unix_sockets_in_a_url(tmp_path: Path, target: str) -> None:
    """A path may be behind the socket; a variable may be any part of it."""
    (tmp_path / "nginx/conf.d").mkdir(parents=True)
    (tmp_path / "nginx/conf.d/a.conf").write_text(SERVER.format(A, f"proxy_pass http://{target};"))
    sockets = {"/run/sockets/cam0.sock": 18081}
    assert [each.port for each in find_sites([], tmp_path, sockets=sockets)] == [18081]
    assert find_sites([], tmp_path, sockets={"/run/other/cam0.sock": 18081}) == []
