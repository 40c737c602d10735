"""What FFmpeg may open for a URL: protocols, formats, and options."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from soft_stream.cameras.base import CameraMissing, CameraUnsupported
from soft_stream.config.urls import local_path, without_secrets
from soft_stream.message import Message

# Seconds without data after which the connection counts as dead. HLS waits for the next segment in between.
READ_TIMEOUT, HLS_READ_TIMEOUT = 10.0, 40.0
# Pixels of a larger picture are not decoded: one frame of this size takes 50 MB, and the decoder keeps several.
MAX_PIXELS = 4096 * 2304
# FFmpeg's names of containers. The others read further files by name, draw text files, or need a device.
FILE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,ivf,gif,apng,mjpeg,h264,hevc,m4v"
)
HTTP_FORMATS = f"{FILE_FORMATS},mpjpeg,hls,applehttp,aac,mp3,webvtt"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TLS = {"tls_verify": "1"} | ({"ca_file": str(CERTIFICATES)} if CERTIFICATES.exists() else {})


@dataclass(frozen=True)
class Address:
    """What PyAV opens, and what people may read of it."""

    url: str
    """For FFmpeg; with the password."""
    shown: str
    """For logs and answers."""
    options: Mapping[str, str] = field(default_factory=dict)
    is_file: bool = False
    is_rtsp: bool = False

    @property
    def read_timeout(self) -> float:
        """Seconds; only HTTP may be HLS, which is known when it is open."""
        return READ_TIMEOUT if self.is_rtsp or self.is_file else HLS_READ_TIMEOUT


def address_of(url: str) -> Address:
    """Return the address of a URL or of an absolute path.

    Raises:
        CameraUnsupported: its protocol is none of those that are safe.
        CameraMissing: it is a path, and no file is there.
    """
    if path := local_path(url):
        _check_file(path)
        return Address(f"file:{path}", str(path), _options("file", FILE_FORMATS), is_file=True)
    scheme, shown = urlsplit(url).scheme.lower(), without_secrets(url)
    if scheme in ("http", "https"):
        protocols = "http,tcp" if scheme == "http" else "https,tls,tcp"
        # HLS begins with the newest segment; the connection ends when no byte arrives for a while
        http = {"live_start_index": "-1", "rw_timeout": _microseconds(READ_TIMEOUT), "user_agent": "camera-soft-stream"}
        return Address(url, shown, _options(f"{protocols},crypto", HTTP_FORMATS) | http | TLS)
    if scheme in ("rtsp", "rtsps"):
        rtsp = {
            "rtsp_transport": "tcp",
            "allowed_media_types": "video",
            "timeout": _microseconds(READ_TIMEOUT),
            "fflags": "nobuffer",
            "analyzeduration": _microseconds(1.0),  # longer only delays the first frame
            "fpsprobesize": "0",
        }
        protocols = "rtsp,tcp" if scheme == "rtsp" else "rtsps,tls,tcp"
        return Address(url, shown, _options(protocols, "rtsp") | rtsp | TLS, is_rtsp=True)
    template = "{url} cannot be opened: the protocol must be one of {protocols}"
    protocols = "file, http, https, rtsp, rtsps"
    raise CameraUnsupported(Message("media_protocol", template, url=shown, protocols=protocols))


def _options(protocols: str, formats: str) -> dict[str, str]:
    """Return the options that limit what a hostile file or server can make FFmpeg do."""
    return {
        "protocol_whitelist": protocols,
        "format_whitelist": formats,
        "max_pixels": str(MAX_PIXELS),
        "analyzeduration": _microseconds(5.0),
    }


def _microseconds(seconds: float) -> str:
    return str(round(seconds * 1_000_000))


def _check_file(path: Path) -> None:
    """Raise CameraMissing if a path is not a regular file: opening another one may block for ever."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        template = "the file {file} cannot be read: {reason}"
        raise CameraMissing(Message("media_unreadable", template, file=path, reason=error.strerror)) from None
    if not stat.S_ISREG(mode):
        raise CameraMissing(Message("media_no_file", "{file} is not a file", file=path))
