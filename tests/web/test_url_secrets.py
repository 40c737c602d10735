"""Secrets in URLs are replaced before a path is logged or sent back."""

import logging
import time

import pytest

from soft_stream.web.url_secrets import without_secrets
from tests.support.raw_http import exchange
from tests.support.server import StartPortal

TOKEN = "css_" + "0123456789abcdefghijABCDEFGHIJ0123456789-_X"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/stream.mjpg?fps=5&client=page", "/stream.mjpg?fps=5&client=page"),
        ("/a?password=x&b=1", "/a?password=...&b=1"),
        (f"/a?x={TOKEN}&b=1", "/a?x=css_...&b=1"),
        (f"/{TOKEN}/snapshot.jpg", "/css_.../snapshot.jpg"),
        (f"/a?x={TOKEN[:20]}", "/a?x=css_..."),
        (f"/a?x={TOKEN.replace('_', '%5f')}", "/a?x=css_..."),
        (f"/a?x={TOKEN.replace('c', '%2563')}", "/a?x=css_..."),
        ("//anna:secret@pi/snapshot.jpg", "//...@pi/snapshot.jpg"),
        ("/css_theme/@x/page", "/css_theme/@x/page"),
        ("/a?x=%0A", "/a?x=%0A"),
    ],
)
def test_what_is_shown(target: str, shown: str) -> None:
    """Tokens, passwords and keys are replaced in each form; everything else stays as it is."""
    assert without_secrets(target) == shown


@pytest.mark.parametrize("piece", ["//", "@", "//:", "?key", "%26", "css_", "%25", "/a?x=%2563ss"])
def test_hostile_targets_cost_little(piece: str) -> None:
    """The time is that of the first characters, for a target of any length."""
    began = time.monotonic()
    without_secrets(piece * 8000)
    assert time.monotonic() - began < 1.0


async def test_user_information_in_the_target(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the answers nor the log repeat a password that was written into a URL."""
    caplog.set_level(logging.DEBUG)
    portal = await start_portal(loghttp=True)
    for path, status in (("//anna:secret@pi/nothing", 404), ("//anna:secret@pi/stream.mjpg?fps=x", 400)):
        answer = await exchange(portal.port, f"GET {path} HTTP/1.1\r\nHost: pi\r\n\r\n".encode())
        assert answer.status == status
        assert "secret" not in answer.text
    async with portal.http.get("/status.json", headers={"Host": "anna:secret@pi"}) as refused:
        assert (refused.status, await refused.text()) == (400, "Host: ...@pi is not a host.\n")
    await portal.until(lambda: "HTTP: " in caplog.text)
    product = [record.getMessage() for record in caplog.records if record.name.startswith("soft_stream")]
    assert not [line for line in product if "secret" in line]
