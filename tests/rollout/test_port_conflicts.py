"""Ports that other programs have, and the flags that choose others."""

import argparse
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from rollout import nginx, port_conflicts, port_flags
from rollout.plan import Plan
from rollout.predecessor import OlderUnit
from rollout.system import RolloutError

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from soft_stream.config.settings_file import with_values
from soft_stream.diagnostics.doctor.host import Host
from tests.diagnostics.doctor.stand_in import FakeHost
from tests.support.processes import free_ports

CAMERA, OLDER = "camera-soft-cam@0.service", "camera-soft-cam0.service"
CAMERAS = {0: Settings(), 1: Settings(camera=1, port=18082, listen=(Endpoint("http", "10.0.0.2", 9000),))}
PLAN = Plan("new", CAMERAS, enable=[CAMERA, "camera-soft-cam@1.service"], stop=[OlderUnit(OLDER, 0, True, True)])
NOTHING_ACTIVE, NGINX_ACTIVE = (lambda _: False), (lambda unit: unit == "nginx.service")


def socket_line(address: str, unit: str = "", program: str = "python3") -> str:
    """Return a line of `ss`; without a program as another user sees it."""
    users = f'users:(("{program}",pid=99,fd=6))' if program else ""
    return f"LISTEN 0 128 {address} 0.0.0.0:* {users} ino:1 cgroup:/system.slice/{unit} <->\n"


def problems(
    listening: dict[int, str], active: object = NGINX_ACTIVE, plan: Plan = PLAN, *, with_nginx: bool = True
) -> str:
    """Check the ports of a machine with these sockets; return the message, "" without one."""
    lines = {**dict.fromkeys((8080, 8081, 8082), ""), **listening}
    host = FakeHost(commands={"ss": "", **{f"ss -Hltnpe sport = :{port}": line for port, line in lines.items()}})
    with suppress(RolloutError):
        port_conflicts.check(plan, with_nginx=with_nginx, host=host, active=active)  # type: ignore[arg-type]
        return ""
    with pytest.raises(RolloutError) as error:
        port_conflicts.check(plan, with_nginx=with_nginx, host=host, active=active)  # type: ignore[arg-type]
    assert error.value.status == 69
    return str(error.value)


@pytest.mark.parametrize(
    ("port", "line", "said"),
    [
        (
            8080,
            socket_line("127.0.0.1:8080", "crowsnest.service", "ustreamer"),
            "Port 8080 (nginx) is in use by ustreamer (pid 99) of crowsnest.service. Stop it, or choose another port "
            "with --portal-port.",
        ),
        (
            8082,
            socket_line("*:8082", program="haproxy"),
            "Port 8082 (nginx) is in use by haproxy (pid 99). Stop it, or choose another port with --camera-port-base.",
        ),
        (
            18081,
            socket_line("0.0.0.0:18081", "other.service"),
            "Port 18081 (camera 0) is in use by python3 (pid 99) of other.service. Stop it, or choose another port "
            "with cam0_port or cam0_listen.",
        ),
        (
            18081,
            socket_line("[::1]:18081", "other.service"),
            "Port 18081 (camera 0) is in use by python3 (pid 99) of other.service. Stop it, or choose another port "
            "with cam0_port or cam0_listen.",
        ),
        (
            9000,
            socket_line("10.0.0.2:9000", "other.service", program=""),
            "Port 9000 (camera 1) is in use by other.service. Stop it, or choose another port with cam1_port or "
            "cam1_listen.",
        ),
        (
            9000,
            socket_line("10.0.0.2:9000", program=""),
            "Port 9000 (camera 1) is in use by a program that only root can see. Stop it, or choose another port with "
            "cam1_port or cam1_listen.",
        ),
    ],
)
def test_another_program(port: int, line: str, said: str) -> None:
    """The message names the port, the program, its unit, and the flag or setting that helps."""
    assert problems({port: line}) == said


@pytest.mark.parametrize(
    ("port", "line"),
    [
        (8080, socket_line("0.0.0.0:8080", "nginx.service", "nginx")),
        (8081, socket_line("[::]:8081", "nginx.service", "")),
        (8080, socket_line("0.0.0.0:8080", program="")),
        (18081, socket_line("127.0.0.1:18081", CAMERA)),
        (18081, socket_line("127.0.0.1:18081", OLDER)),
        (18081, socket_line("127.0.0.1:18081", "camera-soft-cam@1.service")),
        (18081, socket_line("192.168.1.5:18081", "other.service")),
        (18081, socket_line("[fd00::1]:18081", "other.service")),
        (9000, socket_line("10.0.0.3:9000", "other.service")),
        (80, socket_line("0.0.0.0:80", "haproxy.service")),
    ],
)
def test_ports_that_are_ours(port: int, line: str) -> None:
    """nginx, the cameras' units and the older units may have them; other addresses and other ports do not matter."""
    assert problems({port: line}) == ""


