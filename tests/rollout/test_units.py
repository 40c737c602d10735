"""The units, held against systemd's own tools."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

SYSTEMD = ROOT / "systemd"
SERVICE = SYSTEMD / "camera-soft-cam@.service"
EXPOSURE_MAX = 2.0


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as they are once what they start is installed."""
    for path in (*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.target")):
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    return tmp_path


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run systemd-analyze; it need not be the machine's init."""
    program = shutil.which("systemd-analyze")
    assert program, "scripts/test.sh installs systemd"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["camera-soft-cam@0.service", "camera-soft-cam-arrived@video0.service"])
def test_systemd_has_nothing_against_the_units(units: Path, name: str) -> None:
    """`systemd-analyze verify` accepts each unit without a word about it."""
    template = re.sub(r"@\w+", "@", name)
    (units / name).symlink_to(units / template)
    verified = analyze("verify", "--man=no", str(units / name))
    about_ours = [line for line in verified.stderr.splitlines() if "camera-soft" in line]
    assert (verified.returncode, about_ours) == (0, [])


def test_the_service_may_do_little_that_it_need_not() -> None:
    """`systemd-analyze security` gives the service 2.0 or better."""
    judged = analyze("security", "--offline=true", "--json=short", "--no-pager", str(SERVICE))
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)
    plain = analyze("security", "--offline=true", "--no-pager", str(SERVICE))
    exposure = re.search(r"exposure level for .*: ([\d.]+)", plain.stdout)
    assert exposure
    assert float(exposure[1]) <= EXPOSURE_MAX


def test_the_units_that_stay_down_are_those_that_trying_again_does_not_help() -> None:
    """A missing camera and a wrong setting keep a unit down; everything else is tried again for ever."""
    text = SERVICE.read_text()
    assert "RestartPreventExitStatus=66 78" in text
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text


def test_the_older_systemd_is_spared_what_it_does_not_know() -> None:
    """What only systemd 254 knows stands in a file of its own."""
    assert "RestartSteps" not in SERVICE.read_text()
    assert "RestartSteps" in (SYSTEMD / "backoff.conf").read_text()
