"""Access through nginx: logins, preflights, origins, and the security headers of the pages."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, hdrs
from multidict import CIMultiDict
from rollout.nginx import INSTALLED

from soft_stream.web.app import build_app
from tests.end_to_end.clients import tls_proxies
from tests.support import certificates, nginx_process
from tests.support.checkout import ROOT
from tests.support.nginx_process import HAPROXY, Nginx, StartNginx, address_in_the_network, login
from tests.support.processes import free_port
from tests.support.server import Portal, StartPortal

SECURITY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}


async def test_nothing_without_a_login(portal: Portal, front: Nginx, stranger: ClientSession) -> None:
    """Every URL and method, also unknown ones, is 401 on each port; the camera stays closed."""
    routes = build_app(portal.supervisor, {0: portal.supervisor.settings}).router.routes()
    asked = {
        (route.method, route.resource.canonical.format(name="style.css", prefix=""))
        for route in routes
        if route.resource
    }
    assert ("POST", "/controls") in asked
    ports = {front.url(0): "", front.url(): "/cam0"}
    urls = [(method, f"{port}{prefix}{path}") for port, prefix in ports.items() for method, path in asked]
    urls += [(method, front.url() + path) for path in ("/", "/cameras", "/cameras.json") for method in ("GET", "POST")]
    answers = set()
    for method, url in [*urls, ("OPTIONS", front.url(0) + "/controls")]:
        if "/static/" in url or url.endswith(("/login", "/logout")):  # the form, and what it needs
            continue
        async with stranger.request(method, url, allow_redirects=False) as answer:
            answers.add(answer.status)
            assert answer.status in (401, 404, 405), (method, url)
            assert (answer.status == 401) == (hdrs.WWW_AUTHENTICATE in answer.headers)
            assert b"cam" not in (await answer.read()).lower() or answer.status != 200
    assert 401 in answers
    assert portal.device.opened == 0


@pytest.mark.parametrize("state", ["no file", "no users", "unreadable", "a folder"])
async def test_nothing_without_a_user(
    start_portal: StartPortal, start_nginx: StartNginx, stranger: ClientSession, tmp_path: Path, state: str
) -> None:
    """Without a user, or if the file of the users cannot be read, everything is 401, although loopback is open."""
    users = tmp_path / "users"
    if state == "no users":
        users.write_text("# none yet\n")
    elif state != "no file":
        users.mkdir()
    portal = await start_portal(users_file=str(users), open_to_network=True, local_proxy_role="admin")
    front = await start_nginx({0: portal.port})
    for url in (front.url(0), f"{front.url()}/cam0"):
        for headers in ({}, login(), {"X-Soft-Stream-Auth": "network"}, {"X-Forwarded-For": "127.0.0.1"}):
            async with stranger.get(f"{url}/status.json", headers=headers) as answer:
                assert answer.status == 401
            async with stranger.post(f"{url}/focus", headers=headers) as answer:
                assert answer.status == 401
    async with portal.http.get("/status.json") as answer:
        assert answer.status == 200


async def test_what_the_server_receives(
    portal: Portal, front: Nginx, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gets the client's Host, login and address; a client cannot set the headers that nginx sets."""
    got: dict[str, list[str]] = {}

    def spy(request: Any) -> Any:
        got.clear()
        for name in request.headers:
            got[name] = request.headers.getall(name)
        return []

    monkeypatch.setattr("soft_stream.web.pages.pages.addresses_for", spy)
    forged = [
        ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-For", "192.0.2.7"),
        ("X-Soft-Stream-Auth", "network"), ("x-soft-stream-auth", ""), ("X-Forwarded-Proto", "ftp"),
        ("Forwarded", "for=192.0.2.8"), ("Host", "pi.local:8081"), ("Cookie", "a=b"),
    ]  # fmt: skip
    expected = {
        "Host": ["pi.local:8081"],
        "Authorization": [login()["Authorization"]],
        "Cookie": ["a=b"],
        "X-Soft-Stream-Auth": ["always"],
        "X-Forwarded-For": ["192.0.2.7"],  # a proxy on this machine is trusted
        "X-Forwarded-Proto": ["http"],
    }
    for url, prefix in ((front.url(0) + "/", None), (front.url() + "/cam0/", ["/cam0"])):
        async with http.get(url, headers=CIMultiDict(forged)) as answer:
            assert answer.status == 200
        assert {name: got.get(name) for name in expected} == expected
        assert got.get("X-Forwarded-Prefix") == prefix
        assert "Forwarded" not in got
    assert portal.device.opened == 0


