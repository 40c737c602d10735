"""The haproxy and nginx examples for OctoPrint, as real proxies; only addresses, ports and paths differ."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rollout.nginx import INSTALLED

from tests.support import certificates, nginx_process
from tests.support.checkout import ROOT
from tests.support.nginx_process import HAPROXY, Nginx
from tests.support.processes import free_ports

HAPROXY_EXAMPLE = ROOT / "nginx/octoprint-tls-haproxy.cfg"
NGINX_EXAMPLE = ROOT / "nginx/octoprint-tls-nginx.conf"
OCTOPI_LINES = ROOT / "docs/clients/octoprint.md"
SOCKETS = str(Path(INSTALLED.upstream.removeprefix("unix:")).parent)
KINDS = ("haproxy", "nginx", "octopi")

# What OctoPi's /etc/haproxy/haproxy.cfg has where the lines of the document are added:
# https://github.com/guysoft/OctoPi, src/modules/octopi/filesystem/root/etc/haproxy/haproxy.2.x.cfg
OCTOPI = {
    "global": ["maxconn 4096"],
    "defaults": [
        "mode http",
        "compression algo gzip",
        "option http-server-close",
        "option forwardfor",
        "timeout connect 5s",
        "timeout client 15m",
        "timeout server 15m",
    ],
    "frontend public": [
        "bind :::80 v4v6",
        "bind :::443 v4v6 ssl crt /etc/ssl/snakeoil.pem",
        "option forwardfor except 127.0.0.1",
        "use_backend webcam if { path_beg /webcam/ }",
        "default_backend octoprint",
    ],
    "backend octoprint": [
        "acl needs_scheme req.hdr_cnt(X-Scheme) eq 0",
        "http-request add-header X-Scheme https if needs_scheme { ssl_fc }",
        "http-request add-header X-Scheme http if needs_scheme !{ ssl_fc }",
        "server octoprint1 127.0.0.1:5000",
    ],
    "backend webcam": [
        r"http-request replace-path /webcam/(.*) /\1",
        "server webcam1 127.0.0.1:8080",
    ],
}


@dataclass(frozen=True)
class Behind:
    """What is behind the proxy: OctoPrint, and the processes of the cameras with their ports and unix sockets."""

    octoprint: int
    cameras: Mapping[int, int]
    sockets: Path


@dataclass(frozen=True)
class Proxy:
    """A running proxy with a certificate of its own, and the nginx of the deployment beside it."""

    kind: str
    port: int
    plain: int
    trusting: ssl.SSLContext
    nginx: Nginx

    @property
    def host(self) -> str:
        """The host and port as in the address bar of a browser."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address of OctoPrint."""
        return f"https://{self.host}"


@asynccontextmanager
async def running(kind: str, folder: Path, behind: Behind, change: Callable[[str], str] = str) -> AsyncIterator[Proxy]:
    """Run one kind of proxy in a folder, with a change to the example."""
    plain = free_ports(2)
    secure = plain + 1
    pair = certificates.make(folder, "proxy")
    is_nginx = kind == "nginx"
    site = change(nginx_site(folder, pair, behind, secure, plain)) if is_nginx else ""
    upstream = f"unix:{behind.sockets}/cam{{number}}.sock"
    async with nginx_process.running(folder, behind.cameras, others=site, upstream=upstream) as nginx:
        proxy = Proxy(kind, secure, plain, pair.trusting(), nginx)
        if is_nginx:
            yield proxy
            return
        text = change(HAPROXY_EXAMPLE.read_text() if kind == "haproxy" else octopi_configuration())
        file = haproxy_file(text, folder, pair, {80: plain, 443: secure, 5000: behind.octoprint, 8080: nginx.port()})
        file.write_text(_with_cameras(file.read_text(), behind.cameras))
        process = await asyncio.create_subprocess_exec(HAPROXY, "-db", "-f", str(file))
        try:
            await nginx_process.listening(secure, process)
            yield proxy
        finally:
            process.terminate()
            await process.wait()


def nginx_site(folder: Path, pair: certificates.Pair, behind: Behind, secure: int, plain: int) -> str:
    """Return the nginx example with other places."""
    text = _replaced(
        NGINX_EXAMPLE.read_text(),
        {
            "listen 443 ": f"listen {secure} ",
            "listen [::]:443 ": f"listen [::]:{secure} ",
            "listen 80 ": f"listen {plain} ",
            "listen [::]:80 ": f"listen [::]:{plain} ",
            "https://$host$": f"https://$host:{secure}$",
            "/etc/camera-streamer/tls/certificate.pem": str(pair.certificate),
            "/etc/camera-streamer/tls/key.pem": str(pair.key),
            SOCKETS: str(behind.sockets),
            "127.0.0.1:5000": f"127.0.0.1:{behind.octoprint}",
        },
    )
    return text if nginx_process.has_ipv6() else re.sub(r".*\[::\].*\n", "", text)


def haproxy_file(text: str, folder: Path, pair: certificates.Pair, ports: Mapping[int, int]) -> Path:
    """Write a configuration of haproxy with other ports, and with a certificate; return the file."""
    both = folder / "both.pem"
    both.write_text(pair.certificate.read_text() + pair.key.read_text())
    text = re.sub(r"crt \S+", f"crt {both}", text)
    text = re.sub(r"^ *(user|group) haproxy\n", "", text, flags=re.MULTILINE)  # only root may change the user
    text = re.sub(r":::(80|443) v4v6", lambda found: f"127.0.0.1:{ports[int(found[1])]}", text)
    text = re.sub(r"127\.0\.0\.1:(5000|8080)$", lambda found: f"127.0.0.1:{ports[int(found[1])]}", text, flags=re.M)
    file = folder / "haproxy.cfg"
    file.write_text(text)
    return file


def octopi_configuration() -> str:
    """Return OctoPi's configuration with the lines of the document, each at the top of its section."""
    (block,) = re.findall(r"```haproxy\n(.*?)```", OCTOPI_LINES.read_text(), re.DOTALL)
    sections = {name: list(lines) for name, lines in OCTOPI.items()}
    for text in re.split(r"\n(?=\S)", block):
        name, *lines = (line.strip() for line in text.splitlines() if line.strip())
        # a server with a name that exists replaces it, and so does the address of a port
        places = {tuple(line.split()[:2]) for line in lines if line.startswith(("server ", "bind "))}
        sections[name] = lines + [line for line in sections.get(name, []) if tuple(line.split()[:2]) not in places]
    return "".join(f"{name}\n" + "".join(f"    {line}\n" for line in lines) for name, lines in sections.items())


def _with_cameras(text: str, cameras: Mapping[int, int]) -> str:
    return re.sub(r"127\.0\.0\.1:1808(\d)$", lambda found: f"127.0.0.1:{cameras[int(found[1]) - 1]}", text, flags=re.M)


def _replaced(text: str, places: Mapping[str, str]) -> str:
    for example, here in places.items():
        assert example in text, example
        text = text.replace(example, here)
    return text
