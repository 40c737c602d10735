"""Locks the Python packages of a release in `scripts/requirements/`, one file for each kind of target.

pip resolves for another machine and another Python than its own, reports hashes, and uses the index of your
configuration. uv does not read that; pip-tools and `pip lock` resolve only for the Python on which they run.
"""

import argparse
import json
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.version import Version
from rollout.lock import PROJECT, Lock, Package, PackagesUnavailable, canonical, find

NEWER = 1
UNAVAILABLE = 69


@dataclass(frozen=True)
class Candidate:
    """A package that pip chose, and its own requirements."""

    package: Package
    requires: Sequence[Requirement]


def main() -> int:
    """Write or check the locks, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="lock_packages.py",
        description="Lock the Python packages of a release. Without a flag, versions stay as far as pyproject.toml "
        "permits them.",
        epilog="Exit status: 0 done; 1 with --check, if there are newer versions; 69 pip cannot find the packages.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="print newer versions, and change nothing")
    what.add_argument("--upgrade", action="store_true", help="lock the newest versions")
    what.add_argument(
        "--upgrade-package", action="append", default=[], metavar="NAME", help="lock its newest version; repeatable"
    )
    what.add_argument(
        "--add", action="append", default=[], metavar="MACHINE-PYTHON", help="one more kind of target: riscv64-3.13"
    )
    args = parser.parse_args()
    locks = dict.fromkeys([*find(), *(_parsed(name, parser) for name in args.add)])
    free = {canonical(name) for name in args.upgrade_package}
    try:
        known = {package.name for lock in find() for package in lock.packages()}
        if unknown := free - known:
            parser.error(f"{', '.join(sorted(unknown))}: not locked; locked are {', '.join(sorted(known))}")
        return _update(locks, known if args.check or args.upgrade else free, check=args.check)
    except PackagesUnavailable as reason:
        print(reason, file=sys.stderr)
        return UNAVAILABLE


def requirements() -> list[Requirement]:
    """Return the requirements of the project."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*map(Requirement, project["dependencies"])]


def needed(
    wanted: Iterable[Requirement], found: Mapping[str, Candidate], lock: Lock
) -> tuple[set[str], list[Requirement]]:
    """Follow requirements for a target; return the names of the packages it needs, and what `found` does not fulfil.

    pip evaluates markers such as `python_version < "3.13"` for the Python on which it runs:
    https://github.com/pypa/pip/issues/11664
    """
    environment = {
        "implementation_name": "cpython", "implementation_version": f"{lock.python_version}.0",
        "os_name": "posix", "platform_machine": lock.machine, "platform_python_implementation": "CPython",
        "platform_system": "Linux", "python_full_version": f"{lock.python_version}.0",
        "python_version": lock.python_version, "sys_platform": "linux",
    }  # fmt: skip
    names: set[str] = set()
    missing: list[Requirement] = []
    done: set[tuple[str, str]] = set()
    todo = [(each, "") for each in wanted]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonical(requirement.name)
        candidate = found.get(name)
        if candidate is None or not requirement.specifier.contains(candidate.package.version, prereleases=True):
            missing.append(unconditional := copy(requirement))
            unconditional.marker = None
            continue
        names.add(name)
        for each in {"", *requirement.extras} - {known for known_name, known in done if known_name == name}:
            done.add((name, each))
            todo += [(inner, each) for inner in candidate.requires]
    return names, missing


def _parsed(name: str, parser: argparse.ArgumentParser) -> Lock:
    machine, _, python_version = name.rpartition("-")
    if not machine.replace("_", "").isalnum() or not python_version.replace(".", "", 1).isdecimal():
        parser.error(f"--add {name}: must be machine and Python version, such as riscv64-3.13")
    return Lock(machine, python_version)


