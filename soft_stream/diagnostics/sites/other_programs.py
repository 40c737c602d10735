"""Other proxies that forward to the cameras; the names of their sites are not read."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from soft_stream.diagnostics.sites.addresses import is_this_machine
from soft_stream.diagnostics.sites.site import Site

PROGRAMS = {
    "Caddy": ("caddy/Caddyfile", "caddy/**/*.caddy", "caddy/**/*.caddyfile", "caddy/*.json", "caddy/conf.d/*"),
    "Apache": ("apache2/*.conf", "apache2/sites-enabled/*", "apache2/conf-enabled/*", "httpd/conf.d/*.conf"),
    "lighttpd": ("lighttpd/lighttpd.conf", "lighttpd/conf-enabled/*", "lighttpd/conf.d/*"),
    "Traefik": ("traefik/**/*.y*ml", "traefik/**/*.toml"),
    "cloudflared": ("cloudflared/*.y*ml",),
}
ADDRESS = re.compile(r"(?<![\w.:])(\[[\da-fA-F:.]+\]|[\w.-]*):([0-9]{1,5})\b")


def sites(etc: Path, ports: Collection[int], sockets: Mapping[str, int]) -> Iterator[Site]:
    """Yield the lines that have the address or socket of a camera in the files of other proxies."""
    for program, patterns in PROGRAMS.items():
        files = sorted({path for pattern in patterns for path in etc.glob(pattern) if path.is_file()})
        for path in files:
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
                text = line.partition("#")[0]
                found = [port for socket, port in sockets.items() if socket in text]
                for host, port in ADDRESS.findall(text):
                    if int(port) in ports and (not host or is_this_machine(host.strip("[]"))):
                        found.append(int(port))
                for port in found:
                    yield Site(f"{path}:{number}", port, unknown=f"the names of {program}'s sites are not read")
