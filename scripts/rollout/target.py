"""[developer's machine] The machine that the release goes to: this one, or one that is reached by ssh."""

import json
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from typing import Any

# What ssh itself ends with when it does not get through.
SSH_FAILED = 255
FACTS = """
import json, os, pathlib, platform, shutil, struct, sys
release = pathlib.Path("/etc/os-release")
lines = release.read_text().splitlines() if release.exists() else []
machine = platform.machine()
if machine == "aarch64" and struct.calcsize("P") == 4:  # a 64-bit kernel under a 32-bit system
    machine = "armv7l"
print(json.dumps({
    "os": next((line[12:].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), platform.system()),
    "machine": machine,
    "python": "%d.%d" % sys.version_info[:2],
    "root": os.geteuid() == 0,
    "systemd": os.path.isdir("/run/systemd/system") and bool(shutil.which("systemd-run")),
    "name": platform.node(),
}))
"""


class TargetError(Exception):
    """The target does not answer, or lacks what it takes to begin; the sentence says what."""


@dataclass
class Target:
    """A machine, by `user@host` and ssh's port; without a host it is this one."""

    host: str | None = None
    port: int | None = None
    _sockets: Any = field(default_factory=tempfile.TemporaryDirectory)

    def facts(self, python: str) -> dict[str, Any]:
        """Ask what kind of machine it is.

        Raises:
            TargetError: it does not answer, or has no such Python.
        """
        done = self.shell(f"{shlex.quote(python)} -c {shlex.quote(FACTS)}", b"")
        if done.returncode == SSH_FAILED and self.host:
            raise TargetError(f"{self.host} cannot be reached: {_last_line(done.stderr)}")
        if done.returncode:
            raise TargetError(f"{python} does not run there: {_last_line(done.stderr)}")
        facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # a login script may have said something
        return facts

    def shell(self, script: str, data: bytes) -> "subprocess.CompletedProcess[bytes]":
        """Run a script there, with data on its standard input."""
        return subprocess.run(self._command(script), input=data, capture_output=True, check=False)  # noqa: S603 # ours

    def run_attended(self, script: str) -> int:
        """Run a script there that prints to the terminal, and whose standard input ends when we do."""
        child = subprocess.Popen(self._command(script), stdin=subprocess.PIPE)  # noqa: S603 # ours
        try:
            return child.wait()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends by itself now, when all is back
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if child.stdin:
                child.stdin.close()
            status = child.wait()
            return status if status >= 0 else SSH_FAILED

    def _command(self, script: str) -> list[str]:
        if self.host is None:
            return ["sh", "-c", script]
        share = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._sockets.name}/%C", "-o", "ControlPersist=60"]
        port = ["-p", str(self.port)] if self.port else []
        return ["ssh", *share, *port, self.host, script]


def _last_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
