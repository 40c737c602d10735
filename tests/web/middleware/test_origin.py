"""Which pages may change something: origins are compared, not texts."""

from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, UnixConnector

from soft_stream.config.endpoints import Endpoint
from soft_stream.web.authority import Authority, parse
from tests.support import certificates
from tests.support.processes import free_port
from tests.support.server import Portal, StartPortal

FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
COMMAND = "/?action=command&id=-1"


async def statuses(http: ClientSession, headers: dict[str, str]) -> tuple[int, int, int]:
    """Return the status of a POST, of a GET with side effects, and of that GET with a Referer instead of Origin."""
    async with http.post("/focus", headers=headers) as answer:
        posted = answer.status
    async with http.get(COMMAND, headers=headers | FIREFOX) as answer:
        got = answer.status
    referred = {"Referer" if name == "Origin" else name: text for name, text in headers.items()}
    if "Referer" in referred:
        referred["Referer"] += "/webcam/page?x"
    async with http.get(COMMAND, headers=referred | FIREFOX) as answer:
        return posted, got, answer.status


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("pi", "http://pi"),
        ("pi:80", "http://pi"),
        ("pi", "http://pi:80"),
        ("PI:80", "HTTP://Pi"),
        ("pi.local.:8080", "http://pi.local:8080"),
        ("pi.local:", "http://pi.local"),
        ("[::1]:80", "http://[::1]"),
        ("[0:0::1]:8080", "http://[::1]:8080"),
        ("[FD00::A]", "http://[fd00:0:0::a]:80"),
        ("m\u00fcller.local:80", "http://xn--mller-kva.local"),
        ("pi", "https://pi"),
        ("pi:443", "https://pi"),
        ("pi", "https://pi:443"),
        ("pi:8443", "https://pi:8443"),
    ],
)
async def test_the_same_origin(start_portal: StartPortal, host: str, origin: str) -> None:
    """Default ports, case, and the forms of names and addresses make no difference; a proxy may have removed TLS."""
    portal = await start_portal(legacy_control=True)
    assert await statuses(portal.http, {"Host": host, "Origin": origin}) == (200, 200, 200)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("pi:8080", "http://pi"),
        ("pi", "http://pi:8080"),
        ("pi:443", "http://pi"),
        ("pi:80", "https://pi"),
        ("pi", "http://pi.local"),
        ("pi", "http://evil.example"),
        ("pi", "http://pi@evil.example"),
        ("pi", "http://evil@pi"),
        ("pi", "http://pi.evil.example"),
        ("pi", "null"),
        ("pi", "file://"),
        ("pi", "pi"),
        ("pi", "http:pi"),
        ("pi", "http://"),
        ("pi", "ftp://pi"),
        ("pi", "chrome-extension://pi"),
        ("pi", "http://pi, http://pi"),
        ("[::1]", "http://[::2]"),
        ("[::1]", "http://::1"),
        ("127.0.0.1:18081", "http://pi"),
    ],
)
async def test_another_origin(start_portal: StartPortal, host: str, origin: str) -> None:
    """Another scheme, host or port is another site; what is no origin of http or https is none of ours."""
    portal = await start_portal(legacy_control=True)
    assert await statuses(portal.http, {"Host": host, "Origin": origin}) == (403, 403, 403)
    assert portal.device.opened == 0


async def test_the_browser_says_that_the_page_is_ours(start_portal: StartPortal) -> None:
    """Sec-Fetch-Site: same-origin counts, also if a proxy has changed Host; no page can set this header."""
    portal = await start_portal(legacy_control=True)
    for origin in ("https://cam.example.org", "null"):
        headers = {"Host": "127.0.0.1:18081", "Origin": origin, "Sec-Fetch-Site": "same-origin"}
        assert await statuses(portal.http, headers) == (200, 200, 200)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin, cross-site", "Same-Origin", "x"])
async def test_the_browser_says_that_the_page_is_not_ours(start_portal: StartPortal, site: str) -> None:
    """Every other value is another site, even if the origin is the same."""
    portal = await start_portal(legacy_control=True)
    headers = {"Host": "pi", "Origin": "http://pi", "Sec-Fetch-Site": site}
    assert await statuses(portal.http, headers) == (403, 403, 403)
    async with portal.http.post("/focus", headers=headers) as answer:
        assert await answer.text() == (
            "A page of http://pi may not request this: the server was requested as pi. The browser reports that the "
            f"page is of another site or port (Sec-Fetch-Site: {site}).\n"
        )


async def test_a_request_that_no_page_caused(start_portal: StartPortal) -> None:
    """Sec-Fetch-Site: none is a typed URL; an origin beside it counts."""
    portal = await start_portal(legacy_control=True)
    assert await statuses(portal.http, {"Sec-Fetch-Site": "none"}) == (200, 200, 200)
    headers = {"Sec-Fetch-Site": "none", "Origin": "http://evil.example"}
    assert await statuses(portal.http, headers) == (403, 403, 403)


