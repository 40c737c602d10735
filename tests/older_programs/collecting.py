"""Which tests exist, as pytest collects them without running them."""

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from tests.older_programs.judge import without_parameters


def not_collected(tests: Collection[str], folder: Path) -> set[str]:
    """Return the tests of a project that pytest does not collect there."""
    files = sorted({file for file in (test.partition("::")[0] for test in tests) if (folder / file).is_file()})
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False) if files else None
    return set(tests) - {without_parameters(line) for line in (done.stdout.splitlines() if done else [])}
