"""Sites of other programs that forward to the cameras: the server must accept the names that they pass on."""

from collections.abc import Iterator

from soft_stream.config.host_names import is_public, matches
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong
from soft_stream.diagnostics.sites.site import Site


def check(context: DoctorContext) -> Iterator[Finding]:
    """Compare the names of each site with those that the camera behind it accepts."""
    ports = context.ports
    if not ports:
        return
    sites = context.sites
    own = context.host.own_names()
    refused = {
        site: names
        for site in sites
        if site.port and (names := [name for name in site.names if not _is_accepted(name, ports[site.port], own)])
    }
    is_shared = _is_shared(context)
    for site in sites:
        if site in refused:
            settings = ports[site.port]
            same_line = [each for each in refused if is_shared or ports[each.port] is settings]
            missing = [name for each in same_line for name in refused[each]]
            yield _refused(context, settings, site, refused[site], missing)
        if site.unknown:
            yield _unknown(context, site, ports.get(site.port))
    passed = dict.fromkeys(name for site in sites if site not in refused for name in site.names)
    if not sites and context.units:
        yield ok("no proxy of another program forwards to the processes of the cameras")
    elif passed:
        yield ok(f"accepted names of sites that forward to the cameras: {', '.join(passed)}")


def _is_accepted(name: str, settings: Settings, own: frozenset[str]) -> bool:
    return not is_public(name) or matches(name, settings.hosts) or name in own


def _refused(context: DoctorContext, settings: Settings, site: Site, names: list[str], missing: list[str]) -> Finding:
    """Return the fault of a site, with the line that accepts all names that are missing in it."""
    number = settings.camera
    return wrong(
        f"{site.where} passes the name {' and '.join(names)} on to port {site.port}, where camera {number} refuses it",
        "requests for names that the server does not know get 421, buttons of their pages 403: a hostile page may "
        "have such a name",
        f"in {context.file}: {_line(context, settings, ' '.join(dict.fromkeys(missing)))}",
    )


def _unknown(context: DoctorContext, site: Site, settings: Settings | None) -> Finding:
    what = f"{site.where} may pass on names that could not be found: {site.unknown}"
    if settings is None:
        return note(what, fix="" if context.host.is_root else SUDO)
    accepted = " ".join(settings.hosts) or "none"
    return note(
        what,
        f"camera {settings.camera} accepts names of the local network; other names: {accepted}",
        f"add each other name that you use: in {context.file}: {_line(context, settings, 'NAME')}",
    )


def _line(context: DoctorContext, settings: Settings, names: str) -> str:
    """Return the line that accepts further names, and how to apply it."""
    key = "cam_hosts" if _is_shared(context) else f"cam{settings.camera}_hosts"
    return f"{key}={' '.join([*settings.hosts, names])}{context.restart_hint(settings.camera)}"


def _is_shared(context: DoctorContext) -> bool:
    """Return True if one line has the names of all cameras."""
    return len({each.hosts for each in context.cameras.values()}) == 1
