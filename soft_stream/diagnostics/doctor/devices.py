"""The devices of source=v4l2: whether they are there, keep their names, and may be opened by the service."""

import re
from collections.abc import Iterator

from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.permissions import GROUP, SERVICE_USER, groups_of, may_open
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

LIST = "soft-stream cameras --source v4l2  # lists them"


def check(context: DoctorContext) -> Iterator[Finding]:
    """Check the device of each camera that has one."""
    for settings in context.cameras.values():
        if settings.source == "v4l2":
            yield _checked(context, settings)


def _checked(context: DoctorContext, settings: Settings) -> Finding:
    number, path = settings.camera, settings.device
    if not path:
        why = "another webcam can become the first one at the next start"
        return note(f"camera {number} is the first V4L2 camera: cam{number}_device is not set", why, LIST)
    node = context.host.node(path)
    if node is None:
        return wrong(f"{path} does not exist", f"camera {number} cannot be served", f"plug it in; {LIST}")
    groups = groups_of(context.host, SERVICE_USER)
    if context.units and groups is not None:
        groups = groups.union(*(unit.groups for unit in context.units.values()))
        if not may_open(node, SERVICE_USER, groups):
            fix = f"sudo usermod -aG {GROUP} {SERVICE_USER}; then: sudo systemctl restart camera-soft-cam.target"
            return wrong(f"{SERVICE_USER} may not open {path}", f"camera {number} cannot be served", fix)
    if re.fullmatch(r"/dev/video\d+", path):
        why = "the kernel numbers the devices anew at each start, a link in /dev/v4l/by-id stays"
        return note(f"camera {number} is {path}", why, LIST)
    return ok(f"camera {number} is {path}")
