"""Checks of the machine for common faults. They open no camera, change nothing and need no root.

`host.py` is the only access to the machine. `context.py` has what several checks need. Each topic has a file with a
check that yields findings.
"""

import traceback
from collections.abc import Callable, Iterator

from soft_stream.diagnostics.doctor import (
    access,
    cameras,
    devices,
    kernel,
    memory,
    nginx,
    paths,
    permissions,
    service,
    settings,
    sites,
    units,
    versions,
)
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, Report, note

CHECKS: dict[str, Callable[[DoctorContext], Iterator[Finding]]] = {
    "settings": settings.check,
    "access": access.check,
    "cameras": cameras.check,
    "devices": devices.check,
    "camera users": cameras.check_users,
    "permissions": permissions.check,
    "paths": paths.check,
    "memory": memory.check,
    "kernel": kernel.check,
    "power": kernel.check_power,
    "versions": versions.check,
    "units": units.check,
    "service": service.check,
    "nginx": nginx.check,
    "sites": sites.check,
}


def run(context: DoctorContext, report: Report) -> None:
    """Run all checks; a check that raises becomes a finding, and the others still run."""
    for about, check in CHECKS.items():
        try:
            for finding in check(context):
                report.add(about, finding)
        except Exception as error:  # a bug in one check must not hide the others
            place = traceback.extract_tb(error.__traceback__)[-1]
            # without the error's message, which might contain a password
            where = f"{type(error).__name__}, {place.filename}:{place.lineno}"
            report.add(about, note(f"this check failed ({where})", "this is a bug in the doctor; please report it"))
    report.end()
