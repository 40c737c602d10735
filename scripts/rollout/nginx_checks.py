"""[target] Checks of nginx: whether it accepts its configuration, and whether each port requires a login."""

import http.client
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterable

from rollout import login, nginx
from rollout.system import RolloutError, run

CONFIGURATION = nginx.INSTALLED.etc / "conf.d" / nginx.MAIN
# seconds; nginx applies a new configuration after the reload command has returned
PATIENCE = 15.0


def external_ports(cameras: Iterable[int]) -> list[int]:
    """Return the external ports: one for all cameras, and one for each."""
    return [nginx.INSTALLED.all_cameras_port, *(nginx.INSTALLED.first_port + number for number in cameras)]


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


def check_login(cameras: Iterable[int]) -> None:
    """Send a request without a login to each external port; the reply must be 401.

    Raises:
        RolloutError: a port replies something else.
    """
    if not CONFIGURATION.exists():
        return
    until = time.monotonic() + PATIENCE
    while wrong := {port: answer for port in external_ports(cameras) if (answer := _status(port)) != "401"}:
        time.sleep(0.2)
        if time.monotonic() > until:
            # if one port is in use, nginx opens none: the one that replies is the one in use
            port, answer = min(wrong.items(), key=lambda each: "refused" in each[1])
            raise RolloutError(
                f"Port {port} does not require a login through nginx, but replies: {answer}. "
                f"Another program may use it: sudo ss -ltnp sport = :{port}",
                1,
            )


def _status(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if login.CERTIFICATE.exists():
        context = ssl.create_default_context()
        context.check_hostname = False  # it is this machine
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/healthz")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
