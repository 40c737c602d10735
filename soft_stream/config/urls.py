"""URLs of sources, and how they are shown without their secrets."""

import re
from urllib.parse import urlsplit

from soft_stream.config.value_types import ValueType


def source_url() -> ValueType:
    """Return the type of a URL, or of an absolute path of a file, which may be empty."""

    def parse(text: str) -> str:
        if text and not (text.isprintable() and " " not in text and (text.startswith("/") or urlsplit(text).scheme)):
            raise ValueError(text)
        return text

    return ValueType(parse, "a URL such as http://10.0.0.5:8080/stream, an absolute path, or empty", "URL")


def has_password(url: str) -> bool:
    """Return True if a URL has a user or a password before the name of its host."""
    return "@" in urlsplit(url).netloc


def without_secrets(url: str) -> str:
    """Return a URL for logs and answers: without its user, its password and the values of its query."""
    shown = re.sub(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", r"\1***@", url, flags=re.IGNORECASE)
    return re.sub(r"([?&][^=&#]*)=[^&#]*", r"\1=***", shown)
