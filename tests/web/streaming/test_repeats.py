"""Repeats: which clients get a frame once more, and when."""

import asyncio
import time
from itertools import pairwise

import pytest

from soft_stream.web.streaming.client_stream import ClientStream
from soft_stream.web.streaming.repeats import LATE_SECONDS, REPEAT_AFTER, paints_late
from tests.support.fake_clients import frame_of, go_round, world
from tests.support.multipart_reader import Part, StreamReader
from tests.support.server import StartPortal

CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROMIUM_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI_IMAGE = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"
FIREFOX_IMAGE = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DASHBOARD = {"Referer": "http://mainsail.local/"}

BROWSERS = {
    "image, plain HTTP": {"User-Agent": CHROMIUM, "Accept": CHROMIUM_IMAGE, **DASHBOARD},
    "image, HTTPS": {"User-Agent": CHROMIUM, "Accept": CHROMIUM_IMAGE, "Sec-Fetch-Dest": "image"},
    "tab": {"User-Agent": CHROMIUM, "Accept": PAGE},
    "tab, HTTPS": {"User-Agent": CHROMIUM, "Accept": PAGE, "Sec-Fetch-Dest": "document"},
    "frame": {"User-Agent": CHROMIUM, "Accept": PAGE, "Sec-Fetch-Dest": "iframe", **DASHBOARD},
    "Safari": {"User-Agent": SAFARI, "Accept": SAFARI_IMAGE, **DASHBOARD},
    "Firefox on iOS": {"User-Agent": SAFARI.replace("Version/17.5", "FxiOS/128.0"), "Accept": SAFARI_IMAGE},
    "a web view with another name": {"User-Agent": "Kiosk/1.0", "Accept": CHROMIUM_IMAGE},
    "only a name": {"User-Agent": CHROMIUM},
}
OTHERS = {
    "Firefox": {"User-Agent": FIREFOX, "Accept": FIREFOX_IMAGE, "Sec-Fetch-Dest": "image"},
    "script": {"User-Agent": CHROMIUM, "Accept": "*/*", "Sec-Fetch-Dest": "empty"},
    "script, plain HTTP": {"User-Agent": SAFARI, "Accept": "*/*", **DASHBOARD},
    "script of another site, plain HTTP": {"User-Agent": CHROMIUM, "Accept": "*/*", "Origin": "http://mainsail.local"},
    "curl": {"User-Agent": "curl/8.14.1", "Accept": "*/*"},
    "ffmpeg": {"User-Agent": "Lavf/61.7.100", "Accept": "*/*", "Range": "bytes=0-"},
    "VLC": {"User-Agent": "VLC/3.0.21 LibVLC/3.0.21", "Accept-Language": "en_US"},
    "Home Assistant": {"User-Agent": "HomeAssistant/2025.11 aiohttp/3.13.2 Python/3.13", "Accept": "*/*"},
    "go2rtc": {"User-Agent": "Go-http-client/1.1"},
    "requests": {"User-Agent": "python-requests/2.34", "Accept": "*/*"},
    "nothing": {},
}


@pytest.mark.parametrize("headers", BROWSERS.values(), ids=BROWSERS)
def test_browsers_that_paint_late(headers: dict[str, str]) -> None:
    """Images and tabs of Chromium and WebKit are recognised, over plain HTTP too."""
    assert paints_late(headers)


@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS)
def test_clients_that_read_parts_themselves(headers: dict[str, str]) -> None:
    """Programs, scripts of pages and Firefox get no repeats."""
    assert not paints_late(headers)


async def labels(portal_port: int, query: str, headers: dict[str, str], parts: int) -> list[Part]:
    """Request a stream with these headers, and read a number of parts."""
    reader = await StreamReader.get(portal_port, f"/stream.mjpg{query}", headers=headers)
    await reader.opening()
    received = [await reader.part() for _ in range(parts)]
    reader.writer.transport.abort()
    return received


IMAGE, CURL = BROWSERS["image, plain HTTP"], OTHERS["curl"]


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("?fps=2", IMAGE, True),
        ("?fps=4", IMAGE, True),
        ("?fps=2", CURL, False),
        ("?fps=2&repeat=1", CURL, True),
        ("?fps=2&repeat=0", IMAGE, False),
        ("?fps=5", IMAGE, False),
        ("?fps=10", IMAGE, False),
    ],
)
async def test_a_limited_client(start_portal: StartPortal, query: str, headers: dict[str, str], expected: bool) -> None:
    """Below 5 fps a browser gets each frame twice and a program once; from 5 fps on the next frame is soon enough."""
    portal = await start_portal(fps=30, watchdog_timeout=0)
    received = await labels(portal.port, query, headers, 8)
    seen, doubled = [part.label for part in received], ["live", "repeat"] * 4
    if not expected and headers is IMAGE and "repeat" not in query:  # on a busy machine a frame may be late
        assert seen.count("repeat") < doubled.count("repeat")
    else:
        assert seen == (doubled if expected else ["live"] * 8)
    if expected:
        assert all(repeat.jpeg == live.jpeg for live, repeat in zip(received[::2], received[1::2], strict=True))


