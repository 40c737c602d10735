"""A real nginx in front of the server, with the configuration of the project."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession
from rollout import nginx

from soft_stream.config.endpoints import Endpoint
from tests.support import nginx_process
from tests.support.checkout import ROOT
from tests.support.nginx_process import PASSWORD, USER, Nginx, StartNginx, has_ipv6, login
from tests.support.processes import free_port, serving
from tests.support.server import QUICK, Portal, StartPortal

CAMERAS = {n: replace(QUICK, camera=n, port=18081 + n, name=f"Cam {n}") for n in range(2)}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_nginx_accepts_the_configuration(tmp_path: Path, count: int, tls: bool) -> None:
    """The configuration is valid for any number of cameras, with and without TLS, and causes no warning."""
    nginx_process.install(tmp_path, {number: 18081 + number for number in range(count)}, tls=tls)
    checked = nginx_process.check(tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "[" not in checked.stderr  # [warn], [emerg], ...


def test_nginx_accepts_it_beside_other_sites(tmp_path: Path) -> None:
    """Settings and sites of other programs on the same nginx do not conflict with it."""
    others = f"""
        proxy_buffers 8 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 8k; add_header X-Other 1;
        limit_req_zone $binary_remote_addr zone=login:1m rate=1r/s;
        upstream cameras {{ server 127.0.0.1:1; }}
        server {{ listen {free_port()}; location / {{ proxy_pass http://cameras; limit_req zone=login; }} }}
    """
    nginx_process.install(tmp_path, {0: 18081}, others=others)
    checked = nginx_process.check(tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "[" not in checked.stderr


def test_where_the_files_go() -> None:
    """One file is loaded by nginx and includes the others from their own folder; only TLS needs a certificate."""
    files = nginx.render({1: 18082, 0: 18081}, tls=False)
    main = Path("/etc/nginx/conf.d/camera-soft-stream.conf")
    assert {path.parent for path in files.keys() - {main}} == {Path("/etc/nginx/camera-soft-stream")}
    assert set(re.findall(r"listen (\d+)", files[main])) == {"8080", "8081", "8082"}
    assert "ssl" not in files[main]
    added = nginx.render({0: 18081}, tls=True).keys() - files.keys()
    assert added == {Path("/etc/nginx/camera-soft-stream/tls.conf")}
    assert "[::]" not in nginx.render({0: 18081}, tls=False, ipv6=False)[main]


def test_no_camera_is_no_site() -> None:
    """Without a camera nginx gets no site."""
    assert nginx.render({}, tls=False) == {}


@pytest.mark.parametrize("path", ["/stream.mjpg", "/cam0/stream.mjpg"])
async def test_live_frames_pass_nginx(front: Nginx, path: str) -> None:
    """The probe counts live frames, on the camera's own port and on the port of all cameras."""
    port = front.port(None if "cam0" in path else 0)
    address = f"http://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}{path}"
    probe = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "scripts/measure_fps.py"), address, "--frames", "30", stdout=subprocess.PIPE
    )
    out, _ = await probe.communicate()
    assert probe.returncode == 0
    assert b"(30 live frames)" in out


async def test_a_folder_without_its_slash(front: Nginx, http: ClientSession) -> None:
    """/cam0 redirects to /cam0/ without a host or a port, since another proxy may have changed them."""
    async with http.get(front.url() + "/cam0?x=y", allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == "./cam0/?x=y"
    async with http.get(front.url() + "/cam0") as answer:
        assert answer.url.path == "/cam0/"
        assert answer.status == 200


async def test_no_camera_answers_for_another(front: Nginx, http: ClientSession) -> None:
    """On the port of all cameras frames are in the folders only; other paths are 404 with the folders that exist."""
    for path in ("/stream.mjpg", "/status.json", "/cam1/", "/snapshot.jpg"):
        async with http.get(front.url() + path) as answer:
            assert answer.status == 404
            assert answer.content_type == "text/plain"
            assert await answer.text() == f"There is no {path} here. Try /, /cam0/.\n"


async def test_links_behind_nginx(
    start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession, users_file: str
) -> None:
    """The pages link to the other cameras as folders, as neighbouring ports, or as the ports of the processes."""
    cameras = {n: replace(each, users_file=users_file) for n, each in CAMERAS.items()}
    portals = [await start_portal(camera=n, cameras=cameras) for n in cameras]
    front = await start_nginx({n: portal.port for n, portal in enumerate(portals)})

    async def links(url: str, host: str) -> list[str]:
        async with http.get(url, headers={"Host": host}) as answer:
            assert answer.status == 200
            return re.findall('<a href="(.*)">Cam .</a>', await answer.text())

    assert await links(front.url() + "/cam0/", "pi.local:8080") == ["../cam1/"]
    assert await links(front.url() + "/cam1/cameras", "pi.local:8080") == ["../cam0/", "../cam1/"]
    assert await links(front.url() + "/", "pi.local:8080") == ["cam0/", "cam1/"]
    assert await links(front.url() + "/cameras", "pi.local") == ["cam0/", "cam1/"]
    assert await links(front.url(0) + "/", "pi.local:8081") == ["//pi.local:8082/"]
    assert await links(front.url(1) + "/cameras", "pi.local:8082") == ["//pi.local:8081/", "./"]
    assert await links(f"http://127.0.0.1:{portals[0].port}/", "127.0.0.1:18081") == ["//127.0.0.1:18082/"]
    async with http.get(front.url() + "/static/shared/style.css") as answer:
        assert (answer.status, answer.content_type) == (200, "text/css")


async def test_another_camera_answers_when_one_is_down(
    start_nginx: StartNginx, http: ClientSession, users_file: str
) -> None:
    """The first page of all cameras works while one process runs, whether another was killed or hangs."""
    first, second = free_port(), free_port()
    flags = ("--users-file", users_file)
    with (
        serving("--camera", "0", *flags, port=first) as (one, _),
        serving("--camera", "1", *flags, port=second) as (other, _),
    ):
        front = await start_nginx({0: first, 1: second})
        for fault, paths in (
            (signal.SIGSTOP, ["/", "/"]),
            (signal.SIGKILL, ["/", "/cameras", "/static/shared/style.css"]),
        ):
            one.send_signal(fault)
            for path in paths:
                async with http.get(front.url() + path) as answer:
                    assert answer.status == 200
        one.wait()
        other.kill()
        other.wait()
        async with http.get(front.url() + "/") as answer:
            assert answer.status == 503


async def test_a_process_that_is_down_is_503(start_nginx: StartNginx, http: ClientSession) -> None:
    """The response is an error with its reason and Retry-After, also for snapshots and streams."""
    front = await start_nginx({0: free_port()})
    for url in (front.url(0) + "/snapshot.jpg", front.url() + "/cam0/stream.mjpg", front.url() + "/"):
        async with http.get(url) as answer:
            assert answer.status == 503
            assert answer.content_type == "text/plain"
            assert (await answer.text()).startswith("No process answers: it is down, just starting, or hangs")
            assert answer.headers["Retry-After"] == "5"


async def test_a_process_that_hangs_is_503(start_nginx: StartNginx, http: ClientSession, users_file: str) -> None:
    """If no process answers in time, the response is the same as if there was none."""
    with serving("--users-file", users_file) as (process, url):
        front = await start_nginx({0: int(url.rpartition(":")[2])})
        process.send_signal(signal.SIGSTOP)
        async with http.get(front.url() + "/cameras.json") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert (await answer.text()).startswith("No process answers")


async def test_the_camera_closes_when_the_client_leaves(portal: Portal, front: Nginx, http: ClientSession) -> None:
    """A stream to the server is closed when its client leaves."""
    async with http.get(front.url(0) + "/stream.mjpg") as answer:
        await answer.content.readany()
        assert len(portal.supervisor.subscribers.clients) == 1
    answer.close()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_a_client_that_leaves_before_the_first_frame(
    start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession
) -> None:
    """A client that leaves before any byte is sent does not keep the camera open."""
    portal = await start_portal(start_timeout=3600)
    front = await start_nginx({0: portal.port})
    portal.device.slow_open(3600)
    for path in ("/stream.mjpg", "/snapshot.jpg"):
        waiting = asyncio.create_task(http.get(front.url(0) + path).__aenter__())
        await portal.until(lambda: portal.supervisor.subscribers.clients)
        waiting.cancel()
        await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_through_a_unix_socket(
    start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession, tmp_path: Path
) -> None:
    """As rolled out, nginx connects to the sockets of the units, and the server gets the address of the client."""
    sockets = [tmp_path / f"cam{number}.sock" for number in range(2)]
    for number, path in enumerate(sockets):
        await start_portal(camera=number, name=f"Cam {number}", listen=(Endpoint("unix", path=str(path)),))
    front = await start_nginx(dict.fromkeys(range(2), 1), upstream=f"unix:{tmp_path}/cam{{number}}.sock")
    for number in range(2):
        for url in (front.url(number), f"{front.url()}/cam{number}"):
            async with http.get(f"{url}/stream.mjpg") as stream, http.get(f"{url}/status.json") as answer:
                assert await stream.content.readline() == b"--softstreamframe\r\n"
                status = await answer.json()
                assert status["name"] == f"Cam {number}"
                assert [client["peer"] for client in status["clients"]] == ["127.0.0.1"]


async def test_a_stopped_reader_costs_nothing(start_portal: StartPortal, start_nginx: StartNginx) -> None:
    """A client that stops reading needs no more files or memory; when it reads again, it has skipped frames."""
    portal = await start_portal(width=1280, height=720, quality=95, watchdog_timeout=0)
    front = await start_nginx({0: portal.port})
    loop = asyncio.get_running_loop()
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.setblocking(False)
        await loop.sock_connect(reader, ("127.0.0.1", front.port(0)))
        ask = f"GET /stream.mjpg HTTP/1.1\r\nHost: x\r\nAuthorization: {login()['Authorization']}\r\n\r\n"
        await loop.sock_sendall(reader, ask.encode())
        assert await loop.sock_recv(reader, 1000)
        (client,) = portal.supervisor.subscribers.clients
        before, sent = front.memory(), -1
        while sent < client.sent:  # until all buffers on the way are full
            sent = client.sent
            for _ in range(10):
                await take_a_picture(portal)  # frames are encoded only while a client is ready for them
        assert front.temporary_files() == []
        assert front.memory() < before + 1024
        while not client.dropped:
            await loop.sock_recv(reader, 65536)
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def take_a_picture(portal: Portal) -> None:
    """Take a snapshot as another client."""
    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        assert answer.status == 200


async def test_streams_have_no_chunks(front: Nginx, http: ClientSession) -> None:
    """A stream is not chunked, as without nginx: simple clients do not understand chunks."""
    async with http.get(front.url(0) + "/stream.mjpg") as answer:
        assert answer.status == 200
        assert "Transfer-Encoding" not in answer.headers


@pytest.mark.parametrize(
    "request_line",
    ["GET /healthz HTTP/1.1\r\nHost: pi\r\nX: ", "POST /focus HTTP/1.1\r\nHost: pi\r\nContent-Length: 9\r\n\r\nx"],
)
async def test_a_request_must_arrive_soon(front: Nginx, request_line: str) -> None:
    """A client that sends no more of its header or body keeps no connection of nginx; the limit is 20 s."""
    file = front.folder / "camera-soft-stream/server.conf"
    text = file.read_text()
    assert "client_header_timeout 20s;" in text
    file.write_text(text.replace("_timeout 20s", "_timeout 1s"))
    former = front.workers
    os.kill(front.pid, signal.SIGHUP)
    while set(front.workers) & {*former} or not front.workers:  # noqa: ASYNC110 # nginx reports no event
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port(0))
    writer.write(request_line.encode())
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.transport.abort()


async def test_ipv6(front: Nginx, http: ClientSession) -> None:
    """The site also listens on IPv6."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    for camera, path in ((0, "/healthz"), (None, "/cam0/healthz")):
        async with http.get(f"http://[::1]:{front.port(camera)}{path}") as answer:
            assert answer.status == 200
