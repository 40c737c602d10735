"""The external ports: nginx must run, and the processes behind it must require a login on each of them."""

from collections.abc import Iterable, Iterator

from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.host import Host, Login, Reply
from soft_stream.diagnostics.doctor.listeners import listening_program
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

CONFIGURATION = "/etc/nginx/conf.d/camera-soft-stream.conf"
PASSWORDS = "/etc/camera-streamer/htpasswd"
INITIAL = "/etc/camera-streamer/initial-password"
CERTIFICATE = "/etc/camera-streamer/tls/certificate.pem"

LOGIN_REQUIRED, TOO_MANY_LOGINS = 401, 429
NO_PROCESS = "No process answers"
"""How nginx's own 503 begins (scripts/rollout/nginx.py)."""
HTTPS_REQUIRED = (307, 400)
"""Replies of an HTTPS port to plain HTTP: of older configurations, of nginx itself."""


def check(context: DoctorContext) -> Iterator[Finding]:
    """Request each external URL without a login, and with the login if one is given."""
    if not context.host.paths(CONFIGURATION):
        return
    urls = [f"{_host(context)}:{_ports(context).portal_port}/", *_urls(context, context.cameras)]
    refused, protected, without_process = [], [], []
    for url in urls:
        reply = _get(context.host, url)
        if reply.refused:
            refused.append(url)
        elif reply.status == LOGIN_REQUIRED:
            protected.append(url)
        elif reply.status == 503 and reply.text.startswith(NO_PROCESS):
            without_process.append(url)
        else:
            yield _not_protected(context, url, reply)
    if refused:
        yield _refused(context, refused, all_ports=len(refused) == len(urls))
    if without_process and all(map(context.status, context.cameras)):  # else there is a finding about the process
        yield wrong(
            f"nginx cannot reach the process: {', '.join(without_process)}",
            "a process of an older release does not listen where nginx connects",
            "sudo systemctl restart 'camera-soft-cam@*'; sudo tail /var/log/nginx/error.log",
        )
    if protected:
        yield ok(f"login required: {', '.join(protected)}")
    if context.login:
        yield from _with_login(context, protected, context.login)


def _not_protected(context: DoctorContext, url: str, reply: Reply) -> Finding:
    """Return a finding for a reply other than 401 to a request without a login."""
    if reply.status == TOO_MANY_LOGINS:
        return note(f"{url} replies {reply.status} for now", "too many logins have failed", "wait a minute")
    if not reply.status or reply.status in (400, 403, 500) or reply.status // 100 == 3:
        return wrong(
            f"{url} without a login: {reply.error or reply.status} instead of 401",
            "nginx does not pass the request on to the process of the camera, which requires the login",
            "sudo nginx -t; sudo tail /var/log/nginx/error.log",
        )
    program = listening_program(context.host, _port(url)) or f"which program listens there: {SUDO}"
    return wrong(
        f"{url} replies {reply.status} WITHOUT A LOGIN ({program})",
        "anyone who can reach this machine can see and control the camera",
        f"{context.configure_again}; until then: sudo systemctl stop nginx",
    )


def _refused(context: DoctorContext, urls: list[str], *, all_ports: bool) -> Finding:
    what = f"connection refused: {', '.join(urls)}"
    if all_ports:
        return wrong(
            what,
            "nginx does not run, or has not loaded the configuration; no camera can be reached from outside",
            "sudo nginx -t && sudo systemctl restart nginx",
        )
    return wrong(
        what,
        "nginx is not configured for every camera of the settings",
        f"{context.configure_again}; sudo nginx -t  # shows errors in its configuration",
    )


def _with_login(context: DoctorContext, urls: list[str], login: Login) -> Iterator[Finding]:
    """Request the status of each camera that replies on its own port."""
    served = [number for number in context.cameras if context.status(number)]
    good = []
    for url in [each for each in _urls(context, served) if each in urls]:
        reply = _get(context.host, url, login)
        if reply.status == 200:
            good.append(url)
        elif reply.status == LOGIN_REQUIRED:
            yield wrong(
                f"{url} rejects the login of {login[0]}",
                f"{PASSWORDS} does not have this name with this password",
                f"sudo cat {INITIAL}; a new password: sudo soft-stream user add {login[0]}",
            )
            return  # each failed login makes the next one slower
        else:
            problem = reply.error or f"replies {reply.status}"
            again = f"{context.configure_again}; sudo tail /var/log/nginx/error.log"
            yield wrong(
                f"{url} with the login of {login[0]}: {problem}", "nginx cannot reach the process of the camera", again
            )
    if good:
        yield ok(f"reply with the login of {login[0]}: {', '.join(good)}")


def _urls(context: DoctorContext, numbers: Iterable[int]) -> list[str]:
    """List URLs that open no camera: the status of each, on its own port and on the port of all cameras."""
    ports = _ports(context)
    places = [
        place
        for number in numbers
        for place in (f"{ports.camera_port_base + number}", f"{ports.portal_port}/cam{number}")
    ]
    return [f"{_host(context)}:{place}/status.json" for place in places]


def _ports(context: DoctorContext) -> Settings:
    """Return the settings of any camera: nginx's ports are the same in all of them."""
    return next(iter(context.cameras.values()), Settings())


def _host(context: DoctorContext) -> str:
    return f"{'https' if context.host.paths(CERTIFICATE) else 'http'}://127.0.0.1"


def _get(host: Host, url: str, login: Login | None = None) -> Reply:
    """Send GET; use HTTPS if nginx requires it, because not every user may see that there is a certificate."""
    reply = host.get(url, login)
    if url.startswith("http:") and reply.status in HTTPS_REQUIRED:
        secure = host.get(url.replace("http:", "https:", 1), login)
        return secure if secure.status else reply
    return reply


def _port(url: str) -> int:
    return int(url.split(":")[2].partition("/")[0])
