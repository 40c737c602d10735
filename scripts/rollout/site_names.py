"""[target] `cam_hosts`: the names of sites of other programs that forward to the cameras.

Without them the server would refuse requests that such a site passes on, after an update of an installation that works.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rollout import nginx_checks
from rollout.nginx_sites import Takeover
from rollout.owners_settings import OwnersSettings
from soft_stream.config.host_names import is_public, matches
from soft_stream.config.settings import Settings
from soft_stream.config.settings_file import with_values
from soft_stream.config.settings_values import Values, key_of
from soft_stream.diagnostics.sites.search import ETC, find_sites
from soft_stream.diagnostics.sites.site import Site

NAME = "hosts"


def find(cameras: Mapping[int, Settings], takeover: Takeover, etc: Path = ETC) -> list[Site]:
    """Return the sites that forward to a port of the cameras or of our nginx, without those that are replaced."""
    ports = {*process_ports(cameras), *nginx_checks.external_ports(cameras)}
    return find_sites(ports, etc, moved=takeover.moved, replaced=takeover.replaced)


def add(settings: OwnersSettings, cameras: Mapping[int, Settings], sites: Iterable[Site]) -> OwnersSettings:
    """Return the settings with the names of the sites; what the owner has set stays.

    The names of sites in front of our nginx are added too. It passes them to unix sockets, where no name is refused,
    but then the same site may also forward to the process of a camera.
    """
    sites, values, ports = list(sites), Values(settings.text), process_ports(cameras)
    changes: dict[str, str] = {}
    origins: dict[str, str] = {}
    for key, has in _lines(values, cameras):
        new = {
            name: site
            for site in reversed(sites)
            for name in reversed(site.names)
            if is_public(name) and not matches(name, has)
        }
        if new:
            ordered = [*reversed(new)]
            changes[key] = " ".join([*has, *ordered])
            places = dict.fromkeys(new[name].where for name in ordered)
            origins[key] = f"sites that forward to the cameras: {', '.join(places)}"
    notes = [_unknown(site) for site in sites if site.unknown and (site.port in ports or not site.port)]
    return replace(
        settings,
        text=with_values(settings.text, changes),
        origins={**settings.origins, **origins},
        notes=[*settings.notes, *dict.fromkeys(notes)],
    )


def _lines(values: Values, cameras: Iterable[int]) -> Iterable[tuple[str, Collection[str]]]:
    """Return the keys that decide about the names, with their names."""
    yield key_of(None, NAME), values.value(None, NAME)
    for camera in cameras:
        if (key := key_of(camera, NAME)) in values.texts:
            yield key, values.value(camera, NAME)


def process_ports(cameras: Mapping[int, Settings]) -> Collection[int]:
    """Return the TCP ports of the processes."""
    return {endpoint.port for each in cameras.values() for endpoint in each.endpoints if endpoint.port}


def _unknown(site: Site) -> str:
    return (
        f"{site.where}: this site may pass on names that could not be found: {site.unknown}. The cameras refuse names "
        "that are not in cam_hosts (docs/listen.md)."
    )
