"""The world of a test: a board and the cameras that are connected to it."""

from __future__ import annotations

from tests.support.fake_libcamera.device import Device
from tests.support.fake_libcamera.models import IMX219, IMX708_WIDE, OV9281, WEBCAM, Model

PI5 = "/base/axi/pcie@1000120000/rp1"
PI5_OLD = "/base/axi/pcie@120000/rp1"
PI4 = "/base/soc/i2c0mux/i2c@1"
PI4_USB = "/base/scb/pcie@7d500000/pci@0,0"


class World:
    """A Raspberry Pi and its cameras."""

    def __init__(self, *, pisp: bool = True) -> None:
        self.pisp = pisp
        self.devices: list[Device] = []
        """In the order of libcamera's camera numbers."""

    @classmethod
    def of(cls, boards: str) -> World:
        """Create a world: pi5, pi5-old (ids of older kernels), pi5-mixed (two models), pi4, fixed, or none.

        fixed is a Pi 4 whose camera has no autofocus. mono is a Pi 4 whose camera has modes of 8 and of 10 bits.

        usb adds a webcam, to a Pi 4 if no board is named. Names are joined by +, as in pi5+usb or usb+usb.
        """
        words = boards.split("+")
        world = cls(pisp=any(word.startswith("pi5") for word in words))
        for word in words:
            if word in ("pi5", "pi5-old"):
                bus = PI5 if word == "pi5" else PI5_OLD
                # libcamera lists CAM1 first, Picamera2 lists it last
                world.add("cam1", f"{bus}/i2c@80000/imx708@1a", IMX708_WIDE)
                world.add("cam0", f"{bus}/i2c@88000/imx708@1a", IMX708_WIDE)
            elif word == "pi5-mixed":
                world.add("cam1", f"{PI5}/i2c@80000/imx708@1a", IMX708_WIDE)
                world.add("cam0", f"{PI5}/i2c@88000/imx219@10", IMX219)
            elif word == "pi4":
                world.add("cam0", f"{PI4}/imx708@1a", IMX708_WIDE)
            elif word == "fixed":
                world.add("cam0", f"{PI4}/imx219@10", IMX219)
            elif word == "mono":
                world.add("cam0", f"{PI4}/ov9281@60", OV9281)
            elif word == "usb":
                world.add_webcam()
            elif word != "none":
                raise ValueError(f"{word!r} is no board: pi5, pi5-old, pi5-mixed, pi4, fixed, mono, usb, none")
        return world

    def add(self, name: str, camera_id: str, model: Model) -> Device:
        """Connect a camera."""
        first = 81 * 256 + 8 * len(self.devices)
        numbers = tuple(range(first, first + (2 if model.is_usb else 8)))
        device = Device(name, camera_id, model, pisp=self.pisp, numbers=numbers)
        self.devices.append(device)
        return device

    def add_webcam(self) -> Device:
        """Connect a webcam to the next free port."""
        port = 1 + sum(device.model.is_usb for device in self.devices)
        bus = f"{PI5}/usb@300000-{port}:1.0" if self.pisp else f"{PI4_USB}/usb@0,0-1.{port}:1.0"
        return self.add("usb" if port == 1 else f"usb{port}", f"{bus}-046d:0825", WEBCAM)

    def connected(self) -> list[Device]:
        """Return the connected cameras in libcamera's order."""
        return [device for device in self.devices if device.plugged]

    def camera(self, which: int | str = 0) -> Device:
        """Return a camera by its name, its id, or its number in Picamera2's list of all cameras."""
        if isinstance(which, str) and not which.isdigit():
            return next(device for device in self.devices if which in (device.name, device.id))
        listed = sorted(self.devices, key=lambda device: ("/usb" not in device.id, device.id), reverse=True)
        return listed[int(which)]


_current = World.of("none")


def current() -> World:
    """Return the world of the next CameraManager."""
    return _current


def become(world: World) -> None:
    """Set the world of the next CameraManager."""
    global _current  # libcamera has only one world too
    _current = world
