"""The text of the synthetic camera and of placeholders."""

import pytest

from soft_stream.frames.overlay import render_text


@pytest.mark.parametrize("letters", ["ěč", "řů", "ŁŽ", "ab"])
def test_names_of_many_languages_can_be_read(letters: str) -> None:
    """Different letters look different: none is the box that replaces a letter which the font does not have."""
    first, second = (render_text(letter, 40) for letter in letters)
    assert first.height == second.height == 40
    assert first.tobytes() != second.tobytes()
