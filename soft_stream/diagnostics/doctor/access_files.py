"""Who may read and change the files of users, tokens and sessions."""

from collections.abc import Iterator
from pathlib import Path

from soft_stream.access.accounts import TOKENS
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.permissions import SERVICE_USER, groups_of, may_open
from soft_stream.diagnostics.doctor.report import Finding, wrong
from soft_stream.diagnostics.doctor.settings import rights_of_others

SIGNING_KEY = "signing-key"
READ = 0o4
# Rights that others must not have: the group of nginx reads the users.
OF_USERS, PRIVATE = 0o004, 0o044


def check_files(context: DoctorContext) -> Iterator[Finding]:
    """Yield a fault for each file that others may read or change, or that the service may not read."""
    files: dict[str, tuple[int, str]] = {}
    for settings in context.cameras.values():
        if settings.users_file:
            files[settings.users_file] = OF_USERS, "its hashes can be used to guess passwords"
            files[str(Path(settings.users_file).with_name(TOKENS))] = PRIVATE, "it says which tokens there are"
        files[f"{context.state_directory}/{SIGNING_KEY}"] = PRIVATE, "it can be used to log in as every user"
    for path, (forbidden, why) in files.items():
        yield from _check_file(context, path, forbidden, why)


def _check_file(context: DoctorContext, path: str, forbidden: int, why: str) -> Iterator[Finding]:
    node = context.host.node(path)
    if node is None:
        return
    state = f"({node.owner}:{node.group} {node.mode:o})"
    trusted = {"root", SERVICE_USER} if context.units else {"root", SERVICE_USER, node.owner}
    rights, fixes = rights_of_others(node, trusted, is_folder=False)
    if rights:
        fix = "; ".join(f"sudo {each} {path}" for each in fixes).replace("chown root", f"chown {SERVICE_USER}")
        yield wrong(
            f"{path} can be changed by others: {', '.join(rights)} {state}", "it decides who may use the cameras", fix
        )
    if node.mode & forbidden:
        letters = "g-r,o-r" if forbidden == PRIVATE else "o-r"
        yield wrong(f"{path} can be read by others {state}", why, f"sudo chmod {letters} {path}")
    groups = groups_of(context.host, SERVICE_USER) if context.units else None
    if groups is not None and not may_open(node, SERVICE_USER, groups, READ):
        yield wrong(
            f"{SERVICE_USER} may not read {path} {state}",
            "the service refuses logins that it cannot check",
            f"sudo chown {SERVICE_USER} {path}; sudo chmod u+r {path}",
        )
