"""The base of container and guest: ssh, files, logs, an address for each port."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from tests.end_to_end.lab.tree import Tree, program
from tests.support.checkout import ROOT

PATIENCE = 600.0  # bounds a hang; nothing is expected to take as long
READY = ("running", "degraded")


class CommandFailed(Exception):
    """A command failed; the message has its status and its output."""


class Machine:
    """A booted system. It starts as a copy of the tree, and its changes are lost when it stops."""

    name: str

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.folder = Path(tempfile.mkdtemp(prefix=f"lab-{self.name}-"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Boot the machine, and wait until everything in it is up."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the machine and all processes that were started for it."""
        for process in reversed(self._processes):
            end(process)
        self._processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, port: int) -> tuple[str, int]:
        """Return the local address of a port of the booted machine."""
        raise NotImplementedError

    def url(self, port: int, path: str = "/", scheme: str = "http") -> str:
        """Return the local URL of a service that listens on all addresses of the booted machine."""
        host, number = self.address(port)
        return f"{scheme}://{host}:{number}{path}"

    def ssh_command(self, user: str = "root") -> list[str]:
        """Return the ssh command to which a shell command can be appended."""
        return [program("ssh"), "-F", str(self.folder / "ssh_config"), f"{user}@{self.name}"]

    def environment(self) -> dict[str, str]:
        """Return an environment in which ssh and scp know the booted machine as `container` or `guest`."""
        return {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def run(
        self, command: str | Sequence[str], *, check: bool = True, user: str = "root", timeout: float = PATIENCE
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command on the machine: a line for its shell, or words."""
        line = command if isinstance(command, str) else shlex.join(command)
        done = subprocess.run(
            [*self.ssh_command(user), line], text=True, capture_output=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise CommandFailed(f"{self.name}: {line}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def output(self, command: str | Sequence[str], user: str = "root") -> str:
        """Return the output of a command, without the final newline."""
        return self.run(command, user=user).stdout.rstrip("\n")

    def put(self, local: Path, remote: str, user: str = "root") -> None:
        """Copy a file or a folder to the path `remote` on the machine."""
        place = shlex.quote(remote)
        if local.is_dir():
            source = ["-C", str(local), "."]
            unpack = f"mkdir -p {place} && tar -x --no-same-owner -C {place}"
        else:
            source = ["-C", str(local.parent), local.name]
            above = shlex.quote(str(PurePosixPath(remote).parent))
            unpack = f"mkdir -p {above} && tar -xO >{place} && chmod {local.stat().st_mode & 0o777:o} {place}"
        pack = subprocess.Popen([program("tar"), "-c", "--exclude=__pycache__", *source], stdout=subprocess.PIPE)
        with pack:
            subprocess.run([*self.ssh_command(user), unpack], stdin=pack.stdout, check=True, timeout=PATIENCE)
        if pack.returncode != 0:
            raise CommandFailed(f"tar cannot read {local}")

    def journal(self, unit: str) -> str:
        """Return the log of a unit since the boot."""
        return self.output(["journalctl", "--boot", "--no-pager", "--output=short-precise", f"--unit={unit}"])

    def until(self, command: str, limit: float = PATIENCE) -> None:
        """Wait until a command succeeds on the machine; the error has the end of its log."""
        log = ["journalctl", "--boot", "--no-pager", "--lines=100"]
        wait(
            lambda: self.run(command, check=False).returncode == 0, f"{self.name}: {command}", limit,
            lambda: self.run(log, check=False).stdout,
        )  # fmt: skip

    def wait_until_up(self) -> None:
        """Wait until the boot is complete and ssh accepts logins."""
        state = "systemctl is-system-running"
        wait(
            lambda: self.run(state, check=False).stdout.strip() in READY, f"{self.name} boots", PATIENCE, self._boot_log
        )

    def _boot_log(self) -> str:
        return ""

    def _spawn(self, command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
        # all processes end with the tests, in whatever way these end
        bound = [program("setpriv"), "--pdeathsig", "TERM", "--", *command]
        with log.open("ab") as output:
            process = subprocess.Popen(
                bound, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT,
                start_new_session=True,  # Ctrl-C reaches only the parent, which stops it in order
            )  # fmt: skip
        self._processes.append(process)
        return process

    def _write_ssh_files(self) -> None:
        host, port = self.address(22)
        (self.folder / "ssh_config").write_text(
            f"Host {self.name}\n"
            f"    HostName {host}\n"
            f"    Port {port}\n"
            f"    IdentityFile {self.tree.key}\n"
            "    IdentitiesOnly yes\n"
            "    BatchMode yes\n"
            "    StrictHostKeyChecking no\n"
            "    UserKnownHostsFile /dev/null\n"
            "    LogLevel ERROR\n"
            "    ConnectTimeout 60\n"
            "    ServerAliveInterval 30\n"
            "    ServerAliveCountMax 4\n"
        )
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        for name in ("ssh", "scp", "sftp"):
            wrapper = folder / name
            wrapper.write_text(f'#!/bin/sh\nexec {program(name)} -F {self.folder / "ssh_config"} "$@"\n')
            wrapper.chmod(0o755)


def wait(
    happened: Callable[[], object], what: str, limit: float = PATIENCE, more: Callable[[], str] = lambda: ""
) -> None:
    """Wait until something is true."""
    end_of_patience = time.monotonic() + limit
    while not happened():
        if time.monotonic() > end_of_patience:
            raise TimeoutError(f"{what}: not within {limit:g} s\n{more()}")
        time.sleep(0.1)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Terminate a process, and kill it if it does not end."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def send(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal to a process that must be alive."""
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} has ended with status {process.returncode}")
    process.send_signal(number)
