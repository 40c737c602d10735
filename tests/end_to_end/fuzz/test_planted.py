"""The fuzzer finds faults that are put into the program on purpose, with its default seed and within CI's budget."""

import linecache
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FunctionType, ModuleType
from typing import Any

import pytest

from soft_stream.frames import exif, jpeg_markers, jpeg_source
from tests.end_to_end.fuzz import budget, pairs, plants
from tests.end_to_end.fuzz.conversations import Conversation
from tests.end_to_end.fuzz.dictionary import read_words
from tests.end_to_end.fuzz.http_campaign import HttpCampaign, campaign, conversations
from tests.end_to_end.fuzz.jpeg_campaign import JpegCampaign, inputs
from tests.end_to_end.fuzz.jpeg_sources import Watcher, cameras
from tests.end_to_end.fuzz.leaks import find_leaks
from tests.end_to_end.fuzz.test_http import leak_rounds

SEED = budget.DEFAULT_SEED
COUNT = round(budget.INPUTS * budget.SHARES["http"])
# Seconds; the planted hang lasts for ever, and no other conversation of a quiet server takes a tenth of this.
SHORT_PATIENCE = 8.0
# The planted error whose input is made smaller.
PUT = "PUT to a folder"
# A request that is needed to show a fault, and nothing else, is this short.
SMALL = 200


def until(http: HttpCampaign, enough: Callable[[], bool]) -> Iterator[Conversation]:
    """Yield the conversations of CI's run until a test has seen what it wants."""
    http.most_findings = COUNT
    for each in conversations(SEED, COUNT):
        if enough():
            return
        yield each


def test_a_run_of_ci_has_all_pairs() -> None:
    """More routes, headers and parameters make more pairs: then the run needs more inputs."""
    assert len(pairs.conversations(Random(0), read_words())) <= COUNT * 2 // 3  # noqa: S311 # no secret


@pytest.mark.slow
async def test_planted_errors_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten kinds of requests that raise an exception are found, and reported as a request that still does."""
    plants.plant(monkeypatch, plants.failing)
    names = {*plants.FAILS, plants.NESTED}
    found: dict[str, Any] = {}
    async with campaign(tmp_path) as http:

        def all_found() -> bool:
            for finding in http.findings:
                causes = [name for name in names if f"Planted: {name}" in finding.problem]
                for name in causes:
                    found.setdefault(name, finding)
                if causes == [PUT]:  # a conversation with several causes may be reduced to another one
                    found[PUT] = finding
            return found.keys() == names and found[PUT].problem.count("Planted: ") == 1

        await http.run(until(http, all_found))
        all_found()
        smallest = await http.shrunk(found[PUT])
    assert found.keys() == names
    assert len(smallest.conversation.sent) < SMALL
    assert smallest.conversation.sent.startswith(b"PUT /")


@pytest.mark.slow
async def test_a_planted_hang_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is never answered is found, and the others go on beside it."""
    plants.plant(monkeypatch, plants.hanging)
    async with campaign(tmp_path, SHORT_PATIENCE) as http:
        await http.run(
            until(http, lambda: any(each.hangs and b"/focus" in each.conversation.sent for each in http.findings))
        )
    hangs = [each for each in http.findings if each.hangs and b"/focus" in each.conversation.sent]
    assert hangs


