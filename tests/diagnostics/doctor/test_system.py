"""Permissions, memory, messages of the kernel, versions."""

from pathlib import Path

import pytest

from soft_stream.config.installation import DEPLOYED, PACKAGED
from soft_stream.diagnostics.doctor import CHECKS
from soft_stream.diagnostics.doctor.host import Module, Output
from tests.diagnostics.doctor.stand_in import deployed, device, examine, wrongs


def test_a_machine_where_nothing_is_wrong() -> None:
    """Every topic has a line, except for the devices of a source that no camera has."""
    findings = examine(deployed())
    assert wrongs(findings) == {}
    assert {each.level for some in findings.values() for each in some} == {"ok"}
    assert set(findings) == set(CHECKS) - {"devices"}


def test_a_service_that_is_not_in_the_group() -> None:
    """The fix adds it; the group of the unit counts too."""
    alone = {"id -nG camera-soft-stream": "camera-soft-stream"}
    assert wrongs(examine(deployed(commands=alone))) == {}
    lonely = deployed(commands=alone)
    lonely.commands["systemctl show"] = str(lonely.commands["systemctl show"]).replace("Group=video", "Group=")
    findings = examine(lonely)
    assert "camera-soft-stream is not in the group video" in wrongs(findings)["permissions"][0]
    assert findings["permissions"][0].fix.startswith("sudo usermod -aG video camera-soft-stream")


def test_devices_that_are_not_of_the_group() -> None:
    """Picamera2 fails if it may not open one of the heaps."""
    nodes = {"/dev/dma_heap/vidbuf_cached": device("root", 0o600, "/dev/dma_heap/system")}
    findings = examine(deployed(nodes=nodes))
    assert wrongs(findings)["permissions"] == [
        "camera-soft-stream may not open /dev/dma_heap/vidbuf_cached (root:root 600)",
    ]


def test_a_missing_user() -> None:
    """The units could not start."""
    findings = examine(deployed(commands={"id -nG camera-soft-stream": Output("", 1)}))
    assert wrongs(findings)["permissions"] == ["the user camera-soft-stream does not exist"]


def test_without_the_service_the_current_user_counts() -> None:
    """The kernel decides: a desktop gives access to the user at the console."""
    host = deployed(commands={"systemctl show": "", "id -nG camera-soft-stream": Output("", 1), "id -nG": "pi"})
    assert wrongs(examine(host)) == {}
    host.nodes["/dev/video0"] = device(can_open=False)
    findings = examine(host)
    assert "pi is not in the group video and may not open /dev/video0" in wrongs(findings)["permissions"]
    assert findings["permissions"][0].fix.endswith("log in again")


def test_the_heap_of_a_raspberry_pi_5() -> None:
    """Udev sometimes links the small heap."""
    nodes = {"/dev/dma_heap/vidbuf_cached": device(target="/dev/dma_heap/linux,cma")}
    assert "must be the heap `system`" in wrongs(examine(deployed(nodes=nodes)))["memory"][0]


def test_no_heap_at_all() -> None:
    """Picamera2 could not allocate frames."""
    host = deployed()
    host.nodes = {path: node for path, node in host.nodes.items() if "heap" not in path}
    assert "Could not open any dmaHeap" in examine(host)["memory"][0].why


def test_little_cma_on_a_raspberry_pi_4() -> None:
    """A Raspberry Pi 5 needs no CMA for frames."""
    files = {
        "/proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
        "/proc/meminfo": "CmaTotal:  65536 kB\nCmaFree:  512 kB\n",
    }
    finding = examine(deployed(files=files))["memory"][1]
    assert (finding.level, finding.what) == ("note", "CmaTotal 64 MB, CmaFree 0 MB")
    assert "cma-256" in finding.fix


