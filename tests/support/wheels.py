"""Small wheels, and a package index of pip that has only these."""

import base64
import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from rollout.lock import Package


class Wheels:
    """A folder of wheels; pip finds no others while the test runs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def add(self, name: str, version: str, tag: str = "py3-none-any", requires: Sequence[str] = ()) -> Package:
        """Make a wheel with one module and one command; return it as a lock has it."""
        path = self.folder / f"{name}-{version}-{tag}.whl"
        about = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in requires)]
        about += ["Provides-Extra: fast"] if any("fast" in each for each in requires) else []
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"VERSION = {version!r}\n",
            f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *about, ""]),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
            f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        }
        record = "".join(f"{file},sha256={_digest(text)},{len(text)}\n" for file, text in files.items())
        record += f"{info}/RECORD,,\n"
        with zipfile.ZipFile(path, "w") as wheel:
            for file, text in {**files, f"{info}/RECORD": record}.items():
                wheel.writestr(zipfile.ZipInfo(file), text)  # without the time
        return Package(name, version, path.name, hashlib.sha256(path.read_bytes()).hexdigest())

    def damage(self, package: Package) -> None:
        """Change one byte of a wheel, which stays a valid archive."""
        path = self.folder / package.wheel
        content = path.read_bytes()
        assert b"VERSION" in content
        path.write_bytes(content.replace(b"VERSION", b"version", 1))

    def remove_all(self) -> None:
        """Leave pip without any package."""
        for path in self.folder.iterdir():
            path.unlink()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
