"""[developer's machine] The steps of a rollout; `scripts/deploy-soft-stream.sh` calls it."""

import argparse
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import get_args

from rollout import bundle, port_flags, root_filesystem
from rollout.lock import PackagesUnavailable
from rollout.settings_merge import Side
from rollout.system import UNAVAILABLE
from rollout.target import SSH_FAILED, Target, TargetError, last_line
from soft_stream.config.loader import LoadedConfig, SettingsError, load
from soft_stream.migration.takeover import has_older_words
from soft_stream.service.exit_status import ExitStatus

OPT = "/opt/camera-soft-stream"
# these files exist while a rollout is under way
UNFINISHED = ("/run/camera-soft-stream-rollout/trial.json", f"{OPT}/pending.json")
UNIT = "camera-soft-stream-rollout"
OLDEST_PYTHON = (3, 11)
MODEL = Path("/proc/device-tree/model")
SETTINGS = "camera-soft-stream.env"
OLDER_WORDS = (
    "These are words of soft-stream-portal. `.venv/bin/soft-stream import --write {0} {0}` translates them. Indexes "
    "become ids only on the machine that has the cameras; its own settings are translated by the deployment."
)


def main() -> int:
    """Roll out, roll back or uninstall, and return the exit status."""
    parser = _parser()
    args = parser.parse_args()
    if args.rollback and args.uninstall:
        parser.error("--rollback and --uninstall exclude each other")
    if args.host is not None and (args.local or not args.host):
        parser.error("--local excludes user@host" if args.local else "user@host is empty")
    if args.port and not args.host:
        parser.error("--port is for ssh: it needs user@host")
    if not (args.host or args.local or is_raspberry_pi()):
        parser.error("this machine is no Raspberry Pi: name the target as user@host, or this machine with --local")
    if args.python.startswith(("/home/", "/root/")):
        parser.error(f"--python {args.python}: the service has no access to /home")
    if "$" in args.python:  # until the first daemon-reload, systemd expands variables in ExecStopPost= of systemd-run
        parser.error(f"--python {args.python}: the path must not contain $")
    if args.env_file and args.env_file.exists() and not args.env_file.is_file():
        parser.error(f"--env-file {args.env_file}: must be a regular file, because it is read twice")
    if not re.fullmatch("[^:#][^:]*", args.login) or not args.login.isprintable():
        parser.error(f"--login {args.login}: the name must not be empty, begin with # or contain a colon")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if args.env_file and not (args.rollback or args.uninstall):
            _load(args.env_file)
        target = Target(args.host, args.port)
        facts = target.facts(args.python)
        print(f"{facts['name']}: {facts['os']}, {facts['machine']}, Python {facts['python']}", flush=True)
        _check(facts)
        target.sudo = "" if facts["root"] or args.dry_run else "sudo -n "
        _check_sudo(target)
        _check_alone(target)
        if args.rollback or args.uninstall:
            return _undo(target, args)
        return _install(target, args, facts)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return ExitStatus.CONFIG_ERROR
    except (TargetError, PackagesUnavailable, OSError) as reason:
        print(reason, file=sys.stderr)
        return UNAVAILABLE
    except KeyboardInterrupt:
        print("Interrupted; nothing was changed.", file=sys.stderr)
        return ExitStatus.TEMPORARY_FAILURE


def is_raspberry_pi() -> bool:
    """Return True if this machine is a Raspberry Pi."""
    return MODEL.exists() and MODEL.read_bytes().startswith(b"Raspberry Pi")


def repository_settings(host: str | None, name: str, folder: Path = bundle.PROJECT) -> Path:
    """Return the repository's settings file for a target, by its host in the command and its own name.

    camera-soft-stream.HOST.env is used instead of camera-soft-stream.env if it exists.
    """
    hosts = [*([host.rpartition("@")[2]] if host else []), name]
    files = (folder / f"camera-soft-stream.{each}.env" for each in hosts)
    return next((file for file in files if file.is_file()), folder / SETTINGS)


