"""The doctor's findings about the paths in the settings."""

from soft_stream.diagnostics.unit_reach import Problem
from tests.diagnostics.doctor.stand_in import CONFIGURED, deployed, examine


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
