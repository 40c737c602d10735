"""Thousands of damaged JPEGs, as frames of a camera that makes its own."""

import asyncio

import pytest

from tests.end_to_end.fuzz import budget
from tests.end_to_end.fuzz.cases import byte_cases
from tests.end_to_end.fuzz.jpeg_campaign import JpegCampaign, inputs
from tests.end_to_end.fuzz.jpeg_inputs import JpegInput
from tests.end_to_end.fuzz.jpeg_sources import Watcher, cameras
from tests.end_to_end.fuzz.shrink import shrink
from tests.end_to_end.fuzz.watch import StandsStill, watched_progress


def first_problem(count: int) -> str:
    """Return the first problem with the inputs of this run's seed, with the smallest input that has it, or nothing."""
    campaign = JpegCampaign()
    with watched_progress() as progress:
        for given in inputs(budget.seed(), count):
            progress.done += 1
            try:
                problem = campaign.problem(given)
            except StandsStill as hang:
                problem = f"no progress:\n{hang}"
            if problem:
                keeps_size = given.shows or problem.startswith("no progress")
                data = given.data if keeps_size else smallest(given.data)
                case = f'[[case]]\nwhy = ""\ninput = "{data.hex()}"'
                return f"{problem}\nFUZZ_SEED={budget.seed()}; for cases/jpeg.toml:\n{case}"
    assert campaign.published > count // 10
    return ""


def smallest(data: bytes) -> bytes:
    """Return a part of an input that still has a problem."""

    async def fails(candidate: bytes) -> bool:
        return bool(JpegCampaign().problem(JpegInput(candidate)))

    return asyncio.run(shrink(data, fails))


@pytest.mark.slow
def test_no_jpeg_breaks_a_promise() -> None:
    """What is published is a whole JPEG that can be decoded, and no input raises anything but DamagedJpeg."""
    assert first_problem(budget.count("jpeg")) == ""


@pytest.mark.slow
def test_no_sequence_of_frames_breaks_a_promise() -> None:
    """Frames are decoded where there is doubt, and only there; what is cut off is refused, what is whole is kept."""
    assert first_problem_of_cameras(budget.count("camera")) == ""


def first_problem_of_cameras(count: int) -> str:
    """Return the first problem with the cameras of this run's seed, or nothing."""
    for number, camera in enumerate(cameras(budget.seed(), count)):
        if problem := Watcher(camera).problem():
            return f"camera {number} of FUZZ_SEED={budget.seed()}: {problem}"
    return ""


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_no_jpeg_breaks_a_promise_in_a_long_run() -> None:
    """The same with the inputs of another seed, as many as one likes; see README.md."""
    assert first_problem(budget.count("jpeg", soak=True)) == ""
    assert first_problem_of_cameras(budget.count("camera", soak=True)) == ""


def test_what_failed_once_never_fails_again() -> None:
    """Each kept case keeps the promises."""
    campaign = JpegCampaign()
    assert [campaign.problem(JpegInput(data)) for data in byte_cases("jpeg") if campaign.problem(JpegInput(data))] == []