@pytest.mark.parametrize(
    "message",
    [
        "hwmon hwmon1: Undervoltage detected!",
        "hwmon hwmon1: Under-voltage detected! (0x00050005)",
        "imx708 10-001a: failed to read chip id 708, with error -5",
        "imx219 10-0010: Error reading reg 0x0000: -121",
        "dw9807 10-000c: I2C write CTL fail ret = -121",
        "unicam fe801000.csi: Failed to start media pipeline: -121",
        "rp1-cfe 1f00110000.csi: stream on failed in subdev",
        "cma: cma_alloc: reserved: alloc failed, req-size: 4455 pages, ret: -12",
        "Memory cgroup out of memory: Killed process 812 (soft-stream) total-vm:1kB",
        "INFO: task soft-stream:812 blocked for more than 120 seconds.",
        "usb 1-1.4: Not enough bandwidth for new device state.",
    ],
)
def test_known_messages_of_the_kernel(message: str) -> None:
    """The finding has the last message and their number."""
    lines = f"2026-01-01 pi kernel: {message}\n2026-01-02 pi kernel: {message}\n"
    findings = examine(deployed(commands={"journalctl -q -k": lines}))
    assert wrongs(findings)["kernel"] == [f"2026-01-02 pi kernel: {message} (2 times)"]


@pytest.mark.parametrize(
    "message",
    [
        "rp1-cfe 1f00110000.csi: Registered [rp1-cfe-csi2_ch0] node id 0 successfully as /dev/video0",
        "imx708 10-001a: camera module ID 0x0302",
        "imx219 10-0010: supply VANA not found, using dummy regulator",
        "hwmon hwmon1: Voltage normalised",
        "usb 1-1.4: Found UVC 1.00 device HD Webcam C270 (046d:0825)",
        "cma: Reserved 320 MiB at 0x000000001ac00000 on node -1",
    ],
)
def test_messages_of_the_kernel_about_healthy_cameras(message: str) -> None:
    """They are not faults."""
    [finding] = examine(deployed(commands={"journalctl -q -k": f"2026-01-01 pi kernel: {message}\n"}))["kernel"]
    assert finding.level == "ok"


def test_errors_of_a_webcam_are_notes() -> None:
    """They are harmless now and then."""
    line = "uvcvideo 1-1.4:1.1: Failed to query (GET_CUR) UVC control 1 on unit 3: -71 (exp. 1)."
    [finding] = examine(deployed(commands={"journalctl -q -k": line}))["kernel"]
    assert (finding.level, finding.what) == ("note", line)


def test_known_messages_of_libcamera() -> None:
    """They are read from the log of the units."""
    line = "2026-01-01 pi soft-stream[4711]: [1:2] ERROR RPI pipeline_base.cpp:1364 Camera frontend has timed out!"
    findings = examine(deployed(commands={"journalctl -q -b": f"{line}\n"}))
    assert wrongs(findings)["kernel"] == [f"log of the units: {line}"]


def test_the_kernels_messages_may_be_for_root_only() -> None:
    """The note says so; root sees no note, because a container has no such messages."""
    commands = {"journalctl -q -k": Output("", 1), "dmesg": Output("", 1)}
    [finding] = examine(deployed(commands=commands))["kernel"]
    assert (finding.level, finding.fix) == ("note", "run the doctor with sudo to see it")
    assert "kernel" not in examine(deployed(commands=commands, is_root=True))


def test_dmesg_replaces_the_journal() -> None:
    """It is used where there is no journal."""
    commands = {"journalctl -q -k": Output("", 1), "dmesg": "[ 1.0] Undervoltage detected!\n"}
    assert "kernel" in wrongs(examine(deployed(commands=commands)))


@pytest.mark.parametrize(
    ("answer", "level", "what"),
    [
        ("throttled=0x50005", "WRONG", "now: under-voltage, throttled; since boot: under-voltage, throttled (thro"),
        ("throttled=0x80000", "note", "since boot: soft temperature limit (throttled=0x80000)"),
        ("throttled=0x0", "ok", "voltage and temperature were good since boot"),
    ],
)
def test_power_and_temperature(answer: str, level: str, what: str) -> None:
    """Low voltage is wrong, heat is a note."""
    [finding] = examine(deployed(commands={"vcgencmd get_throttled": answer}))["power"]
    assert finding.level == level
    assert finding.what.startswith(what)


def test_pips_modules_that_hide_apts_are_wrong() -> None:
    """The fix is the command that removes them."""
    path = "/opt/venv/lib/python3.13/site-packages"
    findings = examine(deployed(modules={"numpy": Module(f"{path}/numpy/__init__.py", "2.4.0")}))
    assert wrongs(findings)["versions"] == [f"numpy 2.4.0 in {path} hides apt's"]
    assert findings["versions"][1].fix == "/opt/venv/bin/python -m pip uninstall numpy"


