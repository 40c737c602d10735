"""The external ports: nginx must run, and must require a login on each of them."""

from collections.abc import Iterable, Iterator

from soft_stream.config.endpoints import FIRST_PUBLIC_PORT, PUBLIC_PORT
from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.host import Host, Login, Reply
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong
from soft_stream.diagnostics.doctor.service import listening_program

CONFIGURATION = "/etc/nginx/conf.d/camera-soft-stream.conf"
PASSWORDS = "/etc/camera-streamer/htpasswd"
INITIAL = "/etc/camera-streamer/initial-password"
CERTIFICATE = "/etc/camera-streamer/tls/certificate.pem"

LOGIN_REQUIRED, TOO_MANY_LOGINS = 401, 429
HTTPS_REQUIRED = (307, 400)
"""Replies of an HTTPS port to plain HTTP: of our configuration, of nginx itself."""


def check(context: DoctorContext) -> Iterator[Finding]:
    """Request each external URL without a login, and with the login if one is given."""
    if not context.host.paths(CONFIGURATION):
        return
    urls = [f"{_host(context)}:{PUBLIC_PORT}/", *_urls(context, context.cameras)]
    refused, protected = [], []
    for url in urls:
        reply = _get(context.host, url)
        if reply.refused:
            refused.append(url)
        elif reply.status == LOGIN_REQUIRED:
            protected.append(url)
        else:
            yield _not_protected(context, url, reply)
    if refused:
        yield _refused(refused, all_ports=len(refused) == len(urls))
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
            f"nginx cannot require a login; it may not be able to read {PASSWORDS}",
            "sudo nginx -t; sudo tail /var/log/nginx/error.log",
        )
    program = listening_program(context.host, _port(url)) or f"which program listens there: {SUDO}"
    return wrong(
        f"{url} replies {reply.status} WITHOUT A LOGIN ({program})",
        "anyone who can reach this machine can see and control the camera",
        "run scripts/deploy-soft-stream.sh again; until then: sudo systemctl stop nginx",
    )


def _refused(urls: list[str], *, all_ports: bool) -> Finding:
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
        "run scripts/deploy-soft-stream.sh again; sudo nginx -t  # shows errors in its configuration",
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
                "the file of logins does not have this name with this password",
                f"sudo cat {INITIAL}; a new password: sudo htpasswd {PASSWORDS} {login[0]}  # of apache2-utils",
            )
            return  # each failed login makes the next one slower
        else:
            problem = reply.error or f"replies {reply.status}"
            again = "run scripts/deploy-soft-stream.sh again; sudo tail /var/log/nginx/error.log"
            yield wrong(
                f"{url} with the login of {login[0]}: {problem}", "nginx cannot reach the process of the camera", again
            )
    if good:
        yield ok(f"reply with the login of {login[0]}: {', '.join(good)}")


def _urls(context: DoctorContext, numbers: Iterable[int]) -> list[str]:
    """List URLs that open no camera: the status of each, on its own port and on the port of all cameras."""
    places = [place for number in numbers for place in (f"{FIRST_PUBLIC_PORT + number}", f"{PUBLIC_PORT}/cam{number}")]
    return [f"{_host(context)}:{place}/status.json" for place in places]


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
