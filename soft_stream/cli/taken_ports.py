"""The ports that other programs have, and a base of ports that are free."""

import errno
import os
import socket
from collections.abc import Iterator, Mapping

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.network_settings import FIRST_PORT
from soft_stream.config.settings import Settings
from soft_stream.config.validation import HIGHEST_PORT


def problems(cameras: Mapping[int, Settings], port_base: int | None) -> list[str]:
    """Return a sentence for each endpoint on which a camera cannot listen; the last one has the next free ports."""
    sentences, is_taken = [], False
    for settings in cameras.values():
        for endpoint in settings.endpoints:
            if not (error := _error(endpoint)) or (settings.is_optional(endpoint) and error != errno.EADDRINUSE):
                continue
            where = f"{endpoint} ({settings.names_for(endpoint)})"
            if error == errno.EADDRINUSE:
                is_taken |= endpoint in settings.bound
                sentences.append(f"{where} is taken: {_who_has(endpoint)} listens there")
            else:
                is_root_only = error == errno.EACCES
                advice = "; this user has no right to ports below 1024" if is_root_only else ""
                sentences.append(f"{where} cannot be used: {os.strerror(error)}{advice}")
    if is_taken:
        base = _free_base(cameras, FIRST_PORT if port_base is None else port_base)
        sentences.append(f"Free ports: --port-base {base}" if base else "No other ports are free")
    return sentences


def _free_base(cameras: Mapping[int, Settings], first: int) -> int | None:
    """Return the first base at which the ports of all cameras are free."""
    others = [each for settings in cameras.values() for each in settings.listen]
    for base in range(first + 1, HIGHEST_PORT + 1 - max(cameras)):
        if all(_is_free(endpoint, others) for endpoint in _moved(cameras, base)):
            return base
    return None


def _moved(cameras: Mapping[int, Settings], base: int) -> Iterator[Endpoint]:
    for number, settings in cameras.items():
        for address in settings.bind:
            yield Endpoint("http", address, base + number)


def _is_free(endpoint: Endpoint, others: list[Endpoint]) -> bool:
    """Return True unless the port of an endpoint is in use, also by another endpoint of the cameras."""
    return _error(endpoint) != errno.EADDRINUSE and not any(map(endpoint.overlaps, others))


def _error(endpoint: Endpoint) -> int:
    """Return the error of listening on an endpoint; 0 if it can be used. The server itself replaces unix sockets."""
    if endpoint.path:
        return 0
    try:
        family, *_, address = socket.getaddrinfo(
            endpoint.address, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )[0]
        socket.create_server(address, family=family).close()
    except socket.gaierror:  # an interface that does not exist, as in fe80::1%eth7
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0


def _who_has(endpoint: Endpoint) -> str:
    # imported late: the parent of the cameras needs no web client
    from soft_stream.diagnostics.doctor.host import Host
    from soft_stream.diagnostics.doctor.listeners import find_listeners

    host = Host()
    theirs = [
        each
        for each in find_listeners(host, endpoint.port)
        if any(Endpoint("http", address, endpoint.port).overlaps(endpoint) for address in each.addresses)
    ]
    for listener in sorted(theirs, key=lambda each: not each.program):
        if listener.program:
            words = (host.read(f"/proc/{listener.pid}/cmdline") or "").split("\0")
            return f"soft-stream (pid {listener.pid})" if "soft_stream" in words else str(listener)
        if listener.unit and not listener.unit.startswith("user@"):
            return f"the unit {listener.unit}"
    return f"another program (sudo ss -ltnp 'sport = :{endpoint.port}' shows which)"