def _update(locks: Iterable[Lock], free: set[str], *, check: bool) -> int:
    """Resolve the packages of each lock, report what changes, and write the locks after all were resolved."""
    others = {package.name: package for lock in find() for package in lock.packages()}
    changes: dict[str, list[str]] = {}
    new: dict[Lock, list[Package]] = {}
    for lock in locks:
        print(f"{lock.name} ...", file=sys.stderr, flush=True)
        before = {package.name: package for package in lock.packages()} if lock.file.exists() else {}
        pinned = {**others, **before}
        new[lock] = _resolve(lock, [package for name, package in pinned.items() if name not in free])
        for change in _changes(before, {package.name: package for package in new[lock]}):
            changes.setdefault(change, []).append(lock.name)
    for change, names in sorted(changes.items()):
        print(f"{change}  ({', '.join(names)})")
    if not changes:
        print("There are no newer versions." if check else "Nothing to change.")
    if check:
        return NEWER if changes else 0
    for lock, packages in new.items():
        lock.write(packages)
    return 0


def _changes(before: Mapping[str, Package], after: Mapping[str, Package]) -> Iterable[str]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            yield f"{name} {new.version} is new"
        elif old is not None and new is None:
            yield f"{name} {old.version} is no longer needed"
        elif old is not None and new is not None and old != new:
            another = "" if old.version != new.version else ", in another wheel"
            yield f"{name} {old.version} -> {new.version}{another}"


def _resolve(lock: Lock, pinned: Iterable[Package]) -> list[Package]:
    """Return the packages for a target; those in `pinned` keep their versions unless pyproject.toml forbids it."""
    wanted = requirements()
    limits = {canonical(each.name): each.specifier for each in wanted}
    keep = [
        f"{package.name}=={package.version}"
        for package in pinned
        if package.name not in limits or limits[package.name].contains(Version(package.version), prereleases=True)
    ]
    apt = dict(_from_apt(wanted, lock))
    asked = [each for each in wanted if canonical(each.name) not in apt]
    while True:
        by_pip = _ask_pip(lock, asked, keep)
        found = {name: each for name, each in by_pip.items() if name not in lock.from_the_system} | apt
        names, missing = needed(wanted, found, lock)
        if not missing:
            break
        if all(each in asked for each in missing):
            raise PackagesUnavailable(f"{lock.name}: neither pip nor the target has {', '.join(map(str, missing))}")
        asked += missing
    return [found[name].package for name in names - apt.keys()]


def _from_apt(wanted: Iterable[Requirement], lock: Lock) -> Iterable[tuple[str, Candidate]]:
    """Yield what the target has from apt, in the oldest version that the project permits; other packages must fit."""
    for each in wanted:
        if (name := canonical(each.name)) in lock.from_the_system:
            oldest = next((limit.version for limit in each.specifier if limit.operator == ">="), "0")
            yield name, Candidate(Package(name, oldest, "", ""), [])


def _ask_pip(lock: Lock, wanted: Iterable[Requirement], keep: Iterable[str]) -> dict[str, Candidate]:
    with tempfile.TemporaryDirectory() as scratch:
        report, constraints = Path(scratch, "report.json"), Path(scratch, "keep.txt")
        constraints.write_text("\n".join(keep))
        options = ["--dry-run", "--ignore-installed", "--target", scratch]
        options += ["--report", str(report), "--constraint", str(constraints)]
        if error := lock.run_pip(*options, *map(str, wanted)):
            raise PackagesUnavailable(
                f"pip finds no wheels for {lock.name} that fit together. Nothing was written.\n{error}"
            )
        return dict(map(_candidate, json.loads(report.read_text())["install"]))


def _candidate(item: Mapping[str, Any]) -> tuple[str, Candidate]:
    about, download = item["metadata"], item["download_info"]
    wheel = unquote(urlsplit(download["url"]).path.rpartition("/")[2])
    name = canonical(about["name"])
    sha256 = download["archive_info"].get("hashes", {}).get("sha256")
    if not sha256:
        raise PackagesUnavailable(f"{wheel}: the package index has no SHA-256 hash for it")
    return name, Candidate(
        Package(name, about["version"], wheel, sha256), [Requirement(each) for each in about.get("requires_dist", [])]
    )


if __name__ == "__main__":
    sys.exit(main())
