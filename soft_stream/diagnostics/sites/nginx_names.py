"""The names that nginx passes on to the cameras."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from soft_stream.diagnostics.sites import certificates
from soft_stream.diagnostics.sites.addresses import find_port, is_this_machine
from soft_stream.diagnostics.sites.nginx_servers import (
    CONTEXTS,
    Lookup,
    host_of,
    read_configuration,
    top,
    without_includes,
)
from soft_stream.diagnostics.sites.nginx_syntax import Configuration, Directive
from soft_stream.diagnostics.sites.site import ADDRESS_HEADERS, Names, Site, below, single, union

DEFAULT_HOST = "$proxy_host"
FORWARDED_HOST = "x-forwarded-host"
# a variable, perhaps with a port behind it
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))(?::.*)?")
PORT_WITH_VARIABLE = re.compile(r"(?:[^/:]*://)?(\[[^]]*\]|[^/:]*):(\d*)\$")
OF_THE_CLIENT = ("host", "http_host")
OF_THE_TARGET = "proxy_host"
OF_THE_SERVER = "server_name"
OF_THE_MACHINE = "hostname"
Headers = Sequence[tuple[str, ...]]
NO_NAME = "it has no server_name that is a DNS name, and passes on any name"


@dataclass(frozen=True)
class Scope:
    """A server and what it inherits: the directives around it, and its context, such as `http`."""

    directive: Directive
    around: tuple[Directive, ...]
    context: str


def sites(
    etc: Path,
    ports: Collection[int],
    moved: Collection[Path],
    replaced: Collection[Directive],
    sockets: Mapping[str, int],
) -> Iterator[Site]:
    """Yield the sites in nginx's configuration that forward to these ports or sockets.

    Moved files and replaced servers do not.

    Raises:
        OSError: a file cannot be read.
    """
    configuration = read_configuration(etc, moved)
    lookup = Lookup.of(configuration)
    gone = {(each.file.resolve(), each.start) for each in replaced}
    for scope in _servers(top(configuration), (), "http"):
        if (scope.directive.file.resolve(), scope.directive.start) in gone:
            continue
        found: dict[int, Names] = {}
        with_address: set[int] = set()
        inside = lookup.inside(scope.directive)
        for forward, headers in _passes(scope.directive.block, _headers(scope.around)):
            for host, port in _cameras(forward, inside, ports, sockets):
                found[port] = found.get(port, Names()) | _passed_on(scope, inside, etc, host, headers)
                if any(value for name in ADDRESS_HEADERS for value in _values(headers, name)):
                    with_address.add(port)
        for port, names in found.items():
            yield Site(scope.directive.where, port, names.known, names.unknown, port in with_address)
    yield from _not_understood(configuration, ports)


def _servers(directives: Iterable[Directive], around: tuple[Directive, ...], context: str) -> Iterator[Scope]:
    here = list(without_includes(directives))
    around = (*around, *(each for each in here if not each.block))
    for each in here:
        if each.name == "server" and each.block:
            yield Scope(each, around, context)
        elif each.name in CONTEXTS:
            yield from _servers(each.block, around, each.name)


def _passed_on(scope: Scope, lookup: Lookup, etc: Path, host: str, headers: Headers) -> Names:
    """Return the names that a server passes on to a host with these headers."""
    if scope.context != "http":
        return Names(unknown=f"it forwards connections of any protocol (`{scope.context}`)")
    client = partial(_names_of_server, scope, etc)
    values = _values(headers, "host") or [DEFAULT_HOST]
    names = union(_of_header(value, host, client, lookup) for value in values)
    # the server compares this header with Origin, if it is one of its names
    forwarded = union(_of_header(each, host, client, lookup) for each in _values(headers, FORWARDED_HOST))
    return names | Names(forwarded.known)


def _cameras(
    forward: Directive, lookup: Lookup, ports: Collection[int], sockets: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    """Yield the host and the port of each camera to which a `proxy_pass` may forward."""
    for target in lookup.values(forward.words[1]) if len(forward.words) > 1 else ():
        host = host_of(target)
        if (match := PORT_WITH_VARIABLE.match(target)) and is_this_machine(match[1].strip("[]")):
            yield from ((match[1], port) for port in ports if str(port).startswith(match[2]))
        else:
            found = (find_port(address, ports, sockets) for address in lookup.addresses(host))
            yield from ((host, port) for port in found if port)


def _passes(block: Iterable[Directive], headers: Headers) -> Iterator[tuple[Directive, Headers]]:
    """Yield each `proxy_pass` with the headers that it sets: those of the innermost block that sets any."""
    here = list(without_includes(block))
    headers = _headers(here) or headers
    for each in here:
        if each.name == "proxy_pass":
            yield each, headers
        yield from _passes(each.block, headers)


def _headers(directives: Iterable[Directive]) -> Headers:
    return [each.words for each in directives if each.name == "proxy_set_header" and len(each.words) == 3]


def _values(headers: Headers, name: str) -> list[str]:
    return [words[2] for words in headers if words[1].lower() == name]


def _of_header(value: str, target: str, client: "partial[Names]", lookup: Lookup) -> Names:
    """Return the names that a value of the header Host may be."""
    match = VARIABLE.fullmatch(value)
    if match is None:
        return Names(unknown=f"it sets Host to {value}") if "$" in value else single(value)
    variable = match[1] or match[2]
    if variable in OF_THE_CLIENT:
        return client()
    if variable == OF_THE_TARGET:
        return single(target)
    if variable == OF_THE_SERVER:
        return client(only_first=True)
    if variable == OF_THE_MACHINE:
        return Names()
    if values := lookup.variables.get(variable):
        others = Lookup(lookup.upstreams, {key: each for key, each in lookup.variables.items() if key != variable})
        return union(_of_header(each, target, client, others) for each in values)
    return Names(unknown=f"it sets Host to {value}")


def _names_of_server(scope: Scope, etc: Path, *, only_first: bool = False) -> Names:
    """Return the names of a server; of one without names, those of its certificates."""
    here = list(without_includes(scope.directive.block))
    words = [word for each in here if each.name == "server_name" for word in each.words[1:]]
    names = union(_of_word(word) for word in (words[:1] if only_first else words))
    if names.known or names.unknown or only_first or any(map(_is_address, words)) or f"${OF_THE_MACHINE}" in words:
        return names
    files = [each.words[1] for each in (*scope.around, *here) if each.name == "ssl_certificate" and len(each.words) > 1]
    return certificates.names(etc / file for file in files) or Names(unknown=NO_NAME)


def _of_word(word: str) -> Names:
    """Return the names of a word of `server_name`."""
    if word.startswith("~"):
        return Names(unknown=f"its server_name {word} is a regular expression")
    if word.endswith(".*"):
        return Names(unknown=f"its server_name {word} ends with a wildcard")
    if word in ("", "_") or word.startswith("$"):
        return Names()
    return single(word[1:]) | below(word) if word.startswith(".") else single(word)


def _is_address(word: str) -> bool:
    return bool(word.strip("_-")) and not single(word).known


def _not_understood(configuration: Configuration, ports: Collection[int]) -> Iterator[Site]:
    """Yield the files that mention one of the ports, but cannot be read as a configuration."""
    for path, problem in configuration.not_understood.items():
        text = path.read_text(errors="replace")
        for port in ports:
            if re.search(rf":{port}\b", text):
                yield Site(str(path), port, unknown=problem)
