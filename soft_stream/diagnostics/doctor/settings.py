"""The settings: whether they can be read, and whether they are valid."""

from collections.abc import Iterator

from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

LOCKED = "cannot be read: Permission denied"


def check(context: DoctorContext) -> Iterator[Finding]:
    """Yield the errors that `soft-stream check` finds."""
    for problem in context.problems:
        if problem.endswith(LOCKED) and not context.host.is_root:
            yield note(problem, "most other checks need the settings", SUDO)
        else:
            yield wrong(
                problem,
                "the service exits with 78 and stays down",
                f"correct this line; then: soft-stream check --env-file {context.file}",
            )
    if context.problems:
        return
    if context.cameras:
        numbers = ", ".join(f"{number} ({settings.title})" for number, settings in context.cameras.items())
        yield ok(f"{context.loaded.file or 'the environment'}: valid; cameras: {numbers}")
    else:
        yield note(
            f"{context.loaded.file or 'no settings file'}: no camera is configured",
            "a line that begins with camN_ configures camera N",
            f"soft-stream cameras  # prints the lines for {context.file}",
        )
