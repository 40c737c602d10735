"""[target] Makes the plan for a release from the state of the machine and the owner's settings."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory

from rollout import (
    exposure,
    local_proxies,
    names,
    nginx,
    nginx_checks,
    nginx_sites,
    owners_settings,
    predecessor,
    site_names,
)
from rollout.camera_ids import check_ids
from rollout.installed import (
    PACKAGE_UNITS,
    configured_cameras,
    files_of_deployment,
    folder_before,
    is_first,
    is_package,
    release_folder,
)
from rollout.owners_settings import OwnersSettings
from rollout.plan import INCLUDES, REPLACED_SITES, Plan
from rollout.settings_merge import Side
from rollout.system import (
    SETTINGS,
    TARGET,
    UNITS,
    RolloutError,
    camera_unit,
    changed_files,
    enabled_cameras,
    is_enabled,
    read,
    read_exactly,
    succeeds,
    systemd_version,
)
from soft_stream.cameras import discovery
from soft_stream.config import unit_paths
from soft_stream.config.installation import FAILED_UPGRADE
from soft_stream.config.loader import LoadedConfig, SettingsError, load
from soft_stream.config.settings import Settings
from soft_stream.config.settings_file import merged
from soft_stream.config.settings_values import Values, key_of
from soft_stream.service.exit_status import ExitStatus

CANDIDATE = "candidate.env"
BACKOFF = "camera-soft-cam@.service.d/backoff.conf"
# the sources of ids that may be wrong
NEW_IDS = ("repository", "--env-file")


def make_plan(
    folder: Path,
    new_settings: str | None,
    prefer: Side | None,
    *,
    with_nginx: bool,
    tls: bool,
    flags: Mapping[str, str],
) -> Plan:
    """Return the plan for the release in a folder, with the owner's new settings or those of this machine.

    `flags` has the settings that flags of the rollout set, by their keys.

    Raises:
        RolloutError: the settings are wrong, or the repository and this machine contradict each other.
    """
    found = predecessor.find()
    older = [each for each in found if each.enabled or each.active]
    # a camera whose older unit is disabled stays disabled, unless all of them are
    absent = {each.camera for each in found} - {each.camera for each in older} if older else set()
    connected = cache(discovery.list_cameras)
    settings = owners_settings.combine(folder, new_settings, found, prefer, connected, flags)
    before, loaded = read(SETTINGS), _load(settings.text)
    makes_login = with_nginx or is_package(folder)
    exposure.check(loaded, with_nginx=makes_login)
    cameras, first = loaded.cameras, is_first()
    files: dict[Path, str | None] = {SETTINGS: None, FAILED_UPGRADE: None, **_system_files(folder, cameras)}
    known = enabled_cameras() | (absent if first else _cameras_before(folder))
    enable = [TARGET] if first and not is_enabled(TARGET) else []
    enable += [camera_unit(number) for number in cameras if number not in known]
    disable = [camera_unit(number) for number in sorted(enabled_cameras() - set(cameras))]
    sites = nginx_sites.Takeover()
    if with_nginx:
        nginx_files, sites = _nginx_files(cameras, tls=tls)
        files |= nginx_files
    settings = site_names.add(settings, cameras, site_names.find(cameras, sites))
    shipped = (read(before_this / SETTINGS.name) if (before_this := folder_before()) else None) or ""
    if (found or not first) and local_proxies.must_keep(before or "", new_settings or "", shipped):
        settings = local_proxies.add(settings, cameras, sites, with_nginx=makes_login)
    cameras = _cameras(settings.text)
    files[SETTINGS] = settings.text
    backups = _places_of_replaced([*sites.moved, *sites.edited])
    edited = {
        path: nginx_sites.comment_out(read_exactly(path), directives, folder.name, backups[path])
        for path, directives in sites.edited.items()
    }
    plan = Plan(
        None if is_package(folder) else folder.name,
        cameras,
        {**changed_files(files), **edited},
        enable,
        disable,
        stop=older,
        moves=[
            *((path, backups[path]) for path in sites.moved),
            *names.moves({each.camera for each in found} | {number for number in cameras if not names.is_ours(number)}),
        ],
        backups=[(path, backups[path]) for path in edited],
        htpasswd=sites.htpasswd,
        origins=settings.origins,
        notes=[*settings.notes, *sites.hints, *exposure.notes(cameras, before, with_nginx=makes_login)],
    )
    checked = check_ids(plan.served, _known_ids(settings, Values(before or "")), connected)
    return replace(plan, notes=[*plan.notes, *checked, *_notes_of_disabled(plan)])


def _known_ids(settings: OwnersSettings, active: Values) -> set[str]:
    """Return the ids that were in use before, perhaps by the previous program: such a camera may be unplugged."""
    wanted = Values(settings.text)
    new = {number for number in wanted.cameras if settings.origins.get(key_of(number, "id")) in NEW_IDS}
    return {active.text(number, "id") for number in active.cameras} | {
        wanted.text(number, "id") for number in wanted.cameras - new
    }


def _notes_of_disabled(plan: Plan) -> Iterator[str]:
    if not plan.is_target_enabled:
        yield f"All cameras are switched off; to start them, also at boot: sudo systemctl enable --now {TARGET}"
    enabled = {*map(camera_unit, enabled_cameras()), *plan.enable}
    for number in plan.cameras:
        if camera_unit(number) not in enabled:
            enable = f"sudo systemctl enable --now {camera_unit(number)}"
            yield f"Camera {number} is disabled and does not start at boot; to enable it: {enable}"


def with_cameras(plan: Plan) -> Plan:
    """Return a plan for an earlier release, with the cameras of its settings.

    That release checks the settings, because this release may not have all of them. Mistakes of the owner are
    commented out, so that the cameras can be served.
    """
    folder = release_folder(plan.release)
    older = (plan.text_of(SETTINGS) or "").removeprefix("\ufeff")  # the plan restores every byte
    with _candidate(older) as candidate:
        is_valid = succeeds(str(folder / "bin/soft-stream"), "check", "--env-file", str(candidate))
    if not is_valid:
        older = merged(older, "", folder.name)
        plan = replace(plan, files={**plan.files, SETTINGS: older})
    for text in (older, merged(older, "", folder.name), read(SETTINGS) or ""):
        with suppress(RolloutError):
            cameras = _cameras(text)
            units = UNITS if plan.release else PACKAGE_UNITS
            return replace(
                plan, cameras=cameras, files={**plan.files, **changed_files(unit_paths.drop_ins(cameras, units))}
            )
    return plan


def _cameras(settings: str) -> Mapping[int, Settings]:
    return _load(settings).cameras


def _load(settings: str) -> LoadedConfig:
    """Load settings that may not be active yet; the file of the origins is the one that they will be in.

    Raises:
        RolloutError: the settings are wrong.
    """
    with _candidate(settings) as candidate:
        try:
            loaded = load({}, file=candidate)
        except SettingsError as error:
            problems = "\n  ".join(problem.replace(str(candidate), str(SETTINGS)) for problem in error.problems)
            raise RolloutError(f"The settings are wrong:\n  {problems}", ExitStatus.CONFIG_ERROR) from None
    if not loaded.cameras:
        raise RolloutError(
            f"{SETTINGS} configures no camera: add a line such as cam0_name=Camera", ExitStatus.CONFIG_ERROR
        )
    origins = {
        number: {name: origin.replace(str(candidate), str(SETTINGS)) for name, origin in each.items()}
        for number, each in loaded.origins.items()
    }
    return replace(loaded, file=SETTINGS, origins=origins)


@contextmanager
def _candidate(settings: str) -> Iterator[Path]:
    """Write settings to a file that exists in this block; a dry run is not root, and cannot write to a release."""
    with TemporaryDirectory() as folder:
        candidate = Path(folder) / CANDIDATE
        candidate.write_text(settings, encoding="utf-8")
        yield candidate


def _places_of_replaced(sites: Iterable[Path]) -> dict[Path, Path]:
    """Return where each replaced site is kept; earlier ones stay."""
    places: dict[Path, Path] = {}
    for site in sites:
        name = f"{site.parent.name}-{site.name}"
        names = chain([name], (f"{name}.{number}" for number in count(2)))
        free = (place for each in names if not os.path.lexists(place := REPLACED_SITES / each))
        places[site] = next(place for place in free if place not in places.values())
    return places


def _nginx_files(cameras: Mapping[int, Settings], *, tls: bool) -> tuple[dict[Path, str | None], nginx_sites.Takeover]:
    """Return nginx's files, and what happens to other sites on our ports.

    Raises:
        RolloutError: a port is used by another site or by a camera.
    """
    ports = nginx_checks.external_ports(cameras)
    for number, settings in cameras.items():
        asked = {f"cam{number}_port={settings.port}": settings.port}
        asked |= {f"cam{number}_listen={endpoint}": endpoint.port for endpoint in settings.listen}
        for setting, port in asked.items():
            if port in ports:
                raise RolloutError(
                    f"{setting}: nginx listens there; use another port, choose others for nginx (cam_portal_port, "
                    "cam_camera_port_base), or deploy with --no-nginx",
                    ExitStatus.CONFIG_ERROR,
                )
    behind = {number: settings.port for number, settings in cameras.items()}
    shared = next(iter(cameras.values()))
    places = replace(nginx.INSTALLED, first_port=shared.camera_port_base, all_cameras_port=shared.portal_port)
    site = nginx.render(behind, tls=tls, ipv6=Path("/proc/net/if_inet6").exists(), places=places)
    sites = nginx_sites.find(places.etc, nginx_sites.Ports(ports, {*behind.values()}), site)
    return {**dict.fromkeys(INCLUDES.glob("*.conf")), **site}, sites


def _cameras_before(folder: Path) -> set[int]:
    """Return the cameras that their owner may have disabled.

    Settings of the package have no source elsewhere: a camera is new if it was added to the active ones.
    """
    configured = configured_cameras() if is_package(folder) else None
    return {*active_cameras()} if configured is None else configured


def active_cameras() -> Mapping[int, Settings]:
    """Return the cameras of the active settings; empty if they are wrong."""
    try:
        return load({}, file=SETTINGS).cameras if SETTINGS.exists() else {}
    except SettingsError:
        return {}


def _system_files(folder: Path, cameras: Mapping[int, Settings]) -> dict[Path, str | None]:
    """Return the files for systemd and udev, and the command `soft-stream`.

    dpkg installs those of the package, but for what depends on the cameras; it takes the place of the deployment.
    """
    units = folder / "systemd"
    backoff = (units / "backoff.conf").read_text() if systemd_version() >= 254 else None
    if is_package(folder):
        theirs = [*files_of_deployment(), *names.installed(), *unit_paths.installed(UNITS)]
        ours = {PACKAGE_UNITS / BACKOFF: backoff, **names.files(folder, cameras, PACKAGE_UNITS)}
        ours |= unit_paths.drop_ins(cameras, PACKAGE_UNITS)
        return {**dict.fromkeys(theirs), **ours}
    files: dict[Path, str | None] = {
        UNITS / path.name: path.read_text() for path in (*units.glob("*.service"), *units.glob("*.target"))
    }
    return {
        **files,
        **names.files(folder, cameras),
        **unit_paths.drop_ins(cameras, UNITS),
        UNITS / BACKOFF: backoff,
        Path("/etc/udev/rules.d/90-camera-soft-stream.rules"): (units / "90-camera-soft-stream.rules").read_text(),
        Path("/etc/sysusers.d/camera-soft-stream.conf"): (units / "camera-soft-stream.sysusers.conf").read_text(),
        Path("/usr/local/bin/soft-stream"): '#!/bin/sh\nexec /opt/camera-soft-stream/current/bin/soft-stream "$@"\n',
    }
