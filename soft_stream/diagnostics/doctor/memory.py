"""The memory that cameras write into: CMA, and the heaps that give it out."""

import re
from collections.abc import Iterator

from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.permissions import HEAPS
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

# MB; a Camera Module 3 writes 18 MB for each full-size picture, and several are under way
SMALL = 128
CMA = re.compile(r"^Cma(Total|Free): +(\d+) kB", re.MULTILINE)
CONFIG = "/boot/firmware/config.txt"


def look(context: DoctorContext) -> Iterator[Finding]:
    """Look at a Raspberry Pi's memory; other machines have their own ways."""
    if not context.board or not context.wants_cameras:
        return
    heaps = {path: node for path in HEAPS if (node := context.host.node(path))}
    cached = heaps.get(HEAPS[0])
    if not heaps:
        yield wrong(
            f"neither {' nor '.join(HEAPS)} is there",
            "Picamera2 has no memory for pictures: Could not open any dmaHeap device",
            f"a kernel of Raspberry Pi OS, and dtoverlay=vc4-kms-v3d in {CONFIG}; then reboot",
        )
    elif context.is_pi5 and cached and cached.target.rpartition("/")[2] != "system":
        yield wrong(
            f"{HEAPS[0]} leads to {cached.target}; on a Raspberry Pi 5 it must be the heap `system`",
            "it has little memory: Cannot allocate memory",
            "sudo udevadm trigger --subsystem-match=dma_heap; else: sudo reboot",
        )
    else:
        yield ok(", ".join(f"{path} ({node.target.rpartition('/')[2]})" for path, node in heaps.items()))
    sizes = {name: int(kilobytes) // 1024 for name, kilobytes in CMA.findall(context.host.read("/proc/meminfo") or "")}
    if "Total" not in sizes:
        return
    # what is not free is often lent to the page cache, and comes back when it is needed
    told = f"CmaTotal {sizes['Total']} MB, CmaFree {sizes.get('Free', 0)} MB"
    if sizes["Total"] < SMALL and not context.is_pi5:
        yield note(
            told,
            "full-size pictures may fail: Cannot allocate memory",
            f"dtoverlay=vc4-kms-v3d,cma-256 in {CONFIG}, then reboot; or cam_still_method=switch",
        )
    else:
        yield ok(told)
