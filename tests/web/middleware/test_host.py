"""The Host check: which names are accepted, what the others get, and what the log has."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, http_parser

from soft_stream.config import own_names
from soft_stream.config.endpoints import Endpoint
from soft_stream.web.authority import parse
from soft_stream.web.middleware import host
from soft_stream.web.middleware.host import HostCheck, is_accepted
from tests.support.server import Portal, StartPortal

HOSTS = ("cam.example.org", "*.example.com")
OWN = ("pi", "pi.corp.example")
REFUSAL = "{0} is not a name of this server. To accept it, set cam_hosts={0} (docs/listen.md).\n"
PATHS = (
    "/",
    "/stream.mjpg",
    "/snapshot.jpg",
    "/status.json",
    "/healthz",
    "/static/shared/style.css",
    "/nothing",
    "/?x",
)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:18081",
        "203.0.113.7",
        "[::1]:18081",
        "[2001:db8::1]",
        "[fe80::1%25eth0]:80",
        "localhost:18081",
        "raspberrypi",
        "RaspberryPi.",
        "pi.local",
        "a.b.LOCAL.:80",
        "pi.lan",
        "pi.home",
        "pi.internal",
        "pi.localdomain",
        "pi.home.arpa",
        "pi.fritz.box",
        "pi.tail1234.ts.net",
        "local",
        "lan",
        "pi.corp.example",
        "cam.example.org:8443",
        "CAM.Example.Org.",
        "x.example.com",
        "a.b.example.com",
    ],
)
def test_names_of_the_server(text: str) -> None:
    """Addresses, single labels, names of local networks, of the machine and of the setting are accepted."""
    assert is_accepted(parse(text), HOSTS, OWN)


@pytest.mark.parametrize(
    "text",
    [
        "evil.example",
        "evil.example:18081",
        "1.2.3.4.evil.example",
        "127.0.0.1.nip.io",
        "local.evil.example",
        "evillocal.example",
        "pi.notlocal",
        "pi.mylan",
        "arpa.home.evil",
        "home.arpa",
        "fritz.box",
        "ts.net",
        "evilfritz.box",
        "pi.corp.example.evil",
        "x.pi.corp.example",
        "corp.example",
        "x.cam.example.org",
        "example.org",
        "example.com",
        "evilexample.com",
        "127.1",
        "0x7f.1",
        "0.0.0.0.0",
        "xn--mller-kva.example",
    ],
)
def test_other_names(text: str) -> None:
    """Every other name is refused, also if it only looks like an accepted one."""
    assert not is_accepted(parse(text), HOSTS, OWN)


@pytest.fixture(params=["C", "Python"])
def any_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of aiohttp's parsers; without its C extension aiohttp uses the second one."""
    if request.param == "Python":
        monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", http_parser.HttpRequestParserPy)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "PUT"])
