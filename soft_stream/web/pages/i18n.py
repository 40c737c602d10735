"""The messages of the pages: one file per language in `static/words/`, and what a browser has chosen.

A script of the pages writes the choices into cookies, so that the HTML already has the right words and colours.
"""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from aiohttp import hdrs, web

from soft_stream.message import Message

LANGUAGE, THEME = "language", "theme"
THEMES = ("dark", "light")
FALLBACK = "en"
WORDS_FOLDER = Path(__file__).parent / "static" / "words"
WORDS: Mapping[str, Mapping[str, str]] = {
    file.stem: json.loads(file.read_bytes()) for file in WORDS_FOLDER.glob("*.json")
}
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[0-9A-Za-z-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


def complete(words: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the messages of each language, in English where a language lacks one: a page must not fail for a word."""
    return {
        language: {key: messages.get(key, text) for key, text in words[FALLBACK].items()}
        for language, messages in words.items()
    }


MESSAGES = complete(WORDS)


def language_of(request: web.Request) -> str:
    """Return the language that a person has chosen in this browser, or else the one that the browser asks for."""
    return _chosen(request, LANGUAGE, MESSAGES) or choose_language(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def theme_of(request: web.Request) -> str:
    """Return the theme that a person has chosen in this browser; empty for the one of the device."""
    return _chosen(request, THEME, THEMES)


def _chosen(request: web.Request, name: str, allowed: Collection[str]) -> str:
    """Return the first allowed value of a cookie; other programs on this host may have a cookie of the same name."""
    pieces = ";".join(request.headers.getall(hdrs.COOKIE, [])).split(";")
    pairs = (piece.strip().partition("=") for piece in pieces)
    return next((value for key, _, value in pairs if key == name and value in allowed), "")


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


def translate(sentence: str, language: str) -> str:
    """Return a sentence of the server in another language; as it is if there are no words for it.

    `static/shared/translate.js` does the same for what scripts request.
    """
    return (_translate(sentence, language) or sentence) if isinstance(sentence, Message) else sentence


def _translate(message: Message, language: str) -> str:
    """Return a message in another language; empty if there are no words for it, or for a message in it."""
    values = {
        name: _translate(value, language) if isinstance(value, Message) else str(value)
        for name, value in message.values.items()
    }
    is_known = all(values[name] for name, value in message.values.items() if isinstance(value, Message))
    words = MESSAGES[language].get(message.code if "." in message.code else f"server.{message.code}", "")
    return words.format(**values) if is_known else ""


def select_messages(language: str, *prefixes: str) -> dict[str, str]:
    """Return the messages whose keys begin with one of the prefixes: scripts need them before they load the others."""
    return {key: text for key, text in MESSAGES[language].items() if key.startswith(prefixes)}