def _load(file: Path, camera: int | None = None) -> LoadedConfig:
    """Load a settings file; the error names the command that translates the words of soft-stream-portal.

    Raises:
        SettingsError: the file has errors.
    """
    try:
        return load({}, file=file, camera=camera)
    except SettingsError as error:
        if file.is_file() and has_older_words(file.read_text(encoding="utf-8-sig", errors="replace")):
            name = shlex.quote(str(file))
            raise SettingsError(error.problems, OLDER_WORDS.format(name)) from None
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy-soft-stream.sh",
        description="Deploys this checkout to a Raspberry Pi; restores the previous release if a camera has no frames.",
        epilog="Exit status: 0 done, or nothing to do; 1 the previous release was restored, the last lines say why; "
        "2 wrong arguments; 69 the target cannot be reached, something is missing there, or another program has a "
        "port; 75 interrupted; 78 the settings are wrong, or were changed on both sides.",
    )
    parser.add_argument(
        "host", nargs="?", metavar="user@host", help="the target, reached by ssh (default: this Raspberry Pi)"
    )
    parser.add_argument(
        "--local", action="store_true", help="the target is this machine, which need not be a Raspberry Pi"
    )
    parser.add_argument("--port", type=int, metavar="N", help="port of the ssh server")
    parser.add_argument(
        "--prefer",
        choices=get_args(Side),
        help="which value counts if the repository and the target have changed the same setting (default: stop)",
    )
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="your settings, to replace those of the target")
    parser.add_argument(
        "--python", default="/usr/bin/python3", metavar="PATH", help="the Python that has Picamera2 (/usr/bin/python3)"
    )
    parser.add_argument("--login", default="camera", metavar="USER", help="user name of the first login (camera)")
    parser.add_argument("--tls", action="store_true", help="create a self-signed certificate if there is none")
    parser.add_argument("--no-nginx", action="store_true", help="do not configure nginx")
    port_flags.add_flags(parser)
    parser.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")
    parser.add_argument("--rollback", action="store_true", help="undo the last rollout")
    parser.add_argument("--uninstall", action="store_true", help="remove everything but a backup of the settings")
    return parser


def _check(facts: dict[str, object]) -> None:
    version = tuple(int(part) for part in str(facts["python"]).split("."))
    if version < OLDEST_PYTHON:
        raise TargetError(f"Python {facts['python']} is too old: 3.11 or newer is needed (Raspberry Pi OS 12)")
    if not facts["systemd"]:
        raise TargetError("systemd does not run on the target")
    if problem := root_filesystem.problem(facts):
        raise TargetError(problem)


def _check_sudo(target: Target) -> None:
    if target.sudo and (asked := target.shell("sudo -n true", b"")).returncode:
        error = asked.stderr.decode(errors="replace").strip()
        raise TargetError(f"sudo does not work without a terminal: {error}. Allow it, or log in as root.")


def _check_alone(target: Target) -> None:
    state = target.shell(f"systemctl show --value --property ActiveState {UNIT}", b"").stdout
    if last_line(state) not in ("inactive", "failed"):
        raise TargetError("Another rollout is under way on the target, or is being undone; try again in a minute")


