"""The folders and files in the settings: whether the units reach them."""

from collections.abc import Iterator

from soft_stream.config.loader import INSTALLED_FILE
from soft_stream.config.unit_paths import needs_of
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, ok, wrong


def check(context: DoctorContext) -> Iterator[Finding]:
    """Check the paths of each camera that has an installed unit."""
    for number, settings in context.cameras.items():
        if number not in context.units or context.file != INSTALLED_FILE:
            continue
        problems = context.host.path_problems(settings, context.loaded.origins[number])
        for problem in problems:
            yield wrong(problem.sentence, f"camera {number} cannot do what this setting asks for", problem.fix)
        if not problems:
            paths = ", ".join(dict.fromkeys(str(need.path) for need in needs_of(settings)))
            yield ok(f"the unit of camera {number} reaches the paths in the settings: {paths or 'there are none'}")
