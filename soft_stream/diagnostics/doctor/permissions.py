"""Whether the service's user may open the devices of the cameras."""

from collections.abc import Collection, Iterator

from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.host import Host, Node
from soft_stream.diagnostics.doctor.report import Finding, ok, wrong

SERVICE_USER = "camera-soft-stream"
GROUP = "video"
DEVICES = ("/dev/video*", "/dev/media*", "/dev/v4l-subdev*")
# the heaps that Picamera2 uses (dma_heap.py)
HEAPS = ("/dev/dma_heap/vidbuf_cached", "/dev/dma_heap/linux,cma")


def check(context: DoctorContext) -> Iterator[Finding]:
    """Compare the mode and group of each device with the groups of the user."""
    nodes = _nodes(context.host, (*DEVICES, *HEAPS))
    if not context.uses_picamera or not nodes:
        return
    host = context.host
    user, groups = SERVICE_USER, groups_of(host, SERVICE_USER)
    if groups is None and context.units:
        yield wrong(f"the user {SERVICE_USER} does not exist", "the units cannot start", "sudo systemd-sysusers")
        return
    if groups is None:  # nothing is deployed here: check the current user
        user, groups = _name(host), groups_of(host) or set()
        closed = [path for path, node in nodes.items() if not node.can_open]
    else:
        groups = groups.union(*(unit.groups for unit in context.units.values()))
        closed = [path for path, node in nodes.items() if not may_open(node, user, groups)]
    if not closed:
        yield ok(f"{user} may open {len(nodes)} devices: {', '.join(_summary(nodes))}")
    elif GROUP not in groups:
        login = "sudo systemctl restart camera-soft-cam.target" if user == SERVICE_USER else "log in again"
        yield wrong(
            f"{user} is not in the group {GROUP} and may not open {', '.join(closed)}",
            "no camera is found, or Picamera2 takes a Raspberry Pi 5 for an older one",
            f"sudo usermod -aG {GROUP} {user}; then: {login}",
        )
    else:
        devices = ", ".join(f"{path} ({nodes[path].owner}:{nodes[path].group} {nodes[path].mode:o})" for path in closed)
        yield wrong(
            f"{user} may not open {devices}",
            f"udev rules should give them to the group {GROUP}; Picamera2 needs all of them",
            "sudo udevadm control --reload; sudo udevadm trigger; ls -l /dev/video* /dev/media* /dev/dma_heap/",
        )


def can_see_cameras(context: DoctorContext) -> bool:
    """Return True if the current user may open all camera devices."""
    return not closed_devices(context.host)


def closed_devices(host: Host) -> list[str]:
    """Return the devices of cameras that the current user may not open."""
    return [path for path, node in _nodes(host, DEVICES).items() if not node.can_open]


def may_open(node: Node, user: str, groups: Collection[str], rights: int = 0o6) -> bool:
    """Return True if the mode of a file gives a user these rights: to read and write it, unless others are named."""
    shift = 6 if user == node.owner else 3 if node.group in groups else 0
    return (node.mode >> shift) & rights == rights


def _nodes(host: Host, patterns: Collection[str]) -> dict[str, Node]:
    paths = (path for pattern in patterns for path in host.paths(pattern))
    return {path: node for path in paths if (node := host.node(path))}


def groups_of(host: Host, *user: str) -> set[str] | None:
    """Return the groups of a user, or of this one; None if there is no such user."""
    output = host.run("id", "-nG", *user)
    return set(output.text.split()) if output and not output.status else None


def _name(host: Host) -> str:
    output = host.run("id", "-un")
    return output.text.strip() if output and not output.status else "this user"


def _summary(nodes: Collection[str]) -> list[str]:
    """Shorten a list of devices to their common names, such as /dev/video*."""
    return sorted({path if "dma_heap" in path else f"{path.rstrip('0123456789')}*" for path in nodes})
