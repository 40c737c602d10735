"""The DNS names of this machine, without a DNS request."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

HOST_NAME_FILE = Path("/etc/hostname")
HOSTS_FILE = Path("/etc/hosts")
RESOLVER_FILE = Path("/etc/resolv.conf")


def read_names() -> Iterator[str]:
    """Yield the host name, its aliases in /etc/hosts, and its name in each domain of /etc/resolv.conf.

    In a unit with ProtectHostname= the kernel keeps the host name that the machine had at the start; only the file has
    the new one. Other lines of /etc/hosts do not count, whatever their address is: lists that block advertisements have
    thousands of foreign names with the address 127.0.0.1.
    """
    host_names = {socket.gethostname().lower(), *(words[0] for words in read_lines(HOST_NAME_FILE))}
    short_names = {name.partition(".")[0] for name in host_names}
    yield from host_names
    for words in read_lines(HOSTS_FILE):
        names = words[1:]
        if not (host_names | short_names).isdisjoint(names):
            yield from (name.rstrip(".") for name in names)
    for words in read_lines(RESOLVER_FILE):
        if words[0] in ("search", "domain"):
            yield from (f"{short}.{domain.strip('.')}" for domain in words[1:] for short in short_names)


def read_lines(path: Path) -> Iterator[list[str]]:
    """Yield the words of each line in lower case, without comments; nothing if there is no such file."""
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
        for line in file:  # a list that blocks advertisements may have megabytes
            if words := line.lower().partition("#")[0].split():
                yield words