@pytest.mark.parametrize("options", [{"fps": 2.0}, {"fps": 30.0, "client_fps_max": 2.0}])
async def test_a_slow_camera_and_a_limit_of_the_server(start_portal: StartPortal, options: dict[str, float]) -> None:
    """A camera below 5 fps, and `client_fps_max`, have the same effect as `?fps=`."""
    portal = await start_portal(watchdog_timeout=0, **options)
    assert [part.label for part in await labels(portal.port, "", IMAGE, 6)] == ["live", "repeat"] * 3
    assert {part.label for part in await labels(portal.port, "", CURL, 3)} == {"live"}


async def test_a_repeat_is_not_a_frame(start_portal: StartPortal) -> None:
    """Repeats count neither as sent frames nor in a client's rate, and do not change the age of its frame."""
    portal = await start_portal(fps=30, watchdog_timeout=0)
    reader = await StreamReader.get(portal.port, "/stream.mjpg?fps=2&repeat=1")
    await reader.opening()
    seen = [await reader.part() for _ in range(8)]
    (facts,) = (await portal.status())["clients"]
    assert facts["sent"] == sum(part.label == "live" for part in seen)
    assert facts["sent_fps"] == pytest.approx(2, rel=0.3)
    assert portal.supervisor.subscribers.newest
    (client,) = portal.supervisor.subscribers.clients
    assert f"{client.captured_at:.6f}" == seen[-1].headers["x-monotonic"]
    reader.writer.transport.abort()


@pytest.mark.parametrize("value", ["2", "yes", ""])
async def test_wrong_values(start_portal: StartPortal, value: str) -> None:
    """Another value than 0 or 1 is 400 with the reason, also at the older addresses."""
    portal = await start_portal()
    for path in ("/stream.mjpg?", "/?action=stream&"):
        async with portal.http.get(f"{path}repeat={value}") as answer:
            assert answer.status == 400
            assert await answer.text() == f"repeat={value}: must be one of: 0, 1.\n"


async def test_the_older_addresses_repeat_too(start_portal: StartPortal) -> None:
    """`/?action=stream` takes the same key."""
    portal = await start_portal(fps=2, watchdog_timeout=0)
    reader = await StreamReader.get(portal.port, "/?action=stream&repeat=1")
    await reader.opening()
    assert [(await reader.part()).label for _ in range(4)] == ["live", "repeat"] * 2
    reader.writer.transport.abort()


@pytest.mark.parametrize("fps_max", [0.0, 1.0])
async def test_the_repeat_is_after_0_2_s(fps_max: float) -> None:
    """The repeat of a slow camera or a limited client is not earlier than 0.2 s after its frame."""
    async with world(50.0 if fps_max else 1.0) as each:
        _, transport = each.come(fps_max, repeats=True)
        await go_round()
        frame = each.publish(frame_of(1))
        while len(transport.written) < 2:  # noqa: ASYNC110 # the program has no event for it
            await asyncio.sleep(0.005)
        assert transport.written == [frame.part, frame.repeat]
        sent_at, repeated_at = transport.written_at
        assert repeated_at - sent_at >= 0.99 * REPEAT_AFTER


async def test_a_limited_client_that_may_get_the_next_frame_soon_gets_no_repeat() -> None:
    """After a pause a frame of a limited client may be followed at once; a repeat would only delay the next frame."""
    async with world(50.0) as each:
        _, transport = each.come(4.0, repeats=True)
        await go_round()
        each.publish(frame_of(1))
        await asyncio.sleep(0.6)
        late = each.publish(frame_of(2))
        await go_round()
        assert transport.written[-1] is late.part
        following = each.publish(frame_of(3))
        assert transport.written[-2:] == [late.part, following.part]


async def test_a_frame_in_time_needs_no_repeat() -> None:
    """At 5 fps, with frames that are a little late, and at every higher rate no frame is repeated."""
    is_in_time = False
    while not is_in_time:  # the machine may be too busy for this rate
        async with world(5.0) as each:
            _, transport = each.come(repeats=True)
            await go_round()
            frames, times = [], []
            for number in range(1, 6):
                began = time.monotonic()
                frames.append(each.publish(frame_of(number)))
                times.append((began, time.monotonic()))
                await asyncio.sleep(0.2)
            written = [part for part in transport.written if part is not frames[-1].repeat]
            is_in_time = all(later[1] - earlier[0] < LATE_SECONDS for earlier, later in pairwise(times))
    assert written == [frame.part for frame in frames]


@pytest.mark.parametrize("fps_max", [0.0, 1.0])
async def test_a_client_that_has_not_received_the_frame_gets_no_repeat(
    monkeypatch: pytest.MonkeyPatch, fps_max: float
) -> None:
    """While the first copy is on the way, a second one would delay the next frame; afterwards it is sent."""
    on_the_way = [1000]
    monkeypatch.setattr(ClientStream, "unsent", lambda _: on_the_way[0])
    async with world(50.0 if fps_max else 1.0) as each:
        _, transport = each.come(fps_max, repeats=True)
        await go_round()
        frame = each.publish(frame_of(1))
        await asyncio.sleep(1.5 * REPEAT_AFTER)
        assert transport.written == [frame.part]
        on_the_way[0] = 0
        while len(transport.written) < 2:  # noqa: ASYNC110 # the program has no event for it
            await asyncio.sleep(0.005)
        assert transport.written == [frame.part, frame.repeat]
