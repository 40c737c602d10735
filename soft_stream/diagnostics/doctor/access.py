"""Who may use the cameras: addresses that other machines can reach, and the files of users and tokens."""

from collections.abc import Iterator

from soft_stream.access import exposure
from soft_stream.access.accounts import Accounts
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.loader import INSTALLED_FILE
from soft_stream.config.network_settings import DEFAULT_BIND, USERS_FILE
from soft_stream.config.settings import Settings, format_value
from soft_stream.diagnostics.doctor.access_files import check_files
from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong
from soft_stream.diagnostics.sites.site import Site

UNREADABLE, DENIED = " cannot be read: ", "Permission denied"


def check(context: DoctorContext) -> Iterator[Finding]:
    """Yield endpoints without a login, contradicting settings, logins that do not work, and rights of files."""
    found: list[Finding] = []
    for settings in context.cameras.values():
        accounts = context.host.accounts(settings)
        found += [*_check_endpoints(context, settings, accounts), *_check_problems(context, settings, accounts)]
    for site in context.sites if context.cameras else ():
        if site.port:
            found += _check_clients(context, context.ports[site.port], site)
    found += check_files(context)
    if context.cameras and not found:
        found.append(ok("other machines do not reach the processes of the cameras"))
    yield from {each.what: each for each in found}.values()  # cameras share their files


def _check_endpoints(context: DoctorContext, settings: Settings, accounts: Accounts) -> Iterator[Finding]:
    number = settings.camera
    hint = context.restart_hint(number)
    if refused := [*exposure.refusals(settings, context.loaded.origins[number], accounts)]:
        for sentence in refused:
            yield wrong(sentence, "the service exits with 78 and stays down", f"{_add_user(context, settings)}{hint}")
    elif settings.auth == "network" and settings.open_to_network and not accounts.must_login:
        for endpoint in settings.public_endpoints:
            yield _open(context, settings, endpoint)
    else:
        for sentence in exposure.warnings(settings, accounts):
            fix = f"in {context.file}: cam_open_to_network=0{hint}"
            if settings.auth == "always":
                fix = _add_user(context, settings)
            yield wrong(sentence, "these settings and the users contradict each other (docs/access.md)", fix)
    if settings.public_endpoints and accounts.users and exposure.asks_network(settings, accounts):
        places = ", ".join(map(str, settings.public_endpoints))
        yield ok(f"camera {number} requires a login of other machines at {places}")
    if sentence := exposure.unencrypted(settings, accounts):
        yield note(sentence, "who reads a password on the way can use it")


def _open(context: DoctorContext, settings: Settings, endpoint: Endpoint) -> Finding:
    number, names = settings.camera, settings.names_for(endpoint)
    closed = f"remove it from cam{number}_listen"
    if endpoint in settings.bound:
        closed = f"set cam{number}_bind={format_value(DEFAULT_BIND)}"
    return wrong(
        f"{endpoint} of camera {number} is open to the network without a login ({names}, cam_open_to_network=1)",
        exposure.OPEN,
        f"{_add_user(context, settings)}, and cam_open_to_network=0; or {closed}, and use nginx with a login "
        f"(docs/nginx.md){context.restart_hint(number)}",
    )


def _add_user(context: DoctorContext, settings: Settings) -> str:
    """Return the command that adds a user to the file that these settings name."""
    named = "" if context.file == INSTALLED_FILE else f" --env-file {context.file}"
    command = f"sudo {exposure.ADD_USER}{named}"
    return command if settings.users_file else f"in {context.file}: cam_users_file={USERS_FILE}; then: {command}"


def _check_problems(context: DoctorContext, settings: Settings, accounts: Accounts) -> Iterator[Finding]:
    for problem in accounts.problems:
        if UNREADABLE not in problem:
            yield wrong(
                problem,
                "this login does not work",
                f"correct this line of the file, or: {_add_user(context, settings)}",
            )
        elif DENIED in problem and not context.host.is_root:
            yield note(problem, "the doctor cannot see who may log in", SUDO)
        else:
            why = f"camera {settings.camera} refuses logins that it cannot check"
            yield wrong(problem, why, f"sudo ls -l {problem.partition(UNREADABLE)[0]}")


def _check_clients(context: DoctorContext, settings: Settings, site: Site) -> Iterator[Finding]:
    """Yield a note about a site whose clients need a login here, will need one, or never do."""
    must_login = context.host.accounts(settings).must_login
    if settings.auth == "always" or (must_login and settings.open_to_network):
        return
    if must_login and not site.sends_address:
        yield _looks_local(context, settings, site)
    if settings.local_proxy_role != "none" or not site.sends_address:
        return
    number, now = settings.camera, "need a login" if must_login else "will need a login as soon as there is a user"
    key = f"cam{number}_local_proxy_role"
    yield note(
        f"{site.where} forwards to port {site.port}: its clients {now} of camera {number}",
        "a request with X-Forwarded-For, or another header of proxies, counts as one of another machine; requests of a "
        "proxy that sends none count as this machine's, and need no login",
        f"if the proxy asks for a login itself, in {context.file}: {key}=control (or view, admin)"
        f"{context.restart_hint(number)}",
    )


def _looks_local(context: DoctorContext, settings: Settings, site: Site) -> Finding:
    """Return a note about a site whose clients look like programs on this machine."""
    number = settings.camera
    return note(
        f"{site.where} forwards to port {site.port} without X-Forwarded-For: its clients may control camera {number} "
        "without a login",
        "a request without this header counts as one of a program on this machine",
        "unless the site asks for a login itself: `option forwardfor` in haproxy, `proxy_set_header X-Forwarded-For "
        f"$remote_addr;` in nginx; or in {context.file}: cam{number}_auth=always{context.restart_hint(number)}",
    )
