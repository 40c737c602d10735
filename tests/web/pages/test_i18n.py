"""The messages of the pages: all languages have the same messages, and the browser chooses the language."""

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from soft_stream.capture.status import State
from soft_stream.message import Message
from soft_stream.web.pages.i18n import (
    FALLBACK,
    MESSAGES,
    WORDS,
    choose_language,
    complete,
    language_of,
    theme_of,
    translate,
)
from soft_stream.web.pages.pages import STATIC, TEMPLATES_FOLDER

# The suffixes of file names, which look like keys in scripts and templates.
FILES = (".css", ".html", ".jpg", ".js", ".json", ".mjpg", ".webmanifest")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("cs", "cs"),
        ("cs-CZ,cs;q=0.9,en;q=0.8", "cs"),
        ("en-US,en;q=0.9,cs;q=0.8", "en"),
        ("fr,cs;q=0.5,en;q=0.3", "cs"),
        ("fr;q=0.9, CS ; q=0.8", "cs"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("cs;q=0", "en"),
        ("en;q=0,cs;q=0.1", "cs"),
        ("fr", "en"),
        ("*", "en"),
        ("", "en"),
        ("cs;q=2,;;,=,cs;q=abc", "en"),
    ],
)
def test_the_language_with_the_highest_weight_is_chosen(accepted: str, language: str) -> None:
    """Of the available languages the one with the highest weight is chosen; English if there is none."""
    assert choose_language(accepted) == language


@pytest.mark.parametrize(
    ("cookie", "accepted", "language", "theme"),
    [
        ("", "de", "de", ""),
        ("language=de; theme=light", "cs", "de", "light"),
        ("theme=dark;language=cs", "", "cs", "dark"),
        ("language=fr; theme=blue", "de", "de", ""),
        ("language=; theme=", "cs", "cs", ""),
        ("language=en-US; language=cs", "de", "cs", ""),  # another program on this host has the first one
        ('a={"b":1}; xlanguage=cs; language=de', "en", "de", ""),
        ("language=../../etc/passwd", "en", "en", ""),
        ('language="><script>', "en", "en", ""),
    ],
)
def test_a_choice_in_a_cookie_counts_more_than_the_browser(
    cookie: str, accepted: str, language: str, theme: str
) -> None:
    """The first known value of a cookie counts; without one, the language of the browser and the device's theme."""
    request = make_mocked_request("GET", "/", headers={"Cookie": cookie, "Accept-Language": accepted})
    assert (language_of(request), theme_of(request)) == (language, theme)


def test_sentences_of_the_server_in_html() -> None:
    """HTML has a sentence in the language of the page if there are words for its code, and else as it is."""
    notice = Message("settings_changed", "Changed ({names}).", names=Message("and_more", "", names="{x}", count=2))
    assert translate(notice, "de") == (
        "Die Einstellungen haben sich seit dem Start dieser Kamera geändert ({x} und 2 weitere)."
    )
    unknown = Message("trying_again", "{why}!", why=Message("of_a_later_release", "Odd."))
    assert translate(unknown, "de") == "Odd.!"
    assert translate("A sentence without a code.", "de") == "A sentence without a code."
    assert translate(Message("focus.none", "no autofocus"), "cs") == MESSAGES["cs"]["focus.none"]


def test_a_message_that_a_language_lacks_is_in_english() -> None:
    """A missing message of a language is the English one; a message that English does not have is left out."""
    words = {"en": {"seconds": "{n} s", "error.odd": "odd"}, "de": {"error.odd": "seltsam", "gone": "weg"}}
    assert complete(words)["de"] == {"seconds": "{n} s", "error.odd": "seltsam"}


@pytest.mark.parametrize("language", [language for language in MESSAGES if language != FALLBACK])
def test_every_language_has_every_message(language: str) -> None:
    """Keys, their order and the placeholders are those of English, and no message is empty."""
    messages, english = WORDS[language], WORDS[FALLBACK]
    assert list(messages) == list(english)
    for key, text in messages.items():
        assert text
        assert sorted(re.findall(r"{(\w+)}", text)) == sorted(re.findall(r"{(\w+)}", english[key])), key


def test_every_state_has_a_name() -> None:
    """Each state of the camera has a message."""
    assert {f"state.{state}" for state in State} <= MESSAGES[FALLBACK].keys()


def test_every_message_exists_and_is_used() -> None:
    """Pages and scripts use only messages that exist, and every message is used."""
    templates = (file.read_text() for file in TEMPLATES_FOLDER.iterdir())
    scripts = (body.decode() for name, body in STATIC.items() if name.endswith(".js"))
    source = "".join((*templates, *scripts))
    used = set(re.findall(r"""["'`]([a-z]+\.[\w.-]+)["'`]""", source)) | {"seconds", "minutes", "hours", "days"}
    prefixes = tuple(re.findall(r"""["'`]([a-z]+\.(?:[\w-]+\.)*)(?:["'] ~|\$\{)""", source))
    called = set(re.findall(r"""\bt[(\[]["']([a-z][\w. -]*\w)["']""", source))
    sections = {key.partition(".")[0] for key in MESSAGES[FALLBACK]}
    named = {key for key in used if key.partition(".")[0] in sections and Path(key).suffix not in FILES}
    assert (called | named) - MESSAGES[FALLBACK].keys() == set()
    assert [key for key in MESSAGES[FALLBACK] if key not in used and not key.startswith(prefixes)] == []
