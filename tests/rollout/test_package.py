"""The commands of the package's maintainer scripts."""

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rollout import (
    commit,
    first_boot,
    installed,
    login,
    names,
    nginx_checks,
    nginx_sites,
    package,
    package_report,
    planner,
    port_conflicts,
    trial,
)
from rollout.nginx import Places
from rollout.plan import Plan
from rollout.system import RolloutError
from rollout.trial import NotServing

from soft_stream.config.settings import Settings

NO_WORDS = argparse.Namespace()


@dataclass
class Machine:
    """What the commands do on a machine, and how it reacts."""

    root: Path
    events: list[str] = field(default_factory=list)
    release_of_process: Path | None = None
    is_first_plan_wrong: bool = False
    nginx_error: str = ""
    """Why nginx rejects our configuration."""
    reload_error: str = ""
    """Why the check after the reload of nginx fails."""
    camera_error: BaseException | None = None

    @property
    def release(self) -> Path:
        """The folder of the release of the package."""
        return self.root / "package/2.0"

    @property
    def failed(self) -> Path:
        """The file of a failed upgrade."""
        return self.root / "failed-upgrade.txt"

    def make_plan(self, *_: object, with_nginx: bool, **__: object) -> Plan:
        """Return a plan, which differs with nginx."""
        if self.is_first_plan_wrong:
            raise RolloutError("The settings are wrong:\n  camera-soft-stream.env:1: cam_fps=x", 78)
        files: dict[Path, str | None] = {Path("/etc/nginx/conf.d/ours.conf"): ""} if with_nginx else {}
        return Plan(None, {0: Settings(camera=0)}, files, notes=["a note"])

    def try_release(self, _: Plan, *, new_may_fail: bool) -> None:
        """Try a release."""
        self.events.append(f"trial, new cameras may fail: {new_may_fail}")
        if self.camera_error:
            raise self.camera_error

    def apply(self, plan: Plan, *, remember: bool) -> None:
        """Apply a plan."""
        assert not remember
        self.events.append(f"apply {'with' if plan.affects_nginx else 'without'} nginx")
        if plan.affects_nginx and self.reload_error:
            raise RolloutError(self.reload_error, 1)

    def check_nginx(self, _: Plan) -> None:
        """Check the configuration of nginx."""
        if self.nginx_error:
            raise RolloutError(self.nginx_error, 1)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine with nginx, on which the package is installed."""
    made = Machine(tmp_path)
    made.release.mkdir(parents=True)
    (tmp_path / "package/current").symlink_to("2.0")
    for name, place in {
        "PACKAGED": "package/current",
        "PREVIOUS": "previous",
    }.items():
        monkeypatch.setattr(package, name, tmp_path / place)
    for name, place in {
        "PACKAGED": "package/current",
        "CONFIGURED": "configured",
        "CURRENT": "opt/c",
        "OPT": "opt",
        "RELEASES": "opt/releases",
    }.items():
        monkeypatch.setattr(installed, name, tmp_path / place)
    replaced: list[tuple[object, str, Callable[..., object]]] = [
        (planner, "make_plan", made.make_plan),
        (package, "_folder", lambda: made.release),
        (package, "_has_nginx", lambda: True),
        (package, "_keep_modules_of_running", lambda: None),
        (package, "_release_of_process", lambda _: made.release_of_process),
        (package, "run", lambda *_: ""),
        (port_conflicts, "check_nginx", lambda _: None),
        (commit, "try_nginx_configuration", made.check_nginx),
        (commit, "apply", made.apply),
        (trial, "try_release", made.try_release),
        (trial, "cancel", lambda: made.events.append("cancel")),
        (login, "create_login", lambda *_: True),
        (login, "let_service_read", lambda: None),
        (first_boot, "has_systemd", lambda: True),
        (first_boot, "enable", lambda _: made.events.append("enable the first boot")),
        (first_boot, "disable", lambda: None),
        (package_report, "is_active", lambda _: True),
        (package_report, "_what_runs", lambda: "The cameras run 1.0 again."),
    ]
    for where, name, function in replaced:
        monkeypatch.setattr(where, name, function)
    monkeypatch.setattr("rollout.plan.enabled_cameras", lambda: {0})
    monkeypatch.setattr("rollout.plan.is_enabled", lambda _: True)
    monkeypatch.setattr(package_report, "FAILED_UPGRADE", made.failed)
    monkeypatch.setattr(nginx_checks, "CONFIGURATION", made.release)  # it exists
    return made


def test_the_release_is_tried_and_applied(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Only cameras that delivered frames before must do so; the copy and earlier releases are removed."""
    (machine.root / "previous").mkdir()
    (machine.root / "opt/releases").mkdir(parents=True)
    (machine.root / "package/1.0").symlink_to(machine.root / "previous")
    assert package.configure(NO_WORDS) == 0
    assert machine.events == ["trial, new cameras may fail: True", "apply with nginx"]
    assert sorted(path.name for path in machine.root.iterdir()) == ["configured", "package"]
    assert sorted(path.name for path in (machine.root / "package").iterdir()) == ["2.0", "current"]
    output = capsys.readouterr().out
    assert "a note\n" in output
    assert ".local:8080/\n" in output
    assert ".local:8081/\n" in output


