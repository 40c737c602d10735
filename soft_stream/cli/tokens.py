"""`soft-stream token`: create, list and revoke the tokens of programs."""

import argparse
import math
import sys
import time
from datetime import datetime
from itertools import count

from soft_stream.access.accounts import Token, name_of, read_accounts, tokens_file
from soft_stream.access.editing import TOKENS_MODE, check_name, put_line, remove_lines
from soft_stream.access.rights import Rights, Role
from soft_stream.access.tokens import digest_of, format_line, is_expired, new_token, parse_expiry
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
from soft_stream.config.text import one_line
from soft_stream.frames.clock import unix_time
from soft_stream.service.exit_status import ExitStatus

NEW_TOKEN = Rights(Role.VIEW)
DEFAULT_EXPIRY = "1y"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    text = "create, list or revoke the tokens of programs"
    subcommands = commands.add_parser("token", help=text).add_subparsers(required=True, metavar="ACTION")
    command = add_subcommand(
        subcommands,
        create,
        "create",
        "create a token, which is printed once",
        "Only the token is printed to stdout. A program sends it as `Authorization: Bearer TOKEN`, or as the password "
        "of a login with any user name.",
    )
    add_rights(command, "view")
    command.add_argument(
        "--expires",
        default=DEFAULT_EXPIRY,
        metavar="TIME",
        help="12h, 30d, 4w or 1y from now; a date such as 2027-11-30; or never (default: 1y)",
    )
    command.add_argument("--name", metavar="NAME", help="a name for the list and the log (default: token-1, ...)")
    command = add_subcommand(subcommands, list_tokens, "list", "list the tokens, their rights and when they expire")
    command.add_argument("--json", action="store_true", help="print one line of JSON for each token")
    command = add_subcommand(subcommands, revoke, "revoke", "revoke a token, whose streams end")
    command.add_argument("name", metavar="NAME", help="name of the token, as in the list")


def create(args: argparse.Namespace) -> int:
    """Create a token, print it, and return the exit status."""
    file, now = tokens_file(str(users_file(args))), _now()
    try:
        expires_at = parse_expiry(args.expires, now)
    except ValueError as error:
        raise Refused(f"--expires {one_line(args.expires)}: {error}") from None
    if args.name is not None:
        try:
            check_name(args.name)
        except ValueError as error:
            raise Refused(str(error)) from None
    text = new_token()
    with changing(file, TOKENS_MODE) as lines:
        names = {name_of(line) for line in lines}
        if args.name in names:
            raise Refused(f"There is a token {args.name} already; choose another name, or revoke it")
        name = args.name or next(name for number in count(1) if (name := f"token-{number}") not in names)
        token = Token(name, digest_of(text), rights_of(args, NEW_TOKEN), expires_at)
        put_line(lines, name, format_line(token, now))
    try:
        print(text, flush=True)
    except OSError:
        with changing(file, TOKENS_MODE) as lines:
            remove_lines(lines, name)
        raise
    audit(f"token {name} created: {token.rights}, expires: {_shown_time(expires_at)}")
    print(
        f"The token {name} has {token.rights} and expires: {_shown_time(expires_at)}. It is shown only this once.",
        file=sys.stderr,
    )
    return ExitStatus.STOPPED


def list_tokens(args: argparse.Namespace) -> int:
    """Print the tokens as they are known here, not the tokens themselves, and return the exit status."""
    users, now = users_file(args), _now()
    file, accounts = tokens_file(str(users)), read_accounts(str(users), None)
    rows = [
        (
            one_line(each.name),
            str(each.rights.role),
            shown_cameras(each.rights),
            _shown_time(each.expires_at),
            "expired" if is_expired(each, now) else "",
        )
        for each in accounts.tokens.values()
    ]
    print_rows(("NAME", "ROLE", "CAMERAS", "EXPIRES", "NOTE"), rows, as_json=args.json)
    status = print_problems(accounts, file)
    if not rows and not status:
        print(f"{file} has no tokens.", file=sys.stderr)
    return status


def revoke(args: argparse.Namespace) -> int:
    """Revoke a token and return the exit status."""
    file = tokens_file(str(users_file(args)))
    with changing(file, TOKENS_MODE) as lines:
        if not remove_lines(lines, args.name):
            raise Refused(f"{file} has no token {one_line(args.name)}")
    audit(f"token {args.name} revoked")
    print(f"The token {one_line(args.name)} is revoked; its streams end now.")
    return ExitStatus.STOPPED


def _now() -> float:
    return unix_time(time.monotonic())


def _shown_time(seconds: float) -> str:
    """Return a time of the wall clock for people, in the time zone of this machine."""
    return "never" if seconds == math.inf else datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
