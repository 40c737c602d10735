"""[target] What the package prints at the end of its installation, and the file of a failed upgrade."""

import re
import socket
from collections.abc import Mapping

from rollout import login, names, nginx_checks, nginx_sites, predecessor
from rollout.installed import UNIT, runs_copy, runs_deployment, version_of_copy
from rollout.system import SETTINGS, current_release, is_active, read, say, write
from soft_stream.config.installation import FAILED_UPGRADE
from soft_stream.config.settings import Settings

AGAIN = "sudo dpkg-reconfigure camera-soft-stream"
# advice for the deployment
FLAGS = re.compile(r"\. Stop it, or choose another port with --[\w-]+\.")


def failed(problem: str, *, wanted_release: str) -> None:
    """Print a warning, and write its sentence to the file that doctor and the page show until the next upgrade."""
    reason, *details = problem.split("\n")
    for line in details:
        say(line)
    sentence = f"The upgrade to {wanted_release} failed: {' '.join([reason, *_settings_lines(reason, details)])}"
    sentence = f"{sentence.rstrip('.: ')}. {_what_runs()} To try again: {AGAIN}"
    write({FAILED_UPGRADE: f"{sentence}\n"})
    say(f"WARNING: {sentence}")


def succeeded(cameras: Mapping[int, Settings], problem: str, *, has_nginx: bool) -> None:
    """Print the addresses of the cameras and the login; `problem` is why nginx does not serve them."""
    if problem:
        say(nginx_sentence(problem))
    is_served = has_nginx and not problem and nginx_checks.CONFIGURATION.exists()
    if is_served and not is_active(nginx_checks.UNIT):
        say(f"nginx does not run. To start it: sudo systemctl enable --now {nginx_checks.UNIT}")
    host = f"http://{socket.gethostname().partition('.')[0]}.local"
    if is_served:
        say(f"All cameras: {host}:{next(iter(cameras.values())).portal_port}/")
    for each in cameras.values():
        say(f"{each.title}: {f'{host}:{each.public_port}' if is_served else each.local_url}/")
    if is_served and login.INITIAL_PASSWORD.exists():
        user = (read(login.INITIAL_PASSWORD) or "").partition(" ")[0]
        say(f"Login: {user}; its password: sudo cat {login.INITIAL_PASSWORD}")
    if not is_served:
        say(f"Without nginx only this machine reaches them{'' if has_nginx else ': sudo apt install nginx-light'}.")
    say(f"Settings: {SETTINGS}; after a change: soft-stream check && sudo systemctl restart camera-soft-cam.target")


def nginx_sentence(problem: str) -> str:
    """Return the sentence about an nginx that does not serve the cameras."""
    text = " ".join(line for line in problem.split("\n") if line != nginx_sites.ADVICE)
    return (
        f"nginx does not serve the cameras: {FLAGS.sub('.', text).rstrip('.')}. Change that, or choose other ports "
        f"with cam_portal_port and cam_camera_port_base in {SETTINGS}; then: {AGAIN}"
    )


def _settings_lines(reason: str, details: list[str]) -> list[str]:
    """Return what follows a reason that ends with a colon; the lines of a log do not."""
    return [line.strip() for line in details] if reason.endswith(":") else []


def _what_runs() -> str:
    if runs_deployment():
        return f"The cameras run release {current_release()} of the deployment."
    if runs_copy():
        if (hiding := names.ETC / UNIT).exists():  # the owner's, made by `systemctl edit --full`
            return f"{hiding} hides the unit of {version_of_copy()}, so the cameras run the new release."
        return f"The cameras run {version_of_copy()} again."
    if any(each.enabled or each.active for each in predecessor.find()):
        return "The program that ran before runs again."
    return "There is no earlier release to go back to."
