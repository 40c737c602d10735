"""A sentence with a code and values: it is a str, and the page makes it in another language."""

import copy
import json

import pytest

from soft_stream.access.rights import Role
from soft_stream.message import HEADER, Message, describe, message_header, message_of

BUSY = Message("busy", "it is in use by {users}", users="Octolapse, \N{SNOWMAN}")
SILENT = Message("silent", "no frame within {seconds:.1f} s: {why}", seconds=2.25, why=BUSY)


def test_it_is_the_english_sentence() -> None:
    """A message is the sentence; values are formatted, and a message in a message is its sentence."""
    assert SILENT == "no frame within 2.2 s: it is in use by Octolapse, \N{SNOWMAN}"
    assert type(str(SILENT)) is str
    assert f"{SILENT}." == f"{SILENT!s}."


def test_json_has_the_code_and_the_values() -> None:
    """Numbers stay numbers, so that the page can format them; other objects become text."""
    assert describe(SILENT) == {
        "code": "silent",
        "values": {"seconds": 2.25, "why": {"code": "busy", "values": {"users": "Octolapse, \N{SNOWMAN}"}}},
    }
    values = {"a": None, "b": (1, 2), "c": Role.ADMIN, "d": True}
    plain = {"a": "None", "b": "(1, 2)", "c": "admin", "d": "True"}
    assert describe(Message("x", "{a} {b} {c} {d}", **values)) == {"code": "x", "values": plain}
    assert describe("a plain sentence") is None


def test_the_header_is_ascii() -> None:
    """The header of an error can hold any value: everything that is not ASCII, and every line break, is escaped."""
    (value,) = message_header(Message("odd", "{what}", what="a\r\nSet-Cookie: b\N{SNOWMAN}")).values()
    assert value.isascii()
    assert value.isprintable()
    assert json.loads(value)["values"]["what"] == "a\r\nSet-Cookie: b\N{SNOWMAN}"
    assert message_header(BUSY).keys() == {HEADER}


@pytest.mark.parametrize("sentence", ["plain", "", Message("long", "{what}", what="x" * 1000)])
def test_no_header(sentence: str) -> None:
    """A sentence without a code has no header, and neither has one that proxies would refuse."""
    assert message_header(sentence) == {}


def test_an_exception_keeps_its_message() -> None:
    """The message of an exception is the one that it was raised with; without one, its text."""
    assert message_of(ValueError(BUSY)) is BUSY
    assert message_of(OSError(2, "No such file")) == "[Errno 2] No such file"
    assert message_of(KeyError("name")) == "'name'"


def test_a_copy_has_the_code() -> None:
    """`dataclasses.asdict` copies what it finds; a value is kept as text, so that no object lives on in a message."""
    kept = Message("log", "{client}", client=(copied := object()))
    assert copy.deepcopy([kept])[0] is kept
    assert kept.values["client"] == str(copied)
