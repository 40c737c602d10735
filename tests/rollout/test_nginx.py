"""nginx in front of the portal: the real one, with the project's configuration."""

import asyncio
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from rollout import nginx

from soft_stream.config.endpoints import Endpoint
from soft_stream.web.app import build_app
from tests.support import nginx_process
from tests.support.checkout import ROOT
from tests.support.nginx_process import HAPROXY, PASSWORD, USER, Nginx, has_ipv6, login
from tests.support.processes import free_port, serving
from tests.support.server import QUICK, Portal, StartPortal

SECURITY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
CAMERAS = {n: replace(QUICK, camera=n, port=18081 + n, name=f"Cam {n}") for n in range(2)}

StartNginx = Callable[..., Awaitable[Nginx]]


@pytest.fixture
async def start_nginx(tmp_path: Path) -> AsyncIterator[StartNginx]:
    """Start nginx in front of ports (camera -> port); it ends with the test."""
    async with AsyncExitStack() as running:

        async def start(cameras: Mapping[int, int], **options: Any) -> Nginx:
            return await running.enter_async_context(nginx_process.running(tmp_path, cameras, **options))

        yield start


@pytest.fixture
async def front(portal: Portal, start_nginx: StartNginx) -> Nginx:
    """An nginx in front of one portal."""
    return await start_nginx({0: portal.port})


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """A session of HTTP requests with the right login."""
    async with ClientSession(headers=login()) as session:
        yield session


@pytest.fixture
async def stranger() -> AsyncIterator[ClientSession]:
    """A session of HTTP requests without a login."""
    async with ClientSession() as session:
        yield session


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_nginx_takes_the_configuration(tmp_path: Path, count: int, tls: bool) -> None:
    """It is right for any number of cameras, with and without TLS, and gives no warning."""
    nginx_process.install(tmp_path, {number: 18081 + number for number in range(count)}, tls=tls)
    checked = nginx_process.check(tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "[" not in checked.stderr  # [warn], [emerg], ...


def test_nginx_takes_it_beside_other_sites(tmp_path: Path) -> None:
    """Settings and sites that others have on the same nginx do no harm, whatever their sizes."""
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
    """One file is nginx's to find, the others lie in a folder of their own; a certificate is needed for TLS only."""
    files = nginx.render({1: 18082, 0: 18081}, tls=False)
    main = Path("/etc/nginx/conf.d/camera-soft-stream.conf")
    assert {path.parent for path in files.keys() - {main}} == {Path("/etc/nginx/camera-soft-stream")}
    assert set(re.findall(r"listen (\d+)", files[main])) == {"8080", "8081", "8082"}
    assert "ssl" not in files[main]
    added = nginx.render({0: 18081}, tls=True).keys() - files.keys()
    assert added == {Path("/etc/nginx/camera-soft-stream/tls.conf")}
    assert "[::]" not in nginx.render({0: 18081}, tls=False, ipv6=False)[main]


def test_no_camera_is_no_site() -> None:
    """Without a camera there is nothing to put in front of."""
    assert nginx.render({}, tls=False) == {}


async def test_nothing_without_a_login(portal: Portal, front: Nginx, stranger: ClientSession) -> None:
    """Every URL and method of the portal, and what is none, is 401 on each port; the camera stays closed."""
    routes = build_app(portal.supervisor, {0: portal.supervisor.settings}).router.routes()
    asked = {
        (route.method, route.resource.canonical.format(name="style.css", prefix=""))
        for route in routes
        if route.resource
    }
    assert ("POST", "/controls") in asked
    ports = {front.url(0): "", front.url(): "/cam0"}
    urls = [(method, f"{port}{prefix}{path}") for port, prefix in ports.items() for method, path in asked]
    for path in (
        "/",
        "/cameras",
        "/cameras.json",
        "/static/shared/style.css",
        "/static",
        "/cam0",
        "/cam1",
        "/cam1/",
        "/stream.mjpg",
        "/x",
    ):
        urls += [("GET", front.url() + path), ("POST", front.url() + path)]
    for method, url in [*urls, ("GET", front.url(0) + "/x"), ("OPTIONS", front.url(0) + "/controls")]:
        async with stranger.request(method, url, allow_redirects=False) as answer:
            assert answer.status == 401, (method, url)
            assert answer.headers.getall("WWW-Authenticate") == ['Basic realm="cameras"']
            assert method == "HEAD" or await answer.text() == "A login is needed.\n"
    assert portal.device.opened == 0


@pytest.mark.parametrize("path", ["/stream.mjpg", "/cam0/stream.mjpg"])
async def test_live_frames_come_through(front: Nginx, path: str) -> None:
    """The probe counts live frames, on the camera's own port and on the portal port."""
    port = front.port(None if "cam0" in path else 0)
    address = f"http://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}{path}"
    probe = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "scripts/measure_fps.py"), address, "--frames", "30", stdout=subprocess.PIPE
    )
    out, _ = await probe.communicate()
    assert probe.returncode == 0
    assert b"(30 live frames)" in out


