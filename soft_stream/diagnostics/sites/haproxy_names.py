"""The names that haproxy passes on to the cameras."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from soft_stream.diagnostics.sites import certificates
from soft_stream.diagnostics.sites.addresses import find_port
from soft_stream.diagnostics.sites.haproxy_hosts import Conditions, map_names
from soft_stream.diagnostics.sites.haproxy_syntax import Line, Section, read_sections
from soft_stream.diagnostics.sites.site import ADDRESS_HEADERS, Names, Site, single, union

FAMILY = re.compile(r"(?:ipv4|ipv6|tcp4?|tcp6)@")
# requests for which such a condition is true end here
END = ("deny", "reject", "tarpit", "silent-drop", "return", "redirect")
THE_SAME = re.compile(
    r"%\[\s*(?:req\.)?f?hdr\(\s*host\s*(?:,[^)]*)?\)(?:,(?:lower|host_only|field\(1,:\)))*\s*\]", re.I
)
HTTP_CHECK_HOST = re.compile(r"host:\s*(\S+)", re.IGNORECASE)
ADDRESS_OPTIONS = ("forwardfor", "forwarded")
SETS_HEADER = ("set-header", "add-header")
NO_NAME = "it has no condition with a DNS name, and passes on any name"


@dataclass(frozen=True)
class Route:
    """A line that leads requests to backends; `names` is None if it leads any name there."""

    backends: Collection[str]
    names: Names | None


def sites(etc: Path, ports: Collection[int], sockets: Mapping[str, int]) -> Iterator[Site]:
    """Yield the sites in the configuration of haproxy that forward to these ports or sockets.

    Raises:
        OSError: a file cannot be read.
    """
    sections = read_sections(etc)
    targets = {each.name: each for each in sections if each.kind in ("backend", "listen")}
    cameras = {name: found for name, each in targets.items() if (found := _cameras(each, ports, sockets))}
    for frontend in (each for each in sections if each.kind in ("frontend", "listen")):
        passed: dict[int, tuple[str, Names]] = {}
        with_address = _sends_address(frontend)
        for route in _routes(frontend, cameras):
            names = route.names if route.names is not None else _names_of_all(frontend, cameras)
            for backend in route.backends:
                with_address |= _sends_address(targets[backend])
                names_there = _as_set(names, frontend, targets[backend]) | _of_checks(targets[backend])
                for port, line in cameras[backend].items():
                    where, before = passed.get(port, (line.where, Names()))
                    passed[port] = where, before | names_there
        for port, (where, names) in passed.items():
            yield Site(where, port, names.known, names.unknown, with_address)


def _sends_address(section: Section) -> bool:
    """Return True if a section sends the address of its client."""
    headers = (line.words[2:3] for line in section.named("http-request") if line.words[1] in SETS_HEADER)
    has_header = any(word.lower() in ADDRESS_HEADERS for words in headers for word in words)
    return has_header or any(True for option in ADDRESS_OPTIONS for _ in section.named("option", option))


def _cameras(section: Section, ports: Collection[int], sockets: Mapping[str, int]) -> Mapping[int, Line]:
    """Return the lines of servers that are cameras, by their ports."""
    lines = [(line, line.words[2]) for line in section.named("server") if len(line.words) > 2]
    lines += [(line, line.words[3]) for line in section.named("server-template") if len(line.words) > 3]
    found = [(line, FAMILY.sub("", address)) for line, address in lines]
    return {port: line for line, address in found if (port := find_port(address, ports, sockets))}


def _routes(frontend: Section, cameras: Collection[str]) -> Iterator[Route]:
    """Yield the ways from a frontend to backends that have cameras."""
    conditions = Conditions(frontend)
    for line in frontend.lines:
        kind, *words = line.words
        if kind == "default_backend" and words and words[0] in cameras:
            yield Route(words[:1], None)
        elif kind == "use_backend" and words and words[0] in cameras:
            alternatives = [[test for test in each if not test.negated] for each in conditions.alternatives(words)]
            yield Route(words[:1], union(test.names for tests in alternatives for test in tests))
            if not all(any(test.is_only for test in tests) for tests in alternatives):
                yield Route(words[:1], None)
        elif kind == "use_backend" and words and "%[" in words[0] and cameras:
            names, others = map_names(words[0], cameras)
            if names.known or names.unknown:
                yield Route(cameras, names)
            if others:
                yield Route(cameras, None)
    if frontend.kind == "listen" and frontend.name in cameras:
        yield Route([frontend.name], None)


def _names_of_all(frontend: Section, cameras: Collection[str]) -> Names:
    """Return the names of a frontend that leads any name to a camera: those in its other lines, or its certificates."""
    conditions = Conditions(frontend)
    names = Names()
    for line in frontend.lines:
        tests = conditions.tests(line.words)
        if line.words[0] == "use_backend" and {*line.words[1:2]} & {*cameras}:
            continue  # its names have a route of their own
        ends = any(word in END for word in line.words[:3]) and "scheme" not in line.words
        if ends or line.words[0] == "use_backend":
            tests = [test for test in tests if test.negated]
        names |= union(test.names for test in tests)
    if names.known or names.unknown:
        return names
    return certificates.names(_certificates(frontend)) or Names(unknown=NO_NAME)


def _certificates(frontend: Section) -> Iterator[Path]:
    for line in frontend.named("bind"):
        for word, file in zip(line.words, line.words[1:], strict=False):
            if word == "crt":
                path = Path(file)
                yield from sorted(path.iterdir()) if path.is_dir() else [path]


def _as_set(names: Names, *sections: Section) -> Names:
    """Return the names after `http-request set-header Host` and the like.

    Those before stay: they may be in X-Forwarded-Host, which the server compares with Origin.
    """
    for line in (line for section in sections for line in section.named("http-request")):
        action, header, *values = [*line.words[1:], "", ""]
        if header.lower() != "host" or not action.startswith(("set-header", "replace-header", "replace-value")):
            continue
        value = values[1] if action.startswith("replace") else values[0]
        if THE_SAME.fullmatch(value):
            continue
        is_known = not any(mark in value for mark in "%$\\")
        new = single(value) if is_known else Names(unknown=f"it sets Host to {value}")
        is_always = action == "set-header" and not {"if", "unless"} & {*values}
        names = (Names(names.known) if is_always else names) | new
    return names


def _of_checks(backend: Section) -> Names:
    """Return the names in the requests with which haproxy checks the servers; refused ones are down for haproxy."""
    names = Names()
    for line in backend.lines:
        words = line.words
        if words[:2] == ("http-check", "send"):
            headers = [words[at + 1 : at + 3] for at, word in enumerate(words) if word == "hdr"]
            names |= union(single(each[1]) for each in headers if len(each) == 2 and each[0].lower() == "host")
        elif words[:2] == ("option", "httpchk"):
            text = " ".join(words[2:]).replace("\\r", " ").replace("\\n", " ")
            names |= union(single(each) for each in HTTP_CHECK_HOST.findall(text))
    return names
