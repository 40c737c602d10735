"""Parse the command line and run one command."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from soft_stream import __version__
from soft_stream.cli import (
    cameras,
    diagnostics,
    import_settings,
    init,
    outputs,
    serve,
    settings,
    snapshot,
    status,
    tokens,
    users,
    view,
)
from soft_stream.cli.parser import PROG, Parser, exit_status
from soft_stream.config.loader import SettingsError
from soft_stream.service.exit_status import ExitStatus

DESCRIPTION = "Stream the cameras of this machine over HTTP: each has a web page, an MJPEG stream and snapshots."
EPILOG = """\
examples:
  soft-stream serve --source test-pattern    try it without a camera
  soft-stream serve --all --lan              show all cameras in your network
  sudo soft-stream doctor                    what is wrong, and how to fix it

service (here of camera 0):
  systemctl status 'camera-soft-cam@*'       whether the units run
  sudo systemctl restart camera-soft-cam@0   apply settings; also: start, stop
  journalctl -u camera-soft-cam@0 -f         its log

soft-stream COMMAND --help explains a command."""
COMMANDS: Mapping[str, Sequence[Callable[[Any], None]]] = {
    "cameras": (serve.add_command, status.add_command, snapshot.add_command, view.add_command, cameras.add_command),
    "settings": (init.add_command, settings.add_command, import_settings.add_command),
    "logins": (users.add_command, tokens.add_command),
    "problems": (diagnostics.add_doctor, diagnostics.add_selftest),
}
PACKAGE = "soft_stream"
INSTALL = "install camera-soft-stream with apt or pip, which install what it needs (docs/quick-start.md)"
INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""

    def command() -> int:
        args = make_parser().parse_args(argv)
        return int(args.run(args))

    return run(command)


def run(command: Callable[[], int]) -> int:
    """Parse arguments and run a command; return its exit status."""
    with outputs.prepared():
        return _run(command)


def _run(command: Callable[[], int]) -> int:
    try:
        try:
            status = command()
        except SystemExit as error:  # of argparse: after the help, and after wrong arguments
            status = int(error.code or 0)
        if sys.stdout:
            sys.stdout.flush()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return ExitStatus.CONFIG_ERROR
    except ModuleNotFoundError as error:
        if (error.name or PACKAGE).startswith(PACKAGE):
            raise
        print(f"{sys.executable} has no module {error.name}: {INSTALL}", file=sys.stderr)
        return ExitStatus.CONFIG_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as in `soft-stream check | head`
        outputs.drop(sys.stdout)
        return ExitStatus.STOPPED
    except OSError as error:
        if error.errno not in outputs.NOT_WRITABLE or error.filename:
            raise
        outputs.drop(sys.stdout)  # a redirection, as in `soft-stream import FILE > NEW`
        print(f"The output cannot be written: {error.strerror}", file=sys.stderr)
        return ExitStatus.DATA_ERROR
    return status


def make_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog=PROG, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=__version__, help="print the version and exit")
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND")
    for title, add_commands in COMMANDS.items():
        before = set(parser.commands)
        for add_command in add_commands:
            add_command(commands)
        parser.sections[title] = [name for name in parser.commands if name not in before]
    for name, summary in parser.summaries.items():
        each = parser.commands[name]
        each.description = each.description or f"{str(summary.help)[0].upper()}{str(summary.help)[1:]}."
        if each.commands:
            each.sections["actions"] = [*each.commands]
    _add_help(parser, commands)
    return parser


def _add_help(parser: Parser, commands: Any) -> None:
    """Add the command `help`, which people try before `--help`."""
    command = commands.add_parser(
        "help",
        help="the help of a command",
        description="Print the help of a command.",
        epilog=exit_status({ExitStatus.STOPPED: "printed"}),
    )
    command.add_argument("words", nargs="*", metavar="COMMAND", help="a command, and its action if it has some")

    def print_help(args: argparse.Namespace) -> int:
        parser.parse_args([*args.words, "--help"])
        return ExitStatus.STOPPED

    command.set_defaults(run=print_help)
    parser.sections.setdefault("problems", []).append("help")
