"""A systemd-nspawn container on the kernel of this machine: the quick way to boot the tree."""

import fcntl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.end_to_end.lab.machine import PATIENCE, READY, CommandFailed, Machine, wait
from tests.end_to_end.lab.tree import Tree, Unavailable, cache, program

CONTAINERS = 16  # at a time
CGROUPS = Path("/sys/fs/cgroup")


class Container(Machine):
    """A container with systemd, sshd and nginx at native speed, without udev and cameras; its network ends here."""

    name = "container"

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self._lock, self._place = _free_place()
        self._machine = f"softlab{self._place}"
        self._here = f"198.18.84.{4 * self._place + 1}"  # from the block for tests of network devices, RFC 2544
        self._there = f"198.18.84.{4 * self._place + 2}"

    def start(self) -> None:
        """Boot the machine, and wait until everything in it is up."""
        log = self.folder / "container.log"
        nspawn = [
            program("systemd-nspawn"), "--quiet", "--register=no", "--settings=no", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--volatile=overlay", "--network-veth",
            f"--machine={self._machine}", "--hostname=lab", f"--directory={self.tree.root}", "--boot",
        ]  # fmt: skip
        if not Path("/run/systemd/system").exists():  # no systemd here creates a control group for it
            nspawn = ["sh", "-c", self._into_cgroups() + 'exec "$@"', "nspawn", *nspawn, "--keep-unit"]
        self._nspawn = self._spawn(nspawn, log)

        def booted() -> bool:
            if self._nspawn.poll() is not None:
                raise RuntimeError(f"systemd-nspawn has ended:\n{log.read_text()}")
            state = self._enter("--all", "systemctl", "is-system-running")
            return state is not None and state.stdout.strip() in READY

        wait(booted, "the container boots", PATIENCE, log.read_text)
        ip = program("ip")
        subprocess.run([ip, "address", "add", f"{self._here}/30", "dev", f"ve-{self._machine}"], check=True)
        subprocess.run([ip, "link", "set", f"ve-{self._machine}", "up"], check=True)
        self.net([ip, "address", "add", f"{self._there}/30", "dev", "host0"])
        self.net([ip, "link", "set", "host0", "up"])
        self._write_ssh_files()
        self.wait_until_up()

    def stop(self) -> None:
        """Stop the machine and all processes that were started for it."""
        super().stop()
        for cgroup in self._cgroups():
            for folder in sorted(cgroup.rglob("*/"), reverse=True):
                folder.rmdir()
            cgroup.rmdir()
        self._lock.close()

    def address(self, port: int) -> tuple[str, int]:
        """Return the local address of a port of the booted machine."""
        return self._there, port

    def net(self, command: Sequence[str], check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a local program in the network of the container, where 127.0.0.1 is the container."""
        done = self._enter("--net", *command)
        if done is None:
            raise CommandFailed("the container is not running")
        if check and done.returncode != 0:
            raise CommandFailed(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def _enter(self, where: str, *command: str) -> "subprocess.CompletedProcess[str] | None":
        nspawn = self._nspawn.pid
        children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()
        if not children:
            return None
        enter = [program("nsenter"), f"--target={children[0]}", where, *command]
        return subprocess.run(enter, text=True, capture_output=True, timeout=PATIENCE, check=False)

    def _into_cgroups(self) -> str:
        line = ""
        for parent in (CGROUPS, CGROUPS / "systemd", CGROUPS / "unified"):
            if (parent / "cgroup.procs").exists():
                (parent / self._machine).mkdir(exist_ok=True)
                line += f"echo $$ >{parent / self._machine}/cgroup.procs && "
        return line

    def _cgroups(self) -> list[Path]:
        parents = (CGROUPS, CGROUPS / "systemd", CGROUPS / "unified")
        return [parent / self._machine for parent in parents if (parent / self._machine).exists()]


def _free_place() -> tuple[IO[str], int]:
    for place in range(CONTAINERS):
        lock = (cache() / f"container-{place}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return lock, place
    raise Unavailable(f"{CONTAINERS} containers of the lab are running")
