"""The Debian package's maintainer scripts, run in a folder instead of the root of a machine."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

ROOTS = re.compile(r"(?<![\w./}])/(usr/lib|usr/local/lib|var|etc|opt|run)\b")
UNIT = "camera-soft-cam@.service"
PACKAGED_UNIT = "[Service]\nExecStart={}/usr/lib/camera-soft-stream/current/bin/soft-stream serve\n"


class Machine:
    """A folder with the package in it, as dpkg has installed it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.release = self.write("usr/lib/camera-soft-stream/1.0/lib/soft_stream/main.py", "one").parents[2]
        (self.release.parent / "current").symlink_to("1.0")
        self.write(f"usr/lib/systemd/system/{UNIT}", PACKAGED_UNIT.format(root))
        self.state = root / "var/lib/camera-soft-stream"
        self.state.mkdir(parents=True)
        self.previous = self.state / "previous"
        self.overriding = root / "usr/local/lib/systemd/system" / UNIT

    def write(self, path: str, text: str = "") -> Path:
        """Write a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, script: str, *words: str, status: int = 0, stream: str = "stdout") -> str:
        """Run a script with the words that dpkg would pass; no program of this machine is called."""
        text = (ROOT / f"debian/camera-soft-stream.{script}").read_text()
        text = ROOTS.sub(rf"{self.root}/\1", text.replace("#DEBHELPER#", ""))
        programs = self.root / "programs"
        programs.mkdir(exist_ok=True)
        for name in ("getent", "py3compile", "systemctl", "userdel"):  # there is no such user
            (programs / name).write_text("#!/bin/sh\nexit 2\n" if name == "getent" else "#!/bin/sh\n")
            (programs / name).chmod(0o755)
        environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["/bin/sh", "-c", text, script, *words], env=environ, text=True, capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr
        return str(getattr(done, stream))

    @property
    def runs(self) -> str:
        """The folder of the release that the units run."""
        file = self.overriding if self.overriding.exists() else self.root / "usr/lib/systemd/system" / UNIT
        (line,) = (line for line in file.read_text().splitlines() if line.startswith("ExecStart="))
        return line.removeprefix("ExecStart=").partition("/bin/")[0].removeprefix(str(self.root))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with the package."""
    return Machine(tmp_path)


def test_an_upgrade_keeps_the_running_release(machine: Machine) -> None:
    """From then on the units run a copy, with the times of compiled modules; dpkg finds no compiled files."""
    compiled = machine.release / "lib/soft_stream/__pycache__/main.pyc"
    compiled.parent.mkdir()
    compiled.touch()
    os.utime(machine.release / "lib/soft_stream/main.py", (1e9, 1e9))
    machine.run("preinst", "upgrade", "1.0", "2.0")
    assert machine.runs == "/var/lib/camera-soft-stream/previous"
    assert (machine.previous / "lib/soft_stream/main.py").stat().st_mtime == 1e9
    assert (machine.previous / "lib/soft_stream/__pycache__/main.pyc").exists()
    assert not compiled.exists()
    assert not [*machine.state.parent.glob(".camera-soft-stream-previous.*"), *machine.overriding.parent.glob(".*")]


def test_an_upgrade_after_a_failed_one_keeps_the_same_copy(machine: Machine) -> None:
    """The copy runs, not the release of the package, which has failed."""
    machine.run("preinst", "upgrade", "1.0", "2.0")
    (machine.release / "lib/soft_stream/main.py").write_text("two, which fails")
    link = machine.release.parent / "0.9"
    link.symlink_to(machine.previous)
    before = machine.overriding.read_text()
    machine.run("preinst", "upgrade", "2.0", "3.0")
    assert (machine.previous / "lib/soft_stream/main.py").read_text() == "one"
    assert machine.overriding.read_text() == before
    assert not link.is_symlink()  # dpkg would write into the copy


def test_a_service_cannot_lead_the_copy_elsewhere(machine: Machine) -> None:
    """The state directory belongs to the service: a link that it puts there is replaced, not followed."""
    elsewhere = machine.write("elsewhere/file").parent
    machine.previous.symlink_to(elsewhere)
    machine.run("preinst", "upgrade", "1.0", "2.0")
    assert not machine.previous.is_symlink()
    assert [path.name for path in elsewhere.iterdir()] == ["file"]


