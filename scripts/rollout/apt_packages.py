"""[target] What a release needs that is not brought along: it comes from the machine's own packages."""

import os
import shutil
import sys
from collections.abc import Mapping

from rollout.system import UNAVAILABLE, RolloutError, say, succeeds
from soft_stream.config.settings import Settings

# where only root looks, too: a dry run is not root's
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# module: the Debian package that has it
MODULES = {"numpy": "python3-numpy", "PIL": "python3-pil", "simplejpeg": "python3-simplejpeg"}
CAMERA_MODULES = {"libcamera": "python3-libcamera", "picamera2": "python3-picamera2"}
PROGRAMS = {"openssl": "openssl"}
NGINX_PROGRAMS = {"nginx": "nginx-light"}


def missing(cameras: Mapping[int, Settings], *, with_nginx: bool) -> dict[str, str]:
    """List what is missing, each thing with the package that has it."""
    modules, programs = dict(MODULES), dict(PROGRAMS)
    if any(settings.source == "picamera" for settings in cameras.values()):
        modules |= CAMERA_MODULES
    if with_nginx:
        programs |= NGINX_PROGRAMS
    lacks = {f"Python's {name}": package for name, package in modules.items() if not _imports(name)}
    return lacks | {name: package for name, package in programs.items() if not shutil.which(name, path=PATH)}


def install(lacks: Mapping[str, str]) -> None:
    """Install what is missing.

    Raises:
        RolloutError: that cannot be done from here; the sentence lists what to install.
    """
    packages = sorted(set(lacks.values()))
    say(f"Installing {' '.join(packages)}")
    apt = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages)
    # the index may be months old, and name packages that are gone
    if not succeeds("apt-get", "update", "-qq") or not succeeds("env", "DEBIAN_FRONTEND=noninteractive", *apt):
        command = f"sudo apt-get update && sudo {' '.join(apt)}"
        raise RolloutError(f"This machine lacks {', '.join(lacks)}, and cannot install it: {command}", UNAVAILABLE)


def _imports(module: str) -> bool:
    return succeeds(sys.executable, "-c", f"import {module}")
