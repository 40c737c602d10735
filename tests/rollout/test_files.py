"""Files, older units and nginx sites, as the rollout meets them."""

from pathlib import Path

import pytest
from rollout import ancestor
from rollout.system import differing, write


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    """A file that is as it should be is left alone, and so is one that should not be there and is not."""
    same, other, gone = tmp_path / "same", tmp_path / "other", tmp_path / "gone"
    same.write_text("a")
    other.write_text("b")
    assert differing({same: "a", other: "c", gone: None}) == {other: "c"}


def test_files_are_written_whole_and_removed(tmp_path: Path) -> None:
    """A script may be run, other files may be read by all, None removes a file and what was made for it."""
    unit, script = tmp_path / "camera-soft-cam@.service.d/a.conf", tmp_path / "bin/run"
    write({unit: "text", script: "#!/bin/sh\n"})
    assert (unit.read_text(), unit.stat().st_mode & 0o777, script.stat().st_mode & 0o777) == ("text", 0o644, 0o755)
    assert list(unit.parent.iterdir()) == [unit]
    write({unit: None, script: None})
    assert not unit.parent.exists()
    assert (tmp_path / "bin").exists()


@pytest.mark.parametrize(
    ("site", "is_ours"),
    [
        ("server { listen 8081; }", True),
        ("server {\n  listen 8081 ssl;\n  listen [::]:8081;\n  # listen 80;\n}", True),
        ("server { listen 127.0.0.1:8082; } server { listen 8080; }", True),
        ("server { listen 8081; } server { listen 80; }", False),
        ("server { listen 18081; }", False),
        ("upstream a { server 127.0.0.1:8081; }", False),
    ],
)
def test_sites_on_our_ports_alone_are_taken_over(tmp_path: Path, site: str, *, is_ours: bool) -> None:
    """A site that listens on our ports and on no others is the older portal's; any other stays."""
    folders = (tmp_path, tmp_path / "none")
    (tmp_path / "site").write_text(site)
    assert ancestor.sites_on([8080, 8081, 8082], [], folders) == ([tmp_path / "site"] if is_ours else [])
    assert ancestor.sites_on([8080, 8081, 8082], [tmp_path / "site"], folders) == []


def test_flags_of_an_older_unit_become_settings() -> None:
    """What the older command line said and we have a setting for is carried over."""
    command = (
        "/usr/bin/python3 /home/pi/soft-stream.py --camera 1 --watchdog-timeout 12 --port=18090 --width $W --hflip"
    )
    assert ancestor.flags_of(command, 1) == ["cam1_watchdog_timeout=12", "cam1_port=18090"]
