"""Controls that are menus: only the values that the driver lists are taken."""

import pytest

from soft_stream.cameras.base import Control
from soft_stream.capture.control_values import WrongControl, cast_value

MENU = Control("auto_exposure", "int", 1, 1, 3, 3, ((1, "Manual Mode"), (3, "Aperture Priority Mode")))


@pytest.mark.parametrize("value", [1, "3"])
def test_a_value_of_the_menu(value: object) -> None:
    """It is taken as a number or as text."""
    assert cast_value(MENU, value) == int(str(value))


@pytest.mark.parametrize("value", [2, 0, "Manual Mode", True])
def test_another_value(value: object) -> None:
    """The message lists the values with their names, also for a gap of the menu."""
    with pytest.raises(WrongControl, match=r"must be one of 1 \(Manual Mode\), 3 \(Aperture Priority Mode\)"):
        cast_value(MENU, value)
