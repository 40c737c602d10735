"""The decisions of a page behind a slow network, without a network: when frames are late, and what it then asks for."""

from typing import Any

import pytest

from tests.end_to_end.browser.conftest import Visit
from tests.support.server import Portal

# Milliseconds of what the scripts call: a stream that is late soon, and for how long the first try of a step waits.
SOON, WAIT, MAX_WAIT = 3000, 15_000, 600_000
MINUTE = 60_000
FULL_HD = {"size": 200_000, "fps": 30, "width": 1920}
FAST = {**FULL_HD, "rate": 10_000_000}
HOPELESS = {**FULL_HD, "rate": 1}
WITH_PACE = """async (code) => {
    const { Pace } = await import("/static/shared/pace.js");
    return new Function("pace", "HOPELESS", "FAST", code)(new Pace(), %s, %s);
}"""
LATENESS = """async ([frames, chunk, isTrial]) => {
    const { Lateness } = await import("/static/shared/lateness.js");
    const lateness = new Lateness(0, isTrial);
    return frames.map(([now, delay, fps]) => {
        const answer = lateness.onFrame(now, delay, fps);
        lateness.onBytes(chunk);
        return answer.rate;
    });
}"""
# What Status makes of answers: each is sent and received at a time in ms, and has a time of the server in seconds.
STATUS = """async (answers) => {
    const { Status } = await import("/static/camera/status.js");
    const status = new Status();
    const now = Date.now;
    let time = 0;
    Date.now = () => time;
    const offsets = [];
    for (const [sent, received, server] of answers) {
        time = sent;
        window.fetch = async () => {
            time = received;
            const body = JSON.stringify({ monotonic: server });
            return new Response(body, { headers: { "Content-Type": "application/json" } });
        };
        await status.refresh();
        offsets.push(status.clock.since(-1000) - 1000 - received / 1000);
    }
    Date.now = now;
    return offsets;
}"""
# What parts() reports of a stream that arrives in these pieces: the number of bytes, and the headers that are known.
PARTS = """async (pieces) => {
    const { parts } = await import("/static/shared/multipart.js");
    const body = new ReadableStream({
        pull: (stream) => pieces.length ? stream.enqueue(new TextEncoder().encode(pieces.shift())) : stream.close(),
    });
    const reports = [];
    try {
        for await (const part of parts(body, (...report) => reports.push(report))) reports.push(part.bytes.length);
    } catch {
        return reports;
    }
}"""