@pytest.mark.parametrize(
    ("system", "text"),
    [
        ("Python 3.13.5\n", "Picamera2 is in /usr/lib/python3/dist-packages, where /opt/"),
        ("Python 3.11.2\n", "this is Python 3.13.5, the system's is 3.11.2"),
    ],
)
def test_apts_picamera2_out_of_reach(system: str, text: str) -> None:
    """The cause is a virtual environment, or another Python."""
    host = deployed(commands={"/usr/bin/python3 --version": system})
    del host.modules["picamera2"]
    assert wrongs(examine(host))["versions"][0].startswith(text)


def test_parts_of_libcamera_that_are_not_of_one_version() -> None:
    """An interrupted upgrade is wrong; an unused older library is not."""
    old = "ii  libcamera0.5 0.5.0-1\nii  libcamera0.7 0.7.1-1\nii  python3-libcamera 0.7.1-1\n"
    assert wrongs(examine(deployed(commands={"dpkg-query": old}))) == {}
    mixed = "ii  libcamera0.7 0.7.1-1\nii  libcamera-ipa 0.7.0-1\nii  python3-libcamera 0.7.1-1\n"
    assert "the versions differ" in wrongs(examine(deployed(commands={"dpkg-query": mixed})))["versions"][0]


def test_what_else_may_be_mixed() -> None:
    """A libcamera that was built here, an old simplejpeg, and a program other than the installed release."""
    apt = "/usr/lib/python3/dist-packages/simplejpeg/__init__.py"
    host = deployed(
        files={
            "/usr/local/lib/aarch64-linux-gnu/libcamera.so.0.7": "",
            "/opt/camera-soft-stream/current/bin/soft-stream": "",
        },
        modules={"simplejpeg": Module(apt, "1.6.4")},
        program="/home/pi/camera-soft-stream",
    )
    findings = examine(host)
    assert wrongs(findings)["versions"] == ["simplejpeg is 1.6.4"]
    text = " ".join(each.what for each in findings["versions"])
    assert "was built on this machine" in text
    assert "not from the installed release" in text


@pytest.mark.parametrize(
    ("installed", "program", "fix"),
    [
        ((PACKAGED,), "/usr/lib/camera-soft-stream/0.2.0/lib", ""),
        ((PACKAGED,), "/usr/lib/camera-soft-stream/0.2.0.1/lib", f"{PACKAGED}/bin/soft-stream doctor"),
        ((PACKAGED,), "/home/pi/camera-soft-stream", f"{PACKAGED}/bin/soft-stream doctor"),
        ((PACKAGED, DEPLOYED), "/usr/lib/camera-soft-stream/0.2.0/lib", f"{DEPLOYED}/bin/soft-stream doctor"),
        ((PACKAGED, DEPLOYED), f"{DEPLOYED}/lib", ""),
        ((), "/home/pi/camera-soft-stream", ""),
    ],
)
def test_the_release_of_the_program(installed: tuple[Path, ...], program: str, fix: str) -> None:
    """A package counts as an installed release, and a deployment beside it hides it."""
    host = deployed(
        files={f"{each}/bin/soft-stream": "" for each in installed},
        nodes={str(PACKAGED): device(target="/usr/lib/camera-soft-stream/0.2.0")},
        program=program,
    )
    others = [each for each in examine(host)["versions"] if "not from the installed release" in each.what]
    assert [each.fix for each in others] == ([fix] if fix else [])


@pytest.mark.parametrize(
    ("installed", "command"),
    [((PACKAGED,), "sudo dpkg-reconfigure camera-soft-stream"), ((PACKAGED, DEPLOYED), "deploy-soft-stream.sh again")],
)
def test_how_to_configure_again(installed: tuple[Path, ...], command: str) -> None:
    """A missing camera in the configuration of nginx: the way that the installed release has."""
    nginx = "/etc/nginx/conf.d/camera-soft-stream.conf"
    host = deployed(files={nginx: "", **{f"{each}/bin/soft-stream": "" for each in installed}})
    del host.urls["http://127.0.0.1:8081/status.json"]
    assert command in next(each.fix for each in examine(host)["nginx"] if "refused" in each.what)
