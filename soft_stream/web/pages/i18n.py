"""The words of the pages: a file for each language in `static/words/`, and the choice between them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

FALLBACK = "en"
WORDS_FOLDER = Path(__file__).parent / "static" / "words"
WORDS: Mapping[str, Mapping[str, str]] = {
    file.stem: json.loads(file.read_bytes()) for file in WORDS_FOLDER.glob("*.json")
}
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[0-9A-Za-z-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


def language_of(accepted: str) -> str:
    """Return the language that `Accept-Language` likes best of those that there are.

    https://www.rfc-editor.org/rfc/rfc9110#name-accept-language
    """
    likings = {FALLBACK: 0.0}
    for each in accepted.split(","):
        told = _RANGE.fullmatch(each)
        if told and told[1].lower() in WORDS:
            language = told[1].lower()
            likings[language] = max(likings.get(language, 0.0), float(told[2] or 1))
    return max(likings, key=lambda language: likings[language])