async def test_the_password_stays_in_front(
    portal: Portal, front: Nginx, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The portal gets the client's Host and address, and neither its login nor a prefix that it made up."""
    got: dict[str, str] = {}

    def spy(request: Any) -> Any:
        got.update(request.headers)
        return []

    monkeypatch.setattr("soft_stream.web.pages.pages.addresses_for", spy)
    forged = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-For": "192.0.2.7", "Host": "pi.local:8081"}
    async with http.get(front.url(0) + "/", headers=forged) as answer:
        assert answer.status == 200
    assert "Authorization" not in got
    assert "X-Forwarded-Prefix" not in got
    assert got["Host"] == "pi.local:8081"
    assert got["X-Forwarded-Proto"] == "http"
    assert got["X-Forwarded-For"].endswith("192.0.2.7")  # a proxy on this machine is believed
    async with http.get(front.url() + "/cam0/", headers=forged) as answer:
        assert answer.status == 200
    assert got["X-Forwarded-Prefix"] == "/cam0"
    assert portal.device.opened == 0


async def test_a_post_comes_through_from_here_only(front: Nginx, http: ClientSession) -> None:
    """The origin is compared with host and port as the browser has them; another one is 403."""
    for url, prefix in ((front.url(0), ""), (front.url(), "/cam0")):
        async with http.post(f"{url}{prefix}/focus", headers={"Origin": url}) as answer:
            assert answer.status == 200
        for origin in ("http://evil.example", "http://127.0.0.1"):
            async with http.post(f"{url}{prefix}/focus", headers={"Origin": origin}) as answer:
                assert answer.status == 403


async def test_large_requests_are_refused(front: Nginx, http: ClientSession) -> None:
    """Nobody fills memory or disk by a POST."""
    async with http.post(front.url(0) + "/controls", data=b"x" * 17_000) as answer:
        assert answer.status == 413
        assert await answer.text() == "The request is too large.\n"
    assert front.temporary_files() == []


async def test_a_folder_without_its_slash(front: Nginx, http: ClientSession) -> None:
    """/cam0 leads to /cam0/ without naming a host or a port, which another proxy may have changed."""
    async with http.get(front.url() + "/cam0?x=y", allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == "./cam0/?x=y"
    async with http.get(front.url() + "/cam0") as answer:
        assert answer.url.path == "/cam0/"
        assert answer.status == 200


async def test_no_camera_answers_for_another(front: Nginx, http: ClientSession) -> None:
    """On the portal port pictures are in the folders only; what is not there is told in a sentence."""
    for path in ("/stream.mjpg", "/status.json", "/cam1/", "/snapshot.jpg"):
        async with http.get(front.url() + path) as answer:
            assert answer.status == 404
            assert answer.content_type == "text/plain"
            assert await answer.text() == f"There is no {path} here. Try /, /cam0/.\n"


async def test_links_behind_nginx(start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession) -> None:
    """The pages find the other cameras as folders, as neighbouring ports, and as the ports of the processes."""
    portals = [await start_portal(camera=n, cameras=CAMERAS) for n in CAMERAS]
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


async def test_another_camera_answers_when_one_is_down(start_nginx: StartNginx, http: ClientSession) -> None:
    """The portal's first page is there as long as one process is, whether another was killed or hangs."""
    first, second = free_port(), free_port()
    with serving("--camera", "0", port=first) as (one, _), serving("--camera", "1", port=second) as (other, _):
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
            assert answer.status == 502


async def test_a_process_that_is_down_is_told(start_nginx: StartNginx, http: ClientSession) -> None:
    """It is an error with a sentence and a time to come again, also where a picture was asked for."""
    front = await start_nginx({0: free_port()})
    for url in (front.url(0) + "/snapshot.jpg", front.url() + "/cam0/stream.mjpg", front.url() + "/"):
        async with http.get(url) as answer:
            assert answer.status == 502
            assert answer.content_type == "text/plain"
            assert (await answer.text()).startswith("The process of this camera is down or just starting")
            assert answer.headers["Retry-After"] == "5"


async def test_the_camera_closes_when_the_client_leaves(portal: Portal, front: Nginx, http: ClientSession) -> None:
    """Streams that nobody sees are not held open in between."""
    async with http.get(front.url(0) + "/stream.mjpg") as answer:
        await answer.content.readany()
        assert len(portal.supervisor.subscribers.clients) == 1
    answer.close()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_who_leaves_before_the_first_frame_is_noticed(
    start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession
) -> None:
    """Nothing is written to a client that waits, and yet the camera is not kept open for one that is gone."""
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
    """As rolled out: nginx asks where the unit listens for it, and the portal knows who asks nginx."""
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
    """No file and no memory grows for a client that does not read; when it reads on, it has skipped frames."""
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
                await take_a_picture(portal)  # frames are made only while somebody is ready for them
        assert front.temporary_files() == []
        assert front.memory() < before + 1024
        while not client.dropped:
            await loop.sock_recv(reader, 65536)
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def take_a_picture(portal: Portal) -> None:
    """Take a frame as another client does."""
    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        assert answer.status == 200


async def test_failed_logins_are_slowed_and_good_ones_are_not(
    front: Nginx, http: ClientSession, stranger: ClientSession
) -> None:
    """Wrong passwords wait, and too many are refused; right ones from the same address are served meanwhile."""

    async def attempt() -> int:
        async with stranger.get(front.url(0) + "/status.json", headers=login("wrong")) as answer:
            assert answer.status in (401, 429)
            if answer.status == 401:
                assert answer.headers.getall("WWW-Authenticate") == ['Basic realm="cameras"']
            else:
                assert (await answer.text()).startswith("Too many failed logins")
                assert answer.headers["Retry-After"] == "10"
            return answer.status

    assert await attempt() == 401
    attempts = [asyncio.create_task(attempt()) for _ in range(50)]
    for done in asyncio.as_completed(attempts):
        if await done == 429:
            break
    for _ in range(30):
        async with http.get(front.url(0) + "/status.json") as answer:
            assert answer.status == 200
        async with stranger.get(front.url() + "/cam0/") as answer:  # no attempt, but a browser that is about to ask
            assert answer.status == 401
    for task in attempts:
        task.cancel()
    await asyncio.wait(attempts)
    log = (front.folder / "error.log").read_text()
    assert "password mismatch" in log
    assert "delaying request" in log


PREFLIGHT = {"Origin": "http://mainsail.local", "Access-Control-Request-Method": "POST"}


async def test_preflights_need_no_login(
    start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession, stranger: ClientSession
) -> None:
    """Browsers send them without one; the portal answers without a picture or a word; nothing else gets through."""
    portal = await start_portal(cors_origins=("http://mainsail.local",))
    front = await start_nginx({0: portal.port})
    for url in (front.url(0), front.url() + "/cam0"):
        for path in ("/controls", "/snapshot.jpg", "/stream.mjpg"):
            async with stranger.options(url + path, headers=PREFLIGHT) as answer:
                assert (answer.status, await answer.read()) == (204, b"")
                assert answer.headers.getall("Access-Control-Allow-Origin") == ["http://mainsail.local"]
                assert "Access-Control-Allow-Methods" in answer.headers
            async with stranger.options(url + path, headers=PREFLIGHT | {"Origin": "http://evil.example"}) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers
            no_preflights = [("OPTIONS", {}), ("OPTIONS", {"Access-Control-Request-Method": ""})]
            no_preflights += [(method, PREFLIGHT) for method in ("GET", "HEAD", "POST", "PUT", "XOPTIONS", "OPTIONSX")]
            for method, headers in no_preflights:
                async with stranger.request(method, url + path, headers=headers) as answer:
                    assert answer.status == 401, (method, headers)
                    assert "Access-Control-Allow-Origin" not in answer.headers
        async with http.get(url + "/status.json", headers=PREFLIGHT) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    for path in ("/cam0", "/cam1/", "/nothing"):  # nginx's own answers
        async with stranger.options(front.url() + path, headers=PREFLIGHT, allow_redirects=False) as answer:
            assert answer.status == 401
    assert portal.device.opened == 0


async def test_too_many_preflights_are_refused(front: Nginx, http: ClientSession, stranger: ClientSession) -> None:
    """Who has no login cannot keep the portal busy; who has one is served meanwhile."""

    async def preflight() -> int:
        async with stranger.options(front.url(0) + "/controls", headers=PREFLIGHT) as answer:
            return answer.status

    while 429 not in await asyncio.gather(*(preflight() for _ in range(100))):
        pass
    async with http.get(front.url(0) + "/status.json") as answer:
        assert answer.status == 200
    async with stranger.get(front.url(0) + "/status.json") as answer:
        assert answer.status == 401


async def test_security_headers_once_each(front: Nginx, http: ClientSession, stranger: ClientSession) -> None:
    """Every answer has them, errors included; the portal's own are neither doubled nor changed."""
    for session, path, status in (
        (http, "/cam0/", 200),
        (http, "/", 200),
        (http, "/static/shared/style.css", 200),
        (http, "/cam0/snapshot.jpg", 200),
        (http, "/cam0/status.json", 200),
        (http, "/cam0/nothing", 404),
        (http, "/nothing", 404),
        (stranger, "/cam0/", 401),
    ):
        async with session.get(front.url() + path) as answer:
            assert answer.status == status
            for name, value in SECURITY.items():
                assert answer.headers.getall(name) == [value], path
            assert answer.headers.getall("Cache-Control") == ["no-cache" if "static" in path else "no-store"]
            assert answer.headers["Server"] == "nginx"
            assert len(answer.headers.getall("Permissions-Policy")) == 1
            policies = answer.headers.getall("Content-Security-Policy", [])
            assert len(policies) == (answer.content_type == "text/html")
            for harmful in ("X-Frame-Options", "Cross-Origin-Resource-Policy", "Strict-Transport-Security"):
                assert harmful not in answer.headers


async def test_ipv6(front: Nginx, http: ClientSession) -> None:
    """It listens on IPv6, too."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    for camera, path in ((0, "/healthz"), (None, "/cam0/healthz")):
        async with http.get(f"http://[::1]:{front.port(camera)}{path}") as answer:
            assert answer.status == 200


async def test_tls(portal: Portal, start_nginx: StartNginx, http: ClientSession, stranger: ClientSession) -> None:
    """With a certificate plain http is only told where to go, before a password is asked for."""
    front = await start_nginx({0: portal.port}, tls=True)
    context = ssl.create_default_context(cafile=front.places.certificate)
    for camera, path in ((0, "/focus"), (None, "/cam0/focus")):
        host = f"127.0.0.1:{front.port(camera)}"
        async with stranger.post(f"http://{host}{path}?x=y", allow_redirects=False) as answer:
            assert answer.status == 307
            assert answer.headers["Location"] == f"https://{host}{path}?x=y"
            assert "WWW-Authenticate" not in answer.headers
        async with stranger.get(f"https://{host}{path}", ssl=context) as answer:
            assert answer.status == 401
        async with http.post(f"https://{host}{path}", ssl=context, headers={"Origin": f"https://{host}"}) as answer:
            assert answer.status == 200
            assert "Strict-Transport-Security" not in answer.headers


async def test_the_haproxy_example(front: Nginx, tmp_path: Path, http: ClientSession, stranger: ClientSession) -> None:
    """It is valid; plain http is sent to https, where nginx asks for the login and serves."""
    plain, secure = free_port(), free_port()
    certificate, key = tmp_path / "haproxy.crt", tmp_path / "haproxy.key"
    nginx_process.make_certificate(certificate, key)
    both = tmp_path / "haproxy.pem"
    both.write_text(certificate.read_text() + key.read_text())
    text = (ROOT / "nginx/haproxy-example.cfg").read_text()
    for example, here in (
        (":::80 v4v6", f"127.0.0.1:{plain}"),
        (":::443 v4v6", f"127.0.0.1:{secure}"),
        ("/etc/haproxy/cameras.pem", str(both)),
        ("127.0.0.1:8080", f"127.0.0.1:{front.port()}"),
    ):
        assert example in text
        text = text.replace(example, here)
    file = tmp_path / "haproxy.cfg"
    file.write_text(text)
    checked = await asyncio.to_thread(
        subprocess.run, [HAPROXY, "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
    haproxy = await asyncio.create_subprocess_exec(HAPROXY, "-db", "-f", str(file))
    try:
        await nginx_process.listening(secure, haproxy)
        async with stranger.get(f"http://127.0.0.1:{plain}/cam0/", allow_redirects=False) as answer:
            assert answer.status == 307
            assert answer.headers["Location"].startswith("https://127.0.0.1")
        context = ssl.create_default_context(cafile=certificate)
        url = f"https://127.0.0.1:{secure}"
        async with stranger.get(f"{url}/cam0/", ssl=context) as answer:
            assert answer.status == 401
        async with http.get(f"{url}/cam0/stream.mjpg", ssl=context) as answer:
            assert answer.status == 200
            assert await answer.content.readline() == b"--softstreamframe\r\n"
        async with http.post(f"{url}/cam0/focus", ssl=context, headers={"Origin": url}) as answer:
            assert answer.status == 200
    finally:
        haproxy.terminate()
        await haproxy.wait()
