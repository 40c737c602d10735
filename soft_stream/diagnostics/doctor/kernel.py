"""What the kernel, libcamera and the firmware said since the boot."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, Level, note, ok, wrong

CABLE = "power off, seat the camera's cable anew at both ends, or try another"
SUPPLY = "a power supply for this model, and a short cable; vcgencmd get_throttled  # 0x0 is good"


@dataclass(frozen=True)
class Complaint:
    """A message to look for, why it matters, and what helps."""

    pattern: re.Pattern[str]
    level: Level
    why: str
    fix: str


def _complaint(pattern: str, why: str, fix: str, level: Level = Level.WRONG) -> Complaint:
    return Complaint(re.compile(pattern, re.IGNORECASE), level, why, fix)


POWER = _complaint(r"under-?voltage detected", "too little power makes cameras, USB and the card fail", SUPPLY)
OF_KERNEL = (
    POWER,
    _complaint(
        r"(unicam|rp1-cfe|csi2)\b.*(fail|error|time(d )?-?out|overflow)", "the receiver got no good signal", CABLE
    ),
    # the sensors and lenses of cameras, as in "imx708 10-001a: failed to read chip id"
    _complaint(
        r"\b(imx|ov|arducam|dw9807|dw9714|ak7375|vd55g)\S* \d+-00[0-9a-f]{2}: .*(fail|error|unable|cannot|-\d+$)",
        "the sensor or lens does not answer on its I2C bus",
        CABLE,
    ),
    _complaint(r"cma.*alloc failed|cma_alloc.*fail", "no memory for pictures", "see docs/operate.md, and memory above"),
    _complaint(
        r"out of memory: killed process \d+ \((soft-stream|python)",
        "the portal needed more memory than its unit or the machine has",
        "a smaller cam_width, cam_snapshot_width; ps -eo rss,comm --sort -rss | head",
    ),
    _complaint(r"blocked for more than \d+ seconds|vc_sm_cma.*fail", "a driver hangs", "sudo reboot"),
    _complaint(
        r"not enough bandwidth for", "the USB bus cannot carry one more camera", "another USB port, or a smaller size"
    ),
    _complaint(
        r"uvcvideo.*(failed|non-zero|error)",
        "a webcam did not do what it was told; once in a while is no harm",
        "another USB port or cable, less on one hub",
        Level.NOTE,
    ),
    _complaint(
        r"usb .*(device descriptor read.*error|device not accepting address|unable to enumerate|over-?current)",
        "a USB device does not come up",
        "another cable, a hub with its own power",
        Level.NOTE,
    ),
)
OF_LIBCAMERA = (
    _complaint(
        r"camera frontend has timed out|dequeue timer of .* has expired", "the sensor stopped giving frames", CABLE
    ),
    _complaint(r"failed to queue buffer", "the driver has lost its way", "is it often? update: sudo apt full-upgrade"),
    _complaint(
        r"cannot allocate memory|could not open any dmaheap",
        "no memory for pictures",
        "cam_still_method=switch, a smaller cam_snapshot_width; see docs/operate.md",
    ),
    _complaint(
        r"takes this Raspberry Pi 5 for an older one",
        "the unit may not open every /dev/video*",
        "DeviceAllow=char-video4linux rw in the unit; systemctl cat camera-soft-cam@0",
    ),
    _complaint(r"undefined symbol|binary incompatibility", "two versions are mixed", "see versions below"),
)
THROTTLED_NOW, THROTTLED_BEFORE = 0, 16
BITS = ("under-voltage", "the clock is capped", "throttled", "near the limit of temperature")


def look(context: DoctorContext) -> Iterator[Finding]:
    """Look for complaints in the messages of the kernel, and of libcamera in the journal of our units."""
    if not (context.wants_cameras or context.board):
        return
    lines = _kernel_lines(context)
    if lines is None:
        if not context.host.is_root:
            yield note("the messages of the kernel are not for everybody", fix=SUDO)
    else:
        complaints = [*_found(lines, OF_KERNEL, "")]
        yield from complaints or [ok(f"{len(lines)} messages since the boot, none of trouble with cameras or power")]
    if context.units:
        output = context.host.run(
            "journalctl", "-q", "-b", "--no-pager", "-o", "short-iso", "-n", "20000", "-u", "camera-soft-cam@*"
        )
        yield from _found(output.text.splitlines() if output else [], OF_LIBCAMERA, "the log of the units: ")


def look_at_power(context: DoctorContext) -> Iterator[Finding]:
    """Ask the firmware of a Raspberry Pi about voltage and temperature."""
    output = context.host.run("vcgencmd", "get_throttled")
    match = re.search(r"throttled=0x([0-9a-f]+)", output.text) if output else None
    if not match:
        return
    bits = int(match[1], 16)
    now, before = (
        [name for bit, name in enumerate(BITS) if bits >> first + bit & 1]
        for first in (THROTTLED_NOW, THROTTLED_BEFORE)
    )
    told = "; ".join(
        f"{when}: {', '.join(names)}" for when, names in (("now", now), ("since the boot", before)) if names
    )
    if not bits:
        yield ok("voltage and temperature were good since the boot")
    elif BITS[0] in (*now, *before):
        yield wrong(f"{told} ({match[0]})", POWER.why, POWER.fix)
    else:
        yield note(f"{told} ({match[0]})", "frames may come late", "let air at it: a heat sink, a fan")


def _kernel_lines(context: DoctorContext) -> list[str] | None:
    """Return the messages of the kernel since the boot; None where they cannot be read."""
    for command in (("journalctl", "-q", "-k", "-b", "--no-pager", "-o", "short-iso", "-n", "20000"), ("dmesg",)):
        output = context.host.run(*command)
        if output and not output.status and output.text.strip():
            return output.text.splitlines()
    return None


def _found(lines: Sequence[str], complaints: Sequence[Complaint], where: str) -> Iterator[Finding]:
    """Yield one finding for each kind of complaint, with its last message."""
    for complaint in complaints:
        if hits := [line for line in lines if complaint.pattern.search(line)]:
            times = f" ({len(hits)} times)" if len(hits) > 1 else ""
            yield Finding(complaint.level, f"{where}{hits[-1].strip()}{times}", complaint.why, complaint.fix)