async def test_every_request_is_checked(start_portal: StartPortal, method: str, path: str) -> None:
    """A foreign name gets 421 before anything else, with the usual form of errors; the camera stays closed."""
    portal = await start_portal(cors_origins=("http://mainsail.local",), legacy_control=True)
    headers = {"Host": "evil.example:18081", "Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    async with portal.http.request(method, path, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 421
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "camera-soft-stream"
        assert answer.content_type == "text/plain"
        assert await answer.text() == ("" if method == "HEAD" else REFUSAL.format("evil.example"))
    assert portal.device.opened == 0


async def test_nothing_changes(start_portal: StartPortal) -> None:
    """Neither a POST nor a GET with side effects changes anything under a foreign name, whatever else it says."""
    portal = await start_portal(legacy_control=True)
    page = {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
    for path in ("/controls", "/focus", "/arm", "/pause", "/resume"):
        async with portal.http.post(path, json={"Brightness": 0.5}, headers=page) as answer:
            assert answer.status == 421
    async with portal.http.get("/?action=command&id=9963776&value=1", headers=page) as answer:
        assert answer.status == 421
    assert (portal.supervisor.controls.values, portal.device.opened) == ({}, 0)


async def ask(portal: Portal, *lines: str) -> tuple[int, str]:
    """Send the lines of a request as they are; return the status and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), body


@pytest.mark.usefixtures("any_parser")
@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        (["GET /status.json HTTP/1.0"], 200, ""),
        (["GET /status.json HTTP/1.0", "Host:"], 200, ""),
        (["GET /status.json HTTP/1.0", "Host: evil.example"], 421, REFUSAL.format("evil.example")),
        (["GET /status.json HTTP/1.1", "Host: PI.Local.:80"], 200, ""),
        (["GET /status.json HTTP/1.1", "Host: Evil.Example.:80"], 421, REFUSAL.format("evil.example")),
        (["GET /status.json HTTP/1.1", "Host: m\u00fcller.example"], 421, REFUSAL.format("xn--mller-kva.example")),
        (["GET /status.json HTTP/1.1", "Host: 127.1"], 421, "127.1 is not a name of this server. Write the IP address"),
        (["GET /status.json HTTP/1.1", "Host: evil.example:80@127.0.0.1"], 400, "Host: ...@127.0.0.1 is"),
        (["GET /status.json HTTP/1.1", "Host: pi, evil.example"], 400, "Host: pi, evil.example is not a host.\n"),
        (["GET /status.json HTTP/1.1", "Host: pi:99999"], 400, "Host: pi:99999 is not a host.\n"),
        (["GET http://pi.local:80/status.json HTTP/1.1", "Host: pi.local:80"], 200, ""),
        (["GET http://evil.example/status.json HTTP/1.1", "Host: pi"], 421, REFUSAL.format("evil.example")),
        (["GET HTTP://evil.example:80/status.json HTTP/1.0"], 421, REFUSAL.format("evil.example")),
        (["GET http://pi/status.json HTTP/1.1", "Host: evil.example"], 421, REFUSAL.format("evil.example")),
        (["GET http://x@evil.example/status.json HTTP/1.1", "Host: pi"], 400, ""),
    ],
)
async def test_how_a_name_may_be_written(portal: Portal, lines: list[str], status: int, said: str) -> None:
    """The name counts in each form, in the header and in the target; what is no host is 400."""
    got, body = await ask(portal, *lines)
    assert got == status
    assert said in body


@pytest.mark.usefixtures("any_parser")
@pytest.mark.parametrize(
    "hosts", [[], ["Host:"], ["Host: pi", "Host: evil.example"], ["Host: evil.example", "Host: pi"]]
)
async def test_exactly_one_host(portal: Portal, hosts: list[str]) -> None:
    """HTTP/1.1 needs one Host header: none, an empty one and two of them are 400."""
    status, body = await ask(portal, "GET /status.json HTTP/1.1", *hosts)
    assert status == 400
    assert "state" not in body


async def test_two_hosts_with_an_older_aiohttp(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older releases of aiohttp accept two Host headers; the check does not."""
    monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", http_parser.HttpRequestParserPy)
    monkeypatch.setattr(http_parser, "SINGLETON_HEADERS", frozenset())
    answer = await ask(portal, "GET /status.json HTTP/1.1", "Host: pi", "Host: pi")
    assert answer == (400, "The request has 2 Host headers.\n")


async def test_the_names_of_the_setting(start_portal: StartPortal) -> None:
    """The names of cam_hosts are accepted, with any port."""
    portal = await start_portal(hosts=HOSTS)
    for name, status in (("cam.example.org", 200), ("x.example.com:8443", 200), ("example.com", 421)):
        async with portal.http.get("/status.json", headers={"Host": name}) as answer:
            assert answer.status == status
    said = "example.com is not a name of this server. To accept it, add example.com to cam_hosts (docs/listen.md).\n"
    async with portal.http.get("/status.json", headers={"Host": "example.com"}) as answer:
        assert await answer.text() == said


async def test_the_names_of_the_machine(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that the machine gets later are accepted then, without a restart."""
    monkeypatch.setattr(socket, "gethostname", lambda: "pi")
    monkeypatch.setattr(own_names, "RESOLVER_FILE", tmp_path / "resolv.conf")
    monkeypatch.setattr("soft_stream.web.middleware.own_names_cache.MAX_AGE", -1)
    for status in (421, 200):
        async with portal.http.get("/status.json", headers={"Host": "pi.corp.example:18081"}) as answer:
            assert answer.status == status
        (tmp_path / "resolv.conf").write_text("search corp.example\n")


async def test_unix_sockets_are_exempt(start_portal: StartPortal, tmp_path: Path) -> None:
    """A proxy on a unix socket may pass on every name: no browser connects to a unix socket."""
    path = tmp_path / "cam0.sock"
    await start_portal(listen=(Endpoint("unix", path=str(path)),))
    async with ClientSession("http://cam.example.net", connector=UnixConnector(str(path))) as http:
        async with http.get("/status.json") as answer:
            assert answer.status == 200
        async with http.post("/focus", headers={"Origin": "http://cam.example.net"}) as answer:
            assert answer.status == 200


async def test_the_log_names_each_refused_name_once(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """The log says once an hour which name was refused and what to set, so that no client can fill it."""
    for name in ["evil.example", "Evil.example:80", "evil.example", *(f"n{n}.example" for n in range(100))]:
        async with portal.http.get("/status.json", headers={"Host": name}) as answer:
            assert answer.status == 421
    lines = [each.getMessage() for each in caplog.records if each.name == host.__name__]
    refused = "Refused a request of 127.0.0.1: "
    assert lines[0] == refused + REFUSAL.format("evil.example").strip()
    assert lines[1] == refused + REFUSAL.format("n0.example").strip()
    assert lines[-1] == "Further refused names are not logged for up to an hour"
    assert len(lines) == host.MAX_LOGGED + 1


def test_the_log_goes_on_after_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    """A name is logged again, and further ones are logged, after an hour."""
    now = 0.0
    check = HostCheck((), clock=lambda: now)
    for count in range(host.MAX_LOGGED + 5):
        check.refuse(f"n{count}.example", "192.0.2.7")
    now = host.LOGGED_AGAIN_AFTER + 1
    caplog.clear()
    for _ in range(2):
        check.refuse("n0.example", "192.0.2.7")
    refused = f"Refused a request of 192.0.2.7: {REFUSAL.format('n0.example').strip()}"
    assert [each.getMessage() for each in caplog.records] == [refused]


async def test_the_http_log_has_the_refusal(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """With loghttp each refused request has its line."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(loghttp=True)
    async with portal.http.get("/stream.mjpg", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421
    await portal.until(lambda: any("GET /stream.mjpg: 421" in each.getMessage() for each in caplog.records))
