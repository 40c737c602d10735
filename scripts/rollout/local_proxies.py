"""[target] `cam_local_proxy_role`: sites on this machine that show the cameras still do after an upgrade.

Releases without a login of their own answered every request of such a site, for example of OctoPi's haproxy. Now there
are users, and its clients count as those of other machines (docs/access.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rollout import exposure, nginx, nginx_sites, site_names
from rollout.owners_settings import OwnersSettings
from soft_stream.config.settings import Settings
from soft_stream.config.settings_file import mentioned, with_values
from soft_stream.config.settings_values import Values, key_of
from soft_stream.diagnostics.sites.search import ETC, find_sites
from soft_stream.diagnostics.sites.site import Site

NAME = "local_proxy_role"
# What the examples for OctoPrint have always promised: everyone may watch, and changes need a login.
ROLE = "view"
COMMENT = """\
# Added by the deployment: a site on this machine showed the cameras before they had a login, and still does. Buttons
# and other changes need a user there; with none instead of view, watching needs one, too."""
SOCKET = "/run/camera-soft-stream-sockets/cam{}.sock"


def must_keep(before: str, new: str, shipped: str) -> bool:
    """Return True if the sites must keep showing the cameras: at the upgrade from a release without a login.

    Later rollouts keep the line of that upgrade, also if other settings of the owner replace the active ones.

    Args:
        before: The active settings.
        new: The settings that the owner replaces them with.
        shipped: The settings that the active release was shipped with, which have a line for each setting.
    """
    if NAME in mentioned(new):
        return False
    was_added = COMMENT in before and Values(before).value(None, NAME) == ROLE
    return was_added or not (NAME in mentioned(before) or NAME in mentioned(shipped))


def add(
    settings: OwnersSettings, cameras: Mapping[int, Settings], takeover: nginx_sites.Takeover, *, with_nginx: bool
) -> OwnersSettings:
    """Return the settings with the role for sites that need it; a line of the owner for one camera stays."""
    own = Values(settings.text).texts
    undecided = {number: each for number, each in cameras.items() if key_of(number, NAME) not in own}
    closed = {number: each for number, each in undecided.items() if _asks_proxies(each, with_nginx=with_nginx)}
    sites = find(closed, takeover) if closed else []
    if not sites:
        return settings
    keys = [key_of(None, NAME)] if closed == undecided else [key_of(number, NAME) for number in closed]
    text = with_values(settings.text, dict.fromkeys(keys, ROLE)).split("\n")
    at = text.index(f"{keys[0]}={ROLE}")
    places = ", ".join(dict.fromkeys(site.where for site in sites))
    return replace(
        settings,
        text="\n".join([*text[:at], COMMENT, *text[at:]]),
        origins={**settings.origins, **dict.fromkeys(keys, f"sites that show the cameras: {places}")},
        notes=[*settings.notes, _note(places, keys)],
    )


def find(cameras: Mapping[int, Settings], takeover: nginx_sites.Takeover, etc: Path = ETC) -> list[Site]:
    """Return the sites that forward to these cameras with the address of the client; not those that are replaced."""
    ports = site_names.process_ports(cameras)
    sockets = {SOCKET.format(number): each.port for number, each in cameras.items()}
    sockets |= {endpoint.path: each.port for each in cameras.values() for endpoint in each.listen if endpoint.path}
    moved = [*takeover.moved, etc / "nginx/conf.d" / nginx.MAIN]  # our own, which earlier releases connect to sockets
    sites = find_sites(ports, etc, moved=moved, replaced=takeover.replaced, sockets=sockets)
    return [site for site in sites if site.port and site.sends_address]


def _asks_proxies(settings: Settings, *, with_nginx: bool) -> bool:
    """Return True if a login is needed behind a proxy on this machine after the rollout, and only there."""
    is_open = settings.open_to_network or settings.auth == "always" or settings.local_proxy_role != "none"
    return not is_open and exposure.accounts_after(settings, with_nginx=with_nginx).must_login


def _note(places: str, keys: Iterable[str]) -> str:
    key = ", ".join(keys)
    return (
        f"{places}: everyone there still sees the cameras without a login of theirs, as before ({key}={ROLE}); buttons "
        f"and other changes need a user with the role control; {key}=none asks for a login for watching, too "
        "(docs/access.md)."
    )
