"""The name and the addresses under which other machines of the local network reach this one."""

import fcntl
import socket
import struct
from pathlib import Path

from soft_stream.config import host_names

# Of RFC 5737 and RFC 3849; no packet is sent there.
DOCUMENTATION_ADDRESSES = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
SIOCGIFADDR = 0x8915
REQUEST_SIZE = 40
"""Bytes of `struct ifreq`; an address begins at the 20th."""
AVAHI = Path("/run/avahi-daemon")


def local_name() -> str:
    """Return the name of this machine in the local network, such as raspberrypi.local; "" if it has none."""
    name = socket.gethostname().partition(".")[0]
    try:
        return "" if name.lower() == "localhost" else f"{host_names.normalize(name)}.local"
    except ValueError:
        return ""


def announces_name() -> bool:
    """Return True if the program runs that answers requests for the local name."""
    return AVAHI.is_dir()


def network_address() -> str:
    """Return the address of this machine in its network, without asking any other machine; "" if it has none."""
    ipv4, ipv6 = (_source_address(family, there) for family, there in DOCUMENTATION_ADDRESSES)
    return ipv4 or next(filter(None, map(_interface_address, _interfaces())), "") or ipv6


def has_ipv6() -> bool:
    """Return True if this machine has IPv6."""
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def _source_address(family: int, there: str) -> str:
    """Return the address that the kernel would send from; "" if there is no route, or only one within the machine."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 9))
            address: str = probe.getsockname()[0]
    except OSError:
        return ""
    return "" if address in ("127.0.0.1", "::1") else address


def _interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex() if name != "lo"]


def _interface_address(name: str) -> str:
    """Return the IPv4 address of a network interface, as on a cable between two machines, where there is no route."""
    request = struct.pack(f"{REQUEST_SIZE}s", name.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            return socket.inet_ntoa(fcntl.ioctl(probe, SIOCGIFADDR, request)[20:24])
        except OSError:
            return ""
