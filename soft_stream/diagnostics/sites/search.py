"""Finds the sites that forward to the cameras, in the configuration of every proxy on this machine."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from soft_stream.diagnostics.sites import haproxy_names, nginx_names, other_programs
from soft_stream.diagnostics.sites.nginx_syntax import Directive
from soft_stream.diagnostics.sites.site import Site

ETC = Path("/etc")
NO_SOCKETS: Mapping[str, int] = MappingProxyType({})


def find_sites(
    ports: Collection[int],
    etc: Path = ETC,
    *,
    moved: Collection[Path] = (),
    replaced: Collection[Directive] = (),
    sockets: Mapping[str, int] = NO_SOCKETS,
) -> list[Site]:
    """Return the sites that forward to these ports, or to these unix sockets, each of which has the port of its camera.

    A file that cannot be read is a site whose names are not known. Of nginx, the files in `moved` and the servers in
    `replaced` do not count.
    """
    readers: Iterable[Callable[[], Iterator[Site]]] = (
        partial(nginx_names.sites, etc / "nginx", ports, moved, replaced, sockets),
        partial(haproxy_names.sites, etc / "haproxy", ports, sockets),
        partial(other_programs.sites, etc, ports, sockets),
    )
    return [_printable(site) for reader in readers for site in _readable(reader)]


def _readable(reader: Callable[[], Iterator[Site]]) -> Iterator[Site]:
    try:
        yield from reader()
    except OSError as error:
        yield Site(str(error.filename), 0, unknown=f"it cannot be read: {error.strerror}")


def _printable(site: Site) -> Site:
    """Return a site whose texts can be encoded: names of files, and what is in them, may be any bytes."""
    where, unknown = (
        text.encode(errors="surrogateescape").decode(errors="replace") for text in (site.where, site.unknown)
    )
    return replace(site, where=where, unknown=unknown)