def test_units_that_the_rollout_does_not_stop() -> None:
    """A unit of a camera that is no longer configured, and is not stopped, is another program."""
    line = socket_line("127.0.0.1:18081", "camera-soft-cam@7.service")
    assert "of camera-soft-cam@7.service" in problems({18081: line})
    assert "nginx.service" in problems({18081: socket_line("127.0.0.1:18081", "nginx.service", "nginx")})


def test_without_nginx_its_ports_do_not_matter() -> None:
    """Only the cameras' own ports are needed then."""
    assert problems({8080: socket_line("0.0.0.0:8080", "crowsnest.service")}, with_nginx=False) == ""


def test_a_dry_run_that_may_not_see_the_program() -> None:
    """If neither nginx nor a camera runs, a hidden program is another one."""
    line = socket_line("0.0.0.0:8080", program="")
    assert "a program that only root can see" in problems({8080: line}, NOTHING_ACTIVE)


def test_an_nginx_that_could_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nginx is down, the ports of its other sites must be free, too."""
    monkeypatch.setattr(port_conflicts, "INSTALLED", nginx.Places(etc=tmp_path))
    (tmp_path / "nginx.conf").write_text("http {\nserver { listen 80; listen 8080; }\n}")
    listening = {80: socket_line("*:80", "haproxy.service", "haproxy")}
    assert problems(listening) == ""
    said = problems(listening, NOTHING_ACTIVE)
    assert f"Port 80 ({tmp_path}/nginx.conf:2, without which nginx does not start) is in use by haproxy" in said


@pytest.fixture
def taken() -> Iterator[list[int]]:
    """Return four consecutive ports that this process has."""
    first = free_ports(4)
    with ExitStack() as sockets:
        for port in range(first, first + 4):
            sockets.enter_context(socket.create_server(("127.0.0.1", port)))
        yield list(range(first, first + 4))


def test_a_real_socket(taken: list[int]) -> None:
    """Each port that a real program has is reported, all at once."""
    camera = Settings(portal_port=taken[0], camera_port_base=taken[1], port=taken[2])
    plan = Plan("new", {0: camera}, enable=[CAMERA])
    with pytest.raises(RolloutError) as error:
        port_conflicts.check(plan, with_nginx=True, host=Host(), active=NGINX_ACTIVE)
    lines = str(error.value).splitlines()
    assert [line.split()[1] for line in lines] == [str(taken[each]) for each in (2, 0, 1)]
    assert all(f"(pid {os.getpid()})" in line for line in lines)


def parse(*words: str) -> dict[str, str]:
    """Return the settings that flags ask for."""
    parser = argparse.ArgumentParser()
    port_flags.add_flags(parser)
    return port_flags.from_flags(parser.parse_args(words))


def test_flags_of_ports() -> None:
    """Flags become settings, and the same flags again for the target; a wrong port is a wrong argument."""
    asked = parse("--portal-port", "9080", "--camera-port-base=9081")
    assert asked == {"cam_portal_port": "9080", "cam_camera_port_base": "9081"}
    assert parse(*port_flags.as_flags(asked)) == asked
    assert parse() == {}
    for wrong in ("0", "65536", "x"):
        with pytest.raises(SystemExit) as status:
            parse("--portal-port", wrong)
        assert status.value.code == 2


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("cam0_name=a\ncam_portal_port=8080\n# b\n", "cam0_name=a\ncam_portal_port=9080\n# b\n"),
        ("cam_portal_port=1\ncam_portal_port=2", "cam_portal_port=1\ncam_portal_port=9080"),
        ('cam_portal_port="80\\\n80"\n# b', "cam_portal_port=9080\n# b"),
        ("#cam_portal_port=8080\ncam0_name=a\n\n", "#cam_portal_port=8080\ncam_portal_port=9080\ncam0_name=a\n\n"),
        ("", "cam_portal_port=9080\n"),
    ],
)
def test_a_port_in_the_settings(text: str, changed: str) -> None:
    """The line of the setting is replaced, or added; all others stay."""
    assert with_values(text, {"cam_portal_port": "9080"}) == changed
