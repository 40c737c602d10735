"""The command `install`, which runs on the target."""

import errno
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rollout import __main__ as install
from rollout import apt_packages, interrupts, planner
from rollout.plan import Plan


@pytest.fixture(autouse=True)
def _restored_signals() -> Iterator[None]:
    """Undo what the command does to the signals of its process, which is this one here."""
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_plan_is_made_again_after_packages_were_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Picamera2 the cameras cannot be listed: the settings have their ids only after its installation."""
    present: list[str] = []
    deployed: list[Plan] = []

    def make_plan(folder: Path, *_: object, **__: object) -> Plan:
        return Plan(folder.name, {}, {tmp_path / "settings": f"packages: {present}"})

    monkeypatch.setattr(planner, "make_plan", make_plan)
    monkeypatch.setattr(apt_packages, "missing", lambda *_, **__: {"Python's picamera2": "python3-picamera2"})
    monkeypatch.setattr(apt_packages, "install", lambda missing: present.extend(missing.values()))
    monkeypatch.setattr(install, "run", lambda *_: "")
    monkeypatch.setattr(install, "_add_release", lambda _: None)
    monkeypatch.setattr(install, "_deploy", lambda plan, **_: deployed.append(plan))
    monkeypatch.setattr("sys.argv", ["rollout", "install", "--release", str(tmp_path / "2.0"), "--no-nginx"])
    monkeypatch.setattr(install, "_revert", lambda: None)
    assert install.main() == 0
    assert [plan.files for plan in deployed] == [{tmp_path / "settings": "packages: ['python3-picamera2']"}]


@pytest.mark.parametrize(("words", "hint"), [((), ""), (("--dry-run",), "; a dry run as root may do that")])
def test_a_file_that_is_not_readable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], hint: str
) -> None:
    """The settings may be readable for root and the cameras only, and a dry run is not root."""

    def make_plan(*_: object, **__: object) -> Plan:
        raise PermissionError(errno.EACCES, "Permission denied", "/etc/camera-streamer/camera-soft-stream.env")

    monkeypatch.setattr(planner, "make_plan", make_plan)
    monkeypatch.setattr(install, "_revert", lambda: None)
    monkeypatch.setattr("sys.argv", ["rollout", "install", "--release", "/2.0", "--no-nginx", *words])
    assert install.main() == 1
    assert capsys.readouterr().out == f"/etc/camera-streamer/camera-soft-stream.env: Permission denied{hint}\n"
