"""The conversions of numbers: each raises ValueError for a text that is no number."""

import math

LARGEST = 10**9


def whole(value: str) -> list[str]:
    """Return a whole number."""
    return [str(_integer(value))]


def at_least_1(value: str) -> list[str]:
    """Return a whole number, at least 1: 0 is the lowest quality of some programs."""
    return [str(max(1, _integer(value)))]


def unless_0(value: str) -> list[str]:
    """Return a number; 0, which switches something off there, sets nothing."""
    number = float(value)
    return [value] if number > 0 else []


def number(value: str) -> list[str]:
    """Return a finite number."""
    if not math.isfinite(float(value)):
        raise ValueError(value)
    return [value]


def numbers(value: str) -> list[str]:
    """Return several numbers with commas between them."""
    parts = value.replace(",", " ").split()
    for part in parts:
        number(part)
    return [",".join(parts)]


def even(value: str) -> list[str]:
    """Return the next lower even number."""
    return [str(_integer(value) // 2 * 2)]


def angle(value: str) -> list[str]:
    """Return a rotation by quarter turns."""
    angle = _integer(value) % 360
    if angle % 90:
        raise ValueError(value)
    return [str(angle)]


def linear(value: str, factor: str, offset: str, low: str, high: str) -> list[str]:
    """Return a number on another scale; `low` and `high` are the bounds of the older one."""
    number = float(value)
    if not float(low) <= number <= float(high):
        raise ValueError(value)
    return [f"{number * float(factor) + float(offset):.4g}"]


def number_switch(value: str) -> list[str]:
    """Return 1 for a number above 0."""
    return ["1" if float(value) > 0 else "0"]


def per_second(value: str) -> list[str]:
    """Return the frame rate of a delay in seconds."""
    return [f"{1 / float(value):.4g}"] if float(value) > 0 else []


def per_millisecond(value: str) -> list[str]:
    """Return the frame rate of a delay in milliseconds."""
    return per_second(str(float(value) / 1000))


def per_microsecond(value: str) -> list[str]:
    """Return the frame rate of a delay in microseconds."""
    return per_second(str(float(value) / 1_000_000))


def milliseconds(value: str) -> list[str]:
    """Return the seconds of a time in milliseconds; a negative one is none."""
    return [f"{max(0, _integer(value)) / 1000:g}"]


def ring(value: str) -> list[str]:
    """Return the number of files that are kept; a negative one is no limit, and 0 would keep none."""
    number = _integer(value)
    if number == 0:
        raise ValueError(value)
    return [str(number)] if number > 0 else []


def word_or_whole(value: str, *pairs: str) -> list[str]:
    """Return the value of a word; or that of `*`, and a whole number."""
    words = dict(pair.split("=", 1) for pair in pairs)
    word = value.lower()
    return [words[word], ""] if word in words and word != "*" else [words["*"], *whole(value)]


def _integer(text: str) -> int:
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError(text)
    return number
