"""The names of sources, which may be those of mjpg-streamer's plugins."""

import pytest

from soft_stream.config.source_settings import PLUGINS, SOURCES, source_name


@pytest.mark.parametrize("source", SOURCES)
def test_our_own_names(source: str) -> None:
    """Each source has a name of its own, in any case."""
    assert source_name().parse(source.upper()) == source


@pytest.mark.parametrize(("plugin", "source"), PLUGINS.items())
def test_the_names_of_plugins(plugin: str, source: str) -> None:
    """A plugin may have the prefix, the suffix, and a path, as on mjpg_streamer's command line."""
    for spelling in (
        plugin,
        f"input_{plugin}",
        f"input_{plugin}.so",
        f"/usr/local/lib/mjpg-streamer/input_{plugin}.so",
    ):
        assert source_name().parse(spelling) == source


@pytest.mark.parametrize("text", ["none", "input_control.so", "output_http.so", "uvc.so", "/srv/picamera", "input_"])
def test_other_names(text: str) -> None:
    """A plugin that is no source, and a path that is no plugin, are refused."""
    with pytest.raises(ValueError, match=text.rpartition("/")[2].removeprefix(".")):
        source_name().parse(text)
