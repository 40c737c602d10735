"""The programs that listen on a port."""

import os
import socket

import pytest

from soft_stream.diagnostics.doctor.host import Host
from soft_stream.diagnostics.doctor.listeners import Listener, find_listeners, listening_program
from tests.diagnostics.doctor.stand_in import deployed

EVERY = ("0.0.0.0", "::")  # noqa: S104 # nothing is bound
CAMERA = "camera-soft-cam@0.service"
GROUP = "0::/system.slice/system-camera\\x2dsoft\\x2dcam.slice/" + CAMERA + "\n"


@pytest.mark.parametrize(
    ("line", "listener"),
    [
        (
            '127.0.0.1:8080 0.0.0.0:* users:(("ustreamer",pid=99,fd=6),("ustreamer",pid=98,fd=6)) uid:1000 ino:1 sk:2 '
            "cgroup:/system.slice/crowsnest.service <->",
            Listener(("127.0.0.1",), "ustreamer", 99, "crowsnest.service"),
        ),
        ('*:8080 *:* users:(("soft-stream",pid=7,fd=6))', Listener(EVERY, "soft-stream", 7, CAMERA)),
        ("[::]:8080 [::]:* ino:1 cgroup:/system.slice/a.service v6only:1 <->", Listener(("::",), unit="a.service")),
        ("127.0.0.1%lo:8080 0.0.0.0:* ino:1", Listener(("127.0.0.1",))),
        ("[fe80::1]%eth0:8080 [::]:*", Listener(("fe80::1",))),
        ("[::ffff:127.0.0.1]:8080 *:*", Listener(("127.0.0.1",))),
    ],
)
def test_the_output_of_ss(line: str, listener: Listener) -> None:
    """Addresses, program and unit are read; root also finds the unit of a process through /proc."""
    host = deployed(
        commands={"ss -Hltnpe sport = :8080": f"LISTEN 0      128    {line}\n"}, files={"/proc/7/cgroup": GROUP}
    )
    assert find_listeners(host, 8080) == [listener]


def test_no_listener_is_visible() -> None:
    """Nothing listens there, or `ss` is missing."""
    assert find_listeners(deployed(commands={"ss": ""}), 1) == []
    assert listening_program(deployed(), 1) == ""


def test_this_process() -> None:
    """The real program finds a real socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = find_listeners(Host(), port)
        assert (found.addresses, found.pid) == (("127.0.0.1",), os.getpid())
        assert listening_program(Host(), port) == f"{found.program} (pid {os.getpid()})"
