"""scripts/setup.sh, whose functions start.sh and test.sh use."""

import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

# It writes warnings as pip does, and fails if asked to install `missing`.
PYTHON = """#!/bin/sh
echo "WARNING: Location 'simple/aiohttp/' is ignored" >&2
echo "$@"
for argument; do [ "$argument" != missing ] || exit 2; done
"""


@pytest.mark.parametrize(("package", "status", "shows_output"), [("aiohttp", 0, False), ("missing", 1, True)])
def test_pip_is_silent_unless_it_fails(tmp_path: Path, package: str, status: int, *, shows_output: bool) -> None:
    """What pip writes is printed only on failure, and its temporary file is removed."""
    python, temporary = tmp_path / "python", tmp_path / "temporary"
    python.write_text(PYTHON)
    python.chmod(0o755)
    temporary.mkdir()
    done = subprocess.run(
        ["/bin/bash", "-c", '. scripts/setup.sh && pip_install "$@"', "bash", str(python), package],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (status, "")
    assert ("is ignored" in done.stderr and f" {package}\n" in done.stderr) == shows_output
    assert (done.stderr == "") != shows_output
    assert list(temporary.iterdir()) == []


BROKEN = "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by '{}': /simple/hatchling/"
CONNECTION = "<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f2a>"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            f"NewConnectionError('{CONNECTION}: Failed to establish a new connection: [Errno -3] Temporary failure in "
            "name resolution')",
            "Temporary failure in name resolution",
        ),
        (
            f"NameResolutionError(\"{CONNECTION}: Failed to resolve 'index.test' ([Errno -2] Name or service not "
            'known)")',
            "Name or service not known",
        ),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
            "certificate is not yet valid (_ssl.c:992)'))",
            "certificate verify failed: certificate is not yet valid",
        ),
        (
            f"ConnectTimeoutError({CONNECTION}, 'Connection to index.test timed out. (connect timeout=15)')",
            "Connection to index.test timed out",
        ),
        (
            "ReadTimeoutError(\"HTTPSConnectionPool(host='index.test', port=443): Read timed out. (read timeout=15)\")",
            "Read timed out",
        ),
        ("ProtocolError('Connection aborted.', RemoteDisconnected('Remote end closed'))", "Remote end closed"),
    ],
)
def test_why_pip_cannot_reach_its_index(tmp_path: Path, error: str, reason: str) -> None:
    """The reason in pip's notation is one readable line; the lines of each attempt are not printed."""
    (tmp_path / "output").write_text(f"{BROKEN.format(error)}\n" * 3 + "ERROR: No matching distribution found\n")
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncat "${0%/*}/output"\nexit 1\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", "-c", '. scripts/setup.sh && pip_install "$0" x', str(python)],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"pip cannot reach its package index: {reason}."
    assert "deploy" in second


# It makes an environment whose Python is itself, and writes what pip is asked to install.
VENV_PYTHON = """#!/bin/sh
for last; do :; done
case "$1 $2" in
    "-m venv") mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
    "-m pip") echo "$last" >>installed ;;
    "-c import libcamera, picamera2") exit 1 ;;
esac
"""


def test_the_environment_keeps_the_test_tools(tmp_path: Path) -> None:
    """start.sh makes the environment again if pyproject.toml has changed, with the test tools if they were there."""
    python = tmp_path / "python"
    python.write_text(VENV_PYTHON)
    python.chmod(0o755)
    project = tmp_path / "pyproject.toml"

    def make(extras: str) -> list[str]:
        (tmp_path / "installed").write_text("")
        subprocess.run(
            ["/bin/bash", "-euc", f'. {ROOT}/scripts/setup.sh && make_venv "$1"', "bash", extras], cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)}, capture_output=True, check=True,
        )  # fmt: skip
        return (tmp_path / "installed").read_text().split()

    project.write_text("first")
    assert make("") == ["."]
    assert make("") == []
    assert make("[dev]") == [".[dev]"]
    assert make("") == make("[dev]") == []
    project.write_text("second")
    assert make("") == [".[dev]"]
    assert make("[dev]") == make("") == []