@pytest.mark.slow
async def test_a_planted_leak_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leak of 1 kB a request is found with its line, also if only one route leaks, or only errors do."""
    plants.plant(monkeypatch, plants.leaking())
    rounds = leak_rounds()
    async with campaign(tmp_path) as http:
        http.most_findings = COUNT
        leaks = await find_leaks(lambda number: http.run(rounds[number]))
    numbers = [int(leak.split("plants.py:")[1].split()[0]) for leak in leaks if "plants.py" in leak]
    guilty = [linecache.getline(plants.__file__, number) for number in numbers]
    for kept in ("statuses[len", "texts.append", "errors.append", "answers[request.query_string]"):
        assert any(kept in line for line in guilty), leaks


# what is taken away, by its name: a condition of the walk, and what is left of it
WALK: dict[str, tuple[str, str]] = {
    "the first bytes": ("if not data.startswith(SOI):", "if False:"),
    "a marker is FF": ("if at + 3 >= size or data[at] != 0xFF:", "if at + 3 >= size:"),
    "the end of the data": ("if at + 3 >= size or data[at] != 0xFF:", "if data[at] != 0xFF:"),
    "SOI again": ("if marker == SOI_:\n            yield", "if False:\n            yield"),
    "EOI in the headers": ("if marker == EOI_:\n            raise", "if False:\n            raise"),
    "markers below C0": ("if marker < 0xC0 or RST0 <= marker < SOI_:", "if RST0 <= marker < SOI_:"),
    "restart markers": ("if marker < 0xC0 or RST0 <= marker < SOI_:", "if marker < 0xC0:"),
    "one frame header": ("if jpeg.kind or len(content) < 9 or", "if len(content) < 9 or"),
    "a short frame header": ("if jpeg.kind or len(content) < 9 or", "if jpeg.kind or"),
    "components of a frame": ("or len(content) != 6 + 3 * content[5]:", ":"),
    "width 0": ("if not jpeg.size[0]:", "if False:"),
    "height 0": ("if not height:", "if False:"),
    "unknown Huffman tables": ("if not missing <= STANDARD_TABLES.keys():", "if False:"),
    "missing Huffman tables": ("jpeg.missing_tables = huffman", "_ = huffman"),
    "markers in image data": ("if marker < 0xC0 or marker in FRAME_HEADERS or", "if marker in FRAME_HEADERS or"),
    "a frame in image data": ("if marker < 0xC0 or marker in FRAME_HEADERS or", "if marker < 0xC0 or"),
    "lengths in image data": ("or marker in FRAME_HEADERS or end < at:", "or marker in FRAME_HEADERS:"),
    "segments in image data": ("if end > len(data):", "if False:"),
    "SOI in image data": ("if marker == SOI_:\n            jpeg.next_begin", "if False:\n            jpeg.next_begin"),
    "a late height": ("if marker == DNL and jpeg.height_is_late:", "if False:"),
    "components of a scan": ("or len(content) != 4 + 2 * count:", ":"),
    "number of components": ("if not 1 <= count <= 4 or len(content)", "if len(content)"),
    "amount of data": ("if data_bytes == 0 or (jpeg.kind not in ARITHMETIC and data_bytes * 8 < blocks):", "if False:"),
    "scans of all components": ("if jpeg.components:", "if False:"),
    "Exif data": ("if is_exif or is_index or _has_end(", "if is_index or _has_end("),
    "an index": ("if is_exif or is_index or _has_end(", "if is_exif or _has_end("),
    "EOI in metadata": ("if is_exif or is_index or _has_end(data, marker, at, end):", "if is_exif or is_index:"),
    "a later frame is whole": ("if later.end is not None:", "if True:"),
}
EXIF: dict[str, tuple[str, str]] = {
    "bounds": ("with suppress(struct.error):", "with suppress(OSError):"),
    "count": ("and count == 1 and kind in NUMBER_FORMATS", "and kind in NUMBER_FORMATS"),
    "type": ("and count == 1 and kind in NUMBER_FORMATS", "and count == 1"),
    "value": ("ORIENTATIONS.get(number, UPRIGHT)", "ORIENTATIONS[number]"),
}


def take_away(module: ModuleType, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the code of the functions of a module, for all modules that have imported them."""
    source = Path(module.__file__ or "").read_text()
    assert source.count(old) == 1
    changed = dict(vars(module))
    exec(compile(source.replace(old, new), module.__file__ or "", "exec"), changed)  # noqa: S102 # the product's code
    classes = [
        name for name, each in vars(module).items() if isinstance(each, type) and each.__module__ == module.__name__
    ]
    for now, then in [(vars(module), changed), *((vars(vars(module)[name]), vars(changed[name])) for name in classes)]:
        for name, each in now.items():
            if isinstance(each, FunctionType) and each.__module__ == module.__name__:
                monkeypatch.setattr(each, "__code__", then[name].__code__)


# conditions of JpegSource
SOURCE: dict[str, tuple[str, str]] = {
    "zeros of image data": ("if is_doubtful or _ends_unclearly(raw.jpeg, found):", "if is_doubtful:"),
    "two zeros": ("range(1, min(zeros, MOST_ZEROS) + 1)", "range(1, 2)"),
    "the first without EOI": ("return self._good < LEARNING or self._learnt_from < LEARNING or now", "return now"),
    "one each second": (" or now >= self._checked_at + CHECK_INTERVAL", ""),
    "an EOI behind a cut": ("return self._good < FIRST", "return False"),
    "another size": ("or mean is None or length < SHORT * mean:", "or (mean and length < SHORT * mean):"),
}


def is_found() -> bool:
    """Return whether CI's run finds a broken promise."""
    fuzzed = JpegCampaign()
    return any(map(fuzzed.problem, inputs(SEED, round(budget.INPUTS * budget.SHARES["jpeg"]))))


@pytest.mark.parametrize("check", WALK)
def test_a_removed_check_of_the_jpeg_walk_is_found(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one of its checks, the walk lets a broken frame through, or refuses a whole one."""
    take_away(jpeg_markers, *WALK[check], monkeypatch)
    assert is_found()


@pytest.mark.parametrize("check", EXIF)
def test_a_removed_check_of_exif_data_is_found(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one of its checks, an orientation is read where there is none, or the reader fails."""
    take_away(exif, *EXIF[check], monkeypatch)
    assert is_found()


@pytest.mark.parametrize("check", SOURCE)
def test_a_removed_check_of_a_source_is_found(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one of its checks, damaged frames are published, or whole ones lose their last blocks."""
    take_away(jpeg_source, *SOURCE[check], monkeypatch)
    count = round(budget.INPUTS * budget.SHARES["camera"])
    assert any(Watcher(camera).problem() for camera in cameras(SEED, count))
