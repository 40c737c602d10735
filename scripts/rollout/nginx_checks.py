"""[target] Checks of nginx: whether it accepts its configuration, and whether each port requires a login."""

import http.client
import shutil
import ssl
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from rollout import login, nginx
from rollout.system import RolloutError, camera_unit, run, succeeds
from soft_stream.config.settings import Settings

CONFIGURATION = nginx.INSTALLED.etc / "conf.d" / nginx.MAIN
# seconds; nginx applies a new configuration after the reload command has returned
PATIENCE = 15.0
DOWN = "no process answers"
UNIT = "nginx.service"


def external_ports(cameras: Mapping[int, Settings]) -> list[int]:
    """Return the external ports: one for all cameras, and one for each."""
    return sorted({port for each in cameras.values() for port in (each.portal_port, each.public_port)})


def check_configuration() -> None:
    """Let nginx check the configuration on the disk.

    Raises:
        RolloutError: nginx rejects it.
    """
    if shutil.which("nginx"):
        try:
            run("nginx", "-t", "-q")
        except subprocess.CalledProcessError as error:
            raise RolloutError(f"nginx rejects its configuration:\n{error.stderr.strip()}", 1) from None


def workers() -> set[str]:
    """Return the processes of nginx that serve clients; after a reload there are others. Empty if they are unknown."""
    if not shutil.which("nginx"):
        return set()
    main = run("systemctl", "show", "--value", "--property", "MainPID", UNIT)
    children = Path(f"/proc/{main}/task/{main}/children")
    return set(children.read_text().split()) if children.exists() else set()


def check_login(cameras: Mapping[int, Settings], before: Collection[str]) -> None:
    """Send a request without a login to each external port, after a reload; the reply must be 401.

    A port whose cameras do not run may reply with nginx's own 503. `before` are the workers before the reload, which
    may still reply for the old configuration.

    Raises:
        RolloutError: a port replies something else, or nginx does not use its new configuration.
    """
    if not CONFIGURATION.exists():
        return
    until = time.monotonic() + PATIENCE
    while True:
        now = workers()
        is_new = not now or not now <= {*before}
        wrong = {
            port: reply
            for port in external_ports(cameras)
            if (reply := _status(port)) != "401" and (reply != DOWN or _runs(cameras, port))
        }
        if is_new and not wrong:
            return
        time.sleep(0.2)
        if time.monotonic() > until:
            break
    if not wrong:
        raise RolloutError("nginx has not loaded its new configuration: sudo journalctl -u nginx", 1)
    # if one port is in use, nginx opens none: the one that replies is the one in use
    port, reply = min(wrong.items(), key=lambda each: "refused" in each[1])
    raise RolloutError(
        f"Port {port} does not require a login through nginx, but replies: {reply}. "
        f"Another program may use it: sudo ss -ltnp sport = :{port}",
        1,
    )


def _runs(cameras: Mapping[int, Settings], port: int) -> bool:
    """Return True if a camera of a port runs."""
    numbers = (number for number, each in cameras.items() if port in (each.portal_port, each.public_port))
    return any(succeeds("systemctl", "is-active", "--quiet", camera_unit(number)) for number in numbers)


def _status(port: int) -> str:
    """Return the status of a reply to a request without a login; DOWN for nginx's own 503."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if login.CERTIFICATE.exists():
        context = ssl.create_default_context()
        context.check_hostname = False  # it is this machine
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/")
        reply = connection.getresponse()
        return DOWN if nginx.DOWN.encode() in reply.read(1000) else str(reply.status)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