async def test_no_client_of_the_network_names_its_own_address(
    portal: Portal, front: Nginx, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is not on this machine has the address of its connection, and the scheme of the connection."""
    own = address_in_the_network()
    got: dict[str, str] = {}

    def spy(request: Any) -> Any:
        got.update(request.headers)
        return []

    monkeypatch.setattr("soft_stream.web.pages.pages.addresses_for", spy)
    url = f"http://{own}:{front.port(0)}/"
    async with http.get(url, headers={"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}) as answer:
        assert answer.status == 200
    assert (got["X-Forwarded-For"], got["X-Forwarded-Proto"]) == (own, "http")


async def test_a_post_is_accepted_from_its_own_origin_only(front: Nginx, http: ClientSession) -> None:
    """The origin is compared with host and port of the request; another one is 403."""
    for url, prefix in ((front.url(0), ""), (front.url(), "/cam0")):
        async with http.post(f"{url}{prefix}/focus", headers={"Origin": url}) as answer:
            assert answer.status == 200
        for origin in ("http://evil.example", "http://127.0.0.1"):
            async with http.post(f"{url}{prefix}/focus", headers={"Origin": origin}) as answer:
                assert answer.status == 403


async def test_large_requests_are_refused(front: Nginx, http: ClientSession) -> None:
    """A large POST is 413, and fills neither memory nor disk."""
    async with http.post(front.url(0) + "/controls", data=b"x" * 17_000) as answer:
        assert answer.status == 413
        assert await answer.text() == "The request is too large.\n"
    assert front.temporary_files() == []


PREFLIGHT = {"Origin": "http://mainsail.local", "Access-Control-Request-Method": "POST"}


async def test_preflights_need_no_login(
    start_portal: StartPortal, start_nginx: StartNginx, http: ClientSession, stranger: ClientSession
) -> None:
    """A preflight without a login reaches the server and gets an empty response; other requests are 401."""
    portal = await start_portal(cors_origins=("http://mainsail.local",))
    front = await start_nginx({0: portal.port})
    for url in (front.url(0), front.url() + "/cam0"):
        for path in ("/controls", "/snapshot.jpg", "/stream.mjpg"):
            async with stranger.options(url + path, headers=PREFLIGHT) as answer:
                assert (answer.status, await answer.read()) == (204, b"")
                assert answer.headers.getall("Access-Control-Allow-Origin") == ["http://mainsail.local"]
                assert "Access-Control-Allow-Methods" in answer.headers
            async with stranger.options(url + path, headers=PREFLIGHT | {"Origin": "http://evil.example"}) as answer:
                assert answer.status == 401  # a 403 would reveal that the URL exists
                assert "Access-Control-Allow-Origin" not in answer.headers
            no_preflights = [("OPTIONS", {}), ("OPTIONS", {"Access-Control-Request-Method": ""})]
            no_preflights += [(method, PREFLIGHT) for method in ("GET", "HEAD", "POST", "PUT", "XOPTIONS", "OPTIONSX")]
            for method, headers in no_preflights:
                async with stranger.request(method, url + path, headers=headers) as answer:
                    assert answer.status in (400, 401, 403, 405), (method, headers)
        async with http.get(url + "/status.json", headers=PREFLIGHT) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert portal.device.opened == 0


async def test_security_headers_once_each(front: Nginx, http: ClientSession, stranger: ClientSession) -> None:
    """Every response has them, errors included; the server's own headers are neither doubled nor changed."""
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


async def test_the_haproxy_example_without_octoprint(
    front: Nginx, tmp_path: Path, http: ClientSession, stranger: ClientSession
) -> None:
    """As docs/nginx.md explains: plain HTTP is redirected to HTTPS, where nginx requires the login for everything."""
    plain, secure = free_port(), free_port()
    pair = certificates.make(tmp_path)
    text = (ROOT / "nginx/octoprint-tls-haproxy.cfg").read_text()
    assert "default_backend octoprint" in text
    text = re.sub(".*webcam.*\n", "", text.replace("default_backend octoprint", "default_backend login"))
    file = tls_proxies.haproxy_file(text, tmp_path, pair, {80: plain, 443: secure, 5000: 1, 8080: front.port()})
    haproxy = await asyncio.create_subprocess_exec(HAPROXY, "-db", "-f", str(file))
    try:
        await nginx_process.listening(secure, haproxy)
        async with stranger.get(f"http://127.0.0.1:{plain}/cam0/", allow_redirects=False) as answer:
            assert answer.status == 307
            assert answer.headers["Location"].startswith("https://127.0.0.1")
        url = f"https://127.0.0.1:{secure}"
        for path in ("/", "/cameras", "/cam0/", "/webcam/"):
            async with stranger.get(url + path, ssl=pair.trusting()) as answer:
                assert answer.status == (404 if path == "/webcam/" else 401)
            async with http.get(url + path, ssl=pair.trusting()) as answer:
                assert answer.status == (404 if path == "/webcam/" else 200)
        async with http.get(f"{url}/cam0/stream.mjpg", ssl=pair.trusting()) as answer:
            assert await answer.content.readline() == b"--softstreamframe\r\n"
        async with http.post(f"{url}/cam0/focus", ssl=pair.trusting(), headers={"Origin": url}) as answer:
            assert answer.status == 200
    finally:
        haproxy.terminate()
        await haproxy.wait()


def test_the_examples_are_valid(tmp_path: Path) -> None:
    """The examples are valid as shipped, but for the certificate, that of nginx also beside the deployed site."""
    pair = certificates.make(tmp_path)
    both, example = tmp_path / "both.pem", (ROOT / "nginx/octoprint-tls-haproxy.cfg").read_text()
    both.write_text(pair.certificate.read_text() + pair.key.read_text())
    for name, text in (
        ("haproxy", example.replace("/etc/haproxy/octoprint.pem", str(both))),
        ("octopi", tls_proxies.octopi_configuration().replace("/etc/ssl/snakeoil.pem", str(both))),
    ):
        file = tmp_path / f"{name}.cfg"
        file.write_text(text)
        checked = subprocess.run([HAPROXY, "-c", "-f", str(file)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert "WARNING" not in checked.stderr
    # nginx opens the ports even to check them, which only root may do below 1024
    behind = tls_proxies.Behind(5000, {0: 18081}, tmp_path)
    site = tls_proxies.nginx_site(tmp_path, pair, behind, free_port(), free_port())
    nginx_process.install(tmp_path, {0: 18081}, others=site, tls=True)
    checked = nginx_process.check(tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "[" not in checked.stderr


def test_the_nginx_example_uses_the_sockets_of_the_units() -> None:
    """The example connects to the same sockets as the nginx of the deployment, and uses its files."""
    text = (ROOT / "nginx/octoprint-tls-nginx.conf").read_text()
    folder = INSTALLED.upstream.rpartition("/")[0]
    for number in range(2):
        assert f"proxy_pass http://{folder}/cam{number}.sock:/;" in text
    for path in (INSTALLED.certificate, INSTALLED.key):
        assert f" {path};" in text
    assert f"proxy_pass http://{folder}$octoprint_camera.sock;" in text
