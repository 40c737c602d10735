"""scripts/deploy-soft-stream.sh: from which folder it runs, and with which modules."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.support.checkout import ROOT

PYTHON = """#!/bin/sh
[ "$1" = -c ] || printf '%s\\n' "$PWD" "$PYTHONPATH" "$@"
"""


def test_a_relative_settings_file_is_that_of_the_callers_folder(tmp_path: Path) -> None:
    """The file of that name in the checkout is not used, and no module of the caller's folder is imported."""
    project, here = tmp_path / "my project", tmp_path / "my přístroje"
    (project / "scripts").mkdir(parents=True)
    for name in ("scripts/deploy-soft-stream.sh", "scripts/setup.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, project / name)
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (project / ".venv/.made-from").write_text(hashlib.sha256((project / "pyproject.toml").read_bytes()).hexdigest())
    here.mkdir()
    done = subprocess.run(
        ["../my project/scripts/deploy-soft-stream.sh", "pi@host", "--env-file", "two words.env"],
        cwd=here, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        str(here), f"{project}/scripts:{project}",
        "-P", "-m", "rollout.deploy", "pi@host", "--env-file", "two words.env",
    ]  # fmt: skip