@pytest.mark.parametrize("unit", ["/opt/camera-soft-stream/current", "/var/lib/camera-soft-stream/previous"])
def test_a_unit_that_runs_something_else_stays(machine: Machine, unit: str) -> None:
    """While a deployment or a copy runs, an upgrade keeps nothing."""
    machine.write(f"usr/local/lib/systemd/system/{UNIT}", f"ExecStart={unit}/bin/soft-stream\n")
    machine.run("preinst", "upgrade", "1.0", "2.0")
    assert machine.runs == unit
    assert not machine.previous.exists()


@pytest.mark.parametrize(("old", "new", "kept"), [("deb12", "deb13", False), ("deb13", "deb13", True)])
def test_the_copy_is_for_one_python(machine: Machine, old: str, new: str, *, kept: bool) -> None:
    """After an upgrade of Debian the earlier release could not run, so the units run the new one at once."""
    machine.run("preinst", "upgrade", f"1.0~{old}", f"1.0~{new}")
    assert machine.previous.exists() is machine.overriding.exists() is kept


def test_a_machine_that_has_served_no_camera(machine: Machine) -> None:
    """Such as an image that was never booted: there is no state, and nothing to keep."""
    machine.state.rmdir()
    machine.run("preinst", "upgrade", "1.0", "2.0")
    assert not machine.overriding.exists()


def test_what_a_killed_upgrade_has_left_is_removed(machine: Machine) -> None:
    """An incomplete copy and an incomplete unit have names that nothing uses."""
    left = machine.write("var/lib/.camera-soft-stream-previous.aB3xYz/bin/soft-stream").parents[1]
    text = machine.write(f"usr/local/lib/systemd/system/.{UNIT}.aB3xYz")
    machine.run("preinst", "upgrade", "1.0", "2.0")
    assert not left.exists()
    assert not text.exists()
    assert machine.runs == "/var/lib/camera-soft-stream/previous"


@pytest.mark.parametrize("script", ["preinst upgrade 1.0 2.0", "postrm purge"])
def test_a_backup_of_the_owner_stays(machine: Machine, script: str) -> None:
    """A copy of the state beside it is not what a killed upgrade has left."""
    fill(machine)
    backup = machine.write("var/lib/camera-soft-stream.backup/signing-key")
    machine.run(*script.split())
    assert backup.exists()


@pytest.mark.parametrize("program", ["cp", "sync", "mv"])
def test_an_upgrade_without_space_for_the_copy(machine: Machine, program: str) -> None:
    """Dpkg gives the upgrade up; the units run what they ran, and nothing incomplete is left."""
    failing = machine.write(f"programs/{program}", "#!/bin/sh\nexit 1\n")
    failing.chmod(0o755)
    machine.run("preinst", "upgrade", "1.0", "2.0", status=1)
    assert machine.runs == "/usr/lib/camera-soft-stream/current"
    assert [path.name for path in machine.state.parent.iterdir()] == ["camera-soft-stream"]
    assert not [*machine.overriding.parent.iterdir()]


def test_a_read_only_usr_local(machine: Machine) -> None:
    """An upgrade is possible where no unit can be written, and says that it cannot be taken back."""
    machine.write("usr/local/lib/systemd")  # no folder can be made there, whoever makes it
    assert "the running release is not kept" in machine.run("preinst", "upgrade", "1.0", "2.0", stream="stderr")
    assert machine.runs == "/usr/lib/camera-soft-stream/current"
    assert not machine.previous.exists()


def test_the_state_is_on_another_file_system(machine: Machine) -> None:
    """Also through a link: root would build the copy in a folder that the service may change meanwhile."""
    machine.state.rmdir()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        machine.state.symlink_to(elsewhere)
        machine.run("preinst", "upgrade", "1.0", "2.0")
        assert not [*Path(elsewhere).iterdir()]
    assert machine.runs == "/usr/lib/camera-soft-stream/current"


