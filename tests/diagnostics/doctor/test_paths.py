"""The doctor's findings about the paths in the settings, and about a password that every user may read."""

import pytest

from soft_stream.config.loader import INSTALLED_FILE
from soft_stream.diagnostics.unit_reach import Problem
from tests.diagnostics.doctor.stand_in import CONFIGURED, deployed, device, examine, wrongs


def test_a_path_that_a_unit_does_not_reach() -> None:
    """The finding has the sentence and the command of `soft-stream check`."""
    host = deployed(unreached={0: [Problem("cam0_www: /home/pi: its unit cannot read it", "a command")]})
    (found, *_) = examine(host)["paths"]
    assert (found.level.lower(), found.what, found.fix) == (
        "wrong",
        "cam0_www: /home/pi: its unit cannot read it",
        "a command",
    )


def test_paths_that_are_reached() -> None:
    """They are named."""
    (found,) = examine(deployed(settings=f"{CONFIGURED}cam0_www=/srv/www\n"))["paths"]
    assert (found.level, found.what.rpartition(": ")[2]) == ("ok", "/srv/www")


@pytest.mark.parametrize(
    ("url", "mode", "is_fault"),
    [
        ("http://u:hidden@10.0.0.5/", 0o644, True),
        ("http://u:hidden@10.0.0.5/", 0o640, False),
        ("http://10.0.0.5/@x", 0o644, False),
    ],
)
def test_a_password_that_every_user_may_read(url: str, mode: int, is_fault: bool) -> None:
    """The finding names the setting and never the password."""
    settings = f"{CONFIGURED}cam_source=http\ncam0_url={url}\n"
    host = deployed(settings=settings, nodes={str(INSTALLED_FILE): device(mode=mode)})
    found = wrongs(examine(host)).get("paths", [])
    assert bool(found) is is_fault
    assert all("cam0_url has a password" in each and "hidden" not in each for each in found)
