"""[target] Dependencies that a release does not contain: the target installs them with apt."""

import os
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from rollout.system import UNAVAILABLE, RolloutError, say, succeeds
from soft_stream.config.settings import Settings

# a dry run does not run as root, whose PATH has these folders
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# module: Debian package
MODULES = {"numpy": "python3-numpy", "PIL": "python3-pil", "simplejpeg": "python3-simplejpeg"}
SOURCE_MODULES = {
    "picamera": {"libcamera": "python3-libcamera", "picamera2": "python3-picamera2"},
    "media": {"av": "python3-av"},
    "gphoto": {"gphoto2": "python3-gphoto2"},
}
ZMQ_MODULES = {"zmq": "python3-zmq"}
PROGRAMS = {"openssl": "openssl"}
NGINX_PROGRAMS = {"nginx": "nginx-light"}
# where Debian's packages have their modules
DIST_PACKAGES = Path("/usr/lib/python3/dist-packages")


def missing(cameras: Mapping[int, Settings], *, with_nginx: bool) -> dict[str, str]:
    """Return missing modules and programs, each with the package that contains it."""
    modules, programs = dict(MODULES), dict(PROGRAMS)
    for settings in cameras.values():
        modules |= SOURCE_MODULES.get(settings.source, {}) | (ZMQ_MODULES if settings.zmq else {})
    if with_nginx:
        programs |= NGINX_PROGRAMS
    modules_missing = {f"Python's {name}": package for name, package in modules.items() if not _imports(name)}
    return modules_missing | {name: package for name, package in programs.items() if not shutil.which(name, path=PATH)}


def versions() -> str:
    """Return a sentence with the versions of the Python packages that a release uses, but does not contain."""
    return f"Packages of the target: {', '.join(map(_version, ('numpy', 'Pillow', 'simplejpeg', 'picamera2')))}"


def _version(name: str) -> str:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return f"{name} of unknown version" if _imports({"Pillow": "PIL"}.get(name, name)) else f"no {name}"
    folder = Path(str(found.locate_file("")))
    return f"{name} {found.version}" + ("" if folder == DIST_PACKAGES else f" in {folder}")


def install(missing: Mapping[str, str]) -> None:
    """Install the packages of what is missing.

    Raises:
        RolloutError: apt cannot install them; the message has the command to run.
    """
    packages = sorted(set(missing.values()))
    say(f"Installing {' '.join(packages)}")
    apt = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages)
    # an old index may list packages that no longer exist
    if not succeeds("apt-get", "update", "-qq") or not succeeds("env", "DEBIAN_FRONTEND=noninteractive", *apt):
        command = f"sudo apt-get update && sudo {' '.join(apt)}"
        raise RolloutError(f"Missing, and apt cannot install it: {', '.join(missing)}. Run: {command}", UNAVAILABLE)


def _imports(module: str) -> bool:
    return succeeds(sys.executable, "-c", f"import {module}")