@pytest.fixture
async def scripts(portal: Portal, visit: Visit) -> Visit:
    """A page without scripts of its own, which may load those of the server."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/status.json")
    await visit.page.evaluate("document.body.innerHTML = '<script id=messages>{}</script>'")
    return visit


async def run(scripts: Visit, code: str) -> Any:
    """Run code with a new `pace`, and return its result."""
    return await scripts.page.evaluate(WITH_PACE % (HOPELESS, FAST), code)


@pytest.mark.parametrize(
    ("rate", "camera", "query"),
    [
        (3_000_000, FULL_HD, {"fps": 10}),
        (1_400_000, FULL_HD, {"fps": 5}),
        (1_300_000, FULL_HD, {"fps": 5, "width": 960}),
        (300_000, FULL_HD, {"fps": 5, "width": 640}),
        (100_000, FULL_HD, {"fps": 2, "width": 640}),
        (30_000, FULL_HD, {"fps": 2, "width": 320}),
        (1, FULL_HD, {"fps": 1, "width": 320}),
        (400_000, {"size": 100_000, "fps": 4, "width": 1280}, {"fps": 5, "width": 960}),
        (400_000, {"size": 100_000, "fps": 30, "width": 600}, {"fps": 2, "width": 640}),
        (400_000, {"size": 100_000, "fps": 30, "width": None}, {"fps": 2, "width": 640}),
    ],
)
async def test_the_best_query_that_fits(
    scripts: Visit, rate: float, camera: dict[str, Any], query: dict[str, int]
) -> None:
    """First fewer frames, down to five; then narrower ones; three quarters of the network are enough for the query.

    A width that is not below that of the camera, or of a camera without a known width, saves nothing.
    """
    measured = str({**camera, "rate": rate}).replace("None", "undefined")
    assert await run(scripts, f"pace.onLate({SOON}, {measured}); return pace.query;") == query


async def test_the_next_estimate_is_made_from_the_smaller_frames(scripts: Visit) -> None:
    """The bytes of a frame are those of the step that is late."""
    code = f"""
        pace.onLate({SOON}, {{ rate: 300_000, size: 200_000, fps: 30, width: 1920 }});
        pace.onLate({SOON}, {{ rate: 30_000, size: 30_000, fps: 30, width: 1920 }});
        return pace.query;"""
    assert await run(scripts, code) == {"fps": 2, "width": 320}


async def test_an_interruption_changes_nothing_at_first(scripts: Visit) -> None:
    """Late frames in a fast network are dropped by the same query; if that is late soon, it is reduced."""
    code = f"""
        const queries = [];
        for (const duration of [{MINUTE}, {MINUTE}, {SOON}]) {{
            pace.onLate(duration, FAST);
            queries.push(pace.query);
        }}
        return queries;"""
    assert await run(scripts, code) == [{}, {}, {"fps": 10}]


async def test_step_by_step_to_the_whole_stream(scripts: Visit) -> None:
    """Each stream in time for a while is followed by a higher step, and the whole stream by none."""
    code = f"""
        pace.onLate({MINUTE}, HOPELESS);
        const queries = [];
        while (pace.isReduced) {{
            if (pace.onTime({WAIT} - 1) || !pace.onTime({WAIT})) return "too early or too late";
            queries.push(pace.query);
        }}
        return [queries, pace.onTime({MINUTE}), pace.query];"""
    widths = [{"fps": 2, "width": 320}, {"fps": 2, "width": 640}, {"fps": 5, "width": 640}, {"fps": 5, "width": 960}]
    assert await run(scripts, code) == [[*widths, {"fps": 5}, {"fps": 10}, {}], False, {}]


async def test_a_step_that_fails_is_tried_less_and_less_often(scripts: Visit) -> None:
    """The wait doubles up to ten minutes; a failure leads back to the step before, however slow the network was."""
    code = f"""
        pace.onLate({MINUTE}, {{ ...HOPELESS, rate: 3_000_000 }});
        const waits = [];
        for (let i = 0; i < 8; i++) {{
            let wait = 1000;
            while (wait <= {MAX_WAIT} && !pace.onTime(wait)) wait += 1000;
            waits.push(wait);
            if (pace.isReduced) return "not tried";
            pace.onLate({SOON}, HOPELESS);
            if (pace.query.fps !== 10) return pace.query;
        }}
        return waits;"""
    waits = [min(WAIT * 2**i, MAX_WAIT) for i in range(8)]
    assert await run(scripts, code) == waits
    assert waits[-1] == MAX_WAIT


async def test_a_step_that_lasted_is_tried_soon_again(scripts: Visit) -> None:
    """After a step was in time for long, its failure says nothing about the network before."""
    code = f"""
        const wait = () => {{ let ms = 1000; while (!pace.onTime(ms)) ms += 1000; return ms; }};
        pace.onLate({SOON}, {{ ...HOPELESS, rate: 3_000_000 }});
        const first = wait();
        pace.onLate({MINUTE}, {{ ...HOPELESS, rate: 3_000_000 }});
        return [first, wait()];"""
    assert await run(scripts, code) == [2 * WAIT, WAIT]


async def test_a_server_that_refuses_widths(scripts: Visit) -> None:
    """Then only the rate is reduced, until the whole stream is reached: later there may be room for a width."""
    code = f"""
        pace.refuseWidth();
        const queries = [pace.query];
        pace.onLate({SOON}, {{ ...HOPELESS, rate: 30_000 }});
        pace.refuseWidth();
        queries.push(pace.query);
        pace.onLate({SOON}, HOPELESS);
        queries.push(pace.query);
        while (pace.isReduced) pace.onTime({MAX_WAIT});
        pace.onLate({MINUTE}, {{ ...HOPELESS, rate: 30_000 }});
        return [...queries, pace.query];"""
    assert await run(scripts, code) == [{}, {"fps": 2}, {"fps": 0.5}, {"fps": 2, "width": 320}]


@pytest.mark.parametrize(
    ("frames", "rates"),
    [
        ([(5000, 1.1, 30), (6000, 1.1, 30), (6500, 1.1, 30), (7000, 1.1, 30)], [0, 0, 200 / 1.5, 300 / 2.0]),
        ([(500, 2, 30), (1500, 2, 30), (2500, 2, 30), (3500, 2, 30)], [0, 0, 0, 300 / 3.0]),
        ([(5000, 2, 30), (6000, 0.9, 30), (6600, 2, 30), (8000, 2, 30), (8200, 2, 30)], [0, 0, 0, 0, 200 / 1.6]),
        ([(5000, 3.9, 0.5), (9000, 3.9, 0.5)], [0, 0]),
        ([(5000, 4.1, 0.5), (9000, 4.1, 0.5)], [0, 25]),
        ([(5000, 2, float("inf")), (7000, 2, float("inf"))], [0, 50]),
    ],
)
async def test_when_frames_are_late(
    scripts: Visit, frames: list[tuple[float, float, float]], rates: list[float]
) -> None:
    """After 1.5 s with a delay of more than 1 s, or of two intervals of the camera, but not in the first 3 s.

    100 bytes follow each frame. The rate counts from the first late frame on.
    """
    assert await scripts.page.evaluate(LATENESS, [frames, 100, False]) == pytest.approx(rates)


async def test_a_trial_that_is_late_ends_soon(scripts: Visit) -> None:
    """In its first 15 s the trial of a higher step is late after 0.5 s, but not in the first second."""
    for frames, rates in (
        ([(500, 2, 30), (900, 2, 30), (1000, 2, 30)], [0, 0, 200 / 0.5]),
        ([(20_000, 2, 30), (20_500, 2, 30), (21_500, 2, 30)], [0, 0, 200 / 1.5]),
    ):
        assert await scripts.page.evaluate(LATENESS, [frames, 100, True]) == pytest.approx(rates)


async def test_the_headers_of_a_frame_are_known_before_its_end(scripts: Visit) -> None:
    """A large frame that arrives slowly is noticed while it arrives."""
    pieces = ["Content-Length: 8\r\nX-Timestamp: 1\r\n", "\r\n1234", "567", "8\r\n--end"]
    headers = {"content-length": "8", "x-timestamp": "1"}
    reports = [[len(pieces[0]), None], [6, None], [3, headers], [8, headers], 8]
    assert await scripts.page.evaluate(PARTS, pieces) == reports


async def test_slow_answers_do_not_move_the_clock(scripts: Visit) -> None:
    """The time of the server is known from the quickest answers, until a clock is set."""
    answers = [(0, 100, 1000.05), (10_000, 14_000, 1010.05), (20_000, 24_000, 1023.95), (30_000, 34_000, 530.01)]
    offsets = await scripts.page.evaluate(STATUS, answers)
    assert offsets[:3] == pytest.approx([1000] * 3, abs=0.06)
    assert offsets[3] == pytest.approx(498, abs=2)