def test_a_purge_where_the_state_is_a_mount_point(machine: Machine) -> None:
    """It cannot be removed; its content can, and dpkg finishes."""
    fill(machine)
    remove(machine)
    programs = machine.root / "programs"
    (programs / "rm").write_text('#!/bin/sh\n/bin/rm "$@"\ncase "$*" in *var/lib/camera-soft-stream) exit 1 ;; esac\n')
    (programs / "rm").chmod(0o755)
    assert f"{machine.state} stays" in machine.run("postrm", "purge")
    assert not (machine.root / "etc/camera-streamer").exists()


@pytest.mark.parametrize(("failed", "stays"), [("2.0", False), ("3.0", True)])
def test_an_upgrade_that_dpkg_gives_up(machine: Machine, failed: str, *, stays: bool) -> None:
    """The units run the package again; but not if the copy is that of an earlier upgrade, whose release has failed."""
    machine.run("preinst", "upgrade", "1.0", "2.0")
    machine.run("postrm", "abort-upgrade", "1.0", failed)
    machine.run("postinst", "abort-upgrade", failed)
    assert machine.overriding.exists() is machine.previous.exists() is stays


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("preinst", "install"),
        ("preinst", "install 1.0 2.0"),
        ("preinst", "abort-upgrade 2.0"),
        ("postinst", "abort-deconfigure in-favour x 1"),
        ("prerm", "upgrade 2.0"),
        ("prerm", "failed-upgrade 1.0 2.0"),
        ("prerm", "deconfigure in-favour x 1"),
        ("postrm", "upgrade 2.0"),
        ("postrm", "failed-upgrade 1.0 2.0"),
        ("postrm", "abort-install"),
        ("postrm", "abort-upgrade 1.0 2.0"),
    ],
)
def test_calls_that_change_nothing(machine: Machine, script: str, words: str) -> None:
    """Dpkg calls scripts of a release that may be broken, and undoes steps that have done nothing."""
    before = {path: path.is_symlink() or path.is_dir() or path.read_text() for path in machine.root.rglob("*")}
    machine.run(script, *words.split())
    after = {path: path.is_symlink() or path.is_dir() or path.read_text() for path in machine.root.rglob("*")}
    programs = machine.root / "programs"
    assert {path: text for path, text in after.items() if not path.is_relative_to(programs)} == before


@pytest.mark.parametrize("script", ["preinst", "postinst", "prerm", "postrm"])
def test_an_unknown_call_is_an_error(machine: Machine, script: str) -> None:
    """A newer dpkg must not be misunderstood silently."""
    machine.run(script, "celebrate", status=1)


def fill(machine: Machine) -> None:
    """Write what the package, its cameras and its owner write on a machine."""
    for name in ("camera-soft-stream.env", "htpasswd", "tokens", "initial-password", "failed-upgrade.txt"):
        machine.write(f"etc/camera-streamer/{name}")
    machine.write("etc/camera-streamer/camera-soft-stream.env.20261130T161400")
    machine.write("etc/camera-streamer/tls/key.pem")
    machine.write("var/lib/camera-soft-stream/signing-key")
    machine.write("var/lib/camera-soft-stream/thumbnail-imx708@1a-0123456789abcdef.jpg")
    machine.write("var/lib/camera-soft-stream-rollout/configured")
    machine.write("var/log/camera-soft-stream/cam0.log")
    machine.write("run/camera-soft-stream/cam0.pause")
    machine.write("etc/nginx/conf.d/camera-soft-stream.conf")
    machine.write("etc/nginx/camera-soft-stream/tls.conf")
    machine.write("usr/lib/systemd/system/camera-soft-cam0.service")
    machine.write("usr/lib/systemd/system/camera-soft-cam@0.service.d/name.conf")
    units = machine.write("etc/systemd/system/multi-user.target.wants/other.service").parents[1]
    (units / "camera-soft-cam.target.wants").mkdir()
    (units / "camera-soft-cam.target.wants/camera-soft-cam@0.service").symlink_to("/gone")
    (units / "multi-user.target.wants/camera-soft-cam.target").symlink_to("/gone")
    (units / "camera-soft-cam@1.service").symlink_to("/dev/null")


def ours(machine: Machine) -> set[str]:
    """Return the files that have a name of ours."""
    files = (path for path in machine.root.rglob("*") if path.is_symlink() or path.is_file())
    names = {str(path.relative_to(machine.root)) for path in files if "programs" not in path.parts}
    return {name for name in names if re.search("camera|soft-", name)}


