"""A QEMU guest with its own kernel, udev and two virtual USB cameras: the thorough way to boot the tree."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from itertools import count

from tests.end_to_end.lab.machine import Machine, end, send, wait
from tests.end_to_end.lab.tree import Tree, program
from tests.support.processes import free_ports

CAMERAS = (0, 1)
PORTS = (80, 443, 8080, 8081, 8082, 18081, 18082)
# only what the wheels of numpy need: the processor is emulated unless ACCEL and CPU are set
ACCEL = os.environ.get("ACCEL", "tcg,thread=multi")
CPU = os.environ.get("CPU", "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16")


class Guest(Machine):
    """A whole machine; its disk keeps changes while the guest lives, also over a reboot."""

    name = "guest"

    def __init__(self, tree: Tree, cameras: Iterable[int] = CAMERAS, ports: Iterable[int] = PORTS) -> None:
        """Take the cameras that are plugged in before the boot, and the ports that this machine can reach."""
        super().__init__(tree)
        self._plugged_at_boot = tuple(cameras)
        forwarded = (22, *ports)
        self._ports = dict(zip(forwarded, count(free_ports(len(forwarded))), strict=False))
        self._cameras: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Boot the machine, and wait until everything in it is up."""
        disk = self.folder / "disk.qcow2"
        make = ["create", "-q", "-f", "qcow2", "-b", str(self.tree.disk), "-F", "raw", str(disk)]
        subprocess.run([program("qemu-img"), *make], check=True)
        forward = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in self._ports.items())
        usb = [
            word
            for number in CAMERAS
            for word in (
                "-chardev", f"socket,id=camera{number},path={self.folder}/port{number},server=on,wait=off",
                "-device", f"usb-redir,chardev=camera{number},bus=usb.0,port={number + 1}",
            )
        ]  # fmt: skip
        command = [
            program("qemu-system-x86_64"), "-name", "lab", "-no-user-config", "-nodefaults", "-display", "none",
            "-accel", ACCEL, "-cpu", CPU, "-machine", "q35,usb=off,vmport=off", "-smp", "2", "-m", "2048",
            "-serial", f"file:{self.folder}/serial.log",
            "-kernel", f"{self.tree.path}/kernel", "-initrd", f"{self.tree.path}/initrd",
            "-append", "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off",
            "-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe",
            "-netdev", f"user,id=net,restrict=on{forward}", "-device", "virtio-net-pci,netdev=net",
            "-device", "virtio-rng-pci", "-device", "qemu-xhci,id=usb", *usb,
        ]  # fmt: skip
        self._qemu = self._spawn(command, self.folder / "qemu.log")
        self._write_ssh_files()
        for number in self._plugged_at_boot:
            self.plug(number)
        self.wait_until_up()

    def reboot(self) -> None:
        """Reboot, and wait until everything is up; cameras stay plugged in or out."""
        self._boot_again("systemctl reboot")

    def reset(self) -> None:
        """Reset as after a power failure: no shutdown, and data that is not yet on the disk is lost."""
        self._boot_again("(sleep 1; echo b >/proc/sysrq-trigger) >/dev/null 2>&1 &")

    def _boot_again(self, command: str) -> None:
        which = "cat /proc/sys/kernel/random/boot_id"
        before = self.output(which)
        self.run(command, check=False)

        def another_boot() -> bool:
            answer = self.run(which, check=False)
            return answer.returncode == 0 and answer.stdout.strip() != before

        wait(another_boot, "the guest boots again", more=self._boot_log)
        self.wait_until_up()

    def plug(self, camera: int, port: int | None = None) -> None:
        """Plug a camera into a USB port, by default its own."""
        path = self.folder / f"port{camera if port is None else port}"
        wait(path.exists, "QEMU has its USB ports", more=self._boot_log)
        words = ["--socket", str(path), "--frames", str(self.tree.frames(camera))]
        names = ["--name", f"Lab camera {camera}", "--serial", f"LAB{camera}"]
        command = [sys.executable, "-m", "tests.end_to_end.lab.virtual_camera", *words, *names]
        self._cameras[camera] = self._spawn(command, self.folder / f"camera{camera}.log")

    def unplug(self, camera: int) -> None:
        """Unplug a camera."""
        process = self._cameras.pop(camera)
        end(process)
        self._processes.remove(process)

    def freeze(self, camera: int) -> None:
        """Stop the frames of a camera until it is thawed."""
        send(self._cameras[camera], signal.SIGUSR1)

    def thaw(self, camera: int) -> None:
        """Restart the frames of a camera."""
        send(self._cameras[camera], signal.SIGUSR2)

    def stall(self, camera: int) -> None:
        """Stop the frames of a camera until its stream is restarted."""
        send(self._cameras[camera], signal.SIGHUP)

    def address(self, port: int) -> tuple[str, int]:
        """Return the local address of a port of the booted machine."""
        return "127.0.0.1", self._ports[port]

    def _boot_log(self) -> str:
        logs = [self.folder / "qemu.log", self.folder / "serial.log"]
        return "\n".join(log.read_text(errors="replace")[-3000:] for log in logs if log.exists())
