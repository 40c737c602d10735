"""The camera behind a device file, in folders with the links that the kernel's sysfs has."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraInfo, CameraMissing
from soft_stream.cameras.video_node import id_of_node, node_of_id, select_by_node

RP1 = "axi/pcie@1000120000/rp1"
CAM0, CAM1 = f"/base/{RP1}/i2c@88000/imx708@1a", f"/base/{RP1}/i2c@80000/imx708@1a"
# character devices that every machine has and every user may stat; a link to one is used as a device file
NUMBERS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")


@dataclass
class Machine:
    """A folder with `dev` and `sys`."""

    root: Path

    def link(self, path: str, target: Path) -> None:
        """Create a link and the folders above it."""
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def write(self, path: str, content: bytes | str) -> Path:
        """Create a file and the folders above it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def add_node(self, name: str, device: str) -> None:
        """Create the device file /dev/NAME of a device in sys/devices."""
        number = NUMBERS[len(list((self.root / "dev").glob("video*")))]
        status = Path(number).stat()
        self.link(f"dev/{name}", Path(number))
        video = self.root / f"sys/devices/{device}/video4linux/{name}"
        video.mkdir(parents=True)
        (video / "device").symlink_to("../..")
        self.link(f"sys/dev/char/{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}", video)

    def add_tree_node(self, device: str, node: str, handle: int = 0, remote: int = 0, ports: str = "port") -> None:
        """Create the device-tree node of a device, with an endpoint if it has a handle."""
        place = f"sys/firmware/devicetree/base/{node}"
        (self.root / place).mkdir(parents=True, exist_ok=True)
        (self.root / "sys/devices" / device).mkdir(parents=True, exist_ok=True)
        self.link(f"sys/devices/{device}/of_node", self.root / place)
        if handle:
            self.write(f"{place}/{ports}/endpoint/phandle", handle.to_bytes(4, "big"))
            self.write(f"{place}/{ports}/endpoint/remote-endpoint", remote.to_bytes(4, "big"))

    def add_subdevice(self, number: int, device: str) -> None:
        """Create /sys/class/video4linux/v4l-subdevN of a device in sys/devices."""
        subdevice = self.root / f"sys/devices/{device}/video4linux/v4l-subdev{number}"
        subdevice.mkdir(parents=True)
        (subdevice / "device").symlink_to("../..")
        self.link(f"sys/class/video4linux/v4l-subdev{number}", subdevice)

    def add_webcam(self, name: str, hub: str, port: str, model: str, *, interface: str = "1.0") -> None:
        """Create a webcam below a USB controller."""
        device = f"{hub}/usb3/3-{port}"
        if not (self.root / f"sys/devices/{device}/idVendor").exists():
            for file, text in zip(("idVendor", "idProduct"), model.split(":"), strict=True):
                self.write(f"sys/devices/{device}/{file}", f"{text}\n")
        self.write(f"sys/devices/{device}/3-{port}:{interface}/bInterfaceNumber", "00\n")
        self.add_node(name, f"{device}/3-{port}:{interface}")

    def id(self, path: str) -> str | None:
        """Return the id of the camera of a device file."""
        return id_of_node(Path(path), self.root)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine without cameras."""
    return Machine(tmp_path)


@pytest.fixture
def pi5(machine: Machine) -> Machine:
    """Return a Raspberry Pi 5 with two cameras; the receiver of CAM1 was found first."""
    for receiver, sensor, number, handle in (
        ("csi@128000", "i2c@80000/imx708@1a", 0, 0x51),
        ("csi@110000", "i2c@88000/imx708@1a", 8, 0x61),
    ):
        csi, i2c = f"platform/axi/{receiver}", f"platform/axi/{sensor.replace('/', '-')}"
        machine.add_tree_node(csi, f"{RP1}/{receiver}", handle, handle + 1)
        machine.add_tree_node(i2c, f"{RP1}/{sensor}", handle + 1, handle)
        for each in (number, number + 1):
            machine.add_node(f"video{each}", csi)
        lens = f"{i2c}-lens"
        machine.add_tree_node(lens, f"{RP1}/{sensor.partition('/')[0]}/dw9817@c")
        for each, device in enumerate((csi, lens, i2c)):
            machine.add_subdevice(number + each, device)
    return machine


def test_all_device_files_of_a_csi_camera(pi5: Machine) -> None:
    """The device tree decides which sensor a receiver has, not the order in which they were found."""
    assert [pi5.id(f"/dev/video{number}") for number in (0, 1, 8, 9)] == [CAM1, CAM1, CAM0, CAM0]


def test_a_sensor_with_several_ports(machine: Machine) -> None:
    """The endpoint may be in a folder of ports."""
    machine.add_tree_node("csi", "soc/csi@7e801000", 1, 2)
    machine.add_tree_node("10-0010", "soc/i2c0mux/i2c@1/imx219@10", 2, 1, ports="ports/port@1")
    machine.add_node("video0", "csi")
    machine.add_subdevice(0, "10-0010")
    assert machine.id("/dev/video0") == "/base/soc/i2c0mux/i2c@1/imx219@10"


def test_a_webcam_on_a_device_tree_machine(machine: Machine) -> None:
    """The id has the controller, the ports without the number of the bus, and the model."""
    machine.add_tree_node("pci", "scb/pcie@7d500000/pci@0,0/usb@0,0")
    machine.add_webcam("video0", "pci", "1.4", "046d:0825")
    assert machine.id("/dev/video0") == "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.4:1.0-046d:0825"


def test_webcams_on_a_machine_with_acpi(machine: Machine) -> None:
    """The nearest device that the firmware knows is the first part; two interfaces are two cameras."""
    machine.write("sys/devices/pci/firmware_node/path", "\\_SB_.PCI0\n")
    machine.write("sys/devices/pci/usb/firmware_node/path", "\\_SB_.PCI0.XHC_\n")
    machine.add_webcam("video0", "pci/usb", "2", "1d6b:0102")
    machine.add_webcam("video2", "pci/usb", "2", "1d6b:0102", interface="1.2")
    machine.add_webcam("video4", "pci", "1", "1d6b:0102")
    assert [machine.id(f"/dev/video{number}") for number in (0, 2, 4)] == [
        "\\_SB_.PCI0.XHC_-2:1.0-1d6b:0102",
        "\\_SB_.PCI0.XHC_-2:1.2-1d6b:0102",
        "\\_SB_.PCI0-1:1.0-1d6b:0102",
    ]


def test_a_link_to_a_device_file(pi5: Machine) -> None:
    """The links of udev are followed."""
    pi5.link("dev/v4l/by-path/platform-csi-video-index0", Path("../../video8"))
    assert pi5.id("/dev/v4l/by-path/platform-csi-video-index0") == CAM0


def test_what_is_no_camera(machine: Machine) -> None:
    """Missing files, files that are no devices, and devices without a camera have no id."""
    machine.write("dev/video7", "")
    machine.add_node("video10", "virtual")  # as of v4l2loopback, or the codec of a Raspberry Pi
    machine.add_tree_node("csi", "soc/csi@7e801000", 1, 2)  # its sensor was not found
    machine.add_node("video11", "csi")
    machine.link("dev/video12", Path("/dev/null"))
    machine.add_webcam("video13", "pci", "1", "046d:0825")  # its controller is unknown
    for path in ("/dev/video0", "/dev/video7", *(f"/dev/video{number}" for number in range(10, 14)), "video10", "/dev"):
        assert machine.id(path) is None, path


def test_the_connected_camera_of_a_device_file(pi5: Machine) -> None:
    """The order of the list does not matter; a missing camera is named by its file, with the connected ones."""
    connected = [CameraInfo(CAM1, "imx708"), CameraInfo(CAM0, "imx708_wide")]
    assert select_by_node(connected, Path("/dev/video8"), pi5.root) == connected[1]
    assert select_by_node(connected[::-1], Path("/dev/video1"), pi5.root) == connected[0]
    pi5.add_node("video19", "codec")
    for node, reason in (
        ("/dev/video19", "is no device of a connected camera"),
        ("/dev/video20", "does not exist"),
    ):
        with pytest.raises(CameraMissing) as missing:
            select_by_node(connected, Path(node), pi5.root)
        assert str(missing.value) == f"{node} {reason}; connected: {CAM0}, {CAM1}"
    with pytest.raises(CameraMissing, match=r"^/dev/video8 is no device of a connected camera; connected: none$"):
        select_by_node([], Path("/dev/video8"), pi5.root)


def test_the_device_file_of_an_id(pi5: Machine) -> None:
    """It is the first one by its number; a camera without one, and no id, have none."""
    pi5.add_tree_node("pci", "scb/usb@0,0")
    for name in ("video12", "video4"):
        pi5.add_webcam(name, "pci", "1.4", "046d:0825")
    (pi5.root / "dev/video-link").symlink_to("video0")
    assert node_of_id(CAM0, pi5.root) == Path("/dev/video8")
    assert node_of_id(CAM1, pi5.root) == Path("/dev/video0")
    assert node_of_id("/base/scb/usb@0,0-1.4:1.0-046d:0825", pi5.root) == Path("/dev/video4")
    assert node_of_id("/base/nowhere", pi5.root) is node_of_id("", pi5.root) is None
