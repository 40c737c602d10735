"""The programs that listen on a TCP port, from `ss` and /proc."""

import ipaddress
import re
from dataclasses import dataclass

from soft_stream.diagnostics.doctor.host import Host

LINE = re.compile(r"^\S+ +\d+ +\d+ +(?P<address>\S+):\d+ ", re.MULTILINE)
PROGRAM = re.compile(r'\("([^"]+)",pid=(\d+)')
UNIT = re.compile(r"/([^/\s]+\.service)")


@dataclass(frozen=True)
class Listener:
    """A listening socket: its addresses, and the program that has it, as far as this user may see that."""

    addresses: tuple[str, ...]
    """0.0.0.0 is every IPv4 address, and :: every IPv6 address."""
    program: str = ""
    pid: int = 0
    unit: str = ""
    """The unit of systemd that the program belongs to."""

    def __str__(self) -> str:
        """Return the program, such as "nginx (pid 12)"; "" if it is not visible."""
        return f"{self.program} (pid {self.pid})" if self.program else ""


def find_listeners(host: Host, port: int) -> list[Listener]:
    """Return the sockets that listen on a port."""
    output = host.run("ss", "-Hltnpe", f"sport = :{port}")
    lines = output.text.splitlines() if output else []
    return [_parse(host, match["address"], line) for line in lines if (match := LINE.match(line))]


def listening_program(host: Host, port: int) -> str:
    """Return the program that listens on a port, such as "nginx (pid 12)"; "" if that is not visible."""
    return next((str(each) for each in find_listeners(host, port) if each.program), "")


def _parse(host: Host, address: str, line: str) -> Listener:
    name, pid = next(iter(PROGRAM.findall(line)), ("", "0"))
    group = line.partition(" cgroup:")[2].partition(" ")[0]  # every user may see it
    if name:
        group += host.read(f"/proc/{pid}/cgroup") or ""
    units = UNIT.findall(group)
    return Listener(_addresses(address), name, int(pid), units[-1] if units else "")


def _addresses(text: str) -> tuple[str, ...]:
    """Return the addresses of a socket that `ss` shows: `*` is one for IPv4 and IPv6; `%eth0` is an interface."""
    if text == "*":
        return ("0.0.0.0", "::")  # noqa: S104 # nothing is bound here
    address = ipaddress.ip_address(re.sub(r"%[^]]*|[][]", "", text))
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (str(mapped or address),)
