"""The selection of a camera by its id, or by its number in the order of the ports."""

import itertools

import pytest

from soft_stream.cameras.base import CameraInfo
from soft_stream.cameras.identity import select_camera, sort_by_port

PI5_0 = CameraInfo("/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a", "imx708")
PI5_1 = CameraInfo("/base/axi/pcie@1000120000/rp1/i2c@80000/imx708@1a", "imx708")
PI4 = CameraInfo("/base/soc/i2c0mux/i2c@1/ov5647@36", "ov5647")
CM4_0 = CameraInfo("/base/soc/i2c0mux/i2c@0/imx219@10", "imx219")
CM4_1 = CameraInfo("/base/soc/i2c0mux/i2c@1/imx219@10", "imx219")
USB_2 = CameraInfo("/base/axi/pcie@1000120000/rp1/usb@200000-2:1.0-046d:0825", "C270", usb=True)
USB_10 = CameraInfo("/base/axi/pcie@1000120000/rp1/usb@200000-10:1.0-046d:0825", "C270", usb=True)


@pytest.mark.parametrize("expected", [[PI5_0, PI5_1, USB_2, USB_10], [CM4_0, CM4_1, USB_2, USB_10], [PI4, USB_2]])
def test_ports_in_order(expected: list[CameraInfo]) -> None:
    """CAM/DISP 0 first, CSI before USB, and port 2 before port 10, in whatever order the cameras were found."""
    for found in itertools.permutations(expected):
        assert sort_by_port(found) == expected


def test_a_number_means_a_port() -> None:
    """Without an id the number decides, whichever camera was found first; the advice has the number."""
    for number, expected in enumerate([PI5_0, PI5_1, USB_2]):
        found, advice = select_camera([USB_2, PI5_1, PI5_0], "", number)
        assert found == expected
        assert advice == f"No id is set, so this is camera number {number} in the order of the ports"


@pytest.mark.parametrize("found", [PI5_0, PI5_1, USB_10])
def test_an_id_counts_more_than_any_order(found: CameraInfo) -> None:
    """The id decides, whatever the number, and there is no advice."""
    for number in (0, 1, 7):
        assert select_camera([USB_10, PI5_1, PI5_0], found.id, number) == (found, "")
