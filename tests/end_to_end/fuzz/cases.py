"""Inputs that failed once: the tests of the fuzzer try them first, in each run."""

import tomllib
from pathlib import Path
from typing import Any

from tests.end_to_end.fuzz.conversations import Conversation

FOLDER = Path(__file__).parent / "cases"


def read_cases(kind: str) -> list[dict[str, Any]]:
    """Return the cases of a kind."""
    cases: list[dict[str, Any]] = tomllib.loads((FOLDER / f"{kind}.toml").read_text())["case"]
    return cases


def http_cases() -> list[Conversation]:
    """Return the conversations that failed once."""
    return [
        Conversation(tuple(piece.encode("latin-1") for piece in each["pieces"]), each["end"], each["requests"])
        for each in read_cases("http")
    ]


def byte_cases(kind: str) -> list[bytes]:
    """Return the inputs of another kind that failed once."""
    return [bytes.fromhex(each["input"]) for each in read_cases(kind)]
