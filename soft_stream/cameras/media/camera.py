"""A driver of video files, RTSP, HLS and other streams that FFmpeg reads."""

from collections.abc import Sequence

from soft_stream.cameras.base import CameraError, CameraMissing, Negotiated, NoFrame
from soft_stream.cameras.media import library
from soft_stream.cameras.media.address import Address, address_of
from soft_stream.cameras.media.pixels import PlaneConverter
from soft_stream.cameras.media.player import Newest, Player
from soft_stream.cameras.media.reader import Reader
from soft_stream.cameras.without_controls import CameraWithoutControls
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.message import Message

# Seconds that `close` waits for the threads. A silent connection keeps its thread until its timeout.
CLOSE_PATIENCE = 1.0
# A side that no picture exceeds: stills have the source's own size.
ANY_SIZE = 1 << 16, 1 << 16


class MediaCamera(CameraWithoutControls):
    """A camera driver for one session of a file or URL; two threads read and decode it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._player = Player(settings.fps)
        self._reader: Reader | None = None
        self._converter: PlaneConverter | None = None
        self._still_converter: PlaneConverter | None = None
        self._accepted: Negotiated | None = None
        self._last = 0
        """The number of the last frame that was captured."""

    def open(self) -> Negotiated:
        """Connect, and wait for the first frame; see `Camera.open`."""
        library.load()
        settings, timeout = self._settings, self._settings.start_timeout
        address = address_of(settings.url)
        self._converter = PlaneConverter((settings.width, settings.height))
        self._still_converter = PlaneConverter(ANY_SIZE)
        self._connect(address)
        try:
            first = self._player.wait(0, timeout)
            if first is None:
                template = "{url} does not answer within {seconds:g} s"
                raise CameraMissing(Message("media_silent", template, url=address.shown, seconds=timeout))
            self._accepted = self._describe(first)
        except CameraError:
            self.close()
            raise
        return self._accepted

    def capture(self, timeout: float) -> RawFrame:
        """Wait for a frame that is newer than the last one; see `Camera.capture`."""
        return self._capture(self._converter, timeout)

    def take_damaged(self) -> Sequence[str]:
        """Return why packets or pictures were skipped; see `Camera.take_damaged`."""
        return self._player.take_damaged()

    def still(self, timeout: float) -> RawFrame:
        """Capture the next frame in the source's own size; see `Camera.still`."""
        return self._capture(self._still_converter, timeout)

    def restart(self) -> Negotiated:
        """Connect again, without waiting for a frame; see `Camera.restart`.

        A restart must be short, and a silent source gives no frame.
        """
        negotiated, address = self._negotiated(), address_of(self._settings.url)
        self._disconnect()
        self._connect(address)
        return negotiated

    def close(self) -> None:
        """Disconnect; see `Camera.close`."""
        self._disconnect()
        self._converter = self._still_converter = self._accepted = None

    def _connect(self, address: Address) -> None:
        self._player, self._last = Player(self._settings.fps), 0
        self._reader = Reader(address, self._player, self._settings.start_timeout)

    def _disconnect(self) -> None:
        reader, self._reader = self._reader, None
        if reader:
            reader.close(CLOSE_PATIENCE)
        self._player.forget()

    def _capture(self, converter: PlaneConverter | None, timeout: float) -> RawFrame:
        if converter is None:
            raise CameraError("the source is not open")
        newest = self._player.wait(self._last, timeout)
        if newest is None:
            raise NoFrame(Message("no_frame_in", "no frame within {seconds:g} s", seconds=timeout))
        self._last = newest.number
        planes = converter.planes(newest.picture)
        height, width = planes[0].shape
        return RawFrame((width, height), newest.captured_at, planes=planes)

    def _negotiated(self) -> Negotiated:
        if self._accepted is None:
            raise CameraError("the source is not open")
        return self._accepted

    def _describe(self, first: Newest) -> Negotiated:
        settings = self._settings
        assert self._converter  # noqa: S101 # `open` has made it
        planes = self._converter.planes(first.picture)
        height, width = planes[0].shape
        fps = min(settings.fps, self._player.fps or settings.fps)
        return Negotiated(
            size=(width, height),
            pixel_format="YUV420",
            stride=planes[0].strides[0],
            colour_space="JPEG",
            sensor_mode=f"{first.picture.width}x{first.picture.height}",
            fps=fps,
            has_autofocus=False,
            orientation=Orientation(settings.hflip, settings.vflip, settings.rotation).normalized,
            model="media",
            still_method="dual",
            longest_interval=1 / fps,
        )
