"""[target] The previous program that served the cameras: its units, and its nginx sites on our ports."""

import re
import shlex
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from rollout.system import is_active, is_enabled, read, run
from soft_stream.config import env_file
from soft_stream.config.settings import SETTINGS as KNOWN

NGINX_SITES = (Path("/etc/nginx/conf.d"), Path("/etc/nginx/sites-enabled"))


@dataclass(frozen=True)
class OlderUnit:
    """A unit of the previous program, and its state before the rollout."""

    unit: str
    camera: int
    enabled: bool
    active: bool


def find() -> list[OlderUnit]:
    """Return the units of the previous program."""
    listing = run("systemctl", "list-unit-files", "--plain", "--no-legend")
    found = []
    for line in listing.splitlines():
        unit = line.split()[0]
        if match := re.fullmatch(r"camera-soft-cam(\d+)\.service", unit):
            found.append(OlderUnit(unit, int(match[1]), is_enabled(unit), is_active(unit)))
    return found


def read_settings(units: Iterable[OlderUnit], installed: str | None) -> str | None:
    """Return the settings of older units: those installed or of their file, and the flags of their commands."""
    text, flags = installed, []
    for older in units:
        unit = run("systemctl", "cat", older.unit).replace("\\\n", " ")
        for path in re.findall(r"^EnvironmentFile=-?(.+)$", unit, re.MULTILINE):
            text = text or read(Path(path.strip()))
        for command in re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE):
            flags += parse_flags(command, older.camera)
    keys = {assignment.key.lower() for assignment in env_file.parse(text or "")}
    new = [flag for flag in flags if flag.partition("=")[0] not in keys]
    return "\n".join([(text or "").rstrip("\n"), *new]) + "\n" if text or new else None


def parse_flags(command: str, camera: int) -> list[str]:
    """Convert flags such as `--watchdog-timeout 10` to settings; ignore flags that have no setting."""
    words = shlex.split(command)
    flags = []
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        value = value if equals else following
        if word.startswith("--") and name in KNOWN and not value.startswith(("-", "$", "%")):
            flags.append(f"cam{camera}_{name}={shlex.quote(value)}")
    return flags


def find_sites(
    ports: Iterable[int], behind: Iterable[int], own: Container[Path], folders: Iterable[Path] = NGINX_SITES
) -> tuple[list[Path], list[Path]]:
    """Return the other nginx sites on our ports: those of the previous program, and all others.

    A site of the previous program listens on no other port, and forwards to a port of a camera (`behind`).
    """
    ours, cameras = {str(port) for port in ports}, "|".join(map(str, behind))
    older, in_the_way = [], []
    for folder in folders:
        for site in sorted(folder.glob("*")) if folder.is_dir() else []:
            if site in own or not site.is_file():
                continue
            text = re.sub(r"#.*", "", site.read_text(errors="replace"))
            listens = set(re.findall(r"\blisten\s+(?:\S+:)?(\d+)\b", text))
            if listens and listens <= ours and re.search(rf":({cameras})\b", text):
                older.append(site)
            elif listens & ours:
                in_the_way.append(site)
    return older, in_the_way


def find_htpasswd(sites: Iterable[Path]) -> Path | None:
    """Return the file with the logins of the sites."""
    for site in sites:
        if match := re.search(r"^\s*auth_basic_user_file\s+([^;]+);", site.read_text(), re.MULTILINE):
            path = Path("/etc/nginx") / match[1].strip().strip("\"'")
            if path.is_file():
                return path
    return None
