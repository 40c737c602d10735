"""The Debian packages, checked by lintian of their suites: one of this machine, one in a small system of its suite."""

import re
import subprocess

from tests.support.checkout import ROOT


def test_each_suites_lintian_finds_no_error() -> None:
    """scripts/build-deb.sh --lint installs lintian of the other suite, and fails if one finds an error."""
    command = ["scripts/build-deb.sh", "--lint", "--arch", "amd64"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"~(deb\d+)_amd64.deb$", done.stdout, re.MULTILINE) == ["deb12", "deb13"]
    assert re.findall(r"^E: .*", done.stdout, re.MULTILINE) == []
    assert done.stdout.count("W: camera-soft-stream: systemd-service-file-refers-to-unusual-wantedby-target") == 2
