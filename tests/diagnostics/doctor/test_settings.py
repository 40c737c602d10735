"""The settings file: who may write it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.host import Host, Node
from soft_stream.diagnostics.doctor.report import Finding
from soft_stream.diagnostics.doctor.settings import check
from tests.diagnostics.doctor.stand_in import FakeHost, examine, wrongs

FOLDER = str(INSTALLED_FILE.parent)
WHY = "the settings decide which files the service loads, which commands it runs, and where it listens"


@dataclass
class FileHost(FakeHost):
    """A machine with a settings file of that name."""

    file: Path = field(default=INSTALLED_FILE)

    def load(self, file: Path | None) -> LoadedConfig:
        """Load the settings."""
        return replace(super().load(file), file=self.file)


def faults(nodes: dict[str, tuple[int, str, str]], file: str = str(INSTALLED_FILE), target: str = "") -> list[Finding]:
    """Return the faults of a file for the (mode, owner, group) of the file and folders; others are root's."""
    states = {each: Node(mode, owner, group, "", can_open=True) for each, (mode, owner, group) in nodes.items()}
    first = states.setdefault(file, Node(0o640, "root", "video", "", can_open=True))
    states[file] = replace(first, target=target or file)
    for folder in Path(file).parents:
        states.setdefault(str(folder), Node(0o755, "root", "root", str(folder), can_open=True))
    found = examine(FileHost(settings="cam0_source=test-pattern\n", nodes=states, file=Path(file)))["settings"]
    return [each for each in found if each.level == "WRONG"]


@pytest.mark.parametrize(
    ("mode", "owner", "group", "rights", "fix"),
    [
        (0o660, "root", "video", "the group video may write it", "chmod g-w"),
        (0o666, "root", "root", "every user may write it", "chmod o-w"),
        (0o646, "root", "adm", "every user may write it", "chmod o-w"),
        (0o644, "pi", "pi", "it belongs to pi", "chown root"),
        (0o664, "pi", "pi", "it belongs to pi, the group pi may write it", "chown root FILE; sudo chmod g-w"),
    ],
)
def test_an_installed_file_that_others_may_write(mode: int, owner: str, group: str, rights: str, fix: str) -> None:
    """The finding has who may write it, why that matters, and the command that prevents it."""
    (fault,) = faults({str(INSTALLED_FILE): (mode, owner, group)})
    assert fault.what == f"{INSTALLED_FILE} can be changed by others: {rights} ({owner}:{group} {mode:o})"
    assert fault.why == WHY
    assert fault.fix == f"sudo {fix.replace('FILE', str(INSTALLED_FILE))} {INSTALLED_FILE}"


@pytest.mark.parametrize("node", [(0o640, "root", "video"), (0o660, "root", "root"), (0o664, "root", "adm")])
def test_an_installed_file_that_only_administrators_may_write(node: tuple[int, str, str]) -> None:
    """Others may read it; the groups root and adm may write it."""
    assert faults({str(INSTALLED_FILE): node}) == []


def test_a_folder_in_which_others_can_replace_the_file() -> None:
    """Each folder above the file counts, up to the root."""
    nodes = {FOLDER: (0o2775, "root", "video"), "/etc": (0o755, "pi", "pi"), "/": (0o777, "root", "root")}
    first, second, third = faults(nodes)
    assert first.what == (
        f"the files in {FOLDER} can be replaced by others: the group video may write it (root:video 2775)"
    )
    assert (first.why, first.fix) == (WHY, f"sudo chmod g-w {FOLDER}")
    assert (second.fix, third.fix) == ("sudo chown root /etc", "sudo chmod o-w /")


def test_a_file_of_the_user_who_starts_the_program() -> None:
    """Its owner may write it, also through the group of the same name; a sticky folder such as /tmp is no fault."""
    file = "/tmp/work/settings.env"  # noqa: S108 # nothing is written
    nodes = {file: (0o664, "anna", "anna"), "/tmp/work": (0o775, "anna", "anna"), "/tmp": (0o1777, "root", "root")}  # noqa: S108
    assert faults(nodes, file) == []
    (fault,) = faults(nodes | {file: (0o664, "anna", "users")}, file)
    assert "the group users may write it" in fault.what
    (fault,) = faults(nodes | {"/tmp/work": (0o755, "bob", "bob")}, file)  # noqa: S108
    assert fault.what.startswith("the files in /tmp/work can be replaced by others: it belongs to bob")


def test_a_link_to_the_file() -> None:
    """The file that it names and its folders count, too."""
    nodes = {"/srv/cameras/settings.env": (0o666, "root", "root"), "/srv/cameras": (0o755, "pi", "pi")}
    found = faults(nodes, target="/srv/cameras/settings.env")
    assert [each.fix for each in found] == ["sudo chmod o-w /srv/cameras/settings.env", "sudo chown root /srv/cameras"]


def test_a_link_in_the_path(tmp_path: Path) -> None:
    """The file and its folder have one finding each, whatever the number of their paths."""
    folder = tmp_path / "real"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    (folder / "settings.env").write_text("cam0_source=test-pattern\n")
    for path in (folder, folder / "settings.env"):
        path.chmod(0o777)
    found = [each.what for each in check(DoctorContext(Host(), tmp_path / "link/settings.env"))]
    (file,) = (each for each in found if "can be changed by others" in each)
    assert file.startswith(str(folder / "settings.env"))
    assert sum("can be replaced by others" in each for each in found) == 1


def test_a_real_file(tmp_path: Path) -> None:
    """The finding is there for this machine's own files, also if a setting is wrong; without the right it is not."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_fps=fast\n")
    for mode, count in ((0o646, 1), (0o644, 0)):
        file.chmod(mode)
        found = [each for each in check(DoctorContext(Host(), file)) if each.what.startswith(str(file))]
        assert sum("every user may write it" in each.what for each in found) == count
        assert any("cam0_fps=fast" in each.what for each in found)


def test_a_missing_file_has_no_finding() -> None:
    """Without a settings file only that is noted."""
    assert "settings" not in wrongs(examine(FileHost()))


@pytest.mark.parametrize(("mode", "is_fault"), [(0o644, True), (0o640, False)])
def test_a_password_that_everybody_may_read(mode: int, is_fault: bool) -> None:
    """The finding has the line, the mode and the remedy, and no password."""
    file = str(INSTALLED_FILE)
    nodes = {file: Node(mode, "root", "root", file, can_open=True)}
    nodes |= {str(each): Node(0o755, "root", "root", str(each), can_open=True) for each in INSTALLED_FILE.parents}
    text = "cam0_source=http\ncam0_url=http://anna:secret@cam.lan/\n"
    found = examine(FileHost(settings=text, nodes=nodes))["settings"]
    said = [str(each) for each in found if each.level == "WRONG"]
    assert len(said) == is_fault
    assert all("cam0_url has a password" in each and f"(mode {mode:o})" in each for each in said)
    assert "secret" not in str(found)
