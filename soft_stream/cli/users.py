"""`soft-stream user`: add, change, list and remove the users who may log in."""

import argparse
import os
import sys
from getpass import getpass

from soft_stream.access.accounts import User, parse_user, read_accounts
from soft_stream.access.editing import USERS_MODE, check_name, has_name, put_line, remove_lines
from soft_stream.access.passwords import is_known, is_locked, make_hash
from soft_stream.access.rights import Rights, Role
from soft_stream.cli.accounts import (
    Refused,
    add_rights,
    add_subcommand,
    audit,
    changing,
    print_problems,
    print_rows,
    rights_of,
    shown_cameras,
    users_file,
)
from soft_stream.config.loader import load_values
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

SHORT_PASSWORD = 8
# Bytes of a line of stdin; a password is shorter.
MAX_LINE = 4096
NEW_USER = Rights(Role.VIEW)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    text = "add, change, list or remove the users who may log in"
    subcommands = commands.add_parser("user", help=text).add_subparsers(required=True, metavar="ACTION")
    command = add_subcommand(
        subcommands,
        add,
        "add",
        "add a user, or change the password or the rights of one",
        "The password is read from the terminal, or from the first line of stdin. For a user who exists, an empty "
        "password keeps the present one, and --role and --camera change only what they name.",
    )
    command.add_argument("name", metavar="NAME", help="name of the user")
    command.add_argument("password", nargs="?", type=_refuse_password, help=argparse.SUPPRESS)
    add_rights(command, "view for a new user")
    command = add_subcommand(subcommands, list_users, "list", "list the users and their rights")
    command.add_argument("--json", action="store_true", help="print one line of JSON for each user")
    command = add_subcommand(subcommands, remove, "remove", "remove a user, whose sessions and streams end")
    command.add_argument("name", metavar="NAME", help="name of the user")


def add(args: argparse.Namespace) -> int:
    """Add a user, or change one; return the exit status."""
    file, name, shown = users_file(args), args.name, one_line(args.name)
    with changing(file, USERS_MODE) as lines:  # nothing is changed yet: without the rights no password is asked for
        is_new = not any(has_name(line, name) for line in lines)
    try:
        if is_new:
            check_name(name)
        password = _read_password(shown, is_new=is_new)
        coded = make_hash(password) if password or is_new else ""
    except ValueError as error:
        raise Refused(str(error)) from None
    with changing(file, USERS_MODE) as lines:
        before = next((parse_user(line)[0] for line in lines if has_name(line, name)), None)
        rights = rights_of(args, before.rights if before else NEW_USER)
        if not rights.role:
            raise Refused(f"The rights of the user {shown} cannot be read, so --role must name the role")
        if not coded and not before:
            raise Refused(f"The user {shown} was removed meanwhile, so a password is needed")
        after = User(name, coded or (before.hash if before else ""), rights)
        if after != before:
            put_line(lines, name, f"{name}:{after.hash}:{rights}")
    if after == before:
        print(f"The user {shown} has {rights} already; nothing is changed.")
        return ExitStatus.STOPPED
    audit(f"user {name} {'changed' if before else 'added'}: {rights}{', new password' if coded and before else ''}")
    if before:
        password_too = ", and has a new password, so the sessions of the user end" if coded else ""
        print(f"The user {shown} has {rights} now{password_too}.")
    else:
        print(f"The user {shown} is added with {rights}.")
    if 0 < len(password) < SHORT_PASSWORD:
        print(f"warning: the password has less than {SHORT_PASSWORD} characters.", file=sys.stderr)
    if True in load_values("open_to_network", os.environ, file=args.env_file):
        print("warning: cam_open_to_network=1: clients of other machines still need no login.", file=sys.stderr)
    return ExitStatus.STOPPED


def list_users(args: argparse.Namespace) -> int:
    """Print the users, without their hashes, and return the exit status."""
    file = users_file(args)
    accounts = read_accounts(str(file), None)
    rows = [(one_line(each.name), str(each.rights.role), shown_cameras(each.rights), _note(each)) for each in
            accounts.users.values()]  # fmt: skip
    print_rows(("NAME", "ROLE", "CAMERAS", "NOTE"), rows, as_json=args.json)
    if not rows and not accounts.must_login:
        print(f"{file} has no users.", file=sys.stderr)
    return print_problems(accounts, file)


def remove(args: argparse.Namespace) -> int:
    """Remove a user and return the exit status."""
    file, name = users_file(args), args.name
    with changing(file, USERS_MODE) as lines:
        if not remove_lines(lines, name):
            raise Refused(f"{file} has no user {one_line(name)}")
    audit(f"user {name} removed")
    print(f"The user {one_line(name)} is removed; the sessions and streams of the user end now.")
    if not read_accounts(str(file), None).must_login:
        print("No user is left. An address that other machines can reach needs users, or cam_open_to_network=1, "
              "when its camera starts the next time.")  # fmt: skip
    return ExitStatus.STOPPED


def _refuse_password(_: str) -> str:
    """Refuse a password with a sentence that does not repeat it, as argparse does with arguments that it does not know.

    Raises:
        ArgumentTypeError: always.
    """
    raise argparse.ArgumentTypeError(
        "it must not be an argument, because other users and the history of the shell can see it. Choose another one; "
        "it is read from the terminal or from stdin"
    )


def _note(user: User) -> str:
    if is_locked(user.hash):
        return "locked"
    return "" if is_known(user.hash) else "no valid hash"


def _read_password(name: str, *, is_new: bool) -> str:
    """Return the password from the terminal or from stdin; arguments would be visible to other users.

    Raises:
        Refused: there is no password that can be used.
        EOFError: the input of the terminal ends.
    """
    if sys.stdin is None:
        raise Refused("The password cannot be read: the standard input is closed")
    if not sys.stdin.isatty():
        line = sys.stdin.buffer.readline(MAX_LINE)
        return line.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
    what = f"Password of the new user {name}: " if is_new else f"New password of {name} (empty: keep the present one): "
    password = getpass(what)
    if password and getpass("The same password again: ") != password:
        raise Refused("The two passwords differ, so nothing is changed")
    return password
