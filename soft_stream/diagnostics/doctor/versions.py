"""Which Python, Picamera2 and libcamera this program has, and whether they fit together."""

import re
from collections.abc import Iterator

from soft_stream.diagnostics.doctor.context import APT, PROGRAM, DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

# by the name of the module: the package of PyPI, that of Debian
MODULES = {
    "picamera2": ("picamera2", "python3-picamera2"),
    "numpy": ("numpy", "python3-numpy"),
    "simplejpeg": ("simplejpeg", "python3-simplejpeg"),
    "PIL": ("pillow", "python3-pil"),
}
# built from one source, so that they must have one version
LIBCAMERA = re.compile(r"libcamera0\.\d+|libcamera-ipa|python3-libcamera")
OLDEST_SIMPLEJPEG = (1, 8)


def look(context: DoctorContext) -> Iterator[Finding]:
    """Compare what this program would import with what apt has installed."""
    if context.host.paths(f"{PROGRAM}/bin/soft-stream") and not _is_installed_one(context):
        yield note(
            f"this is not the program that serves: it runs from {context.host.program}",
            "versions may differ",
            f"{PROGRAM}/bin/soft-stream doctor",
        )
    if not context.wants_cameras:
        return
    packages = _packages(context)
    yield ok(_summary(context, packages))
    yield from _python(context)
    yield from _shadows(context)
    yield from _libcamera(context, packages)


def _is_installed_one(context: DoctorContext) -> bool:
    node = context.host.node(PROGRAM)
    return context.host.program.startswith((PROGRAM, node.target if node else PROGRAM))


def _packages(context: DoctorContext) -> dict[str, str]:
    """Return the versions of Debian's packages that are installed."""
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
    """Look whether apt's Picamera2 is out of reach of this Python."""
    if context.host.module("picamera2") or not context.host.paths(f"{APT}/picamera2/__init__.py"):
        return
    output = context.host.run("/usr/bin/python3", "--version")
    system = output.text.removeprefix("Python ").strip() if output else ""
    ours = context.host.python
    again = "scripts/deploy-soft-stream.sh once more; in a checkout: python3 -m venv --system-site-packages .venv"
    if system and _major_minor(system) != _major_minor(ours):
        yield wrong(f"this is Python {ours}, the system's is {system}", "apt's Picamera2 is for the system's", again)
    else:
        yield wrong(
            f"Picamera2 is in {APT}, where {context.host.prefix} does not look",
            "the virtual environment was made without --system-site-packages",
            again,
        )


def _shadows(context: DoctorContext) -> Iterator[Finding]:
    """Look for what pip has put before apt's, which Picamera2 and libcamera were built for."""
    for name, (package, debian) in MODULES.items():
        module = context.host.module(name, package)
        if not module:
            continue
        has_apt = bool(context.host.paths(f"{APT}/{name}/__init__.py"))
        if has_apt and not module.path.startswith(f"{APT}/"):
            yield wrong(
                f"{package} {module.version} in {module.path.rpartition(f'/{name}/')[0]} hides apt's",
                "Picamera2 fits apt's: `numpy.dtype size changed`, `undefined symbol`",
                f"{context.host.prefix}/bin/python -m pip uninstall {package}",
            )
        elif name == "simplejpeg" and _major_minor(module.version) < OLDEST_SIMPLEJPEG:
            yield wrong(f"simplejpeg is {module.version}", "it must be 1.8 or newer", f"sudo apt install {debian}")


def _libcamera(context: DoctorContext, packages: dict[str, str]) -> Iterator[Finding]:
    parts = {name: version for name, version in packages.items() if LIBCAMERA.fullmatch(name)}
    bindings = parts.get("python3-libcamera")
    # after an upgrade the library of before may still be there, which nobody uses
    libraries = [version for name, version in parts.items() if name.startswith("libcamera0.")]
    others = [version for name, version in parts.items() if name == "libcamera-ipa"]
    if bindings and ((libraries and bindings not in libraries) or any(version != bindings for version in others)):
        yield wrong(
            f"{', '.join(f'{name} {version}' for name, version in parts.items())}: they are not of one version",
            "the camera is not found, or `undefined symbol`",
            "sudo apt update && sudo apt full-upgrade",
        )
    if own := context.host.paths("/usr/local/lib/*/libcamera.so*") or context.host.paths(
        "/usr/local/lib/libcamera.so*"
    ):
        yield note(
            f"{own[0]} was built on this machine",
            "it comes before apt's, and Picamera2 may not fit it: `undefined symbol`",
            "remove it if that is not wanted: sudo ninja -C build uninstall; sudo ldconfig",
        )


def _major_minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
