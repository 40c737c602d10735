"""[target] nginx as it runs: does it take its configuration, and does it ask everybody for a login?"""

import http.client
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterable

from rollout import login, nginx
from rollout.system import RolloutError, run

CONFIGURATION = nginx.INSTALLED.etc / "conf.d" / nginx.MAIN
# nginx takes up a new configuration after it has said that it would
PATIENCE = 15.0


def ports_for(cameras: Iterable[int]) -> list[int]:
    """Return the external ports: that of all cameras, and one for each."""
    return [nginx.INSTALLED.all_cameras_port, *(nginx.INSTALLED.first_port + number for number in cameras)]


def check_configuration() -> None:
    """Let nginx look at the configuration that is on the disk.

    Raises:
        RolloutError: it refuses it.
    """
    if shutil.which("nginx"):
        try:
            run("nginx", "-t", "-q")
        except subprocess.CalledProcessError as error:
            raise RolloutError(f"nginx refuses its configuration:\n{error.stderr.strip()}", 1) from None


def check_login(cameras: Iterable[int]) -> None:
    """Ask each external port without a login; only 401 will do.

    Raises:
        RolloutError: one answers otherwise.
    """
    if not CONFIGURATION.exists():
        return
    until = time.monotonic() + PATIENCE
    while wrong := {port: answer for port in ports_for(cameras) if (answer := _answer(port)) != "401"}:
        time.sleep(0.2)
        if time.monotonic() > until:
            # where one port is taken, nginx opens none: that one answers
            port, answer = min(wrong.items(), key=lambda each: "refused" in each[1])
            raise RolloutError(
                f"Port {port} does not ask for a login, as nginx should there, but says: {answer}. "
                f"Is it another program's? sudo ss -ltnp sport = :{port}",
                1,
            )


def _answer(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if login.CERTIFICATE.exists():
        context = ssl.create_default_context()
        context.check_hostname = False  # it is ourselves whom we ask
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/healthz")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
