"""[target] Makes the plan for a release from the state of the machine and the owner's settings."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rollout import nginx, nginx_checks, predecessor
from rollout.plan import INCLUDES, REPLACED_SITES, Plan
from rollout.predecessor import OlderUnit
from rollout.settings_file import merged, with_ids
from rollout.system import (
    RELEASES,
    SETTINGS,
    TARGET,
    UNAVAILABLE,
    UNITS,
    RolloutError,
    camera_unit,
    changed_files,
    current_release,
    enabled_cameras,
    is_enabled,
    read,
    succeeds,
    systemd_version,
    write,
)
from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraError
from soft_stream.cameras.identity import sort_by_port
from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import Settings
from soft_stream.service.exit_status import ExitStatus

CANDIDATE = "candidate.env"


def make_plan(folder: Path, new_settings: str | None, *, with_nginx: bool, tls: bool) -> Plan:
    """Return the plan for the release in a folder, with the owner's new settings or those of this machine.

    Raises:
        RolloutError: the settings are wrong.
    """
    found = predecessor.find()
    older = [each for each in found if each.enabled or each.active]
    # a disabled unit of the previous program means that there is no such camera
    absent = {each.camera for each in found} - {each.camera for each in older} if older else set()
    settings = _settings(folder, new_settings, older)
    cameras = _cameras(folder, settings)
    files: dict[Path, str | None] = {SETTINGS: settings, **_system_files(folder)}
    first = current_release() is None
    known = enabled_cameras() | (absent if first else {*active_cameras()})
    enable = [TARGET] if first and not is_enabled(TARGET) else []
    enable += [camera_unit(number) for number in cameras if number not in known]
    disable = [camera_unit(number) for number in sorted(enabled_cameras() - set(cameras))]
    sites: list[Path] = []
    if with_nginx:
        nginx_files, sites = _nginx_files(cameras, tls=tls)
        files |= nginx_files
    return Plan(
        folder.name,
        cameras,
        changed_files(files),
        enable,
        disable,
        stop=older,
        moves=[(path, REPLACED_SITES / f"{path.parent.name}-{path.name}") for path in sites],
        htpasswd=predecessor.find_htpasswd(sites),
    )


def with_cameras(plan: Plan) -> Plan:
    """Return a plan for an earlier release, with the cameras of its settings.

    That release checks the settings, because this release may not have all of them. Mistakes of the owner are
    commented out, so that the cameras can be served.
    """
    folder = RELEASES / str(plan.release)
    older = plan.text_of(SETTINGS) or ""
    write({folder / CANDIDATE: older})
    if not succeeds(str(folder / "bin/soft-stream"), "check", "--env-file", str(folder / CANDIDATE)):
        older = merged(older, "", folder.name)
        plan = replace(plan, files={**plan.files, SETTINGS: older})
    for text in (older, merged(older, "", folder.name), read(SETTINGS) or ""):
        with suppress(RolloutError):
            return replace(plan, cameras=_cameras(folder, text))
    return plan


def _settings(folder: Path, new_settings: str | None, older: Iterable[OlderUnit]) -> str:
    reference = (folder / SETTINGS.name).read_text()
    owners = new_settings or predecessor.read_settings(older, read(SETTINGS))
    if owners is None:
        try:
            ids = [found.id for found in sort_by_port(discovery.list_cameras())]
        except CameraError:
            ids = []
        return with_ids(reference, ids) if ids else reference
    return merged(owners, reference, folder.name)


def _cameras(folder: Path, settings: str) -> Mapping[int, Settings]:
    """Return the cameras of settings that may not be active yet.

    Raises:
        RolloutError: the settings are wrong.
    """
    candidate = folder / CANDIDATE
    candidate.write_text(settings)
    try:
        cameras = load({}, file=candidate).cameras
    except SettingsError as error:
        problems = "\n  ".join(problem.replace(str(candidate), str(SETTINGS)) for problem in error.problems)
        raise RolloutError(f"The settings are wrong:\n  {problems}", ExitStatus.CONFIG_ERROR) from None
    if not cameras:
        raise RolloutError(
            f"{SETTINGS} configures no camera: add a line such as cam0_name=Camera", ExitStatus.CONFIG_ERROR
        )
    return cameras


def _nginx_files(cameras: Mapping[int, Settings], *, tls: bool) -> tuple[dict[Path, str | None], list[Path]]:
    """Return nginx's files, and the sites of the previous program that they replace.

    Raises:
        RolloutError: a port is used by another site or by a camera.
    """
    ports = nginx_checks.external_ports(cameras)
    for number, settings in cameras.items():
        if settings.port in ports:
            raise RolloutError(
                f"cam{number}_port={settings.port}: nginx listens there; use another port, or deploy with --no-nginx",
                ExitStatus.CONFIG_ERROR,
            )
    behind = {number: settings.port for number, settings in cameras.items()}
    site = nginx.render(behind, tls=tls, ipv6=Path("/proc/net/if_inet6").exists())
    sites, in_the_way = predecessor.find_sites(ports, behind.values(), site)
    if in_the_way:
        raise RolloutError(
            f"Other nginx sites use the ports {ports[0]} to {ports[-1]}: {', '.join(map(str, in_the_way))}. "
            "Give them other ports, or deploy with --no-nginx.",
            UNAVAILABLE,
        )
    return {**dict.fromkeys(INCLUDES.glob("*.conf")), **site}, sites


def active_cameras() -> Mapping[int, Settings]:
    """Return the cameras of the active settings; empty if they are wrong."""
    try:
        return load({}, file=SETTINGS).cameras if SETTINGS.exists() else {}
    except SettingsError:
        return {}


def _system_files(folder: Path) -> dict[Path, str | None]:
    """Return the files for systemd and udev, and the command `soft-stream`."""
    units = folder / "systemd"
    files: dict[Path, str | None] = {
        UNITS / path.name: path.read_text() for path in (*units.glob("*.service"), *units.glob("*.target"))
    }
    backoff = (units / "backoff.conf").read_text() if systemd_version() >= 254 else None
    return files | {
        UNITS / "camera-soft-cam@.service.d/backoff.conf": backoff,
        Path("/etc/udev/rules.d/90-camera-soft-stream.rules"): (units / "90-camera-soft-stream.rules").read_text(),
        Path("/etc/sysusers.d/camera-soft-stream.conf"): (units / "camera-soft-stream.sysusers.conf").read_text(),
        Path("/usr/local/bin/soft-stream"): '#!/bin/sh\nexec /opt/camera-soft-stream/current/bin/soft-stream "$@"\n',
    }
