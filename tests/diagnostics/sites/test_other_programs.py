"""Proxies whose sites are not read: that they forward to a camera is found, with file and line."""

from pathlib import Path

import pytest

from soft_stream.diagnostics.sites.search import find_sites

CADDY = "printer.example.org {\n    # reverse_proxy 127.0.0.1:18081\n    reverse_proxy localhost:18081\n}\n"
APACHE = "<VirtualHost *:80>\n ServerName a.example.org\n ProxyPass /webcam/ http://127.0.0.1:18081/\n</VirtualHost>\n"
CLOUDFLARED = "ingress:\n  - hostname: cam.example.org\n    service: http://[::1]:18082\n"


def write(etc: Path, name: str, text: str) -> None:
    """Write a file below a folder."""
    (etc / name).parent.mkdir(parents=True, exist_ok=True)
    (etc / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "line", "program"),
    [
        ("caddy/Caddyfile", CADDY, 3, "Caddy"),
        ("caddy/sites/printer.caddy", "reverse_proxy :18082", 1, "Caddy"),
        ("apache2/sites-enabled/printer.conf", APACHE, 3, "Apache"),
        ("cloudflared/config.yml", CLOUDFLARED, 3, "cloudflared"),
        ("traefik/dynamic/camera.yaml", '- url: "http://127.0.0.1:18081"', 1, "Traefik"),
        ("lighttpd/conf-enabled/10.conf", '( "host" => "127.0.0.1:18081" )', 1, "lighttpd"),
    ],
)
def test_a_line_with_the_address_of_a_camera(tmp_path: Path, name: str, text: str, line: int, program: str) -> None:
    """The names are not known."""
    write(tmp_path, name, text)
    (found,) = find_sites([18081, 18082], tmp_path)
    assert (found.where, found.names) == (f"{tmp_path}/{name}:{line}", ())
    assert found.unknown == f"the names of {program}'s sites are not read"


def test_other_lines(tmp_path: Path) -> None:
    """Other ports and machines do not count."""
    write(tmp_path, "caddy/Caddyfile", "reverse_proxy 127.0.0.1:5000 10.9.8.7:18081 127.0.0.1:180812\n")
    assert find_sites([18081], tmp_path) == []


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a site of its own, and the other files are read."""
    write(tmp_path, "haproxy/haproxy.cfg", "")
    write(tmp_path, "caddy/Caddyfile", CADDY)
    read = Path.read_text

    def read_text(path: Path, *args: str, **options: str) -> str:
        if path.name == "haproxy.cfg":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    locked, other = find_sites([18081], tmp_path)
    assert (locked.where, locked.port) == (f"{tmp_path}/haproxy/haproxy.cfg", 0)
    assert locked.unknown == "it cannot be read: Permission denied"
    assert other.port == 18081


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("caddy/Caddyfile", "reverse_proxy unix//run/cam0.sock"),
        ("apache2/sites-enabled/a", 'ProxyPass "/" "unix:/run/cam0.sock|http://localhost/"'),
    ],
)
def test_unix_sockets(tmp_path: Path, file: str, line: str) -> None:
    """They are found like ports; these programs send the address of the client unless they are asked not to."""
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(f"# /run/cam0.sock\n{line}\n")
    (found,) = find_sites([], tmp_path, sockets={"/run/cam0.sock": 18081})
    assert (found.where, found.port, found.sends_address) == (f"{tmp_path / file}:2", 18081, True)
