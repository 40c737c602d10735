"""Which addresses in a configuration are ports of the cameras on this machine."""

import ipaddress
import re
import socket
from collections.abc import Collection, Mapping

from soft_stream.config import own_names

HOST_AND_PORT = re.compile(r"(.*):([0-9]{1,5})")
# a unix socket in nginx, with a path of a URL behind it, or in haproxy
SOCKET = re.compile(r"(?:unix[:@])?(/[^:]*)(?::.*)?")
LOOPBACK = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")


def is_camera(target: str, ports: Collection[int]) -> bool:
    """Return True if a `HOST:PORT` is one of these ports on this machine."""
    match = HOST_AND_PORT.fullmatch(target)
    return match is not None and int(match[2]) in ports and is_this_machine(match[1].strip("[]"))


def find_port(target: str, ports: Collection[int], sockets: Mapping[str, int]) -> int:
    """Return the port of the camera that a target is; 0 if it is none. A variable in the path of a socket is any text.

    Args:
        target: `HOST:PORT`, or a unix socket.
        ports: The ports of the cameras.
        sockets: The paths of their sockets, each with the port that stands for it.
    """
    if is_camera(target, ports):
        return port_of(target)
    match = SOCKET.fullmatch(target)
    prefix, variable, _ = match[1].partition("$") if match else ("", "", "")
    return next((port for path, port in sockets.items() if path == prefix or (variable and path.startswith(prefix))), 0)


def port_of(target: str) -> int:
    """Return the port of a `HOST:PORT`."""
    return int(target.rpartition(":")[2])


def is_this_machine(host: str) -> bool:
    """Return True if a host is an address or a name of this machine, or a variable."""
    name, own = host.lower(), socket.gethostname().lower()
    if "$" in host or name in (*LOOPBACK, own, f"{own}.local"):
        return True
    return any(map(_is_own_address, [host, *_addresses_of(name)]))


def _addresses_of(name: str) -> list[str]:
    """Return the addresses of a name in /etc/hosts; DNS is not asked, because it may not answer."""
    return [words[0] for words in own_names.read_lines(own_names.HOSTS_FILE) if name in words[1:]]


def _is_own_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family) as probe:
            probe.bind((text, 0))
    except OSError:
        return False
    return True
