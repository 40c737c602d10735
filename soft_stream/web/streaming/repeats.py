"""Repeated frames: which clients need them, and when.

Chromium and WebKit paint a part of a multipart image only when the headers of the next part have arrived. Without
repeats they show each frame one interval late, at one frame per second a whole second. Firefox paints a part as soon
as it has the number of bytes that Content-Length names, and programs read parts in the same way.
"""

from collections.abc import Mapping

from aiohttp import hdrs

from soft_stream.web.request import parse_choice

# Seconds without a newer part after which a frame is sent once more.
REPEAT_AFTER = 0.2
# Up to this interval in seconds, the next frame is soon enough. Then a repeat is sent only if that frame is late.
SOON = 1.05 * REPEAT_AFTER
LATE_INTERVALS, LATE_SECONDS = 1.5, 0.25
# Seconds until the server checks again whether a client has received the frame. Linux may confirm it 0.2 s late.
CHECK_INTERVAL = 0.03


def parse_repeats(query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Return whether a client gets repeats: as the query says, otherwise if it paints late.

    Raises:
        HTTPBadRequest: the value of `repeat` is neither 0 nor 1.
    """
    choice = parse_choice(query, "repeat", "", "0", "1")
    return choice == "1" if choice else paints_late(headers)


def paints_late(headers: Mapping[str, str]) -> bool:
    """Return whether the headers of a request are those of an image or a document of Chromium or WebKit.

    Scripts (`fetch`) read the parts themselves. Browsers send `Sec-Fetch-Dest` only over HTTPS and to the own machine,
    and Safari only since 16.4. Otherwise a script differs by `Accept: */*` and the address of its page.
    """
    agent, accept = headers.get(hdrs.USER_AGENT, ""), headers.get(hdrs.ACCEPT, "*/*")
    if "Firefox/" in agent:
        return False
    if destination := headers.get("Sec-Fetch-Dest"):
        return destination != "empty"
    is_script = accept == "*/*" and (hdrs.REFERER in headers or hdrs.ORIGIN in headers)
    return "image/*" in accept or (agent.startswith("Mozilla/") and not is_script)


def repeat_delay(interval: float) -> float:
    """Return how long to wait for the next frame before a repeat, in seconds; `interval` is the expected one."""
    return REPEAT_AFTER if interval > SOON else min(LATE_INTERVALS * interval, LATE_SECONDS)


def last_repeat_at(sent_at: float, interval: float) -> float:
    """Return until when a frame may be repeated without delaying the next one, in monotonic seconds.

    A client that needs more than half of the interval to receive a frame has no time to receive it twice.
    """
    return sent_at + max(repeat_delay(interval) + REPEAT_AFTER / 2, interval / 2)


def next_repeat_at(sent_at: float, interval: float, now: float) -> float:
    """Return when to try to repeat a frame that was sent at `sent_at`; all times are monotonic seconds.

    The first try is soon. If the client has not received the frame in time, the next one is when the camera has paused.
    """
    first, paused = sent_at + repeat_delay(interval), sent_at + LATE_INTERVALS * interval
    if now <= first:
        return first
    return now if now <= last_repeat_at(sent_at, interval) else max(now, paused)
