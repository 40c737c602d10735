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
def read(name):
    path = pathlib.Path(name)
    return path.read_text(errors="replace") if path.exists() else ""
lines = read("/etc/os-release").splitlines()
written = [name for name in ("/", "/etc", "/opt", "/usr/local", "/var/lib") if os.path.isdir(name)]
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
    "mounts": read("/proc/self/mounts"),
    "cmdline": read("/proc/cmdline"),
    "read_only": [name for name in written if os.statvfs(name).f_flag & os.ST_RDONLY],
}))
"""


class TargetError(Exception):
    """The target cannot be reached, or something is missing there."""


def _new_folder() -> Any:
    # Not in TMPDIR: ssh permits no spaces in the path of its socket, and the system about 100 bytes (87 for ssh).
    return tempfile.TemporaryDirectory(prefix="rollout-", dir="/tmp")  # only this user may read it


@dataclass
class Target:
    """The target, by `user@host` and port of ssh; without a host it is this machine."""

    host: str | None = None
    port: int | None = None
    sudo: str = ""
    """The prefix of commands that need root; empty if the user is root."""
    _sockets: Any = field(default_factory=_new_folder)

    def facts(self, python: str) -> dict[str, Any]:
        """Return the OS, architecture, Python version and so on.

        Raises:
            TargetError: the target cannot be reached, or has no such Python.
        """
        done = self.shell(f"{shlex.quote(python)} -c {shlex.quote(FACTS)}", b"")
        if done.returncode == SSH_FAILED and self.host:
            raise TargetError(f"{self.host} cannot be reached: {_reason(done.stderr)}")
        if done.returncode:
            raise TargetError(f"{python} does not run on the target: {_reason(done.stderr)}")
        try:
            facts: dict[str, Any] = json.loads(last_line(done.stdout))
        except ValueError:
            raise TargetError(f"{python} is not a Python: it does not run Python code") from None
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
        share = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._sockets.name}/ssh", "-o", "ControlPersist=60"]
        port = ["-p", str(self.port)] if self.port else []
        # The login shell may be another one: zsh refuses a pattern without a match, fish has another syntax.
        return ["ssh", *share, *port, "--", self.host, f"sh -c {shlex.quote(script)}"]


def _reason(error: bytes) -> str:
    return last_line(error) or "no reason given"


def last_line(output: bytes) -> str:
    """Return the last line of what a script printed; before it, the user's login script may have printed something."""
    return (output.decode(errors="replace").strip().splitlines() or [""])[-1]
