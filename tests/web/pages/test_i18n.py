"""The words of the pages: all languages say the same things, and the browser's wish decides."""

import re
from pathlib import Path

import pytest

from soft_stream.capture.status import State
from soft_stream.web.pages.i18n import FALLBACK, WORDS, language_of
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
def test_the_browsers_favourite_is_chosen(accepted: str, language: str) -> None:
    """Of the languages that there are the one that it likes best; English where it likes none of them."""
    assert language_of(accepted) == language


@pytest.mark.parametrize("language", [language for language in WORDS if language != FALLBACK])
def test_every_language_says_everything(language: str) -> None:
    """It has the same keys in the same order as English, with the same blanks to fill in, and nothing is empty."""
    words, english = WORDS[language], WORDS[FALLBACK]
    assert list(words) == list(english)
    for key, text in words.items():
        assert text
        assert sorted(re.findall(r"{(\w+)}", text)) == sorted(re.findall(r"{(\w+)}", english[key])), key


def test_every_state_has_a_name() -> None:
    """The page can say in words where the camera's life stands."""
    assert {f"state.{state}" for state in State} <= WORDS[FALLBACK].keys()


def test_all_that_pages_and_scripts_say_is_there_and_is_said() -> None:
    """No page or script asks for words that there are not, and there are none that nobody asks for."""
    templates = (Path(file).read_text() for template in TEMPLATES.values() if (file := template.filename))
    scripts = (body.decode() for name, body in STATIC.items() if name.endswith(".js"))
    said = "".join((*templates, *scripts))
    asked = set(re.findall(r"""["'`]([a-z]+\.[\w.-]+)["'`]""", said)) | {"seconds", "minutes", "hours", "days"}
    begun = tuple(re.findall(r"""["'`]([a-z]+\.(?:[\w-]+\.)*)(?:["'] ~|\$\{)""", said))
    called = set(re.findall(r"""\bt[(\[]["']([a-z][\w.-]*\w)["']""", said))
    assert called <= WORDS[FALLBACK].keys()
    assert [key for key in WORDS[FALLBACK] if key not in asked and not key.startswith(begun)] == []
