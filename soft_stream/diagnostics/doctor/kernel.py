"""Messages of the kernel, libcamera and the firmware since boot."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, Level, note, ok, wrong

CABLE = "switch the power off, reconnect the camera's cable at both ends, or try another cable"
POWER_SUPPLY = "use a power supply for this model and a short cable; vcgencmd get_throttled  # 0x0 is good"


@dataclass(frozen=True)
class KnownMessage:
    """A message to search for, why it matters, and what helps."""

    pattern: re.Pattern[str]
    level: Level
    why: str
    fix: str


def _known(pattern: str, why: str, fix: str, level: Level = Level.WRONG) -> KnownMessage:
    return KnownMessage(re.compile(pattern, re.IGNORECASE), level, why, fix)


UNDER_VOLTAGE = _known(
    r"under-?voltage detected", "too little power makes cameras, USB and the SD card fail", POWER_SUPPLY
)
KERNEL_MESSAGES = (
    UNDER_VOLTAGE,
    _known(r"(unicam|rp1-cfe|csi2)\b.*(fail|error|time(d )?-?out|overflow)", "the receiver got no valid signal", CABLE),
    # sensors and lenses, as in "imx708 10-001a: failed to read chip id"
    _known(
        r"\b(imx|ov|arducam|dw9807|dw9714|ak7375|vd55g)\S* \d+-00[0-9a-f]{2}: .*(fail|error|unable|cannot|-\d+$)",
        "the sensor or lens does not answer on its I2C bus",
        CABLE,
    ),
    _known(r"cma.*alloc failed|cma_alloc.*fail", "no memory for frames", "see docs/operate.md, and memory above"),
    _known(
        r"out of memory: killed process \d+ \((soft-stream|python)",
        "camera-soft-stream needed more memory than its unit or the machine has",
        "set a smaller cam_width or cam_snapshot_width; ps -eo rss,comm --sort -rss | head",
    ),
    _known(r"blocked for more than \d+ seconds|vc_sm_cma.*fail", "a driver hangs", "sudo reboot"),
    _known(
        r"not enough bandwidth for",
        "the USB bus cannot carry one more camera",
        "use another USB port, or a smaller size",
    ),
    _known(
        r"uvcvideo.*(failed|non-zero|error)",
        "a webcam rejected a request; now and then this is harmless",
        "use another USB port or cable, or fewer devices on one hub",
        Level.NOTE,
    ),
    _known(
        r"usb .*(device descriptor read.*error|device not accepting address|unable to enumerate|over-?current)",
        "a USB device does not start",
        "use another cable, or a hub with its own power supply",
        Level.NOTE,
    ),
)
LIBCAMERA_MESSAGES = (
    _known(
        r"camera frontend has timed out|dequeue timer of .* has expired", "the sensor stopped sending frames", CABLE
    ),
    _known(
        r"failed to queue buffer", "the driver is in a bad state", "if it happens often, update: sudo apt full-upgrade"
    ),
    _known(
        r"cannot allocate memory|could not open any dmaheap",
        "no memory for frames",
        "set cam_still_method=switch or a smaller cam_snapshot_width; see docs/operate.md",
    ),
    _known(
        r"takes this Raspberry Pi 5 for an older one",
        "the unit may not open every /dev/video*",
        "add DeviceAllow=char-video4linux rw to the unit; systemctl cat camera-soft-cam@0",
    ),
    _known(r"undefined symbol|binary incompatibility", "two versions of libcamera are mixed", "see versions below"),
)
THROTTLED_NOW, THROTTLED_BEFORE = 0, 16
BITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")


def check(context: DoctorContext) -> Iterator[Finding]:
    """Search the kernel's messages, and libcamera's in the journal of the units, for known faults."""
    if not (context.uses_picamera or context.board):
        return
    lines = _kernel_lines(context)
    if lines is None:
        if not context.host.is_root:
            yield note("this user may not read the kernel's messages", fix=SUDO)
    else:
        findings = [*_find_messages(lines, KERNEL_MESSAGES, "")]
        yield from findings or [ok(f"{len(lines)} messages since boot, no known fault of cameras or power")]
    if context.units:
        output = context.host.run(
            "journalctl", "-q", "-b", "--no-pager", "-o", "short-iso", "-n", "20000", "-u", "camera-soft-cam@*"
        )
        yield from _find_messages(output.text.splitlines() if output else [], LIBCAMERA_MESSAGES, "log of the units: ")


def check_power(context: DoctorContext) -> Iterator[Finding]:
    """Read the firmware's record of voltage and temperature on a Raspberry Pi."""
    output = context.host.run("vcgencmd", "get_throttled")
    match = re.search(r"throttled=0x([0-9a-f]+)", output.text) if output else None
    if not match:
        return
    bits = int(match[1], 16)
    now, before = (
        [name for bit, name in enumerate(BITS) if bits >> first + bit & 1]
        for first in (THROTTLED_NOW, THROTTLED_BEFORE)
    )
    text = "; ".join(f"{when}: {', '.join(names)}" for when, names in (("now", now), ("since boot", before)) if names)
    if not bits:
        yield ok("voltage and temperature were good since boot")
    elif BITS[0] in (*now, *before):
        yield wrong(f"{text} ({match[0]})", UNDER_VOLTAGE.why, UNDER_VOLTAGE.fix)
    else:
        yield note(f"{text} ({match[0]})", "frames may be delayed", "cool it with a heat sink or a fan")


def _kernel_lines(context: DoctorContext) -> list[str] | None:
    """Return the messages of the kernel since boot; None if they cannot be read."""
    for command in (("journalctl", "-q", "-k", "-b", "--no-pager", "-o", "short-iso", "-n", "20000"), ("dmesg",)):
        output = context.host.run(*command)
        if output and not output.status and output.text.strip():
            return output.text.splitlines()
    return None


def _find_messages(lines: Sequence[str], messages: Sequence[KnownMessage], where: str) -> Iterator[Finding]:
    """Yield a finding for each known message: its last occurrence, and how many there are."""
    for known in messages:
        if hits := [line for line in lines if known.pattern.search(line)]:
            times = f" ({len(hits)} times)" if len(hits) > 1 else ""
            yield Finding(known.level, f"{where}{hits[-1].strip()}{times}", known.why, known.fix)
