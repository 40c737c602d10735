"""A stand-in for python-gphoto2 with one camera that has live view: cable, USB, shutter and memory.

The virtual camera of libgphoto2 has no live view. The names, numbers and errors here are those of python-gphoto2.
"""

import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

MODEL, PORT = "Fake DSC-1/A", "usb:001,004"
FOLDER = "/store_00010001/DCIM/100FAKE"
INTERVAL = 0.02
CODES = {
    "GP_ERROR": -1, "GP_ERROR_UNKNOWN_PORT": -5, "GP_ERROR_NOT_SUPPORTED": -6, "GP_ERROR_IO": -7,
    "GP_ERROR_TIMEOUT": -10, "GP_ERROR_IO_INIT": -31, "GP_ERROR_IO_READ": -34, "GP_ERROR_IO_WRITE": -35,
    "GP_ERROR_IO_USB_FIND": -52, "GP_ERROR_IO_USB_CLAIM": -53, "GP_ERROR_IO_LOCK": -60,
    "GP_ERROR_MODEL_NOT_FOUND": -105, "GP_ERROR_CAMERA_BUSY": -110, "GP_ERROR_BAD_PARAMETERS": -2,
    "GP_OPERATION_CAPTURE_PREVIEW": 8, "GP_CAPTURE_IMAGE": 0, "GP_FILE_TYPE_NORMAL": 1,
    "GP_EVENT_TIMEOUT": 1, "GP_EVENT_FILE_ADDED": 2, "GP_EVENT_CAPTURE_COMPLETE": 4,
}  # fmt: skip


class GPhoto2Error(Exception):
    """An error of libgphoto2."""

    def __init__(self, code: int, string: str) -> None:
        super().__init__(code)
        self.code, self.string = code, string


class PhotoCamera:
    """The camera at the cable, as tests see it."""

    def __init__(self, picture: Callable[[int], bytes], still: bytes) -> None:
        self.picture = picture
        self.still = still
        self.is_plugged = True
        self.is_focusing = False
        """Whether it answers that it is busy."""
        self.user = ""
        """The program that has claimed its USB interface."""
        self.damaged = 0
        self.suffixes = [".JPG"]
        """Suffixes of the files that it saves of each picture."""
        self.files: dict[str, bytes] = {}
        """Its memory."""
        self.is_recording = False
        self.taken = 0


class FakeLibrary(ModuleType):
    """What `import gphoto2` returns."""

    def __init__(self, device: PhotoCamera) -> None:
        super().__init__("gphoto2")
        self.__dict__.update(CODES)
        self.GPhoto2Error = GPhoto2Error
        self.device = device
        self.Camera = lambda: FakeCamera(device)
        self.PortInfoList = FakePorts

    def gp_camera_autodetect(self) -> list[Any]:
        """Return the status and the list of cameras."""
        found = [(MODEL, PORT)] if self.device.is_plugged else []
        names = SimpleNamespace(
            count=lambda: len(found), get_name=lambda each: found[each][0], get_value=lambda each: found[each][1]
        )
        return [0, names]

    @staticmethod
    def check_result(result: list[Any]) -> Any:
        """Return the result without its status."""
        return result[1]


class FakePorts:
    """The list of ports."""

    def load(self) -> None:
        """Do nothing."""

    def lookup_path(self, path: str) -> int:
        """Return the index of a port."""
        assert path == PORT
        return 0

    def get_info(self, index: int) -> str:
        """Return a port."""
        return (PORT,)[index]


class FakeCamera:
    """`gphoto2.Camera`."""

    def __init__(self, device: PhotoCamera) -> None:
        self._device = device
        self._events: list[tuple[int, Any]] = []
        self._is_open = False

    def set_port_info(self, port: str) -> None:
        """Select the port."""
        assert port == PORT

    def init(self) -> None:
        """Claim the device."""
        self._need_cable()
        if self._device.user:
            raise GPhoto2Error(CODES["GP_ERROR_IO_USB_CLAIM"], "Could not claim the USB device")
        self._device.user, self._is_open = "this program", True

    def exit(self) -> None:
        """Release the device."""
        if self._is_open:
            self._device.user, self._is_open = "", False

    def get_abilities(self) -> SimpleNamespace:
        """Return what the model can do."""
        return SimpleNamespace(model=MODEL, operations=CODES["GP_OPERATION_CAPTURE_PREVIEW"] | 1)

    def get_single_config(self, name: str) -> SimpleNamespace:
        """Return a setting."""
        assert name == "capture"
        return SimpleNamespace(set_value=lambda value: setattr(self._device, "is_recording", bool(value)))

    def set_single_config(self, name: str, setting: SimpleNamespace) -> None:
        """Do nothing: the setting is the device's own."""
        self._need_cable()

    def capture_preview(self) -> SimpleNamespace:
        """Return the next frame of the live view."""
        time.sleep(INTERVAL)
        self._need_cable()
        assert self._device.is_recording
        if self._device.is_focusing:
            raise GPhoto2Error(CODES["GP_ERROR_CAMERA_BUSY"], "Camera is busy")
        self._device.taken += 1
        data = self._device.picture(self._device.taken)
        if self._device.damaged:
            self._device.damaged -= 1
            data = data[: len(data) // 2]
        return SimpleNamespace(get_data_and_size=lambda: memoryview(data))

    def capture(self, kind: int) -> SimpleNamespace:
        """Take a picture; each file after the first is an event."""
        self._need_cable()
        assert kind == CODES["GP_CAPTURE_IMAGE"]
        self._device.taken += 1
        names = [f"FAK_{self._device.taken:04}{suffix}" for suffix in self._device.suffixes]
        for name in names:
            self._device.files[name] = self._device.still if name.lower().endswith("jpg") else b"raw"
        paths = [SimpleNamespace(folder=FOLDER, name=name) for name in names]
        self._events += [(CODES["GP_EVENT_FILE_ADDED"], path) for path in paths[1:]]
        return paths[0]

    def wait_for_event(self, milliseconds: int) -> tuple[int, Any]:
        """Return the next event."""
        self._need_cable()
        return self._events.pop(0) if self._events else (CODES["GP_EVENT_TIMEOUT"], None)

    def file_get(self, folder: str, name: str, kind: int) -> SimpleNamespace:
        """Fetch a file."""
        self._need_cable()
        assert (folder, kind) == (FOLDER, CODES["GP_FILE_TYPE_NORMAL"])
        data = self._device.files[name]
        return SimpleNamespace(get_data_and_size=lambda: memoryview(data))

    def file_delete(self, folder: str, name: str) -> None:
        """Delete a file."""
        self._need_cable()
        del self._device.files[name]

    def _need_cable(self) -> None:
        if not self._device.is_plugged:
            raise GPhoto2Error(CODES["GP_ERROR_IO_USB_FIND"], "Could not find the requested device on the USB port")
