"""[target] The other nginx sites on our ports: which of them served the cameras, and how they are replaced."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollout.system import UNAVAILABLE, RolloutError, read_exactly
from soft_stream.diagnostics.sites.addresses import is_camera
from soft_stream.diagnostics.sites.nginx_servers import Server, find_servers, read_configuration
from soft_stream.diagnostics.sites.nginx_syntax import Configuration, Directive

NOTE = """\
# Commented out by the rollout of camera-soft-stream {release}, which serves port {ports} itself now.
# The file as it was before: {backup}
"""

ADVICE = (
    "Give them other ports, choose others for the cameras with --portal-port and --camera-port-base, or deploy with "
    "--no-nginx."
)


@dataclass(frozen=True)
class Ports:
    """Our external ports, and the ports of the processes behind them."""

    ours: Collection[int]
    cameras: Collection[int]


@dataclass
class Takeover:
    """What happens to the other sites on our ports."""

    moved: list[Path] = field(default_factory=list)
    """Files that serve nothing but cameras."""
    edited: dict[Path, list[tuple[Directive, str]]] = field(default_factory=dict)
    """Directives to comment out, each with its ports, by the real path of their file."""
    htpasswd: list[Path] = field(default_factory=list)
    """The files with the logins of the servers that are replaced."""
    hints: list[str] = field(default_factory=list)
    """What the owner should know about sites that stay, or that had more than ours have."""

    @property
    def replaced(self) -> list[Directive]:
        """The servers to comment out."""
        return [each for edits in self.edited.values() for each, _ in edits if each.name == "server"]


def find(etc: Path, ports: Ports, own: Collection[Path]) -> Takeover:
    """Return what must happen to other sites so that our ports are free; `own` are our files.

    A server whose ports are all ours and that forwards to nothing but cameras is replaced. A server that forwards to
    a camera and has other ports, too, keeps these.

    Raises:
        RolloutError: another server uses one of our ports.
    """
    try:
        configuration = read_configuration(etc, own)
    except OSError as error:
        hint = "; a dry run as root can read it" if isinstance(error, PermissionError) else ""
        raise RolloutError(f"{error.filename}: cannot be read: {error.strerror}{hint}", UNAVAILABLE) from None
    servers = find_servers(configuration)
    takeover, whole = Takeover(), list[Server]()
    conflicts = [*_not_understood(configuration, ports)]
    for server in servers:
        listens = [(listen, numbers) for listen, numbers in server.listens if numbers & {*ports.ours}]
        if not listens:
            continue
        if problem := _conflict(server, listens, ports):
            conflicts.append(problem)
            continue
        takeover.htpasswd += [path for name in server.htpasswd if (path := etc / name) not in takeover.htpasswd]
        if len(listens) < len(server.listens):
            for listen, numbers in listens:
                _edit(takeover, listen, numbers)
        else:
            whole.append(server)
    if conflicts:
        raise RolloutError(
            "\n".join([*conflicts, ADVICE]),
            UNAVAILABLE,
        )
    remaining = [server for server in servers if server not in whole]
    takeover.hints = list(_hints(whole, remaining, ports))
    takeover.moved = list(_only_cameras(configuration, whole, remaining, ports))
    for server in whole:
        if server.directive.file not in takeover.moved:
            numbers = frozenset(port for _, numbers in server.listens for port in numbers)
            _edit(takeover, server.directive, numbers)
    return takeover


def comment_out(text: str, directives: Iterable[tuple[Directive, str]], release: str, backup: Path) -> str:
    """Return the text of a file with these directives as comments, each below a note."""
    newline = "\r\n" if "\r\n" in text else "\n"
    for directive, ports in sorted(directives, key=lambda each: each[0].start, reverse=True):
        before, after = text[: directive.start], text[directive.end :]
        indent = before.rpartition("\n")[2]
        if indent.strip():
            before, indent = before + newline, ""
        if after.partition("\n")[0].strip() or not after:
            after = newline + after
        note = NOTE.format(release=release, ports=ports, backup=backup).splitlines()
        # a comment ends at a line feed only, so the text keeps its other line ends
        commented = "#" + text[directive.start : directive.end].replace("\n", "\n#")
        text = before + (newline + indent).join([*note, commented]) + after
    return text


def mentioning(etc: Path, text: str) -> Iterator[Path]:
    """Yield the files that nginx loads and that contain a text, by their real paths."""
    for path in {path.resolve() for path in read_configuration(etc, ()).files}:
        if text in read_exactly(path):
            yield path


def _edit(takeover: Takeover, directive: Directive, numbers: Iterable[int]) -> None:
    edits = takeover.edited.setdefault(directive.file.resolve(), [])
    if all(directive.start != other.start for other, _ in edits):  # a file may be loaded by two paths
        edits.append((directive, _in_words(numbers)))


def _conflict(server: Server, listens: Sequence[tuple[Directive, Collection[int]]], ports: Ports) -> str:
    """Return why a server cannot be replaced; "" if it can."""
    for listen, numbers in listens:
        taken = _in_words({*ports.ours}.intersection(numbers))
        what = f"{listen.where}: this server listens on port {taken}"
        others = [target for target in server.targets if not is_camera(target, ports.cameras)]
        if len(others) == len(server.targets):
            return f"{what}, and forwards to no camera."
        if not {*ports.ours}.issuperset(numbers):
            return f"{listen.where}: this server listens on the ports {listen.words[1]}, of which {taken} is ours."
        if len(listens) == len(server.listens) and others:
            return f"{what}, and forwards to a camera and to {', '.join(others)}."
        if len(listens) < len(server.listens) and listen.file != server.directive.file:
            return f"{what}, which is in a file that the server at {server.directive.where} includes."
    return ""


def _hints(whole: Iterable[Server], remaining: Iterable[Server], ports: Ports) -> Iterator[str]:
    for server in remaining:
        for target in server.targets:
            if is_camera(target, ports.ours):
                yield (
                    f"{server.directive.where}: this server forwards to {target}, where nginx now asks for a login; "
                    f"forward to the port of a camera's process ({_in_words(ports.cameras)})"
                )
    for server in whole:
        if any("ssl" in listen.words for listen, _ in server.listens):
            yield (
                f"{server.directive.where}: this server used TLS; ours do if there is a certificate (--tls, or "
                "docs/nginx.md)"
            )


def _only_cameras(
    configuration: Configuration, whole: Iterable[Server], remaining: Iterable[Server], ports: Ports
) -> Iterator[Path]:
    """Yield the files that have nothing but replaced servers, and upstreams that only these use."""
    directives = [server.directive for server in whole]
    used = {name for server in remaining for name in server.upstreams}

    def is_replaced(each: Directive) -> bool:
        if each.name != "upstream":
            return each in directives
        addresses = [address for server in each.inside("server") for address in server.words[1:2]]
        return each.words[-1] not in used and all(is_camera(address, ports.cameras) for address in addresses)

    def is_only_cameras(path: Path) -> bool:
        return path in configuration.by_wildcard and all(map(is_replaced, configuration.files[path]))

    for path in dict.fromkeys(directive.file for directive in directives):
        same = [other for other in configuration.files if other.resolve() == path.resolve()]
        if all(map(is_only_cameras, same)):
            yield path


def _not_understood(configuration: Configuration, ports: Ports) -> Iterator[str]:
    """Yield a sentence for each file that cannot be read as a configuration, and that seems to use our ports."""
    for path, problem in configuration.not_understood.items():
        numbers = {int(port) for port in re.findall(r"\blisten\s+(?:\S+:)?([0-9]{1,5})\b", read_exactly(path))}
        if taken := numbers & {*ports.ours}:
            yield f"{problem}; this file seems to listen on port {_in_words(taken)}."


def _in_words(ports: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ports)))
