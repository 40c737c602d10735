"""What support asks first: looks at the machine, opens no camera, changes nothing, needs no root.

`machine.py` is the only way outside, `case.py` what several looks need; each look, in a file by its
topic, yields findings.
"""

import traceback
from collections.abc import Callable, Iterator

from soft_stream.diagnostics.doctor import (
    cameras,
    kernel,
    memory,
    nginx,
    permissions,
    service,
    settings,
    units,
    versions,
)
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, Report, note

LOOKS: dict[str, Callable[[DoctorContext], Iterator[Finding]]] = {
    "settings": settings.look,
    "cameras": cameras.look,
    "holders": cameras.look_at_holders,
    "rights": permissions.look,
    "memory": memory.look,
    "kernel": kernel.look,
    "power": kernel.look_at_power,
    "versions": versions.look,
    "units": units.look,
    "service": service.look,
    "nginx": nginx.look,
}


def run(context: DoctorContext, report: Report) -> None:
    """Make all looks; one that fails says so and keeps none of the others."""
    for about, look in LOOKS.items():
        try:
            for finding in look(context):
                report.add(about, finding)
        except Exception as error:  # whatever the machine is like, the rest is still worth knowing
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__}, {place.filename}:{place.lineno}"  # its message might have a password
            report.add(about, note(f"this look failed ({where})", "it is a fault of the doctor; please tell us"))
    report.end()
