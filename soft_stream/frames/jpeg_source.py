"""The JPEGs of one source, a camera or a folder: completed, or refused as damaged."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from soft_stream.frames import jpeg
from soft_stream.frames.jpeg_markers import NO_END, DamagedJpeg, Markers, complete, find_jpeg
from soft_stream.frames.raw import RawFrame
from soft_stream.message import message_of

log = logging.getLogger(__name__)

# Frames from which it is learnt whether the source ends its frames with EOI.
LEARNING = 10
# Frames that are decoded at the beginning and after a damaged one, if they end with EOI; without EOI they are LEARNING.
FIRST = 3
# Seconds after which another frame without EOI is decoded.
CHECK_INTERVAL = 1.0
# A frame is decoded if it is shorter than this part of the running mean.
SHORT = 0.8
# Frames over which the mean runs.
MEAN_OF = 8
# Sizes of which the mean is known.
SIZES = 8
# Zeros with which the image data can end: of the ten blocks that a unit of it has at most, nine are colour.
MOST_ZEROS = 4


class JpegSource:
    """Accepts the JPEGs of one source, and learns from the first ones whether it ends them with EOI.

    A source that does must end each frame. The JPEGs of one that does not are completed, and some are decoded, because
    nothing else shows whether they are whole.
    """

    def __init__(self, *, decodes_all: bool = False) -> None:
        self._decodes_all = decodes_all
        """Whether each JPEG is decoded that is not checked yet."""
        self._learnt_from = 0
        self._ended = 0
        """Number of frames among these that had an EOI of their own."""
        self._good = 0
        """Number of frames since the last damaged one."""
        self._means: dict[tuple[int, int], float] = {}
        """The running mean of the length in bytes, by the size in pixels."""
        self._checked_at = float("-inf")
        self._damaged: list[str] = []
        self.last_damage = ""
        """Why the last frame was damaged that was not accepted."""
        self.last_had_end = False
        """Whether the last accepted frame had an EOI of its own."""
        self._noted: set[str] = set()

    def accepts(self, raw: RawFrame) -> bool:
        """Return whether a frame is whole; replace a JPEG by its completed bytes, and set what they say about it.

        Decodes only where there is doubt; the rest costs some 0.1 ms.
        """
        try:
            if raw.planes is None:
                self._complete(raw, time.monotonic())
        except DamagedJpeg as damage:
            self.refuse(message_of(damage))
            return False
        return True

    def refuse(self, reason: str) -> None:
        """Record that a frame is damaged, with a phrase that says why."""
        self._good = 0
        self._damaged.append(reason)
        self.last_damage = reason

    def take_damaged(self) -> Sequence[str]:
        """Return why each frame was damaged that was not accepted since the last call."""
        if not self._damaged:
            return ()
        damaged, self._damaged = self._damaged, []
        return damaged

    def learn(self, *, has_end: bool) -> None:
        """Learn from a whole frame whether the source ends its frames; a damaged one says nothing about that."""
        self.last_had_end = has_end
        if self._learnt_from < LEARNING:
            self._learnt_from += 1
            self._ended += has_end
            if self._learnt_from == LEARNING and not self._has_ends:
                share = "Most of the" if self._ended else "The"
                self._note(f"{share} camera's JPEGs have no end (marker EOI): it is added")

    @property
    def _has_ends(self) -> bool:
        """Whether the source ends its frames, as far as is known: a rare EOI is an exception."""
        return 2 * self._ended >= self._learnt_from

    def _complete(self, raw: RawFrame, now: float) -> None:
        found = find_jpeg(raw.jpeg)
        if found.end is None and self._has_ends and self._learnt_from >= LEARNING:
            raise DamagedJpeg(NO_END)
        whole = complete(raw.jpeg, found)
        is_doubtful = not raw.is_checked and self._is_doubtful(found, len(whole), now)
        if is_doubtful or _ends_unclearly(raw.jpeg, found):
            self._checked_at = now
            whole = _checked(raw.jpeg, found, whole)
            raw.is_checked = True
        self._record(found, len(whole))
        raw.jpeg, raw.size, raw.orientation = whole, found.size, found.orientation

    def _is_doubtful(self, found: Markers, length: int, now: float) -> bool:
        mean = self._means.get(found.size)
        if self._decodes_all or mean is None or length < SHORT * mean:
            return True
        if found.end is not None:
            return self._good < FIRST
        return self._good < LEARNING or self._learnt_from < LEARNING or now >= self._checked_at + CHECK_INTERVAL

    def _record(self, found: Markers, length: int) -> None:
        self._good += 1
        mean = self._means.pop(found.size, length)
        self._means[found.size] = mean + (length - mean) / MEAN_OF
        if len(self._means) > SIZES:
            del self._means[next(iter(self._means))]
        self.learn(has_end=found.end is not None)
        if found.missing_tables:
            self._note("The camera's JPEGs have no Huffman tables: the standard ones (ITU-T T.81, K.3) are added")

    def _note(self, sentence: str) -> None:
        if sentence not in self._noted:
            self._noted.add(sentence)
            log.info(sentence)


def _checked(data: bytes, found: Markers, whole: bytes) -> bytes:
    """Return the whole JPEG, which can be decoded.

    Raises:
        DamagedJpeg: it cannot be decoded.
    """
    try:
        jpeg.check(whole)
    except DamagedJpeg as damage:
        return _checked_with_zeros(data, found, damage)
    return whole


def _checked_with_zeros(data: bytes, found: Markers, damage: DamagedJpeg) -> bytes:
    for zeros, tolerant in _zeros_to_try(data, found):
        whole = complete(data, found, zeros=zeros)
        with suppress(DamagedJpeg):
            jpeg.check(whole, tolerant=tolerant)
            return whole
    raise damage


def _zeros_to_try(data: bytes, found: Markers) -> Iterator[tuple[int, bool]]:
    """Yield how many of the zeros at the end may be image data, and whether odd bytes are no damage then."""
    zeros = len(data) - len(data.rstrip(b"\0"))
    if found.end is None and zeros:
        if _ends_unclearly(data, found):
            yield from ((number, True) for number in range(1, min(zeros, MOST_ZEROS) + 1))
        yield zeros, False  # too many or too few are padding


def _ends_unclearly(data: bytes, found: Markers) -> bool:
    """Return whether only decoding shows if some of the zeros at the end are image data.

    With the standard tables a block of colour without detail is four zero bits, so one frame in ten ends with zeros of
    its own. They follow a zero bit, the last one of a block of brightness. Spare bits in the last byte are ones.
    """
    return found.end is None and data.endswith(b"\0") and data.rstrip(b"\0")[-1] % 2 == 0
