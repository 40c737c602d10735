"""The settings: whether they can be read, whether they are valid, and whether others may write them."""

from collections.abc import Collection, Iterator
from pathlib import Path

from soft_stream.config.loader import INSTALLED_FILE, hide_from_others
from soft_stream.config.urls import exposed_url
from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.host import Host, Node
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

LOCKED = "cannot be read: Permission denied"
# groups whose members are administrators
TRUSTED_GROUPS = ("root", "adm")
GROUP_WRITES, OTHERS_WRITE, STICKY = 0o020, 0o002, 0o1000


def check(context: DoctorContext) -> Iterator[Finding]:
    """Yield the errors that `soft-stream check` finds, and who else may change the settings."""
    yield from _check_rights(context.host, context.file.absolute())
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
    yield from _removed(context)
    yield from _exposed(context)
    if context.cameras:
        numbers = ", ".join(f"{number} ({settings.title})" for number, settings in context.cameras.items())
        yield ok(f"{context.loaded.file or 'the environment'}: valid; cameras: {numbers}")
    else:
        file = context.loaded.file
        lines = f"soft-stream cameras  # prints the lines for {context.file}"
        yield note(
            f"{file or 'no settings file'}: no camera is configured",
            "a line that begins with camN_ configures camera N",
            lines if file or context.units else "soft-stream init  # writes one with the connected cameras",
        )


def _exposed(context: DoctorContext) -> Iterator[Finding]:
    """Report passwords of other servers that every user of this machine may read."""
    file = context.loaded.file
    node = context.host.node(str(file)) if file else None
    if not file or not node:
        return
    for number, settings in context.cameras.items():
        if sentence := exposed_url(settings.url, context.loaded.origins[number]["url"], file, node.mode):
            yield wrong(sentence, "it opens another server", hide_from_others(file))


def _removed(context: DoctorContext) -> Iterator[Finding]:
    """Report that the settings of running units are gone."""
    running = [unit.name for unit in context.units.values() if unit.active == "active"]
    if running and context.loaded.file != INSTALLED_FILE and context.host.node(str(INSTALLED_FILE)) is None:
        yield wrong(
            f"{INSTALLED_FILE} is missing, and these units still run: {', '.join(running)}",
            "they would stay down after a restart",
            f"restore it; deployments and upgrades leave copies: ls {INSTALLED_FILE}.*",
        )


def _check_rights(host: Host, file: Path) -> Iterator[Finding]:
    """Yield a fault for the file, and for each folder above it, that others may write; links are followed."""
    node = host.node(str(file))
    if node is None:
        return
    # root starts the service with the installed file; any other file belongs to the user who starts the program
    trusted = {"root"} if file == INSTALLED_FILE else {"root", node.owner}
    target = Path(node.target) if node.target else file
    seen = set()  # a folder may have several paths, because of links
    for path in (target, *file.parents, *target.parents):
        found = host.node(str(path))
        if found and (found.target or str(path)) not in seen:
            seen.add(found.target or str(path))
            is_folder = path != target
            rights, fixes = rights_of_others(found, trusted, is_folder=is_folder)
            if rights:
                what = f"the files in {path} can be replaced" if is_folder else f"{path} can be changed"
                yield wrong(
                    f"{what} by others: {', '.join(rights)} ({found.owner}:{found.group} {found.mode:o})",
                    "the settings decide which files the service loads, which commands it runs, and where it listens",
                    "; ".join(f"sudo {fix} {path}" for fix in fixes),
                )


def rights_of_others(node: Node, trusted: Collection[str], *, is_folder: bool) -> tuple[list[str], list[str]]:
    """Return who may write a file, or replace a file in a folder, and the commands that prevent it."""
    rights, fixes = [], []
    if node.owner not in trusted:
        rights.append(f"it belongs to {node.owner}")
        fixes.append("chown root")
    if is_folder and node.mode & STICKY:  # its users may only replace their own files
        return rights, fixes
    is_private = node.group == node.owner and node.owner in trusted  # the group of one user
    if node.mode & GROUP_WRITES and node.group not in TRUSTED_GROUPS and not is_private:
        rights.append(f"the group {node.group} may write it")
        fixes.append("chmod g-w")
    if node.mode & OTHERS_WRITE:
        rights.append("every user may write it")
        fixes.append("chmod o-w")
    return rights, fixes
