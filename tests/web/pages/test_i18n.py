"""The messages of the pages: all languages have the same messages, and the browser chooses the language."""

import re
from pathlib import Path

import pytest

from soft_stream.capture.status import State
from soft_stream.web.pages.i18n import FALLBACK, MESSAGES, choose_language
from soft_stream.web.pages.pages import STATIC, TEMPLATES


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("cs", "cs"),
        ("cs-CZ,cs;q=0.9,en;q=0.8", "cs"),
        ("en-US,en;q=0.9,cs;q=0.8", "en"),
        ("de,cs;q=0.5,en;q=0.3", "cs"),
        ("de;q=0.9, CS ; q=0.8", "cs"),
        ("cs;q=0", "en"),
        ("en;q=0,cs;q=0.1", "cs"),
        ("de", "en"),
        ("*", "en"),
        ("", "en"),
        ("cs;q=2,;;,=,cs;q=abc", "en"),
    ],
)
def test_the_language_with_the_highest_weight_is_chosen(accepted: str, language: str) -> None:
    """Of the available languages the one with the highest weight is chosen; English if there is none."""
    assert choose_language(accepted) == language


@pytest.mark.parametrize("language", [language for language in MESSAGES if language != FALLBACK])
def test_every_language_has_every_message(language: str) -> None:
    """Keys, their order and the placeholders are those of English, and no message is empty."""
    messages, english = MESSAGES[language], MESSAGES[FALLBACK]
    assert list(messages) == list(english)
    for key, text in messages.items():
        assert text
        assert sorted(re.findall(r"{(\w+)}", text)) == sorted(re.findall(r"{(\w+)}", english[key])), key


def test_every_state_has_a_name() -> None:
    """Each state of the camera has a message."""
    assert {f"state.{state}" for state in State} <= MESSAGES[FALLBACK].keys()


def test_every_message_exists_and_is_used() -> None:
    """Pages and scripts use only messages that exist, and every message is used."""
    templates = (Path(file).read_text() for template in TEMPLATES.values() if (file := template.filename))
    scripts = (body.decode() for name, body in STATIC.items() if name.endswith(".js"))
    source = "".join((*templates, *scripts))
    used = set(re.findall(r"""["'`]([a-z]+\.[\w.-]+)["'`]""", source)) | {"seconds", "minutes", "hours", "days"}
    prefixes = tuple(re.findall(r"""["'`]([a-z]+\.(?:[\w-]+\.)*)(?:["'] ~|\$\{)""", source))
    called = set(re.findall(r"""\bt[(\[]["']([a-z][\w.-]*\w)["']""", source))
    assert called <= MESSAGES[FALLBACK].keys()
    assert [key for key in MESSAGES[FALLBACK] if key not in used and not key.startswith(prefixes)] == []