def _install(target: Target, args: argparse.Namespace, facts: dict[str, object]) -> int:
    settings = repository_settings(args.host, str(facts["name"]))
    print(f"Settings of the repository: {settings.name}", flush=True)
    if not _load(settings).cameras:
        _load(settings, camera=0)  # without a camera the values for all cameras are not checked
    release = bundle.make(str(facts["machine"]), str(facts["python"]), args.python, settings)
    packages = ", ".join(f"{package.name} {package.version}" for package in release.packages)
    print(f"Packages of the release: {packages}", flush=True)
    if facts["machine"] == "armv7l":
        print("This is a 32-bit system: these packages are untried there.", flush=True)
    fresh = f"rm -rf {OPT}/incoming && mkdir -p {OPT}/incoming && chmod 755 {OPT} && folder={OPT}/incoming"
    make = "folder=$(mktemp -d)" if args.dry_run else fresh
    prepare = f'umask 022 && cd / && {make} && tar -xf - -C "$folder" && echo "$folder"'
    sent = target.shell(f"{target.sudo}sh -c {shlex.quote(prepare)}", release.archive)
    if sent.returncode:
        raise TargetError(f"The target cannot unpack the release: {sent.stderr.decode(errors='replace').strip()}")
    incoming = last_line(sent.stdout)
    words = ["install", "--release", f"{incoming}/{release.name}", f"--login={args.login}"]
    words += ["--tls"] if args.tls else []
    words += ["--no-nginx"] if args.no_nginx else []
    words += port_flags.as_flags(port_flags.from_flags(args))
    words += ["--prefer", args.prefer] if args.prefer else []
    if args.env_file:
        if target.shell(f"{target.sudo}tee {shlex.quote(incoming)}/owner.env", args.env_file.read_bytes()).returncode:
            raise TargetError("The settings cannot be written to the target")
        words += ["--settings", f"{incoming}/owner.env"]
    lib = f"{incoming}/{release.name}/lib"
    if args.dry_run:
        status = target.run_attended(_rollout(args.python, lib, [*words, "--dry-run"]))
        target.shell(f"rm -rf {shlex.quote(incoming)}", b"")
        return status
    status = _run(target, args.python, lib, words)
    if status in (0, 1, UNAVAILABLE, ExitStatus.CONFIG_ERROR):  # else the recovery may still run from there
        target.shell(f"{target.sudo}rm -rf {shlex.quote(incoming)}", b"")
    return status


def _undo(target: Target, args: argparse.Namespace) -> int:
    # the current release, else any other
    find = f"for lib in {OPT}/current/lib {OPT}/releases/*/lib {OPT}/incoming/*/lib; do readlink -e $lib && break; done"
    lib = last_line(target.shell(find, b"").stdout)
    if not lib.endswith("/lib"):
        print("Nothing is installed on the target.", flush=True)
        return 0 if args.uninstall else 1
    words = ["rollback" if args.rollback else "uninstall"]
    if args.dry_run:
        return target.run_attended(_rollout(args.python, lib, [*words, "--dry-run"]))
    return _run(target, args.python, lib, words)


def _run(target: Target, python: str, lib: str, words: list[str]) -> int:
    """Run the rollout as a systemd unit, which stops all its processes and recovers even if the connection breaks."""
    recover = f"{' || '.join(f'[ -e {path} ]' for path in UNFINISHED)} && exec {_rollout(python, lib, ['recover'])}"
    after = shlex.quote(f"ExecStopPost=-/bin/sh -c {_quoted_for_systemd(recover)}")
    properties = f"--property=TimeoutStopSec=infinity --property={after}"  # recovery must not be cut short
    unit = f"systemd-run --quiet --collect --wait --pipe --unit={UNIT} {properties}"
    # systemd expands variables in the words of a command
    command = _rollout(python, lib, [*words, "--attended"]).replace("$", "$$")
    status = target.run_attended(f"{target.sudo}{unit} {command}")
    if status == SSH_FAILED:
        print(
            "The rollout was stopped, or the connection broke; the target restores the previous state.", file=sys.stderr
        )
        return ExitStatus.TEMPORARY_FAILURE
    return status


def _quoted_for_systemd(word: str) -> str:
    return '"' + re.sub(r'([\\"])', r"\\\1", word) + '"'


def _rollout(python: str, lib: str, words: list[str]) -> str:
    return shlex.join(["/usr/bin/env", "PYTHONSAFEPATH=1", f"PYTHONPATH={lib}", python, "-m", "rollout", *words])


if __name__ == "__main__":
    sys.exit(main())
