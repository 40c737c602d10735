"""PyAV: imported when it is needed, silent, and its errors as sentences without URLs."""

from __future__ import annotations

from errno import EINVAL
from types import ModuleType
from typing import Any

from soft_stream.cameras.base import CameraError, CameraMissing, CameraUnsupported
from soft_stream.cameras.media.address import Address
from soft_stream.cameras.optional_library import import_library
from soft_stream.message import Message

DECODING_THREADS = 2
# The major version of PyAV since which `options` are known to be safe.
OPTIONS_SAFE_SINCE = 18


def load() -> ModuleType:
    """Import PyAV, and silence FFmpeg, whose messages contain URLs with their passwords.

    Raises:
        CameraUnsupported: it is not installed.
    """
    av = import_library("av", "python3-av", "media")
    if av.logging.get_level() is not None:  # newer versions are silent by default
        av.logging.set_level(av.logging.PANIC)
    return av


def _version(av: ModuleType) -> int:
    return int(av.__version__.partition(".")[0])


def open_container(address: Address, timeout: float) -> Any:
    """Open a file or URL; all waits in it are bounded.

    Raises:
        CameraError: it cannot be opened; the sentence has no secret.
    """
    av = load()
    keyword = "options" if _version(av) >= OPTIONS_SAFE_SINCE else "container_options"
    try:
        return av.open(
            address.url,
            # `options` reach the decoders that examine the streams, too, where `max_pixels` counts. Older versions
            # crash with them when a stream is found after the opening, as in MPEG and FLV.
            **{keyword: dict(address.options)},
            timeout=(timeout, address.read_timeout),
            metadata_errors="replace",  # a title with invalid UTF-8 is no reason to fail
        )
    except av.error.FFmpegError as error:
        raise fault_of(error, address, timeout) from None


def video_stream(container: Any, address: Address, *, is_live: bool) -> Any:
    """Return the first video stream, whose decoder is limited in threads and in the size of the picture.

    Raises:
        CameraUnsupported: there is none, or FFmpeg has no decoder for it, or its picture is too large.
    """
    if not container.streams.video:
        raise CameraUnsupported(Message("media_no_video", "{url} has no video", url=address.shown))
    stream = container.streams.video[0]
    decoder = stream.codec_context
    if decoder is None:
        raise CameraUnsupported(Message("media_codec", "the video of {url} cannot be decoded", url=address.shown))
    decoder.options = {"max_pixels": address.options["max_pixels"]}
    decoder.thread_count = DECODING_THREADS
    # threads for whole frames would delay a live picture
    decoder.thread_type = "SLICE" if is_live else "AUTO"
    return stream


def fault_of(error: BaseException, address: Address, timeout: float) -> CameraError:
    """Return the error of a driver for an error of PyAV, whose own text may have the URL with its password."""
    av = load()
    if isinstance(error, av.error.ExitError | TimeoutError | av.error.TimeoutError):
        template = "{url} does not answer within {seconds:g} s"
        return CameraMissing(Message("media_silent", template, url=address.shown, seconds=timeout))
    if getattr(error, "errno", 0) == EINVAL:  # the answer of FFmpeg to a container that is not in `format_whitelist`
        template = "{url} is not in one of the video formats that are allowed"
        return CameraMissing(Message("media_format", template, url=address.shown))
    reason = getattr(error, "strerror", None) or type(error).__name__
    return CameraMissing(Message("media_fails", "{url}: {reason}", url=address.shown, reason=reason))
