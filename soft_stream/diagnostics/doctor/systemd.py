"""The state of systemd units, read with systemctl."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from soft_stream.diagnostics.doctor.host import Host

NAME = "camera-soft-cam@{}.service"
PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NRestarts,StatusText,MainPID,"
    "User,Group,SupplementaryGroups,Wants,StateChangeTimestampMonotonic"
)


@dataclass(frozen=True)
class Unit:
    """The properties of a unit, as systemd reports them."""

    name: str
    is_installed: bool
    active: str
    sub: str
    enabled: str
    result: str
    status: int
    restarts: int
    text: str
    pid: int
    groups: frozenset[str]
    wants: frozenset[str]
    since: float = 0.0
    """When its state changed last, in monotonic seconds; 0 if it never did."""


def show(host: Host, *names: str) -> dict[str, Unit]:
    """Return units by their names; empty if systemd does not run."""
    output = host.run("systemctl", "show", "--no-pager", "--property", PROPERTIES, *names)
    if output is None or output.status:
        return {}
    blocks = (dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in _blocks(output.text))
    return {block["Id"]: _unit(block) for block in blocks if "Id" in block}


def camera_units(host: Host, numbers: Iterable[int]) -> dict[int, Unit]:
    """Return the units of the configured cameras and of those that systemd has loaded, by camera number."""
    loaded = list_units(host, "list-units", "--all", NAME.format("*"))
    wanted = {NAME.format(number) for number in numbers} | loaded
    units = show(host, *sorted(wanted)) if wanted else {}
    return {
        int(match[1]): unit
        for name, unit in sorted(units.items())
        if unit.is_installed and (match := re.fullmatch(NAME.format(r"(\d{1,2})"), name))
    }


def list_units(host: Host, verb: str, *arguments: str) -> set[str]:
    """Return the names of the camera units that a systemctl command lists."""
    output = host.run("systemctl", verb, "--plain", "--no-legend", "--no-pager", *arguments)
    return set(re.findall(r"^\W*(camera-soft-cam\S*)", output.text, re.MULTILINE)) if output else set()


def _blocks(text: str) -> list[str]:
    return text.strip().split("\n\n")


def _unit(block: dict[str, str]) -> Unit:
    def number(name: str) -> int:
        text = block.get(name, "")
        return int(text) if text.isdecimal() else 0

    result = block.get("Result", "")
    groups = " ".join(block.get(name, "") for name in ("Group", "SupplementaryGroups")).split()
    return Unit(
        name=block["Id"],
        is_installed=block.get("LoadState") not in ("not-found", None),
        active=block.get("ActiveState", ""),
        sub=block.get("SubState", ""),
        enabled=block.get("UnitFileState", ""),
        result=result,
        status=number("ExecMainStatus") if result == "exit-code" else 0,  # else it is a signal number
        restarts=number("NRestarts"),
        text=block.get("StatusText", ""),
        pid=number("MainPID"),
        groups=frozenset(groups),
        wants=frozenset(block.get("Wants", "").split()),
        since=number("StateChangeTimestampMonotonic") / 1_000_000,
    )
