"""The whole program while a disk does not answer: nothing waits for it, not even the end."""

from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.processes import serving

# Opening a file of one folder does not return, as on a network file system whose server is gone.
PROGRAM = """
import os, sys, threading
def hang(event, arguments):
    if event in ("open", "os.listdir") and str(arguments[0]).startswith(FOLDER):
        os.write(2, b"WARNING: the disk hangs\\n")
        threading.Event().wait()
sys.addaudithook(hang)
from soft_stream.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("setting", ["save", "www"])
def test_a_disk_that_hangs(tmp_path: Path, setting: str) -> None:
    """The server starts, the camera is served, and the process ends by itself."""
    program = PROGRAM.replace("FOLDER", repr(str(tmp_path)))
    with serving(f"--{setting}", str(tmp_path), program=("-c", program)) as (process, address):
        assert process.stderr
        if setting == "save":
            while "the disk hangs" not in process.stderr.readline():
                pass
        with urlopen(f"{address}/snapshot.jpg", timeout=20) as answer:
            assert answer.read()[-2:] == b"\xff\xd9"
        process.terminate()
        assert process.wait(timeout=20) == 0
