"""scripts/build-deb.sh: the packages that it builds, inspected without installing them. The lab installs them."""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from rollout.lock import Lock

from soft_stream import __version__
from soft_stream.config.installation import DEPLOYED, PACKAGED
from tests.support.checkout import ROOT

RELEASE = f"{PACKAGED.parent}/{__version__}"
UNITS = "/usr/lib/systemd/system"
EXECUTABLES = {"bin/soft-stream", "scripts/measure_fps.py", "systemd/start-missing-cameras.sh"}
LIBRARIES = {  # library: Debian package
    **dict.fromkeys(["libc.so.6", "libm.so.6", "libpthread.so.0"], "libc6 (>= 2.36)"),
    **dict.fromkeys(["ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2"], "libc6 (>= 2.36)"),
    "libgcc_s.so.1": "libgcc-s1",
    "libstdc++.so.6": "libstdc++6",
}


@dataclass(frozen=True)
class Kind:
    """A package that is built here; the two differ in suite and architecture."""

    suite: str
    architecture: str
    suffix: str
    lock: Lock
    python: str
    machine: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"camera-soft-stream_{__version__}~{self.suffix}_{self.architecture}.deb"


BOOKWORM = Kind(
    "bookworm", "amd64", "deb12", Lock("x86_64", "3.11"), "python3 (>= 3.11~), python3 (<< 3.12)",
    "Advanced Micro Devices X86-64",
)  # fmt: skip
TRIXIE = Kind("trixie", "arm64", "deb13", Lock("aarch64", "3.13"), "python3 (>= 3.13~), python3 (<< 3.14)", "AArch64")


class Package:
    """A built package, unpacked."""

    def __init__(self, kind: Kind, file: Path, folder: Path) -> None:
        self.kind, self.file = kind, file
        self.root, self.about = folder / "root", folder / "control"
        _run("dpkg-deb", "--extract", str(file), str(self.root))
        _run("dpkg-deb", "--control", str(file), str(self.about))
        with tarfile.open(fileobj=BytesIO(_run("dpkg-deb", "--fsys-tarfile", str(file)))) as tar:
            self.members = {member.name.removeprefix("."): member for member in tar}

    @property
    def files(self) -> set[str]:
        """The paths of all that is no folder."""
        return {name for name, member in self.members.items() if not member.isdir()}

    @property
    def modules(self) -> list[Path]:
        """The extension modules."""
        return sorted(self.root.rglob("*.so*"))

    def field(self, name: str) -> str:
        """Return a field of the control file."""
        return _run("dpkg-deb", "--field", str(self.file), name).decode().strip()

    def text(self, path: str) -> str:
        """Return the text of a file."""
        return (self.root / path.removeprefix("/")).read_text()


def _run(*command: str) -> bytes:
    return subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True).stdout


def _copy(folder: Path) -> Path:
    """Copy what a build needs of the project; the environment and the downloaded wheels are shared."""
    others = shutil.ignore_patterns(".*", "build", "tests", "benchmarks", "__pycache__")
    shutil.copytree(ROOT, folder, ignore=others)
    for name in (".venv", "build/python-packages"):
        (ROOT / name).mkdir(parents=True, exist_ok=True)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    return folder


def _build(project: Path, kind: Kind, **environment: str) -> Path:
    """Build a package with a private umask, as some users have it."""
    command = ["scripts/build-deb.sh", "--suite", kind.suite, "--arch", kind.architecture]
    done = subprocess.run(
        command, cwd=project, env={**os.environ, **environment}, umask=0o077, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"build/deb/{kind.file}\n"), done.stderr
    assert [path.name for path in (project / "build/deb").iterdir()].count(kind.file) == 1
    assert not list((project / "build/deb").glob("work*"))
    return project / "build/deb" / kind.file


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project."""
    return _copy(tmp_path_factory.mktemp("deb") / "project")


@pytest.fixture(scope="module")
def bookworm(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Build the package for bookworm on amd64."""
    return Package(BOOKWORM, _build(project, BOOKWORM), tmp_path_factory.mktemp("bookworm"))