@pytest.mark.parametrize(
    ("forwarded", "origin", "status"),
    [
        ("pi.local", "http://pi.local", 200),
        ("pi.local:80, inner:8080", "http://pi.local", 200),
        ("inner:8080, pi.local:8443", "https://pi.local:8443", 200),
        ("cam.example.org", "https://cam.example.org", 200),
        ("pi.local:8080", "http://pi.local", 403),
        ("pi.local", "http://evil.example", 403),
        ("evil.example", "http://evil.example", 403),
        ("", "http://pi.local", 403),
    ],
)
async def test_the_host_that_a_proxy_has_changed(
    start_portal: StartPortal, forwarded: str, origin: str, status: int
) -> None:
    """X-Forwarded-Host has the name in the browser, as Apache sends it; it must be one that the server accepts."""
    portal = await start_portal(legacy_control=True, hosts=("cam.example.org",))
    headers = {"Host": "127.0.0.1:18081", "X-Forwarded-Host": forwarded, "Origin": origin}
    assert await statuses(portal.http, headers) == (status, status, status)


async def test_the_reason_names_both_sides(portal: Portal) -> None:
    """The 403 has the origin of the page, the host that the server got, and the line for nginx."""
    headers = {"Host": "127.0.0.1:18081", "Origin": "http://cam.example.org:8080"}
    async with portal.http.post("/focus", headers=headers) as answer:
        assert answer.status == 403
        assert await answer.text() == (
            "A page of http://cam.example.org:8080 may not request this: the server was requested as 127.0.0.1:18081. "
            "If that page is the server's own, a proxy has changed Host. It must pass on the Host of the browser; for "
            "nginx: proxy_set_header Host $http_host;\n"
        )


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_the_origin_is_unknown(portal: Portal, headers: dict[str, str]) -> None:
    """A page without an origin, such as a local file, is not named `null`; the requested host is named."""
    async with portal.http.post("/focus", headers={"Host": "pi"} | headers) as answer:
        said = "A page of an unknown origin may not request this: the server was requested as pi. "
        assert (answer.status, (await answer.text())[: len(said)]) == (403, said)


@pytest.mark.parametrize("second", ["http://evil.example", "http://pi"])
async def test_two_origins(portal: Portal, second: str) -> None:
    """Browsers send one Origin; two of them are none."""
    pairs = [("Host", "pi"), ("Origin", "http://pi"), ("Origin", second)]
    async with portal.http.post("/focus", headers=pairs) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("origins", [1, 500])
async def test_long_lists_cost_little(portal: Portal, monkeypatch: pytest.MonkeyPatch, origins: int) -> None:
    """The number of origins and forwarded hosts that are parsed is limited, because that blocks all streams."""
    parsed = 0

    def count(text: str) -> Authority:
        nonlocal parsed
        parsed += 1
        return parse(text)

    monkeypatch.setattr("soft_stream.web.middleware.origin.parse", count)
    headers = [("Host", "pi"), ("X-Forwarded-Host", "a," * 20_000 + "x"), *[("Origin", "http://x")] * origins]
    async with portal.http.post("/focus", headers=headers) as answer:
        assert answer.status == 403
    assert parsed < 50


async def test_with_tls_the_scheme_counts(start_portal: StartPortal, tmp_path: Path) -> None:
    """On an https:// endpoint a page of http:// is another site: everyone on the network can change that page."""
    pair, port = certificates.make(tmp_path), free_port()
    files = {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}
    await start_portal(listen=(Endpoint("https", "127.0.0.1", port),), legacy_control=True, **files)
    async with ClientSession(f"https://127.0.0.1:{port}", connector=TCPConnector(ssl=pair.trusting())) as http:
        for host in ("pi", "pi:80"):
            assert await statuses(http, {"Host": host, "Origin": "http://pi"}) == (403, 403, 403)
        assert await statuses(http, {"Host": "pi:443", "Origin": "https://pi"}) == (200, 200, 200)
        assert await statuses(http, {"Host": "evil.example", "Origin": "https://evil.example"}) == (421, 421, 421)


async def test_behind_a_unix_socket(start_portal: StartPortal, tmp_path: Path) -> None:
    """Origins are compared on unix sockets as well, also for names that are not the server's."""
    path = tmp_path / "cam0.sock"
    await start_portal(listen=(Endpoint("unix", path=str(path)),), legacy_control=True)
    async with ClientSession("http://cam.example.net", connector=UnixConnector(str(path))) as http:
        assert await statuses(http, {"Origin": "https://cam.example.net"}) == (200, 200, 200)
        assert await statuses(http, {"Origin": "http://evil.example"}) == (403, 403, 403)
