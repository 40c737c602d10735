"""A site that forwards to a camera, and the DNS names that it passes on in the header Host."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from soft_stream.config import host_names

PORT = re.compile(r":\d*$")
ADDRESS_HEADERS = ("x-forwarded-for", "forwarded")
"""The headers in which a proxy sends the address of its client, in lower case."""


@dataclass(frozen=True)
class Site:
    """A site of another program that forwards requests to a port of this machine."""

    where: str
    """The file, and the line if it is known."""
    port: int
    """The port of the camera; 0 if it is unknown."""
    names: tuple[str, ...] = ()
    """The DNS names that it passes on; `*.NAME` is each name below NAME."""
    unknown: str = ""
    """Why it may pass on further names that are not known; "" if it does not."""
    sends_address: bool = True
    """Whether it sends the address of its client, in X-Forwarded-For or Forwarded; True if that is not known."""


@dataclass(frozen=True)
class Names:
    """DNS names, and why there may be others."""

    known: tuple[str, ...] = ()
    unknown: str = ""

    def __or__(self, other: "Names") -> "Names":
        """Return all names of both."""
        return union([self, other])


def union(some: Iterable[Names]) -> Names:
    """Return all names, and the first reason why there may be others."""
    found = list(some)
    known = dict.fromkeys(name for each in found for name in each.known)
    return Names(tuple(known), next((each.unknown for each in found if each.unknown), ""))


def single(text: str) -> Names:
    """Return the name in a text such as `cam.example.org:8443`; none for an IP address."""
    host = PORT.sub("", text.partition("/")[0])
    wildcard = "*." if host.startswith("*.") else ""
    try:
        name = host_names.normalize(host.removeprefix(wildcard))
    except ValueError:
        return Names()
    return Names() if host_names.ends_in_number(name) else Names((wildcard + name,))


def below(text: str) -> Names:
    """Return all names below a name, such as those below `.example.org`."""
    return union(Names((f"*.{name}",)) for name in single(text.removeprefix(".")).known if not name.startswith("*"))
