"""The owner's pages: which paths name them, what is never served, and the answers."""

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support import logins
from tests.support.raw_http import exchange
from tests.support.server import Portal, StartPortal
from tests.web.own_pages.site import LINKS, make_site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a folder as owners of mjpg-streamer have it."""
    return make_site(tmp_path)


@pytest.fixture
async def portal(start_portal: StartPortal, site: Path) -> Portal:
    """Start a server with that folder."""
    return await start_portal(www=str(site), www_links=LINKS, frame_ancestors=("https://home.example",))


async def status_of(portal: Portal, target: str) -> int:
    """Return the status of a request whose target is sent as it is."""
    answer = await exchange(portal.port, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1"))
    assert b"SECRET" not in answer.body
    assert answer.status == 200 or len(answer.body) < 300
    return answer.status


async def get(portal: Portal, path: str) -> tuple[int, str, str]:
    """Return status, type and text of an answer."""
    async with portal.http.get(path) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/javascript.html", "text/html; charset=utf-8", "<script>inline()</script>"),
        ("/functions.js", "text/javascript; charset=utf-8", "inline = 1"),
        ("/cambozola.jar", "application/java-archive", "jar"),
        ("/unknown.xyz9", "application/octet-stream", "any"),
        ("/index.html", "text/html; charset=utf-8", "home"),
        ("/www/", "text/html; charset=utf-8", "home"),
        ("/www/javascript.html", "text/html; charset=utf-8", "<script>inline()</script>"),
        ("/webcam/javascript.html", "text/html; charset=utf-8", "<script>inline()</script>"),
        ("/cam0/docs/", "text/html; charset=utf-8", "documents"),
        ("/docs/", "text/html; charset=utf-8", "documents"),
        ("/docs/with%20space.txt", "text/plain; charset=utf-8", "spaced"),
        ("/inside.txt", "text/plain; charset=utf-8", "spaced"),
        ("/snap.jpg.link", "application/octet-stream", "picture"),
        ("/album/one.txt", "text/plain; charset=utf-8", "one"),
        ("/empty.css", "text/css; charset=utf-8", ""),
    ],
)
async def test_files_are_served(portal: Portal, path: str, kind: str, text: str) -> None:
    """At their old paths, below /www/ and below the prefix of a proxy; the type depends on the name only."""
    assert await get(portal, path) == (200, kind, text)


@pytest.mark.parametrize("path", ["/", "/cam0/", "/webcam/", "/cameras", "/cam0/cameras"])
async def test_our_pages_stay_ours(portal: Portal, path: str) -> None:
    """A file or folder of the owner with that name does not replace them."""
    assert (await get(portal, path))[2].startswith("<!doctype html>")


@pytest.mark.parametrize("path", ["/snapshot.jpg", "/status.json", "/docs/status.json", "/?action=snapshot"])
async def test_our_urls_stay_ours(portal: Portal, path: str) -> None:
    """Also below a folder of the owner, which may be the prefix of a proxy."""
    assert "of the owner" not in (await get(portal, path))[2][:20] if path.endswith("json") else True
    assert await status_of(portal, path) == 200


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt", "/docs/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
        "/docs%2f..%2f..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt", "/docs/%00", "/docs/\0x", "/%00/../secret.txt", "//secret.txt", "/.htpasswd",
        "/docs/.git/config", "/%2ehtpasswd", "/outside.txt", "/outside/secret.txt", "/hidden-link.txt", "/dangling.txt",
        "/loop.txt", "/pipe", "/socket", "/null.link", "/album/../secret.txt", "/album/.hidden", "/album/out.txt",
        "/docs%2fwith%20space.txt", "/" + "a" * 300, "/" + "a/" * 400, "/nothing.html", "/docs/nothing/", "/%ff.html",
        "/etc/passwd", "//etc/passwd", "/docs\\..\\secret.txt", "/javascript.html/", "/javascript.html/x",
        "/locked.txt",
    ],
)  # fmt: skip
async def test_what_is_not_served(portal: Portal, site: Path, target: str) -> None:
    """No hidden file, nothing outside, no pipe, no device, no link out without a setting, and no list of a folder."""
    if target == "/locked.txt" and os.geteuid() == 0:
        pytest.skip("root may read every file")
    if target.endswith("/"):  # our page, as below any prefix
        assert (await get(portal, target))[2].startswith("<!doctype html>")
    else:
        assert await status_of(portal, target) in (400, 404)


async def test_a_name_that_is_no_utf8(portal: Portal, site: Path) -> None:
    """Linux has such names, and old pages use them."""
    name = os.fsencode(str(site)) + b"/caf\xe9.txt"
    await asyncio.to_thread(Path(os.fsdecode(name)).write_text, "latin")
    assert await status_of(portal, "/caf%e9.txt") == 200


async def test_a_folder_without_its_slash(portal: Portal) -> None:
    """The browser gets the address with it, below any prefix, or relative links would not work."""
    async with portal.http.get("/proxy/docs?x=1", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "./docs/?x=1")
    async with portal.http.get("/proxy/docs?x=1") as answer:
        assert (answer.status, await answer.text()) == (200, "documents")


async def test_headers(portal: Portal) -> None:
    """Inline scripts work; only listed origins may embed the pages; shared caches keep nothing."""
    async with portal.http.get("/javascript.html") as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self' https://home.example"
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    async with portal.http.head("/javascript.html") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, headers["Content-Length"])
        assert await answer.read() == b""


async def test_a_client_that_has_the_file(portal: Portal, site: Path) -> None:
    """It gets 304 until the file changes."""
    async with portal.http.get("/functions.js") as answer:
        etag, changed = answer.headers["ETag"], answer.headers["Last-Modified"]
    for headers in ({"If-None-Match": etag}, {"If-Modified-Since": changed}, {"If-None-Match": f'"x", {etag}'}):
        async with portal.http.get("/functions.js", headers=headers) as answer:
            assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", etag)
    new = site / "new.js"
    new.write_text("inline = 2")
    new.replace(site / "functions.js")
    async with portal.http.get("/functions.js", headers={"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.text()) == (200, "inline = 2")


def write_at(file: Path, seconds: int) -> None:
    """Write a file, and set its time."""
    file.write_text("here")
    os.utime(file, (seconds, seconds))
    assert file.stat().st_mtime == seconds


@pytest.mark.parametrize("seconds", [-(10**10), 0, 10**12])
async def test_a_file_of_an_impossible_time(start_portal: StartPortal, seconds: int) -> None:
    """It is served, also if the clock was wrong when it was written."""
    with TemporaryDirectory(dir="/dev/shm") as folder:  # ext4 has fewer times
        write_at(Path(folder, "a.txt"), seconds)
        portal = await start_portal(www=folder)
        assert await get(portal, "/a.txt") == (200, "text/plain; charset=utf-8", "here")


@pytest.mark.parametrize(
    ("wanted", "status", "content", "described"),
    [
        ("bytes=0-0", 206, "i", "bytes 0-0/10"),
        ("bytes=7-", 206, "= 1", "bytes 7-9/10"),
        ("bytes=-3", 206, "= 1", "bytes 7-9/10"),
        ("bytes=2-99", 206, "line = 1", "bytes 2-9/10"),
        ("bytes=-99", 206, "inline = 1", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-2", 200, "inline = 1", None),
        ("bytes=0-1,4-5", 200, "inline = 1", None),
        ("lines=0-1", 200, "inline = 1", None),
        ("bytes=-", 200, "inline = 1", None),
    ],
)
async def test_ranges(portal: Portal, wanted: str, status: int, content: str | None, described: str | None) -> None:
    """Players of videos need them."""
    async with portal.http.get("/functions.js", headers={"Range": wanted}) as answer:
        assert (answer.status, answer.headers.get("Content-Range")) == (status, described)
        assert content is None or await answer.text() == content
    for condition, is_same in (('"x"', False), ("Thu, 01 Jan 1970 00:00:00 GMT", False)):
        async with portal.http.get("/functions.js", headers={"Range": wanted, "If-Range": condition}) as answer:
            assert (answer.status == 200) is not is_same
    async with portal.http.head("/functions.js", headers={"Range": wanted}) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, "10"), "only GET has ranges"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_is_written(portal: Portal, method: str) -> None:
    """Only GET and HEAD name files."""
    async with portal.http.request(method, "/functions.js", data=b"x") as answer:
        assert answer.status == 404


async def test_who_may_see_the_camera_may_see_the_pages(start_portal: StartPortal, site: Path, tmp_path: Path) -> None:
    """Nobody else learns which files there are."""
    portal = await start_portal(www=str(site), auth="always", users_file=str(logins.write_logins(tmp_path).users))
    for path, status in (("/functions.js", 200), ("/nothing.js", 404)):
        for login, expected in (({}, 401), (logins.login_of("nina"), 403), (logins.login_of("vera"), status)):
            async with portal.http.get(path, headers=login) as answer:
                assert answer.status == expected, (path, login)


async def test_without_the_setting_there_are_none(start_portal: StartPortal) -> None:
    """No path names a file."""
    portal = await start_portal()
    assert await status_of(portal, "/javascript.html") == 404
    assert await status_of(portal, "/index.html") == 404


async def test_a_folder_that_is_missing(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says it, the camera is served, and the files appear when the folder does."""
    portal = await start_portal(www=str(tmp_path / "later"))
    await portal.until(lambda: caplog.messages)
    assert f"cam0_www={tmp_path}/later: no page of this folder is served: No such file" in caplog.text
    assert (await get(portal, "/"))[0] == 200
    await asyncio.to_thread((tmp_path / "later").mkdir)
    (tmp_path / "later/a.txt").write_text("here")
    assert (await get(portal, "/a.txt"))[2] == "here"


def test_the_site_has_what_the_tests_ask_for(site: Path) -> None:
    """A test that finds nothing proves nothing: the files outside exist, and so do the pipe and the socket."""
    assert (site / "outside.txt").read_text() == "SECRET"
    assert (site / "outside/secret.txt").read_text() == "SECRET"
    assert (site / "hidden-link.txt").read_text() == "SECRET"
    assert (site / "pipe").is_fifo()
    assert (site / "socket").is_socket()
    assert (site / "null.link").is_char_device()
    assert (site.parent / "secret.txt").is_file()
    with pytest.raises(OSError, match="Too many levels"):
        (site / "loop.txt").stat()
