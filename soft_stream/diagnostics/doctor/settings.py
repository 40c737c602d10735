"""The settings: whether they can be read, and whether they are right."""

from collections.abc import Iterator

from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

LOCKED = "cannot be read: Permission denied"


def look(context: DoctorContext) -> Iterator[Finding]:
    """Tell what `soft-stream check` would."""
    for problem in context.problems:
        if problem.endswith(LOCKED) and not context.host.is_root:
            yield note(problem, "without the settings little else can be looked at", SUDO)
        else:
            yield wrong(
                problem,
                "a service that starts with it ends with 78 and stays down",
                f"correct the line; then: soft-stream check --env-file {context.file}",
            )
    if context.problems:
        return
    if context.cameras:
        numbers = ", ".join(f"{number} ({settings.title})" for number, settings in context.cameras.items())
        yield ok(f"{context.loaded.file or 'the environment'}: no problems; cameras: {numbers}")
    else:
        yield note(
            f"{context.loaded.file or 'no settings file'}: no camera is configured",
            "camera N is, as soon as a camN_ line stands in the settings",
            f"soft-stream cameras  # prints lines for {context.file}",
        )
