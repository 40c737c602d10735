"""[target] The commands of the Debian package's maintainer scripts: the package is another source of releases.

`configure` (postinst) does for its release what `install` does for one of the deployment. No camera and no nginx makes
the installation fail: what ran before continues, and a sentence says why. Until the trial has succeeded, units in
/usr/local/lib/systemd/system run the earlier release: those of the deployment, or the one that preinst has written,
which runs a copy. `trigger` configures nginx when it is installed later.
"""

import argparse
import shutil
from contextlib import suppress
from pathlib import Path

from rollout import (
    apt_packages,
    commit,
    first_boot,
    installed,
    interrupts,
    login,
    nginx_checks,
    package_report,
    planner,
    port_conflicts,
    trial,
)
from rollout.nginx import INSTALLED
from rollout.plan import INCLUDES, Plan
from rollout.system import RolloutError, camera_unit, enabled_cameras, run, say, write
from soft_stream import __version__
from soft_stream.config.installation import PACKAGED, PREVIOUS

USER = "camera"


def configure(_: argparse.Namespace) -> int:
    """Bring the package's release into use; return 0 also if the earlier one had to be restored."""
    folder = _folder()
    run("systemd-sysusers", str(folder / "systemd/camera-soft-stream.sysusers.conf"))
    if not first_boot.has_systemd():
        first_boot.enable(folder)
        say("systemd does not run here: the cameras are set up when this system boots for the first time.")
        return 0
    _keep_modules_of_running()
    try:
        wanted, problem = _plan(folder)
        for line in (*wanted.replacements, *wanted.notes):
            say(line)
        problem = _use(wanted, folder) or problem
    except RolloutError as error:
        package_report.failed(str(error), wanted_release=__version__)
        return 0
    with interrupts.disabled():
        installed.mark_configured(__version__, wanted.cameras)
        _remove_replaced(folder)
        first_boot.disable()
    package_report.succeeded(wanted.cameras, problem, has_nginx=_has_nginx())
    return 0


def trigger(_: argparse.Namespace) -> int:
    """Configure nginx after it was installed, or forget it after it was removed; return 0 also if it rejects that."""
    if not first_boot.has_systemd() or installed.folder_before() != PACKAGED:
        return 0
    if not shutil.which("nginx", path=apt_packages.PATH):
        _remove_nginx_files()
        return 0
    if not _has_nginx():
        return 0  # it is being installed: its configuration activates the trigger again
    try:
        whole = _make_plan(_folder(), with_nginx=True)
        wanted = commit.of_nginx(whole)
        if not wanted.changes:
            return 0
        port_conflicts.check_nginx(whole)
        for line in wanted.replacements:
            say(line)
        login.create_login(USER, whole.htpasswd)
        login.let_service_read()
        with interrupts.disabled():
            commit.apply(wanted, remember=False)
    except RolloutError as error:
        say(package_report.nginx_sentence(str(error)))
        return 0
    package_report.succeeded(whole.cameras, "", has_nginx=True)
    return 0


def _folder() -> Path:
    return Path(__file__).resolve().parents[2]


def _has_nginx() -> bool:
    """Return True if nginx is installed; its configuration appears only when dpkg configures it."""
    return bool(shutil.which("nginx", path=apt_packages.PATH)) and (INSTALLED.etc / "nginx.conf").exists()


def _make_plan(folder: Path, *, with_nginx: bool) -> Plan:
    return planner.make_plan(folder, None, None, with_nginx=with_nginx, tls=login.CERTIFICATE.exists(), flags={})


def _plan(folder: Path) -> tuple[Plan, str]:
    """Return the plan, and why it leaves nginx as it is; "" if it does not, or if there is no nginx.

    Raises:
        RolloutError: the settings are wrong.
    """
    if not _has_nginx():
        return _make_plan(folder, with_nginx=False), ""
    try:
        wanted = _make_plan(folder, with_nginx=True)
        port_conflicts.check_nginx(wanted)
        if wanted.affects_nginx:
            commit.try_nginx_configuration(wanted)
    except RolloutError as error:
        return _make_plan(folder, with_nginx=False), str(error)
    return wanted, ""


def _use(wanted: Plan, folder: Path) -> str:
    """Try the release and apply the plan; return why nginx was left as it is, or "".

    Raises:
        RolloutError: a camera that delivered frames before does not; what ran before runs again.
    """
    login.create_login(USER, wanted.htpasswd)
    login.let_service_read()
    try:
        if wanted.affects_cameras or not all(_runs(number, folder) for number in wanted.served):
            trial.try_release(wanted, new_may_fail=True)
        with interrupts.disabled():
            return _apply(wanted, folder)
    except BaseException:
        with interrupts.disabled():
            trial.cancel()
        raise


def _apply(wanted: Plan, folder: Path) -> str:
    try:
        commit.apply(wanted, remember=False)
    except RolloutError as error:
        if not wanted.affects_nginx:
            raise
        commit.apply(_make_plan(folder, with_nginx=False), remember=False)
        return str(error)
    return ""


def _runs(camera: int, folder: Path) -> bool:
    """Return True if the process of a camera runs the release in a folder."""
    return _release_of_process(camera) == folder


def _release_of_process(camera: int) -> Path | None:
    """Return the folder of the release that the process of a camera runs; None if it does not run."""
    pid = run("systemctl", "show", "--value", "--property", "MainPID", camera_unit(camera))
    with suppress(OSError):
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = variable.decode(errors="replace").partition("=")
            if name == "PYTHONPATH":
                return Path(value).parent
    return None


def _keep_modules_of_running() -> None:
    """Let processes of the earlier release find the modules that they have not imported yet: dpkg has removed them."""
    if not installed.runs_copy():
        return
    for camera in enabled_cameras():
        release = _release_of_process(camera)
        if release and release.parent == PACKAGED.parent and not release.exists():
            release.unlink(missing_ok=True)
            release.symlink_to(PREVIOUS)


def _remove_replaced(folder: Path) -> None:
    """Remove the copy, the releases of the deployment, and what Python has written into folders of earlier releases."""
    others = [each for each in PACKAGED.parent.iterdir() if each not in (folder, PACKAGED)]
    if not installed.runs_deployment():
        installed.remove_deployment()
    for path in (PREVIOUS, *others):
        if path.is_symlink():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)


def _remove_nginx_files() -> None:
    ours = [path for path in (nginx_checks.CONFIGURATION, *INCLUDES.glob("*.conf")) if path.exists()]
    write(dict.fromkeys(ours))
    is_purged = not (INSTALLED.etc / "nginx.conf").exists()  # else dpkg knows the other folders
    for folder in (INCLUDES, *((nginx_checks.CONFIGURATION.parent, INSTALLED.etc) if is_purged else ())):
        with suppress(OSError):  # it does not exist, or has files of others
            folder.rmdir()
    if ours:
        say("nginx was removed, so the cameras are on this machine only; sudo apt install nginx-light brings it back")