@pytest.fixture(scope="module")
def trixie(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Build the package for trixie on arm64."""
    return Package(TRIXIE, _build(project, TRIXIE), tmp_path_factory.mktemp("trixie"))


@pytest.fixture(params=["bookworm", "trixie"])
def package(request: pytest.FixtureRequest) -> Package:
    """Return each of the two packages."""
    found: Package = request.getfixturevalue(request.param)
    return found


def test_two_builds_give_the_same_bytes(bookworm: Package, tmp_path: Path) -> None:
    """Folder, time, time zone, language, umask and the times of the files have no influence."""
    project = _copy(tmp_path / "another folder")
    for number, path in enumerate(sorted(project.rglob("*"), reverse=True)):
        if not path.is_symlink():
            os.utime(path, (981173106 + number, 981173106 + number))  # before the changelog's date
    again = _build(
        project, BOOKWORM, TZ="Asia/Tokyo", LC_ALL="C.UTF-8", HOME=str(tmp_path), SOURCE_DATE_EPOCH="981173106"
    )
    assert again.read_bytes() == bookworm.file.read_bytes()


def test_the_control_file_names_version_and_dependencies(package: Package) -> None:
    """The package is for exactly one Python, and Debian has the rest in the versions that the project needs."""
    assert package.field("Version") == f"{__version__}~{package.kind.suffix}"
    assert package.field("Architecture") == package.kind.architecture
    depends = package.field("Depends")
    assert depends.startswith(f"{package.kind.python}, ")
    assert {"python3-numpy (>= 1:1.24)", "python3-pil (>= 9.4)", "openssl", "adduser"} < set(depends.split(", "))
    assert package.field("Recommends") == "nginx-light | nginx, python3-picamera2"
    assert package.field("Suggests") == "python3-av, python3-gphoto2, python3-zmq"
    assert "$" not in _run("dpkg-deb", "--field", str(package.file)).decode()


def test_a_release_is_in_a_folder_of_its_version(package: Package) -> None:
    """It has all that a release of the deployment has; `current` and the command lead to it."""
    assert os.readlink(package.root / f"{PACKAGED}".lstrip("/")) == __version__
    assert (package.root / "usr/bin/soft-stream").resolve() == (package.root / f"{RELEASE}/bin/soft-stream".lstrip("/"))
    inside = {name.removeprefix(f"{RELEASE}/") for name in package.files if name.startswith(RELEASE)}
    tops = {name.partition("/")[0] for name in inside}
    assert tops == {"LICENSE", "bin", "camera-soft-stream.env", "docs", "lib", "nginx", "scripts", "systemd"}
    for source, place in {"soft_stream": "lib/soft_stream", "scripts/rollout": "lib/rollout", "docs": "docs"}.items():
        expected = {
            f"{place}/{path.relative_to(ROOT / source)}"
            for path in (ROOT / source).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }  # fmt: skip
        assert expected <= inside


def test_the_locked_python_packages_are_inside(package: Package) -> None:
    """They are those of the lock, in its versions, and debian/copyright has each."""
    found = {path.name for path in package.root.rglob("*.dist-info")}
    assert found == {f"{each.name.replace('-', '_')}-{each.version}.dist-info" for each in package.kind.lock.packages()}
    licences = package.text("/usr/share/doc/camera-soft-stream/copyright")
    for each in package.kind.lock.packages():
        assert re.search(rf"^Files:.* release/lib/{each.name.replace('-', '_')}(/\*|\.py)( |$)", licences, re.MULTILINE)


def test_extension_modules_are_for_the_architecture(package: Package) -> None:
    """They are for its machine and Python, need libraries of `Depends`, and have no symbols for debuggers."""
    assert len(package.modules) > 8
    depends = package.field("Depends").split(", ")
    python = package.kind.lock.python_version.replace(".", "")
    for module in package.modules:
        assert f".cpython-{python}-{package.kind.lock.machine}-linux-gnu.so" in module.name
        said = _run("readelf", "--wide", "--file-header", "--sections", "--dynamic", str(module)).decode()
        assert re.search(rf"Machine: +{package.kind.machine}\n", said)
        libraries = re.findall(r"\(NEEDED\) .*\[(.+)\]", said)
        assert {LIBRARIES[library] for library in libraries} <= {*depends}
        assert ".dynsym" in said
        assert not re.search(r"\.(symtab|debug_)", said)


def test_extension_modules_can_be_loaded(bookworm: Package) -> None:
    """Removing symbols has damaged none; simplejpeg needs Debian's numpy, which the lab has."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK) or b"3.11" not in _run(python, "--version"):
        pytest.skip("the system's Python is not 3.11")
    lib = bookworm.root / f"{RELEASE}/lib".lstrip("/")
    modules = [str(module.relative_to(lib)).partition(".")[0].replace("/", ".") for module in bookworm.modules]
    others = sorted({*modules} - {"simplejpeg._jpeg"})
    assert len(others) == len(modules) - 1
    environment = {"PYTHONPATH": str(lib), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, "-c", f"import {', '.join(others)}"], env=environment, check=True)
    said = subprocess.run(
        [lib.parent / "bin/soft-stream", "--version"], env=environment, capture_output=True, check=True
    )
    assert __version__ in said.stdout.decode()


def test_units_run_the_release_of_the_package(package: Package) -> None:
    """The units, the udev rule and the user are those of the deployment, with the paths of the package."""
    for file in (ROOT / "systemd").glob("*.*"):
        text = file.read_text().replace(str(DEPLOYED), str(PACKAGED))
        if file.suffix in (".service", ".target"):
            assert package.text(f"{UNITS}/{file.name}") == text
    assert f"ExecStart={PACKAGED}/bin/soft-stream serve" in package.text(f"{UNITS}/camera-soft-cam@.service")
    for place, name in {
        "/usr/lib/udev/rules.d/90-camera-soft-stream.rules": "90-camera-soft-stream.rules",
        "/usr/lib/sysusers.d/camera-soft-stream.conf": "camera-soft-stream.sysusers.conf",
    }.items():
        assert package.text(place) == (ROOT / "systemd" / name).read_text()
    # depends on the version of systemd, so the release writes it when it is configured
    assert not [name for name in package.files if name.endswith("backoff.conf") and name.startswith(UNITS)]