def remove(machine: Machine) -> None:
    """Remove the package as dpkg does."""
    machine.run("prerm", "remove")
    for file in (*machine.release.rglob("main.py"), machine.root / "usr/lib/systemd/system" / UNIT):
        file.unlink()
    machine.run("postrm", "remove")


def test_a_removed_package_leaves_what_belongs_to_the_owner(machine: Machine) -> None:
    """Settings, logins, state and which cameras are enabled; no nginx site, and no unit."""
    fill(machine)
    machine.run("preinst", "upgrade", "1.0", "2.0")
    remove(machine)
    assert {name.split("/")[0] for name in ours(machine)} == {"etc", "var", "run"}
    assert "etc/camera-streamer/htpasswd" in ours(machine)
    assert "etc/systemd/system/camera-soft-cam.target.wants/camera-soft-cam@0.service" in ours(machine)
    assert not machine.previous.exists()
    assert not [name for name in ours(machine) if "nginx" in name or "failed-upgrade" in name]


@pytest.mark.parametrize("times", [1, 2])
def test_a_purged_package_leaves_nothing(machine: Machine, times: int) -> None:
    """All files and links are gone, also if the purge runs again."""
    fill(machine)
    machine.run("preinst", "upgrade", "1.0", "2.0")
    remove(machine)
    for _ in range(times):
        machine.run("postrm", "purge")
    assert ours(machine) == set()
    assert (machine.root / "etc/systemd/system/multi-user.target.wants/other.service").exists()
    assert not (machine.root / "etc/camera-streamer").exists()


def test_a_purge_keeps_what_the_cameras_have_replaced(machine: Machine) -> None:
    """The owner's own nginx sites and units are not ours, and the output says where they are."""
    fill(machine)
    machine.write("etc/nginx/camera-soft-stream/replaced/sites-enabled-cameras")
    machine.write("etc/camera-streamer/replaced-units/1/camera-soft-cam0.service")
    machine.write("etc/systemd/system/camera-soft-cam@.service.d/override.conf")
    remove(machine)
    output = machine.run("postrm", "purge")
    kept = {
        "etc/nginx/camera-soft-stream/replaced/sites-enabled-cameras",
        "etc/camera-streamer/replaced-units/1/camera-soft-cam0.service",
        "etc/systemd/system/camera-soft-cam@.service.d/override.conf",
    }
    assert ours(machine) == kept
    assert all(any(str(machine.root / name).startswith(word) for word in output.split()) for name in kept)


def test_a_purge_keeps_the_files_of_the_predecessor(machine: Machine) -> None:
    """Units of soft-stream-portal use the same settings and logins."""
    fill(machine)
    machine.write("etc/systemd/system/camera-soft-cam0.service")
    remove(machine)
    assert "soft-stream-portal uses them" in machine.run("postrm", "purge")
    assert {"etc/camera-streamer/camera-soft-stream.env", "etc/camera-streamer/htpasswd"} < ours(machine)


def test_nothing_of_a_deployment_is_removed(machine: Machine) -> None:
    """While a deployment serves the cameras, the package takes only its own files, and says so."""
    fill(machine)
    current = machine.write("opt/camera-soft-stream/releases/1/bin/soft-stream").parents[1]
    (machine.root / "opt/camera-soft-stream/current").symlink_to(current)
    machine.overriding.parent.mkdir(parents=True)
    machine.overriding.write_text(f"ExecStart={machine.root}/opt/camera-soft-stream/current/bin/x\n")
    before = {name for name in ours(machine) if not name.startswith("usr/lib/")}
    assert "the deployment" in machine.run("prerm", "remove")
    machine.run("postrm", "remove")
    assert "the deployment" in machine.run("postrm", "purge")
    gone = {"etc/camera-streamer/failed-upgrade.txt", "var/lib/camera-soft-stream-rollout/configured"}
    assert {name for name in ours(machine) if not name.startswith("usr/lib/")} == before - gone


def test_the_copy_runs_until_the_package_is_removed(machine: Machine) -> None:
    """After a failed upgrade, a removal takes the copy and its unit."""
    machine.run("preinst", "upgrade", "1.0", "2.0")
    remove(machine)
    assert not machine.overriding.exists()
