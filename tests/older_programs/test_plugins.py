"""`soft-stream import` with each option of each plugin of mjpg-streamer."""

import pytest

from tests.older_programs.plugins import imported, load, missing

LISTED = load()


@pytest.mark.parametrize(("plugin", "option"), [(plugin, option) for plugin in LISTED for option in LISTED[plugin]])
def test_an_option(plugin: str, option: str) -> None:
    """It becomes the settings that the document has, or is named with the reason."""
    assert imported(plugin, option) == LISTED[plugin][option]


def test_every_option_is_listed() -> None:
    """The list has every option of the plugins' sources; see tests/migration/options."""
    assert missing(LISTED) == []
