"""A sentence for people that the page can show in its own language: it keeps its code and its values."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

HEADER = "X-Message"
# Characters of the header; proxies give all headers of an answer 4 kB. Without it the page shows the sentence.
MAX_HEADER = 1000


class Message(str):
    """An English sentence, with a code and values from which the page makes it in another language.

    It is a str wherever one is needed; what is made of it (`f"{message}."`) is a str without code.
    """

    __slots__ = ("code", "values")
    code: str
    values: Mapping[str, "Message | int | float | str"]

    def __new__(cls, code: str, template: str, /, **values: Any) -> Self:
        """Make a sentence from a template of `str.format`; a value may be a message, too."""
        self = super().__new__(cls, template.format(**values))
        self.code = code
        self.values = {name: value if _is_kept(value) else str(value) for name, value in values.items()}
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the message itself, which cannot change: `dataclasses.asdict` copies what it finds."""
        return self


def describe(sentence: object) -> dict[str, Any] | None:
    """Return the code and the values of a message for JSON; None for any other object."""
    if not isinstance(sentence, Message):
        return None
    values = {name: describe(value) or value for name, value in sentence.values.items()}
    return {"code": sentence.code, "values": values}


def message_header(sentence: str) -> dict[str, str]:
    """Return the header of an HTTP error with this sentence; none if it has no code, or too long values."""
    text = json.dumps(describe(sentence)) if isinstance(sentence, Message) else ""
    return {HEADER: text} if 0 < len(text) <= MAX_HEADER else {}


def message_of(fault: BaseException) -> str:
    """Return the sentence of an exception, which is a Message if it was raised with one."""
    sentence = fault.args[0] if len(fault.args) == 1 else None
    return sentence if isinstance(sentence, Message) else str(fault)


def join(sentences: Sequence[str]) -> str:
    """Return sentences as one text, which keeps their codes."""
    if not sentences:
        return ""
    *before, last = sentences
    return Message("and", "{first} {second}", first=join(before), second=last) if before else last


def _is_kept(value: Any) -> bool:
    """Return whether the page can format a value; others, such as members of an enumeration, become text."""
    return isinstance(value, Message) or type(value) in (int, float)
