"""Types of settings: each parses the text of a value, and describes the texts that it accepts."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from soft_stream.config import endpoints
from soft_stream.config.endpoints import Endpoint


@dataclass(frozen=True)
class ValueType:
    """The type of a setting: `parse` raises ValueError for a text that `expected` does not describe."""

    parse: Callable[[str], Any]
    expected: str


def integer(low: int, high: int, unit: str, *, even: bool = False) -> ValueType:
    """Return the type of a whole number."""

    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high or (even and value % 2):
            raise ValueError(text)
        return value

    return ValueType(parse, f"{'an even' if even else 'a whole'} number from {low} to {high} ({unit})")


def number(low: float, high: float, unit: str) -> ValueType:
    """Return the type of a number other than nan."""

    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:  # also refuses nan
            raise ValueError(text)
        return value

    return ValueType(parse, f"a number from {low:g} to {high:g} ({unit})")


def choice(*words: str, spellings: Mapping[str, str] = MappingProxyType({})) -> ValueType:
    """Return the type of one of several words; `spellings` maps alternative spellings to them."""

    def parse(text: str) -> str:
        word = spellings.get(text.lower(), text.lower())
        if word not in words:
            raise ValueError(text)
        return word

    return ValueType(parse, "one of: " + ", ".join(words))


def boolean() -> ValueType:
    """Return the type of a switch."""
    on, off = ("1", "on", "yes", "true"), ("0", "off", "no", "false")

    def parse(text: str) -> bool:
        if text.lower() not in on + off:
            raise ValueError(text)
        return text.lower() in on

    return ValueType(parse, "1 (on) or 0 (off)")


def right_angle() -> ValueType:
    """Return the type of a rotation by quarter turns."""

    def parse(text: str) -> int:
        value = int(text)
        if value not in (0, 90, 180, 270):
            raise ValueError(text)
        return value

    return ValueType(parse, "one of: 0, 90, 180, 270 (degrees)")


def text() -> ValueType:
    """Return the type of a line of text."""

    def parse(text: str) -> str:
        if not text.isprintable():
            raise ValueError(text)
        return text

    return ValueType(parse, "printable text")


def addresses() -> ValueType:
    """Return the type of a list of IP addresses."""

    def parse(text: str) -> tuple[str, ...]:
        addresses = tuple(
            str(ipaddress.ip_address("127.0.0.1" if word == "localhost" else word.strip("[]")))
            for word in text.replace(",", " ").split()
        )
        if not addresses or len(set(addresses)) < len(addresses):
            raise ValueError(text)
        return addresses

    return ValueType(parse, "one or more IP addresses with spaces between them, such as 127.0.0.1 or 0.0.0.0 or ::")


def endpoint_list() -> ValueType:
    """Return the type of a list of endpoints, which may be empty."""

    def parse(text: str) -> tuple[Endpoint, ...]:
        found = tuple(endpoints.parse(word) for word in text.replace(",", " ").split())
        if len(set(found)) < len(found):
            raise ValueError(text)
        return found

    return ValueType(
        parse,
        "endpoints with spaces between them, such as https://0.0.0.0:18443 or unix:/run/cam0.sock, or empty",
    )


def origins() -> ValueType:
    """Return the type of a list of origins, as browsers send them: in lower case, without a default port."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(_origin(word) for word in text.replace(",", " ").split())
        if len(set(found)) < len(found) or ("*" in found and len(found) > 1):
            raise ValueError(text)
        return found

    return ValueType(
        parse, "origins with spaces between them, such as http://mainsail.local http://10.0.0.5:8080, or * or empty"
    )


def _origin(word: str) -> str:
    if word == "*":
        return word
    url = endpoints.host_and_port(word.lower())
    host = endpoints.in_url(url.hostname or "")
    is_usual = url.port in (None, {"http": 80, "https": 443}[url.scheme])
    return f"{url.scheme}://{host}" + ("" if is_usual else f":{url.port}")


def path() -> ValueType:
    """Return the type of an absolute path, which may be empty."""

    def parse(text: str) -> str:
        if text and (not text.startswith("/") or not text.isprintable()):
            raise ValueError(text)
        return text

    return ValueType(parse, "an absolute path, or empty")


def file_name() -> ValueType:
    """Return the type of a file name or absolute path, which may be empty."""

    def parse(text: str) -> str:
        if not text.isprintable() or ("/" in text and not text.startswith("/")):
            raise ValueError(text)
        return text

    return ValueType(parse, "a file name, an absolute path, or empty")


def sensor_mode() -> ValueType:
    """Return the type of a sensor mode."""

    def parse(text: str) -> str:
        word = text.lower()
        if word not in ("auto", "driver") and not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", word):
            raise ValueError(text)
        return word

    return ValueType(parse, "auto, driver, or a size such as 2304x1296")


def window() -> ValueType:
    """Return the type of a part of the frame, which may be empty."""

    def parse(text: str) -> tuple[float, ...]:
        x, y, width, height = window = [float(part) for part in text.replace(",", " ").split()] or [0.0] * 4
        inside = 0 <= x <= x + width <= 1 and 0 <= y <= y + height <= 1
        if not inside or (text.strip() and 0 in (width, height)):
            raise ValueError(text)
        return tuple(window) if text.strip() else ()

    return ValueType(parse, "x y width height as parts of the picture, such as 0.25 0.25 0.5 0.5, or empty")


def named_values() -> ValueType:
    """Return the type of a list of names with values."""

    def parse(text: str) -> tuple[tuple[str, str], ...]:
        pairs = tuple(word.partition("=") for word in text.split())
        if any(not (name.isalnum() and value) for name, _, value in pairs):
            raise ValueError(text)
        return tuple((name, value) for name, _, value in pairs)

    return ValueType(parse, "NAME=VALUE with spaces between them, such as Brightness=0.1 ExposureValue=0.5, or empty")
