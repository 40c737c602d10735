"""URLs of sources, and how they are shown without their secrets."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from soft_stream.config.value_types import ValueType

# Schemes whose URLs name a server.
WITH_HOST = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "tcp", "udp", "srt", "ftp")
KEY_OF_QUERY = re.compile(r"(?i)[/?&;_][^=&;#]*(?:key|token|pass|pwd|auth|secret|sig)[^=&;#]*=[^&;#]")
# some IP cameras have the login in the path: rtsp://10.0.0.5/user=admin_password=WORD_channel=1
PATH_VALUE = re.compile(r"(/[^=/?#]*)=[^/?#]*")
OTHERS_READ = 0o004
# in a sentence, where a URL ends at a space
QUOTED_VALUE = re.compile(r"([?&;][^=&;#\s]*)=[^&;#\s]+")
QUOTED_USER = re.compile(r"//[^/\s]+@")
QUERY_VALUE = re.compile(r"([?&#;][^=&#;]*)=[^&#;]*")


def source_url() -> ValueType:
    """Return the type of a URL, or of an absolute path of a file, which may be empty."""

    def parse(text: str) -> str:
        if text and not text.startswith("/"):
            check_url(text)
        if not text.isprintable():
            raise ValueError
        return text

    return ValueType(
        parse,
        "a URL such as http://10.0.0.5:8080/stream, without spaces, with a host, a port from 1 to 65535 if any, and "
        "nothing after a #; or an absolute path, or empty; write @ : / ? # in a password as %40 %3A %2F %3F %23",
        "URL",
    )


def check_url(text: str) -> None:
    """Raise ValueError if a text is no URL that can be requested."""
    parts = urlsplit(text)
    if not parts.scheme or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError
    if parts.scheme.lower() in WITH_HOST:
        # `port` raises ValueError above 65535
        is_wrong = not parts.hostname or parts.port == 0 or "#" in text or parts.netloc.count("@") > 1
        if is_wrong or parts.netloc.endswith(":"):
            raise ValueError


def local_path(url: str) -> Path | None:
    """Return the path of a file that an absolute path or a `file:` URL names; None for other URLs."""
    if url.startswith("/"):
        return Path(url)
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme.lower() == "file" else None


def has_secret(url: str) -> bool:
    """Return whether a URL has a password, a user, or values in its query, one of which may be a key."""
    return without_secrets(url) != url


def without_secrets(url: str) -> str:
    """Return a URL for logs and answers: without its user, its password and the values of its query.

    It may also be a text that was meant to be a URL, such as one whose password has a slash.
    """
    if url.startswith("/") and not url.startswith("//"):
        return url
    scheme, separator, rest = url.partition("://")
    if "@" in rest:
        rest = f"***@{rest.rpartition('@')[2]}"
    elif not separator and "@" in scheme:
        scheme = f"***@{scheme.rpartition('@')[2]}"
    return PATH_VALUE.sub(r"\1=***", QUERY_VALUE.sub(r"\1=***", f"{scheme}{separator}{rest}"))


def without_urls_secrets(text: str) -> str:
    """Return a sentence of another program, which may quote a URL, without the secrets of that."""
    return QUOTED_VALUE.sub(r"\1=***", QUOTED_USER.sub("//***@", text))


def has_password(url: str) -> bool:
    """Return whether a URL has a password, or a key in its query."""
    try:
        return bool(urlsplit(url).password) or bool(KEY_OF_QUERY.search(url))
    except ValueError:
        return "@" in url


def exposed_url(url: str, origin: str, file: Path, mode: int) -> str:
    """Return the sentence about a URL whose password others may read in the settings file; empty if they may not.

    `origin` is the file and line of the setting, and its key; `mode` are the permissions of the file.
    """
    where, _, key = origin.rpartition(" ")
    is_in_file = re.fullmatch(r".+:\d+", where)
    if not (is_in_file and has_password(url) and mode & OTHERS_READ):
        return ""
    return f"{where}: {key} has a password, and every user of this machine may read {file} (mode {mode & 0o7777:o})"
