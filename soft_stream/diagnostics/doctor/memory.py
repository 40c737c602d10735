"""The memory for frames: CMA, and the DMA heaps from which it is allocated."""

import re
from collections.abc import Iterator

from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.permissions import HEAPS
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

# MB; a full-size frame of a Camera Module 3 takes 18 MB, and several are in use at a time
SMALL = 128
CMA = re.compile(r"^Cma(Total|Free): +(\d+) kB", re.MULTILINE)
CONFIG = "/boot/firmware/config.txt"


def check(context: DoctorContext) -> Iterator[Finding]:
    """Check the DMA heaps and CMA of a Raspberry Pi; other machines allocate differently."""
    if not context.board or not context.uses_picamera:
        return
    heaps = {path: node for path in HEAPS if (node := context.host.node(path))}
    cached = heaps.get(HEAPS[0])
    if not heaps:
        yield wrong(
            f"neither {' nor '.join(HEAPS)} exists",
            "Picamera2 cannot allocate frames: Could not open any dmaHeap device",
            f"use a kernel of Raspberry Pi OS, and dtoverlay=vc4-kms-v3d in {CONFIG}; then reboot",
        )
    elif context.is_pi5 and cached and cached.target.rpartition("/")[2] != "system":
        yield wrong(
            f"{HEAPS[0]} links to {cached.target}; on a Raspberry Pi 5 it must be the heap `system`",
            "that heap has little memory: Cannot allocate memory",
            "sudo udevadm trigger --subsystem-match=dma_heap; if that does not help: sudo reboot",
        )
    else:
        yield ok(", ".join(f"{path} ({node.target.rpartition('/')[2]})" for path, node in heaps.items()))
    sizes = {name: int(kilobytes) // 1024 for name, kilobytes in CMA.findall(context.host.read("/proc/meminfo") or "")}
    if "Total" not in sizes:
        return
    # the page cache often uses the rest, and returns it when it is needed
    text = f"CmaTotal {sizes['Total']} MB, CmaFree {sizes.get('Free', 0)} MB"
    if sizes["Total"] < SMALL and not context.is_pi5:
        yield note(
            text,
            "full-size stills may fail: Cannot allocate memory",
            f"set dtoverlay=vc4-kms-v3d,cma-256 in {CONFIG}, then reboot; or cam_still_method=switch",
        )
    else:
        yield ok(text)
