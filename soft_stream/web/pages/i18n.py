"""The messages of the pages: one file per language in `static/words/`, and the choice of a language."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

FALLBACK = "en"
WORDS_FOLDER = Path(__file__).parent / "static" / "words"
MESSAGES: Mapping[str, Mapping[str, str]] = {
    file.stem: json.loads(file.read_bytes()) for file in WORDS_FOLDER.glob("*.json")
}
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[0-9A-Za-z-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


def choose_language(accept_language: str) -> str:
    """Return the available language with the highest weight in an `Accept-Language` header.

    https://www.rfc-editor.org/rfc/rfc9110#name-accept-language
    """
    weights = {FALLBACK: 0.0}
    for each in accept_language.split(","):
        match = _RANGE.fullmatch(each)
        if match and match[1].lower() in MESSAGES:
            language = match[1].lower()
            weights[language] = max(weights.get(language, 0.0), float(match[2] or 1))
    return max(weights, key=lambda language: weights[language])


def select_messages(language: str, *prefixes: str) -> dict[str, str]:
    """Return the messages whose keys begin with one of the prefixes: scripts need them before they load the others."""
    return {key: text for key, text in MESSAGES[language].items() if key.startswith(prefixes)}
