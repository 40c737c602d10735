"""The servers of nginx's configuration: where each listens, and where it forwards to."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from soft_stream.diagnostics.sites.nginx_syntax import Configuration, Directive

PASSES = ("proxy_pass", "fastcgi_pass", "grpc_pass", "memcached_pass", "scgi_pass", "uwsgi_pass")
CONTEXTS = ("http", "mail", "stream")
# ADDRESS:PORT, PORT or a range of ports; anything else is an address on nginx's default port
LISTEN = re.compile(r"(?:(?:\[.*\]|[^:]*):)?([0-9]{1,5})(?:-([0-9]{1,5}))?")
DEFAULT_PORT = 80
# the host of a URL, perhaps with a port, before a path or a variable with one
TARGET = re.compile(r"(?:[^/:]*://)?(unix:.*|(?:\[[^]]*\]|[^/:])*(?::\d+)?)")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
Values = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Server:
    """A server, and what its directives mean together with those around it."""

    directive: Directive
    listens: tuple[tuple[Directive, frozenset[int]], ...]
    """Its `listen` directives, each with its TCP ports."""
    targets: tuple[str, ...]
    """Each `HOST:PORT` that it forwards to."""
    upstreams: tuple[str, ...]
    """The names in its targets, which may be those of upstreams."""
    htpasswd: tuple[str, ...]
    """Its files of logins."""


def read_configuration(etc: Path, ignored: Iterable[Path]) -> Configuration:
    """Load all files of nginx; without nginx's main file those that Debian's would include."""
    configuration = Configuration(etc)
    if (etc / "nginx.conf").exists():
        configuration.load(etc / "nginx.conf", ignored)
        return configuration
    for path in sorted([*etc.glob("conf.d/*.conf"), *etc.glob("sites-enabled/[!.]*")]):
        configuration.load(path, ignored)
        configuration.by_wildcard.add(path)
    return configuration


def find_servers(configuration: Configuration) -> list[Server]:
    """Return all servers, of HTTP and of other protocols."""
    lookup = Lookup.of(configuration)
    found = _servers(top(configuration), ())
    servers = {(each.file, each.start): _server(each, around, lookup) for each, around in found}
    return list(servers.values())


def top(configuration: Configuration) -> list[Directive]:
    """Return the directives outside of all blocks."""
    main = configuration.files.get(configuration.prefix / "nginx.conf")
    return _everything(configuration) if main is None else list(main)


@dataclass(frozen=True)
class Lookup:
    """What names in the target of a directive may mean."""

    upstreams: Values
    """The addresses of each upstream."""
    variables: Values
    """The values of each variable of a `map` or the like."""

    @classmethod
    def of(cls, configuration: Configuration) -> "Lookup":
        """Read the upstreams and variables of a configuration."""
        everything = _everything(configuration)
        upstreams = {
            each.words[-1]: [address for server in each.inside("server") for address in server.words[1:2]]
            for each in _all(everything, "upstream")
        }
        variables: dict[str, list[str]] = {}
        for each in _all(everything, "map", "geo", "split_clients"):
            values = [entry.words[-1] for entry in without_includes(each.block)]
            variables.setdefault(each.words[-1].strip("${}"), []).extend(values)
        return cls(upstreams, variables)

    def inside(self, server: Directive) -> "Lookup":
        """Return the lookup within a server, which may set variables."""
        own: dict[str, list[str]] = {}
        for each in server.inside("set"):
            if len(each.words) > 2:
                own.setdefault(each.words[1].strip("${}"), []).append(each.words[2])
        return Lookup(self.upstreams, {**self.variables, **own})

    def values(self, target: str) -> Iterator[str]:
        """Yield a target for each combination of values that its variables may have; unknown ones stay in it."""
        known = (match for match in VARIABLE.finditer(target) if match.group(match.lastindex or 0) in self.variables)
        if match := next(known, None):
            name = match[1] or match[2]
            others = Lookup(self.upstreams, {key: each for key, each in self.variables.items() if key != name})
            for value in self.variables[name]:
                yield from others.values(target[: match.start()] + value + target[match.end() :])
        else:
            yield target

    def upstreams_of(self, host: str) -> Collection[str]:
        """Return the upstreams that a host may be: in `camera$1` each that begins so; the host itself if it is none."""
        prefix, variable, _ = host.partition("$")
        return [
            name for name in self.upstreams if name == host or (prefix and variable and name.startswith(prefix))
        ] or [host]

    def addresses(self, host: str) -> Iterator[str]:
        """Yield the addresses of a host, of which an upstream may have several."""
        for name in self.upstreams_of(host):
            yield from self.upstreams.get(name, [name])


def host_of(target: str) -> str:
    """Return the host of a target, with its port if there is one."""
    found = TARGET.match(target)
    return found[1] if found else target


def _everything(configuration: Configuration) -> list[Directive]:
    return [each for directives in configuration.files.values() for each in directives]


def _all(directives: Iterable[Directive], *names: str) -> Iterator[Directive]:
    for each in directives:
        if each.name in names:
            yield each
        yield from each.inside(*names)


def _servers(directives: Iterable[Directive], htpasswd: tuple[str, ...]) -> Iterator[tuple[Directive, tuple[str, ...]]]:
    """Yield each server with the login files that it inherits."""
    here = list(without_includes(directives))
    htpasswd = _login_files(here) or htpasswd
    for each in here:
        if each.name == "server" and each.block:
            yield each, htpasswd
        elif each.name in CONTEXTS:
            yield from _servers(each.block, htpasswd)


def _server(directive: Directive, htpasswd: tuple[str, ...], lookup: Lookup) -> Server:
    known = lookup.inside(directive)
    passes = (each.words[1] for each in directive.inside(*PASSES) if len(each.words) > 1)
    hosts = [host_of(target) for each in passes for target in known.values(each)]
    listens = [each for each in without_includes(directive.block) if each.name == "listen" and len(each.words) > 1]
    return Server(
        directive,
        tuple((each, _ports(each.words[1])) for each in listens),
        tuple(dict.fromkeys(end for host in hosts for end in known.addresses(host))),
        tuple(name for host in hosts for name in known.upstreams_of(host)),
        _login_files(directive.inside("auth_basic_user_file")) or htpasswd,
    )


def without_includes(directives: Iterable[Directive]) -> Iterator[Directive]:
    """Yield directives, and in place of each `include` what it includes."""
    for each in directives:
        if each.name == "include":
            yield from without_includes(each.block)
        else:
            yield each


def _login_files(directives: Iterable[Directive]) -> tuple[str, ...]:
    names = [each.words[1] for each in directives if each.name == "auth_basic_user_file" and len(each.words) > 1]
    return tuple(dict.fromkeys(names))


def _ports(address: str) -> frozenset[int]:
    """Return the TCP ports of a `listen`."""
    if address.startswith("unix:"):
        return frozenset()
    match = LISTEN.fullmatch(address)
    first = int(match[1]) if match else DEFAULT_PORT
    return frozenset(range(first, int(match[2] if match and match[2] else first) + 1))
