"""A systemd-nspawn container on the kernel of this machine: the quick way to boot the tree."""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.end_to_end.lab.machine import PATIENCE, READY, CommandFailed, Machine, wait
from tests.end_to_end.lab.tree import Tree, Unavailable, cache, program

CONTAINERS = 32  # at a time
CGROUPS = Path("/sys/fs/cgroup")


class Container(Machine):
    """A container with systemd, sshd and nginx at native speed, without udev and cameras; its network ends here."""

    name = "container"

    def __init__(self, tree: Tree, *, keeps: bool = False, debs: Path | None = None) -> None:
        """Prepare a container; `keeps` its changes until it stops, `debs` appear in /srv/more-debs."""
        super().__init__(tree)
        self._keeps = keeps
        self._debs = debs
        self._lock, self._place = _free_place()
        self._machine = f"softlab{self._place}"
        self._here = f"198.18.84.{4 * self._place + 1}"  # from the block for tests of network devices, RFC 2544
        self._there = f"198.18.84.{4 * self._place + 2}"

    def start(self) -> None:
        """Boot the machine, and wait until everything in it is up."""
        log = self.folder / "container.log"
        root = [f"--directory={self.folder / 'root'}"]
        if not self._keeps:
            root = [f"--directory={self.tree.root}", "--volatile=overlay"]
        if self._debs is not None:
            root.append(f"--bind-ro={self._debs}:/srv/more-debs")
        nspawn = [
            program("systemd-nspawn"), "--quiet", "--register=no", "--settings=no", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--network-veth",
            f"--machine={self._machine}", "--hostname=lab", *root, "--boot",
        ]  # fmt: skip
        if self._keeps:
            nspawn = self._over_the_tree(nspawn)
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

    def chroot(self, command: str, *files: Path) -> "subprocess.CompletedProcess[str]":
        """Run a shell command in /srv of the system while it is not booted, as programs that make images do."""
        there = self.folder / "changes/srv"
        there.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, there)
        inside = ["chroot", str(self.folder / "root"), "/bin/sh", "-c", f"mount -t proc proc /proc\ncd /srv\n{command}"]
        new = [program("unshare"), "--pid", "--fork", "--kill-child"]
        return subprocess.run(
            self._over_the_tree([*new, *inside]), env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def lose_power(self) -> None:
        """Kill everything that runs in the machine; `start` boots it with its files as they were then.

        Raises:
            ValueError: the machine does not keep its changes.
        """
        if not self._keeps:
            raise ValueError("this container loses its changes with its power")
        # an init that is only killed closes its sockets before its processes end, and some still react to that
        for process in self._system():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
        for init in self._children():
            os.kill(int(init), signal.SIGKILL)
        self._nspawn.wait(PATIENCE)
        self._processes.remove(self._nspawn)

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
        children = self._children()
        if not children:
            return None
        enter = [program("nsenter"), f"--target={children[0]}", where, *command]
        return subprocess.run(enter, text=True, capture_output=True, timeout=PATIENCE, check=False)

    def _children(self) -> list[str]:
        nspawn = self._nspawn.pid
        return Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()

    def _system(self) -> list[int]:
        """Return the processes of the machine."""
        namespace = Path(f"/proc/{self._children()[0]}/ns/pid").readlink()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                if (folder / "ns/pid").readlink() == namespace:
                    found.append(int(folder.name))
        return found

    def _over_the_tree(self, command: Sequence[str]) -> list[str]:
        """Return a command that sees the system with its changes in `root`; the mount ends with the command."""
        for name in ("changes", "work", "root"):
            (self.folder / name).mkdir(exist_ok=True)
        layers = f"lowerdir={self.tree.root},upperdir={self.folder}/changes,workdir={self.folder}/work"
        mount = f'mount -t overlay -o {layers} overlay {self.folder}/root && exec "$@"'
        return [program("unshare"), "--mount", "sh", "-c", mount, "overlay", *command]

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
