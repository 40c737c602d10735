"""What a rollout writes to the disk."""

from pathlib import Path

import pytest
from rollout import commit


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_backup_is_as_secret_as_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """It has the same bytes, and other users cannot read it if they cannot read the settings."""
    settings = tmp_path / "camera-soft-stream.env"
    settings.write_bytes(b"\xef\xbb\xbfcam0_name=K\xfcche\r\n")
    settings.chmod(mode)
    monkeypatch.setattr(commit, "SETTINGS", settings)
    backup = commit.backup_of_settings()
    assert backup
    assert backup.read_bytes() == settings.read_bytes()
    assert backup.stat().st_mode == settings.stat().st_mode


def test_there_are_no_settings_to_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rollout makes no backup."""
    monkeypatch.setattr(commit, "SETTINGS", tmp_path / "camera-soft-stream.env")
    assert commit.backup_of_settings() is None
