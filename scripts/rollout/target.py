"""[developer's machine] The target of a rollout: this machine, or one that is reached by ssh."""

import json
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from typing import Any

# The exit status of ssh itself if it cannot connect.
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
    """The target cannot be reached, or something is missing there."""


@dataclass
class Target:
    """The target, by `user@host` and port of ssh; without a host it is this machine."""

    host: str | None = None
    port: int | None = None
    sudo: str = ""
    """The prefix of commands that need root; empty if the user is root."""
    _sockets: Any = field(default_factory=tempfile.TemporaryDirectory)

    def facts(self, python: str) -> dict[str, Any]:
        """Return the OS, architecture, Python version and so on.

        Raises:
            TargetError: the target cannot be reached, or has no such Python.
        """
        done = self.shell(f"{shlex.quote(python)} -c {shlex.quote(FACTS)}", b"")
        if done.returncode == SSH_FAILED and self.host:
            raise TargetError(f"{self.host} cannot be reached: {_last_line(done.stderr)}")
        if done.returncode:
            raise TargetError(f"{python} does not run on the target: {_last_line(done.stderr)}")
        facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # a login script may have printed something
        return facts

    def shell(self, script: str, data: bytes) -> "subprocess.CompletedProcess[bytes]":
        """Run a script on the target, with data on its standard input."""
        return subprocess.run(self._command(script), input=data, capture_output=True, check=False)  # noqa: S603 # ours

    def run_attended(self, script: str) -> int:
        """Run a script on the target with output to the terminal; its standard input ends when this process ends."""
        child = subprocess.Popen(self._command(script), stdin=subprocess.PIPE)  # noqa: S603 # ours
        try:
            return child.wait()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the script ends by itself when it has recovered
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
