"""Imports for the tests: the settings and notes of each camera, checked by the loader."""

from dataclasses import dataclass

from soft_stream.config import env_file
from soft_stream.migration.machine import Machine
from soft_stream.migration.recognise import cameras_of_command, cameras_of_text
from soft_stream.migration.render import Imported, problems_of
from soft_stream.migration.words import split

CSI = ["/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a", "/base/axi/pcie@1000120000/rp1/i2c@80000/imx219@10"]
NODES = {"/dev/video0": "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.1:1.0-046d:0825", "/dev/video4": CSI[0]}


class FakeMachine(Machine):
    """A machine with one webcam and two CSI cameras."""

    def id_of_node(self, path: str) -> str | None:
        """Return the id of the webcam, or of the first CSI camera."""
        return NODES.get(path)

    def id_at(self, index: int) -> str | None:
        """Return the id of a CSI camera."""
        return CSI[index] if 0 <= index < len(CSI) else None


@dataclass(frozen=True)
class Result:
    """The settings file and the notes of an import."""

    text: str
    notes: list[str]

    @property
    def values(self) -> dict[str, str]:
        """The settings by key."""
        return {each.key: each.value or "" for each in env_file.parse(self.text)}

    def has_note(self, *words: str) -> bool:
        """Return True if one note has all words."""
        return any(all(word in note for word in words) for note in self.notes)


def command(line: str, kind: str | None = None, existing: str = "", first: int | None = None) -> Result:
    """Import a command line."""
    return _checked(Imported(cameras_of_command(split(line, "test"), kind), first, existing, FakeMachine()))


def file(
    text: str, name: str = "file", kind: str | None = None, existing: str = "", first: int | None = None
) -> Result:
    """Import the text of a file."""
    return _checked(Imported(cameras_of_text(text, name, kind), first, existing, FakeMachine()))


def _checked(imported: Imported) -> Result:
    text = imported.text("test")
    assert problems_of(text) == []
    return Result(text, imported.notes)