def test_a_release_that_runs_is_not_restarted(machine: Machine) -> None:
    """A script may be called twice; nothing has changed then."""
    machine.release_of_process = machine.release
    assert package.configure(NO_WORDS) == 0
    assert machine.events == ["apply with nginx"]


def test_a_deployment_that_serves_keeps_its_releases(machine: Machine) -> None:
    """They are removed only with the link to the current one, which the plan removes."""
    (machine.root / "opt").mkdir()
    (machine.root / "opt/c").symlink_to("releases/1")
    assert package.configure(NO_WORDS) == 0
    assert (machine.root / "opt").exists()


def test_a_camera_that_fails(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """What ran before runs again, the installation succeeds, and the sentence stays for doctor and the page."""
    (machine.root / "previous").mkdir()
    machine.camera_error = NotServing("cam0: no frames: 503\n    a line of the log", runs=True)
    assert package.configure(NO_WORDS) == 0
    assert machine.events == ["trial, new cameras may fail: True", "cancel"]
    sentence = machine.failed.read_text()
    assert sentence.count("\n") == 1
    assert "cam0: no frames: 503. The cameras run 1.0 again." in sentence
    assert capsys.readouterr().out.endswith(f"    a line of the log\nWARNING: {sentence}")
    assert (machine.root / "previous").exists()
    assert installed.is_first()


def test_wrong_settings(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """The cameras are not touched, and the sentence has the line that is wrong."""
    machine.is_first_plan_wrong = True
    assert package.configure(NO_WORDS) == 0
    assert machine.events == []
    assert "failed: The settings are wrong: camera-soft-stream.env:1: cam_fps=x. " in machine.failed.read_text()
    assert "WARNING: " in capsys.readouterr().out


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_unexpected_error(machine: Machine, error: BaseException) -> None:
    """The cameras are restored, and dpkg learns of the error: the package is to be configured again."""
    machine.camera_error = error
    with pytest.raises(type(error)):
        package.configure(NO_WORDS)
    assert machine.events[-1] == "cancel"
    assert not machine.failed.exists()


def test_nginx_rejects_its_configuration(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """The site of another program is broken: nginx stays as it is, and the cameras run."""
    machine.nginx_error = "nginx rejects its configuration:\nunexpected end of file in /etc/nginx/sites-enabled/other:2"
    assert package.configure(NO_WORDS) == 0
    assert machine.events[-1] == "apply without nginx"
    output = capsys.readouterr().out
    assert "nginx does not serve the cameras: nginx rejects its configuration: unexpected end of file" in output
    assert "http://127.0.0.1:18081/" in output
    assert ".local:8080" not in output


def test_nginx_fails_after_its_reload(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Its configuration is restored, and the rest of the plan is applied."""
    machine.reload_error = "Port 8080 does not require a login through nginx, but replies: 200."
    assert package.configure(NO_WORDS) == 0
    assert machine.events[-2:] == ["apply with nginx", "apply without nginx"]
    assert "nginx does not serve the cameras: Port 8080 does not" in capsys.readouterr().out


def test_the_advice_of_the_deployment_is_left_out() -> None:
    """The package has no flags; its ports are settings."""
    problem = "Port 8081 (nginx) is in use by x (pid 1). Stop it, or choose another port with --camera-port-base."
    assert "--" not in package_report.nginx_sentence(f"{problem}\n{nginx_sites.ADVICE}")


def test_an_image_is_configured_at_its_first_boot(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without systemd no camera is listed, and no password is made that all copies of the image would have."""
    monkeypatch.setattr(first_boot, "has_systemd", lambda: False)
    assert package.configure(NO_WORDS) == 0
    assert package.trigger(NO_WORDS) == 0
    assert machine.events == ["enable the first boot"]
    assert installed.is_first()


@pytest.fixture
def configured(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine that the package has configured."""
    installed.mark_configured("2.0", [0])
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/sbin/nginx")
    return machine


def test_nginx_is_installed_later(configured: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Only nginx is changed; the output has the new addresses."""
    assert package.trigger(NO_WORDS) == 0
    assert configured.events == ["apply with nginx"]
    assert ".local:8080/\n" in capsys.readouterr().out


@pytest.mark.parametrize("reason", ["a deployment serves", "nginx has no configuration yet", "never configured"])
def test_a_trigger_that_changes_nothing(
    configured: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reason: str
) -> None:
    """It is also activated while nginx is being installed."""
    if reason == "a deployment serves":
        (configured.root / "opt").mkdir()
        (configured.root / "opt/c").symlink_to("releases/1")
    elif reason == "never configured":
        (configured.root / "configured").unlink()
    else:
        monkeypatch.setattr(package, "_has_nginx", lambda: False)
    assert package.trigger(NO_WORDS) == 0
    assert configured.events == []
    assert capsys.readouterr().out == ""


def test_nginx_is_broken_when_it_is_installed(configured: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """The installation of nginx does not fail."""
    configured.reload_error = "nginx rejects its configuration:\nan error"
    assert package.trigger(NO_WORDS) == 0
    assert capsys.readouterr().out.startswith("nginx does not serve the cameras: nginx rejects its configuration: an")


@pytest.mark.parametrize("purged", [False, True])
def test_nginx_is_removed(
    configured: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, purged: bool
) -> None:
    """Our files go; what others have there stays, and so do folders that dpkg knows."""
    etc = configured.root / "nginx"
    main, include = etc / "conf.d/ours.conf", etc / "camera-soft-stream/tls.conf"
    for file in (main, include, *([] if purged else [etc / "nginx.conf"])):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(nginx_checks, "CONFIGURATION", main)
    monkeypatch.setattr(package, "INCLUDES", include.parent)
    monkeypatch.setattr(package, "INSTALLED", Places(etc=etc))
    for _ in range(2):
        assert package.trigger(NO_WORDS) == 0
    assert etc.exists() is (etc / "conf.d").exists() is not purged
    assert not include.parent.exists()
    assert capsys.readouterr().out.count("nginx was removed") == 1


def test_running_processes_find_their_modules(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that they run in was removed; until they are restarted, it is the copy."""
    monkeypatch.undo()
    monkeypatch.setattr(package, "PACKAGED", machine.root / "package/current")
    monkeypatch.setattr(package, "PREVIOUS", machine.root / "previous")
    monkeypatch.setattr(package, "_release_of_process", lambda _: machine.root / "package/1.0")
    monkeypatch.setattr(installed, "runs_copy", lambda: True)
    monkeypatch.setattr(package, "enabled_cameras", lambda: {0, 1})
    (machine.root / "previous").mkdir()
    package._keep_modules_of_running()
    assert (machine.root / "package/1.0").readlink() == machine.root / "previous"


@pytest.mark.parametrize("has_copy_of_unit", [False, True])
def test_what_runs_after_a_failed_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_copy_of_unit: bool
) -> None:
    """A unit that the owner has copied to /etc hides that of the earlier release, and the sentence says so."""
    monkeypatch.setattr(package_report, "runs_deployment", lambda: False)
    monkeypatch.setattr(package_report, "runs_copy", lambda: True)
    monkeypatch.setattr(package_report, "version_of_copy", lambda: "1.0")
    monkeypatch.setattr(names, "ETC", tmp_path)
    if has_copy_of_unit:
        (tmp_path / installed.UNIT).touch()
    wanted = "hides the unit of 1.0, so the cameras run the new release." if has_copy_of_unit else "run 1.0 again."
    assert package_report._what_runs().endswith(wanted)