def test_man_pages_completion_and_documents_are_where_programs_find_them(package: Package) -> None:
    """man, bash, zsh and `/usr/share/doc` have them; documents are not compressed, so that a browser shows them."""
    assert {
        "/usr/share/man/man1/soft-stream.1.gz",
        "/usr/share/man/man1/soft-stream-serve.1.gz",
        "/usr/share/bash-completion/completions/soft-stream",
        "/usr/share/zsh/vendor-completions/_soft-stream",
        "/usr/share/doc/camera-soft-stream/README.md",
        "/usr/share/doc/camera-soft-stream/CHANGELOG.md",
        "/usr/share/doc/camera-soft-stream/changelog.gz",
    } < package.files
    target = os.readlink(package.root / "usr/share/doc/camera-soft-stream/docs")
    assert os.path.normpath(f"/usr/share/doc/camera-soft-stream/{target}") == f"{PACKAGED}/docs"


def test_files_have_the_owner_and_the_modes_of_a_system(package: Package) -> None:
    """All are root's, nobody else can write them, and only programs can be executed."""
    for name, member in package.members.items():
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root")
        if member.issym():
            continue
        executable = member.isdir() or name.removeprefix(f"{RELEASE}/") in EXECUTABLES
        assert stat.S_IMODE(member.mode) == (0o755 if executable else 0o644), name
    for name in ("preinst", "postinst", "prerm", "postrm"):
        assert stat.S_IMODE((package.about / name).stat().st_mode) == 0o755
        assert "#DEBHELPER#" not in (package.about / name).read_text()


def test_dpkg_asks_nothing_and_knows_each_file(package: Package) -> None:
    """No file is a configuration file of dpkg, none was compiled by Python, and each is in the list of digests."""
    assert not (package.about / "conffiles").exists()
    assert {name.split("/")[1] for name in package.files} == {"usr"}
    assert not [name for name in package.members if "__pycache__" in name or name.endswith((".pyc", ".orig", "~"))]
    digests = dict(line.split("  ")[::-1] for line in (package.about / "md5sums").read_text().splitlines())
    regular = {name for name, member in package.members.items() if member.isreg()}
    assert {f"/{name}" for name in digests} == regular
    for name, digest in digests.items():
        content = (package.root / name).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == digest


def test_the_changelog_has_the_version_of_the_program() -> None:
    """debian/changelog and soft_stream/__init__.py are changed together."""
    command = ("dpkg-parsechangelog", "--file", str(ROOT / "debian/changelog"), "--show-field", "Version")
    assert _run(*command).decode().strip() == __version__


def test_lintian_finds_no_error(bookworm: Package, trixie: Package) -> None:
    """Overrides are used only for what no package of Debian has, each with its reason."""
    suite = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    packages = [str(each.file) for each in (bookworm, trixie) if suite and each.kind.suite == suite[1]]
    if not packages:
        pytest.skip("this machine has the lintian of neither suite; scripts/build-deb.sh --lint installs one")
    command = ["/usr/bin/lintian", "--fail-on", "error", *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, re.findall(r"^E: .*", done.stdout, re.MULTILINE)) == (0, []), done.stderr
    lines = (ROOT / "debian/camera-soft-stream.lintian-overrides").read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        assert line.startswith("#") or (line.startswith("embedded-library ") and before.startswith("# "))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "buster"], "--suite buster: must be bookworm or trixie"),
        (["--arch"], "--arch : must be amd64 or arm64"),
        (["--arch", "armhf"], "--arch armhf: must be amd64 or arm64"),
        (["trixie"], "trixie: unknown option"),
    ],
)
def test_wrong_options_are_errors(arguments: list[str], message: str) -> None:
    """The exit status is 2, two lines say why, and nothing is built."""
    done = subprocess.run([ROOT / "scripts/build-deb.sh", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"build-deb.sh: {message}\nscripts/build-deb.sh --help shows the options.\n"


def test_a_failed_build_leaves_no_package(project: Path, tmp_path: Path) -> None:
    """The exit status is 1, and the reason is printed."""
    broken = tmp_path / "broken"
    shutil.copytree(project, broken, symlinks=True, ignore=shutil.ignore_patterns("deb"))
    lock = broken / "scripts/requirements/x86_64-3.11.txt"
    lock.write_text("aiohttp\n")
    command = ["scripts/build-deb.sh", "--suite", "bookworm", "--arch", "amd64"]
    done = subprocess.run(command, cwd=broken, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "aiohttp: must be NAME==VERSION" in done.stderr
    assert list((broken / "build/deb").iterdir()) == []
