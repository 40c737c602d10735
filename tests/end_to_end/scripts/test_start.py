"""scripts/start_cameras.py, which scripts/start.sh runs."""

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.support.checkout import ROOT
from tests.support.processes import ENVIRON, free_port


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_two_test_cameras_until_a_signal(number: signal.Signals) -> None:
    """Each configured camera gets a process, whose URL and kind are printed; one or two signals stop all of them."""
    base = free_port()
    command = [sys.executable, "scripts/start_cameras.py", "--port-base", str(base)]
    # test cameras, whatever is connected here
    environ = ENVIRON | {"cam0_source": "test-pattern", "cam1_source": "test-pattern"}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as start:
        assert start.stdout
        urls: list[str] = []
        while len(urls) < 2:
            line = start.stdout.readline()
            urls += re.findall(r"^Camera \d: (\S+)  \(a test camera\)$", line)
            assert line, "it ended before it had printed two URLs"
        assert urls == [f"http://127.0.0.1:{base}/", f"http://127.0.0.1:{base + 1}/"]
        for url in urls:
            with urllib.request.urlopen(f"{url}snapshot.jpg") as snapshot:
                assert snapshot.headers["Content-Type"] == "image/jpeg"
        os.kill(start.pid, number)
        os.kill(start.pid, number)
        assert start.stdout.read() == "Stopping ...\n"
        assert start.wait() == 0
    for url in urls:
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{url}healthz")
