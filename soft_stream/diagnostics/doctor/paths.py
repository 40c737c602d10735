"""The folders and files in the settings: whether the units reach them, and whether the settings keep their secrets."""

from collections.abc import Iterator

from soft_stream.config.loader import INSTALLED_FILE
from soft_stream.config.settings import Settings
from soft_stream.config.unit_paths import needs_of
from soft_stream.config.urls import has_password
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, ok, wrong

OTHERS_READ = 0o004


def check(context: DoctorContext) -> Iterator[Finding]:
    """Check the paths of each camera that has an installed unit, and who may read a password in its URL."""
    for number, settings in context.cameras.items():
        yield from _password(context, settings)
        if number not in context.units or context.file != INSTALLED_FILE:
            continue
        problems = context.host.path_problems(settings, context.loaded.origins[number])
        for problem in problems:
            yield wrong(problem.sentence, f"camera {number} cannot do what this setting asks for", problem.fix)
        if not problems:
            paths = ", ".join(dict.fromkeys(str(need.path) for need in needs_of(settings)))
            yield ok(f"the unit of camera {number} reaches the paths in the settings: {paths or 'there are none'}")


def _password(context: DoctorContext, settings: Settings) -> Iterator[Finding]:
    node = context.host.node(str(context.file))
    if node and node.mode & OTHERS_READ and has_password(settings.url):
        origin = context.loaded.origins[settings.camera].get("url", "").rpartition(" ")[0]
        yield wrong(
            f"{origin or context.file}: cam{settings.camera}_url has a password, and every user may read the file",
            "whoever has an account on this machine learns the password",
            f"sudo chown root:video {context.file}; sudo chmod 640 {context.file}",
        )
