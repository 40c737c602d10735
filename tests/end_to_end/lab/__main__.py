"""The lab by hand: boots a machine and runs the lines of its input on it.

A line is run on the machine by root, except
    !LINE               runs on this machine, where ssh and scp know that one as `container` or `guest`
    net LINE            runs on this machine in the container's network
    plug N [PORT], unplug N, freeze N, thaw N, stall N, reboot
                        the guest's cameras, 0 and 1, and the guest
    power               a bare system loses power and boots again
The end of the input, or ^D, stops the machine, and what was changed in it is gone.
"""

import argparse
import cmd
import os
import shlex
import subprocess
import sys

from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.guest import CAMERAS, PORTS, Guest
from tests.end_to_end.lab.machine import Machine
from tests.end_to_end.lab.tree import SUITES, Unavailable, provide

ON_CAMERAS = ("plug", "unplug", "freeze", "thaw", "stall")


class Prompt(cmd.Cmd):
    """Reads lines and runs them."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.prompt = f"{machine.name}> " if sys.stdin.isatty() else ""

    def onecmd(self, line: str) -> bool:
        """Run a line; return True to end the loop."""
        word, _, rest = line.strip().partition(" ")
        machine = self.machine
        try:
            if line == "EOF":
                return True
            if word.startswith("!"):
                subprocess.run(["/bin/sh", "-c", line.strip()[1:]], env=machine.environment(), check=False)
            elif word == "net" and isinstance(machine, Container):
                done = machine.net(["/bin/sh", "-c", rest], check=False)
                self.stdout.write(done.stdout + done.stderr)
            elif word == "power" and isinstance(machine, Container):
                machine.lose_power()
                machine.start()
            elif word == "reboot" and isinstance(machine, Guest):
                machine.reboot()
            elif word in ON_CAMERAS and isinstance(machine, Guest):
                getattr(machine, word)(*map(int, rest.split()))
            elif word:
                terminal = ["-t"] if sys.stdin.isatty() else ["-n"]
                ssh, *more = machine.ssh_command()
                subprocess.run([ssh, *terminal, *more, line], check=False)
        except (KeyError, RuntimeError, TypeError, ValueError) as fault:
            self.stdout.write(f"{fault!r}\n")
        return False


def main() -> int:
    """Boot a machine, read lines, stop it."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.end_to_end.lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("machine", choices=["container", "guest", *SUITES], help="a suite: its bare system")
    parser.add_argument("--cameras", type=int, nargs="*", default=CAMERAS, help="plugged in before the guest boots")
    parser.add_argument("--ports", type=int, nargs="*", default=PORTS, help="of the guest, to be reached from here")
    arguments = parser.parse_args()
    try:
        bare = arguments.machine if arguments.machine in SUITES else None
        with provide(bare) as tree:
            make = (
                Guest(tree, arguments.cameras, arguments.ports)
                if arguments.machine == "guest"
                else Container(tree, keeps=bare is not None)
            )
            with make as machine:
                sys.stderr.write(f"up: {shlex.join(machine.ssh_command())}\n")
                for port in arguments.ports:
                    sys.stderr.write(f"    port {port} is {machine.url(port)}\n")
                Prompt(machine).cmdloop()
    except Unavailable as why:
        sys.stderr.write(f"no camera lab: {why}\n")
        return os.EX_UNAVAILABLE
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
