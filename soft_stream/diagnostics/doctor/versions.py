"""The versions of Python, Picamera2 and libcamera, and whether they fit together."""

import re
from collections.abc import Iterator
from pathlib import Path

from soft_stream.config.installation import FAILED_UPGRADE, describe_failed_upgrade
from soft_stream.diagnostics.doctor.context import APT, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

# module name: PyPI package, Debian package
MODULES = {
    "picamera2": ("picamera2", "python3-picamera2"),
    "numpy": ("numpy", "python3-numpy"),
    "simplejpeg": ("simplejpeg", "python3-simplejpeg"),
    "PIL": ("pillow", "python3-pil"),
}
# built from one source package: they must have the same version
LIBCAMERA = re.compile(r"libcamera0\.\d+|libcamera-ipa|python3-libcamera")
OLDEST_SIMPLEJPEG = (1, 8)


def check(context: DoctorContext) -> Iterator[Finding]:
    """Compare the modules that this program would import with those that apt has installed."""
    yield from _failed_upgrade(context)
    if context.release and not _runs_from(context, context.release):
        yield note(
            f"this program runs from {context.host.program}, not from the installed release",
            "versions may differ",
            f"{context.release}/bin/soft-stream doctor",
        )
    if not context.uses_picamera:
        return
    packages = _packages(context)
    yield ok(_summary(context, packages))
    yield from _python(context)
    yield from _hidden_modules(context)
    yield from _libcamera(context, packages)


def _failed_upgrade(context: DoctorContext) -> Iterator[Finding]:
    """Report the reason that an upgrade of the Debian package has left."""
    text = context.host.read(str(FAILED_UPGRADE))
    if text is None and context.host.node(str(FAILED_UPGRADE)):
        text = ""  # this user may not read it
    if sentence := describe_failed_upgrade(text):
        yield wrong(
            sentence,
            "the installed release is not the one that serves the cameras",
            "journalctl -b -e -u 'camera-soft-cam@*' shows the cause (docs/upgrade.md); when it is repaired: "
            "sudo dpkg-reconfigure camera-soft-stream",
        )


def _runs_from(context: DoctorContext, release: Path) -> bool:
    node, program = context.host.node(str(release)), Path(context.host.program)
    return program.is_relative_to(release) or bool(node and program.is_relative_to(node.target))


def _packages(context: DoctorContext) -> dict[str, str]:
    """Return the versions of the installed Debian packages."""
    output = context.host.run(
        "dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n", "libcamera*", "python3-libcamera",
        *(package for _, package in MODULES.values()),
    )  # fmt: skip
    rows = [line.split() for line in output.text.splitlines()] if output else []
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "ii"}


def _summary(context: DoctorContext, packages: dict[str, str]) -> str:
    facts = [f"Python {context.host.python}"]
    for name, (package, _) in MODULES.items():
        if module := context.host.module(name, package):
            facts.append(f"{package} {module.version}")
    facts += [f"{name} {version}" for name, version in packages.items() if LIBCAMERA.fullmatch(name)]
    return ", ".join(facts)


def _python(context: DoctorContext) -> Iterator[Finding]:
    """Check whether this Python can import apt's Picamera2."""
    if context.host.module("picamera2") or not context.host.paths(f"{APT}/picamera2/__init__.py"):
        return
    output = context.host.run("/usr/bin/python3", "--version")
    system = output.text.removeprefix("Python ").strip() if output else ""
    ours = context.host.python
    again = f"{context.configure_again}; in a checkout: python3 -m venv --system-site-packages .venv"
    if system and _major_minor(system) != _major_minor(ours):
        yield wrong(
            f"this is Python {ours}, the system's is {system}", "apt's Picamera2 needs the system's Python", again
        )
    else:
        yield wrong(
            f"Picamera2 is in {APT}, where {context.host.prefix} does not search",
            "the virtual environment was created without --system-site-packages",
            again,
        )


def _hidden_modules(context: DoctorContext) -> Iterator[Finding]:
    """Find modules of pip that hide apt's modules, for which Picamera2 and libcamera were built."""
    for name, (package, debian) in MODULES.items():
        module = context.host.module(name, package)
        if not module:
            continue
        has_apt = bool(context.host.paths(f"{APT}/{name}/__init__.py"))
        if has_apt and not module.path.startswith(f"{APT}/"):
            yield wrong(
                f"{package} {module.version} in {module.path.rpartition(f'/{name}/')[0]} hides apt's",
                "Picamera2 was built for apt's: `numpy.dtype size changed`, `undefined symbol`",
                f"{context.host.prefix}/bin/python -m pip uninstall {package}",
            )
        elif name == "simplejpeg" and _major_minor(module.version) < OLDEST_SIMPLEJPEG:
            yield wrong(
                f"simplejpeg is {module.version}", "version 1.8 or newer is needed", f"sudo apt install {debian}"
            )


def _libcamera(context: DoctorContext, packages: dict[str, str]) -> Iterator[Finding]:
    parts = {name: version for name, version in packages.items() if LIBCAMERA.fullmatch(name)}
    bindings = parts.get("python3-libcamera")
    # after an upgrade the old library may still be installed, unused
    libraries = [version for name, version in parts.items() if name.startswith("libcamera0.")]
    others = [version for name, version in parts.items() if name == "libcamera-ipa"]
    if bindings and ((libraries and bindings not in libraries) or any(version != bindings for version in others)):
        yield wrong(
            f"{', '.join(f'{name} {version}' for name, version in parts.items())}: the versions differ",
            "the camera is not found, or `undefined symbol`",
            "sudo apt update && sudo apt full-upgrade",
        )
    if own := context.host.paths("/usr/local/lib/*/libcamera.so*") or context.host.paths(
        "/usr/local/lib/libcamera.so*"
    ):
        yield note(
            f"{own[0]} was built on this machine",
            "it hides apt's, and Picamera2 may not fit it: `undefined symbol`",
            "remove it if it is not needed: sudo ninja -C build uninstall; sudo ldconfig",
        )


def _major_minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
